//! Canonical bytes to the guest for any type: the mirror of `lift`. The bytes were validated before.

use crate::canon::{Cursor, Malformed};
use crate::validate::{read_char, read_f32, read_f64, read_flags};
use std::mem::MaybeUninit;
use std::slice::IterMut;
use wasmtime::component::__internal::wasmtime_environ::component::VariantInfo;
use wasmtime::component::__internal::{InterfaceType, LowerContext};
use wasmtime::component::Lower;
use wasmtime::{Error, Result, ValRaw, bail};

type Slots<'a> = IterMut<'a, MaybeUninit<ValRaw>>;

/// Writes a value to flat parameters or results.
pub fn lower_flat<T: 'static>(
    cx: &mut LowerContext<'_, T>,
    ty: InterfaceType,
    from: &mut Cursor<'_>,
    to: &mut Slots<'_>,
) -> Result<()> {
    let types = cx.types;
    match ty {
        InterfaceType::Bool => set(to, ValRaw::u32(u32::from(from.tag().map_err(invalid)?))),
        InterfaceType::U8 => set(to, ValRaw::u32(u32::from(from.byte().map_err(invalid)?))),
        InterfaceType::S8 => set(to, ValRaw::i32(i32::from(from.byte().map_err(invalid)? as i8))),
        InterfaceType::U16 | InterfaceType::U32 => set(to, ValRaw::u32(from.unsigned(32).map_err(invalid)? as u32)),
        InterfaceType::S16 | InterfaceType::S32 => set(to, ValRaw::i32(from.signed(32).map_err(invalid)? as i32)),
        InterfaceType::U64 => set(to, ValRaw::u64(from.unsigned(64).map_err(invalid)?)),
        InterfaceType::S64 => set(to, ValRaw::i64(from.signed(64).map_err(invalid)?)),
        InterfaceType::Float32 => set(to, ValRaw::f32(read_f32(from).map_err(invalid)?.to_bits())),
        InterfaceType::Float64 => set(to, ValRaw::f64(read_f64(from).map_err(invalid)?.to_bits())),
        InterfaceType::Char => set(to, ValRaw::u32(u32::from(read_char(from).map_err(invalid)?))),
        InterfaceType::String => {
            let mut pair = MaybeUninit::uninit();
            from.text().map_err(invalid)?.linear_lower_to_flat(cx, ty, &mut pair)?;
            set_pair(to, pair)
        }
        InterfaceType::List(i) if matches!(types[i].element, InterfaceType::U8) => {
            let mut pair = MaybeUninit::uninit();
            from.bytes().map_err(invalid)?.linear_lower_to_flat(cx, ty, &mut pair)?;
            set_pair(to, pair)
        }
        InterfaceType::List(i) => {
            let (ptr, len) = lower_list(cx, types[i].element, from)?;
            set(to, ValRaw::i64(ptr as i64))?;
            set(to, ValRaw::i64(len as i64))
        }
        InterfaceType::Record(i) => types[i].fields.iter().try_for_each(|f| lower_flat(cx, f.ty, from, to)),
        InterfaceType::Tuple(i) => types[i].types.iter().try_for_each(|ty| lower_flat(cx, *ty, from, to)),
        InterfaceType::Flags(i) => {
            let bytes = flag_bytes(types[i].names.len(), from)?;
            bytes.chunks_exact(4).try_for_each(|word| {
                let mut four = [0; 4];
                four.copy_from_slice(word);
                set(to, ValRaw::u32(u32::from_le_bytes(four)))
            })
        }
        InterfaceType::Variant(_) | InterfaceType::Enum(_) | InterfaceType::Option(_) | InterfaceType::Result(_) => {
            let (index, payload) = read_case(cx, ty, from)?;
            set(to, ValRaw::u32(index))?;
            let before = to.len();
            if let Some(ty) = payload {
                lower_flat(cx, ty, from, to)?;
            }
            let used = before - to.len();
            let slots = types.canonical_abi(&ty).flat_count(usize::MAX).unwrap_or(1) - 1;
            (used..slots).try_for_each(|_| set(to, ValRaw::u64(0)))
        }
        _ => bail!("a type that cannot cross as bytes"),
    }
}

/// Writes an option<list<u8>> to flat parameters.
pub fn lower_optional_bytes<T: 'static>(
    cx: &mut LowerContext<'_, T>,
    ty: InterfaceType,
    value: Option<&[u8]>,
    to: &mut Slots<'_>,
) -> Result<()> {
    let InterfaceType::Option(i) = ty else { bail!("a state is an option") };
    set(to, ValRaw::u32(u32::from(value.is_some())))?;
    let mut pair = MaybeUninit::new([ValRaw::u64(0); 2]);
    if let Some(bytes) = value {
        bytes.linear_lower_to_flat(cx, cx.types[i].ty, &mut pair)?;
    }
    set_pair(to, pair)
}

/// Writes a value at `offset` in memory, where there is room for all of it.
pub fn lower_memory<T: 'static>(
    cx: &mut LowerContext<'_, T>,
    ty: InterfaceType,
    from: &mut Cursor<'_>,
    offset: usize,
) -> Result<()> {
    let types = cx.types;
    match ty {
        InterfaceType::Bool => store(cx, offset, [u8::from(from.tag().map_err(invalid)?)]),
        InterfaceType::U8 | InterfaceType::S8 => store(cx, offset, [from.byte().map_err(invalid)?]),
        InterfaceType::U16 => store(cx, offset, (from.unsigned(16).map_err(invalid)? as u16).to_le_bytes()),
        InterfaceType::U32 => store(cx, offset, (from.unsigned(32).map_err(invalid)? as u32).to_le_bytes()),
        InterfaceType::U64 => store(cx, offset, from.unsigned(64).map_err(invalid)?.to_le_bytes()),
        InterfaceType::S16 => store(cx, offset, (from.signed(16).map_err(invalid)? as i16).to_le_bytes()),
        InterfaceType::S32 => store(cx, offset, (from.signed(32).map_err(invalid)? as i32).to_le_bytes()),
        InterfaceType::S64 => store(cx, offset, from.signed(64).map_err(invalid)?.to_le_bytes()),
        InterfaceType::Float32 => store(cx, offset, read_f32(from).map_err(invalid)?.to_le_bytes()),
        InterfaceType::Float64 => store(cx, offset, read_f64(from).map_err(invalid)?.to_le_bytes()),
        InterfaceType::Char => store(cx, offset, u32::from(read_char(from).map_err(invalid)?).to_le_bytes()),
        InterfaceType::String => from.text().map_err(invalid)?.linear_lower_to_memory(cx, ty, offset),
        InterfaceType::List(i) if matches!(types[i].element, InterfaceType::U8) => {
            from.bytes().map_err(invalid)?.linear_lower_to_memory(cx, ty, offset)
        }
        InterfaceType::List(i) => {
            let (ptr, len) = lower_list(cx, types[i].element, from)?;
            store(cx, offset, (ptr as u32).to_le_bytes())?;
            store(cx, offset + 4, (len as u32).to_le_bytes())
        }
        InterfaceType::Record(i) => {
            let mut end = offset;
            types[i].fields.iter().try_for_each(|field| {
                let at = types.canonical_abi(&field.ty).next_field32_size(&mut end);
                lower_memory(cx, field.ty, from, at)
            })
        }
        InterfaceType::Tuple(i) => {
            let mut end = offset;
            types[i].types.iter().try_for_each(|ty| {
                let at = types.canonical_abi(ty).next_field32_size(&mut end);
                lower_memory(cx, *ty, from, at)
            })
        }
        InterfaceType::Flags(i) => {
            let bytes = flag_bytes(types[i].names.len(), from)?;
            let size = types[i].abi.size32 as usize;
            (0..size).try_for_each(|at| store(cx, offset + at, [bytes[at]]))
        }
        InterfaceType::Variant(i) => lower_case(cx, ty, &types[i].info, from, offset),
        InterfaceType::Enum(i) => lower_case(cx, ty, &types[i].info, from, offset),
        InterfaceType::Option(i) => lower_case(cx, ty, &types[i].info, from, offset),
        InterfaceType::Result(i) => lower_case(cx, ty, &types[i].info, from, offset),
        _ => bail!("a type that cannot cross as bytes"),
    }
}

fn lower_case<T: 'static>(
    cx: &mut LowerContext<'_, T>,
    ty: InterfaceType,
    info: &VariantInfo,
    from: &mut Cursor<'_>,
    offset: usize,
) -> Result<()> {
    let (index, payload) = read_case(cx, ty, from)?;
    match u32::from(info.size) {
        1 => store(cx, offset, [index as u8])?,
        2 => store(cx, offset, (index as u16).to_le_bytes())?,
        _ => store(cx, offset, index.to_le_bytes())?,
    }
    match payload {
        Some(ty) => lower_memory(cx, ty, from, offset + info.payload_offset32 as usize),
        None => Ok(()),
    }
}

fn lower_list<T: 'static>(cx: &mut LowerContext<'_, T>, item: InterfaceType, from: &mut Cursor<'_>) -> Result<(usize, usize)> {
    let abi = cx.types.canonical_abi(&item);
    let (size, align) = (abi.size32 as usize, abi.align32);
    let len = from.count().map_err(invalid)?;
    let Some(bytes) = len.checked_mul(size).filter(|bytes| u32::try_from(*bytes).is_ok()) else {
        bail!("a list of {len} items is too large for the guest");
    };
    let ptr = cx.realloc(0, 0, align, bytes)?;
    (0..len).try_for_each(|i| lower_memory(cx, item, from, ptr + i * size))?;
    Ok((ptr, len))
}

fn read_case<T: 'static>(
    cx: &LowerContext<'_, T>,
    ty: InterfaceType,
    from: &mut Cursor<'_>,
) -> Result<(u32, Option<InterfaceType>)> {
    let types = cx.types;
    let index = from.unsigned(32).map_err(invalid)?;
    let at = index as usize;
    let payload = match ty {
        InterfaceType::Variant(i) => types[i].cases.get_index(at).map(|(_, ty)| *ty),
        InterfaceType::Enum(i) => (at < types[i].names.len()).then_some(None),
        InterfaceType::Option(i) => [None, Some(types[i].ty)].get(at).copied(),
        InterfaceType::Result(i) => [types[i].ok, types[i].err].get(at).copied(),
        _ => None,
    };
    payload.map(|payload| (index as u32, payload)).ok_or_else(|| invalid(Malformed::Discriminant))
}

/// The flags' bytes, filled up to a multiple of four.
fn flag_bytes(count: usize, from: &mut Cursor<'_>) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(4);
    read_flags(count, from, |byte| bytes.push(byte)).map_err(invalid)?;
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    Ok(bytes)
}

fn set(to: &mut Slots<'_>, value: ValRaw) -> Result<()> {
    match to.next() {
        Some(slot) => {
            slot.write(value);
            Ok(())
        }
        None => bail!("more flat values than the type has"),
    }
}

fn set_pair(to: &mut Slots<'_>, pair: MaybeUninit<[ValRaw; 2]>) -> Result<()> {
    // SAFETY: the callers have initialised it, or let a `linear_lower_to_flat` that succeeded do so.
    let [first, second] = unsafe { pair.assume_init() };
    set(to, first)?;
    set(to, second)
}

fn store<T: 'static, const N: usize>(cx: &mut LowerContext<'_, T>, offset: usize, bytes: [u8; N]) -> Result<()> {
    match cx.as_slice_mut().get_mut(offset..).and_then(|rest| rest.first_chunk_mut()) {
        Some(place) => {
            *place = bytes;
            Ok(())
        }
        None => bail!("a pointer for the host to write to is out of bounds"),
    }
}

fn invalid(malformed: Malformed) -> Error {
    Error::msg(format!("bytes that were found valid are not: {malformed}"))
}
