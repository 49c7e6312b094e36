//! Any value by way of wasmtime's dynamic values: slow, and right for every type. The other paths are tested against it.

use crate::canon::{Cursor, Malformed, Read, put_bytes, put_signed, put_unsigned};
use crate::host::{Answer, BorrowedValue, Host, suspended};
use crate::imports::{bad_reply, not_suspending};
use crate::types::{Function, Ty};
use crate::validate::{CANONICAL_NAN32, CANONICAL_NAN64, read_char, read_f32, read_f64, read_flags};
use std::future::ready;
use std::sync::Arc;
use wasmtime::component::{LinkerInstance, Val};
use wasmtime::{Result, StoreContextMut};

/// Appends the canonical bytes of a value that wasmtime lifted, and that hence has this type.
pub fn encode(value: &Val, ty: &Ty, out: &mut Vec<u8>) {
    match (value, ty) {
        (Val::Bool(v), _) => out.push(u8::from(*v)),
        (Val::U8(v), _) => out.push(*v),
        (Val::S8(v), _) => out.push(*v as u8),
        (Val::U16(v), _) => put_unsigned(out, u64::from(*v)),
        (Val::U32(v), _) => put_unsigned(out, u64::from(*v)),
        (Val::U64(v), _) => put_unsigned(out, *v),
        (Val::S16(v), _) => put_signed(out, i64::from(*v)),
        (Val::S32(v), _) => put_signed(out, i64::from(*v)),
        (Val::S64(v), _) => put_signed(out, *v),
        (Val::Float32(v), _) => {
            let bits = if v.is_nan() { CANONICAL_NAN32 } else { v.to_bits() };
            out.extend_from_slice(&bits.to_le_bytes());
        }
        (Val::Float64(v), _) => {
            let bits = if v.is_nan() { CANONICAL_NAN64 } else { v.to_bits() };
            out.extend_from_slice(&bits.to_le_bytes());
        }
        (Val::Char(v), _) => out.extend_from_slice(v.encode_utf8(&mut [0; 4]).as_bytes()),
        (Val::String(v), _) => put_bytes(out, v.as_bytes()),
        (Val::List(items), Ty::List(ty)) => {
            put_unsigned(out, items.len() as u64);
            items.iter().for_each(|item| encode(item, ty, out));
        }
        (Val::Record(fields), Ty::Record(types)) => {
            fields.iter().zip(types).for_each(|((_, value), (_, ty))| encode(value, ty, out));
        }
        (Val::Tuple(items), Ty::Tuple(types)) => {
            items.iter().zip(types).for_each(|(value, ty)| encode(value, ty, out));
        }
        (Val::Variant(name, payload), Ty::Variant(cases)) => {
            let index = cases.iter().position(|(case, _)| case == name).unwrap_or_else(|| mismatch());
            put_unsigned(out, index as u64);
            encode_optional(payload.as_deref(), cases[index].1.as_ref(), out);
        }
        (Val::Enum(name), Ty::Enum(names)) => {
            let index = names.iter().position(|case| case == name).unwrap_or_else(|| mismatch());
            put_unsigned(out, index as u64);
        }
        (Val::Option(payload), Ty::Option(ty)) => {
            out.push(u8::from(payload.is_some()));
            encode_optional(payload.as_deref(), Some(ty), out);
        }
        (Val::Result(result), Ty::Result(ok, err)) => match result {
            Ok(payload) => {
                out.push(0);
                encode_optional(payload.as_deref(), ok.as_deref(), out);
            }
            Err(payload) => {
                out.push(1);
                encode_optional(payload.as_deref(), err.as_deref(), out);
            }
        },
        (Val::Flags(set), Ty::Flags(names)) => {
            let start = out.len();
            out.resize(start + names.len().div_ceil(8), 0);
            for (bit, _) in names.iter().enumerate().filter(|(_, name)| set.contains(name)) {
                out[start + bit / 8] |= 1 << (bit % 8);
            }
        }
        _ => mismatch(),
    }
}

fn encode_optional(value: Option<&Val>, ty: Option<&Ty>, out: &mut Vec<u8>) {
    if let (Some(value), Some(ty)) = (value, ty) {
        encode(value, ty, out);
    }
}

/// wasmtime checks every value against its type, so this is a defect, which the ABI's edge turns into an error.
fn mismatch() -> ! {
    panic!("a dynamic value does not have its declared type")
}

pub fn decode(ty: &Ty, from: &mut Cursor<'_>) -> Read<Val> {
    Ok(match ty {
        Ty::Bool => Val::Bool(from.tag()?),
        Ty::U8 => Val::U8(from.byte()?),
        Ty::S8 => Val::S8(from.byte()? as i8),
        // `unsigned` and `signed` refuse what does not fit in the bits named.
        Ty::U16 => Val::U16(from.unsigned(16)? as u16),
        Ty::U32 => Val::U32(from.unsigned(32)? as u32),
        Ty::U64 => Val::U64(from.unsigned(64)?),
        Ty::S16 => Val::S16(from.signed(16)? as i16),
        Ty::S32 => Val::S32(from.signed(32)? as i32),
        Ty::S64 => Val::S64(from.signed(64)?),
        Ty::F32 => Val::Float32(read_f32(from)?),
        Ty::F64 => Val::Float64(read_f64(from)?),
        Ty::Char => Val::Char(read_char(from)?),
        Ty::String => Val::String(from.text()?.to_string()),
        Ty::List(item) => {
            let count = from.count()?;
            Val::List((0..count).map(|_| decode(item, from)).collect::<Read<_>>()?)
        }
        Ty::Record(fields) => {
            Val::Record(fields.iter().map(|(name, ty)| Ok((name.clone(), decode(ty, from)?))).collect::<Read<_>>()?)
        }
        Ty::Tuple(types) => Val::Tuple(types.iter().map(|ty| decode(ty, from)).collect::<Read<_>>()?),
        Ty::Variant(cases) => {
            let index = from.unsigned(32)? as usize;
            let (name, ty) = cases.get(index).ok_or(Malformed::Discriminant)?;
            Val::Variant(name.clone(), decode_optional(ty.as_ref(), from)?)
        }
        Ty::Enum(names) => {
            let index = from.unsigned(32)? as usize;
            Val::Enum(names.get(index).ok_or(Malformed::Discriminant)?.clone())
        }
        Ty::Option(ty) => Val::Option(if from.tag()? { Some(Box::new(decode(ty, from)?)) } else { None }),
        Ty::Result(ok, err) => Val::Result(if from.tag()? {
            Err(decode_optional(err.as_deref(), from)?)
        } else {
            Ok(decode_optional(ok.as_deref(), from)?)
        }),
        Ty::Flags(names) => {
            let mut bytes = Vec::new();
            read_flags(names.len(), from, |byte| bytes.push(byte))?;
            let set = |bit: usize| bytes[bit / 8] >> (bit % 8) & 1 == 1;
            Val::Flags(names.iter().enumerate().filter(|(bit, _)| set(*bit)).map(|(_, n)| n.clone()).collect())
        }
    })
}

fn decode_optional(ty: Option<&Ty>, from: &mut Cursor<'_>) -> Read<Option<Box<Val>>> {
    ty.map(|ty| decode(ty, from).map(Box::new)).transpose()
}

/// Binds an import of any signature.
pub fn bind_dynamic(to: &mut LinkerInstance<'_, Host>, function: &Arc<Function>, index: u32, suspends: bool) -> Result<()> {
    let function = Arc::clone(function);
    let name = function.name.clone();
    if !suspends {
        return to.func_new(&name, move |mut store, _, params, results| match ask(&mut store, index, &function, params)? {
            Answer::Now(value) => read_reply(value, &function, results),
            Answer::Pending => Err(not_suspending(&function)),
        });
    }
    to.func_new_async(&name, move |mut store, _, params, results| match ask(&mut store, index, &function, params) {
        Ok(Answer::Now(value)) => Box::new(ready(read_reply(value, &function, results))),
        Ok(Answer::Pending) => {
            let function = Arc::clone(&function);
            Box::new(async move {
                let value = suspended(&mut store, &function.path()).await?;
                read_reply(value, &function, results)
            })
        }
        Err(error) => Box::new(ready(Err(error))),
    })
}

fn ask(store: &mut StoreContextMut<'_, Host>, index: u32, function: &Function, params: &[Val]) -> Result<Answer> {
    let mut head = std::mem::take(&mut store.data_mut().scratch);
    head.clear();
    params.iter().zip(&function.params).for_each(|(value, (_, ty))| encode(value, ty, &mut head));
    let answer = store.data().ask(index, &head, &[]);
    store.data_mut().scratch = head;
    answer
}

fn read_reply(value: BorrowedValue, function: &Function, results: &mut [Val]) -> Result<()> {
    // SAFETY: the ABI has the host keep these bytes valid until its next callback; they are copied here.
    let (head, body) = unsafe { (value.0.head.slice(), value.0.body.slice()) };
    let read = |cursor: &mut Cursor<'_>| function.result.as_ref().map(|ty| decode(ty, cursor)).transpose();
    let mut joined = Vec::new();
    let value = crate::canon::read_all(head, body, &mut joined, read).map_err(|m| bad_reply(function, m))?;
    if let (Some(value), [slot]) = (value, results) {
        *slot = value;
    }
    Ok(())
}
