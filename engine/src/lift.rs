//! Guest to canonical bytes for any type, straight from the guest's memory: no value is built in between.
//!
//! These walk the canonical ABI as wasmtime's own dynamic values do, through the interface that wasmtime keeps for the code
//! its macros generate. It has no stability promise, hence the exact version in Cargo.toml; the tests compare this path with
//! the dynamic values on random types.

use crate::canon::{put_signed, put_unsigned};
use crate::validate::{CANONICAL_NAN32, CANONICAL_NAN64};
use std::slice::Iter;
use wasmtime::component::__internal::wasmtime_environ::component::{StringEncoding, VariantInfo};
use wasmtime::component::__internal::{InterfaceType, LiftContext};
use wasmtime::component::Lift;
use wasmtime::{Result, ValRaw, bail};

/// Appends a value that lies in flat parameters or results.
pub fn lift_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &mut Iter<'_, ValRaw>, out: &mut Vec<u8>) -> Result<()> {
    let types = cx.types;
    match ty {
        InterfaceType::Bool => put(cx, out, &[u8::from(next(from)?.get_i32() != 0)]),
        InterfaceType::U8 | InterfaceType::S8 => put(cx, out, &[next(from)?.get_u32() as u8]),
        InterfaceType::U16 => put_number(cx, out, u64::from(next(from)?.get_u32() as u16)),
        InterfaceType::U32 => put_number(cx, out, u64::from(next(from)?.get_u32())),
        InterfaceType::U64 => put_number(cx, out, next(from)?.get_u64()),
        InterfaceType::S16 => put_signed_number(cx, out, i64::from(next(from)?.get_i32() as i16)),
        InterfaceType::S32 => put_signed_number(cx, out, i64::from(next(from)?.get_i32())),
        InterfaceType::S64 => put_signed_number(cx, out, next(from)?.get_i64()),
        InterfaceType::Float32 => put_f32(cx, out, next(from)?.get_f32()),
        InterfaceType::Float64 => put_f64(cx, out, next(from)?.get_f64()),
        InterfaceType::Char => put_char(cx, out, next(from)?.get_u32()),
        InterfaceType::String => {
            let pair = [*next(from)?, *next(from)?];
            put_string(cx, out, pair[0].get_u32(), pair[1].get_u32())
        }
        InterfaceType::List(i) => {
            let (ptr, len) = (next(from)?.get_u32(), next(from)?.get_u32());
            lift_list(cx, types[i].element, ptr, len, out)
        }
        InterfaceType::Record(i) => types[i].fields.iter().try_for_each(|f| lift_flat(cx, f.ty, from, out)),
        InterfaceType::Tuple(i) => types[i].types.iter().try_for_each(|ty| lift_flat(cx, *ty, from, out)),
        InterfaceType::Flags(i) => {
            let words: Vec<u32> =
                (0..types[i].names.len().div_ceil(32)).map(|_| next(from).map(ValRaw::get_u32)).collect::<Result<_>>()?;
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            put_flags(cx, out, types[i].names.len(), &bytes)
        }
        InterfaceType::Variant(_) | InterfaceType::Enum(_) | InterfaceType::Option(_) | InterfaceType::Result(_) => {
            let index = next(from)?.get_u32();
            let payload = put_case(cx, out, ty, index)?;
            let slots = flat_count(cx, &ty)? - 1;
            let used = payload.map_or(Ok(0), |ty| flat_count(cx, &ty))?;
            if let Some(ty) = payload {
                lift_flat(cx, ty, from, out)?;
            }
            (used..slots).try_for_each(|_| next(from).map(|_| ()))
        }
        _ => bail!("a type that cannot cross as bytes"),
    }
}

/// Appends a value at `offset` in memory, where all of it must lie inside.
pub fn lift_memory(cx: &mut LiftContext<'_>, ty: InterfaceType, offset: usize, out: &mut Vec<u8>) -> Result<()> {
    let types = cx.types;
    match ty {
        InterfaceType::Bool => put(cx, out, &[u8::from(bytes_at::<1>(cx, offset)?[0] != 0)]),
        InterfaceType::U8 | InterfaceType::S8 => put(cx, out, &bytes_at::<1>(cx, offset)?),
        InterfaceType::U16 => put_number(cx, out, u64::from(u16::from_le_bytes(bytes_at(cx, offset)?))),
        InterfaceType::U32 => put_number(cx, out, u64::from(u32_at(cx, offset)?)),
        InterfaceType::U64 => put_number(cx, out, u64::from_le_bytes(bytes_at(cx, offset)?)),
        InterfaceType::S16 => put_signed_number(cx, out, i64::from(i16::from_le_bytes(bytes_at(cx, offset)?))),
        InterfaceType::S32 => put_signed_number(cx, out, i64::from(i32::from_le_bytes(bytes_at(cx, offset)?))),
        InterfaceType::S64 => put_signed_number(cx, out, i64::from_le_bytes(bytes_at(cx, offset)?)),
        InterfaceType::Float32 => put_f32(cx, out, u32_at(cx, offset)?),
        InterfaceType::Float64 => put_f64(cx, out, u64::from_le_bytes(bytes_at(cx, offset)?)),
        InterfaceType::Char => put_char(cx, out, u32_at(cx, offset)?),
        InterfaceType::String => put_string(cx, out, u32_at(cx, offset)?, u32_at(cx, offset + 4)?),
        InterfaceType::List(i) => lift_list(cx, types[i].element, u32_at(cx, offset)?, u32_at(cx, offset + 4)?, out),
        InterfaceType::Record(i) => {
            let mut end = offset;
            types[i].fields.iter().try_for_each(|field| {
                let at = types.canonical_abi(&field.ty).next_field32_size(&mut end);
                lift_memory(cx, field.ty, at, out)
            })
        }
        InterfaceType::Tuple(i) => {
            let mut end = offset;
            types[i].types.iter().try_for_each(|ty| {
                let at = types.canonical_abi(ty).next_field32_size(&mut end);
                lift_memory(cx, *ty, at, out)
            })
        }
        InterfaceType::Flags(i) => {
            let size = types[i].abi.size32 as usize;
            let Some(bytes) = cx.memory().get(offset..offset + size) else { bail!("pointer out of bounds of memory") };
            put_flags(cx, out, types[i].names.len(), bytes)
        }
        InterfaceType::Variant(i) => lift_case(cx, ty, &types[i].info, offset, out),
        InterfaceType::Enum(i) => lift_case(cx, ty, &types[i].info, offset, out),
        InterfaceType::Option(i) => lift_case(cx, ty, &types[i].info, offset, out),
        InterfaceType::Result(i) => lift_case(cx, ty, &types[i].info, offset, out),
        _ => bail!("a type that cannot cross as bytes"),
    }
}

fn lift_case(cx: &mut LiftContext<'_>, ty: InterfaceType, info: &VariantInfo, offset: usize, out: &mut Vec<u8>) -> Result<()> {
    let index = match u32::from(info.size) {
        1 => u32::from(bytes_at::<1>(cx, offset)?[0]),
        2 => u32::from(u16::from_le_bytes(bytes_at(cx, offset)?)),
        _ => u32_at(cx, offset)?,
    };
    match put_case(cx, out, ty, index)? {
        Some(ty) => lift_memory(cx, ty, offset + info.payload_offset32 as usize, out),
        None => Ok(()),
    }
}

fn lift_list(cx: &mut LiftContext<'_>, item: InterfaceType, ptr: u32, len: u32, out: &mut Vec<u8>) -> Result<()> {
    let abi = cx.types.canonical_abi(&item);
    let (ptr, len, size) = (ptr as usize, len as usize, abi.size32 as usize);
    let memory = cx.memory();
    let Some(bytes) = len.checked_mul(size).and_then(|size| memory.get(ptr..)?.get(..size)) else {
        bail!("list pointer/length out of bounds of memory");
    };
    if !ptr.is_multiple_of(abi.align32 as usize) {
        bail!("list pointer is not aligned");
    }
    put_number(cx, out, len as u64)?;
    if matches!(item, InterfaceType::U8 | InterfaceType::S8) {
        return put(cx, out, bytes);
    }
    (0..len).try_for_each(|i| lift_memory(cx, item, ptr + i * size, out))
}

fn flat_count(cx: &LiftContext<'_>, ty: &InterfaceType) -> Result<usize> {
    match cx.types.canonical_abi(ty).flat_count(usize::MAX) {
        Some(count) => Ok(count),
        None => bail!("a type with too many flat values"),
    }
}

/// Appends the case's index, and returns the type of its payload.
fn put_case(cx: &mut LiftContext<'_>, out: &mut Vec<u8>, ty: InterfaceType, index: u32) -> Result<Option<InterfaceType>> {
    let types = cx.types;
    let at = index as usize;
    let payload = match ty {
        InterfaceType::Variant(i) => types[i].cases.get_index(at).map(|(_, ty)| *ty),
        InterfaceType::Enum(i) => (at < types[i].names.len()).then_some(None),
        InterfaceType::Option(i) => [None, Some(types[i].ty)].get(at).copied(),
        InterfaceType::Result(i) => [types[i].ok, types[i].err].get(at).copied(),
        _ => None,
    };
    let Some(payload) = payload else { bail!("discriminant {index} is out of range") };
    put_number(cx, out, u64::from(index))?;
    Ok(payload)
}

fn next<'a>(from: &mut Iter<'a, ValRaw>) -> Result<&'a ValRaw> {
    match from.next() {
        Some(value) => Ok(value),
        None => bail!("fewer flat values than the type has"),
    }
}

fn bytes_at<const N: usize>(cx: &LiftContext<'_>, offset: usize) -> Result<[u8; N]> {
    match cx.memory().get(offset..).and_then(|rest| rest.first_chunk()) {
        Some(bytes) => Ok(*bytes),
        None => bail!("pointer out of bounds of memory"),
    }
}

fn u32_at(cx: &LiftContext<'_>, offset: usize) -> Result<u32> {
    bytes_at(cx, offset).map(u32::from_le_bytes)
}

/// Every byte counts against the bound on values.
#[inline]
fn put(cx: &mut LiftContext<'_>, out: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    cx.consume_fuel(bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}

fn put_number(cx: &mut LiftContext<'_>, out: &mut Vec<u8>, value: u64) -> Result<()> {
    let before = out.len();
    put_unsigned(out, value);
    cx.consume_fuel(out.len() - before)
}

fn put_signed_number(cx: &mut LiftContext<'_>, out: &mut Vec<u8>, value: i64) -> Result<()> {
    let before = out.len();
    put_signed(out, value);
    cx.consume_fuel(out.len() - before)
}

fn put_f32(cx: &mut LiftContext<'_>, out: &mut Vec<u8>, bits: u32) -> Result<()> {
    let bits = if f32::from_bits(bits).is_nan() { CANONICAL_NAN32 } else { bits };
    put(cx, out, &bits.to_le_bytes())
}

fn put_f64(cx: &mut LiftContext<'_>, out: &mut Vec<u8>, bits: u64) -> Result<()> {
    let bits = if f64::from_bits(bits).is_nan() { CANONICAL_NAN64 } else { bits };
    put(cx, out, &bits.to_le_bytes())
}

fn put_char(cx: &mut LiftContext<'_>, out: &mut Vec<u8>, code: u32) -> Result<()> {
    let Some(value) = char::from_u32(code) else { bail!("{code:#x} is no Unicode scalar value") };
    put(cx, out, value.encode_utf8(&mut [0; 4]).as_bytes())
}

fn put_flags(cx: &mut LiftContext<'_>, out: &mut Vec<u8>, count: usize, bytes: &[u8]) -> Result<()> {
    let used = count.div_ceil(8);
    put(cx, out, &bytes[..used])?;
    if !count.is_multiple_of(8)
        && let Some(last) = out.last_mut()
    {
        // Bits beyond the declared flags mean nothing.
        *last &= (1 << (count % 8)) - 1;
    }
    Ok(())
}

fn put_string(cx: &mut LiftContext<'_>, out: &mut Vec<u8>, ptr: u32, len: u32) -> Result<()> {
    if !matches!(cx.options().string_encoding, StringEncoding::Utf8) {
        let text = String::linear_lift_from_flat(cx, InterfaceType::String, &[ValRaw::u32(ptr), ValRaw::u32(len)])?;
        put_number(cx, out, text.len() as u64)?;
        return put(cx, out, text.as_bytes());
    }
    let Some(bytes) = cx.memory().get(ptr as usize..).and_then(|rest| rest.get(..len as usize)) else {
        bail!("string pointer/length out of bounds of memory");
    };
    std::str::from_utf8(bytes)?;
    put_number(cx, out, u64::from(len))?;
    put(cx, out, bytes)
}
