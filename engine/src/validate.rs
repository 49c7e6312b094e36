//! Whether bytes are the canonical form of a value of a type, found out before the guest sees any of them.

use crate::canon::{Cursor, Malformed, Read};
use crate::types::Ty;

pub const CANONICAL_NAN32: u32 = 0x7fc0_0000;
pub const CANONICAL_NAN64: u64 = 0x7ff8_0000_0000_0000;

/// Steps over one value.
pub fn validate(ty: &Ty, from: &mut Cursor<'_>) -> Read<()> {
    match ty {
        Ty::Bool => from.tag().map(drop),
        Ty::U8 | Ty::S8 => from.byte().map(drop),
        Ty::U16 => from.unsigned(16).map(drop),
        Ty::U32 => from.unsigned(32).map(drop),
        Ty::U64 => from.unsigned(64).map(drop),
        Ty::S16 => from.signed(16).map(drop),
        Ty::S32 => from.signed(32).map(drop),
        Ty::S64 => from.signed(64).map(drop),
        Ty::F32 => read_f32(from).map(drop),
        Ty::F64 => read_f64(from).map(drop),
        Ty::Char => read_char(from).map(drop),
        Ty::String => from.text().map(drop),
        Ty::List(item) if **item == Ty::U8 => from.bytes().map(drop),
        Ty::List(item) => (0..from.count()?).try_for_each(|_| validate(item, from)),
        Ty::Record(fields) => fields.iter().try_for_each(|(_, ty)| validate(ty, from)),
        Ty::Tuple(types) => types.iter().try_for_each(|ty| validate(ty, from)),
        Ty::Variant(cases) => {
            let (_, ty) = cases.get(from.unsigned(32)? as usize).ok_or(Malformed::Discriminant)?;
            ty.as_ref().map_or(Ok(()), |ty| validate(ty, from))
        }
        Ty::Enum(names) => {
            let index = from.unsigned(32)? as usize;
            if index < names.len() { Ok(()) } else { Err(Malformed::Discriminant) }
        }
        Ty::Option(ty) => {
            if from.tag()? {
                validate(ty, from)
            } else {
                Ok(())
            }
        }
        Ty::Result(ok, err) => {
            let side = if from.tag()? { err } else { ok };
            side.as_ref().map_or(Ok(()), |ty| validate(ty, from))
        }
        Ty::Flags(names) => read_flags(names.len(), from, |_| ()),
    }
}

/// Byte by byte: the value may be cut by the end of the head.
fn array<const N: usize>(from: &mut Cursor<'_>) -> Read<[u8; N]> {
    let mut bytes = [0; N];
    for byte in &mut bytes {
        *byte = from.byte()?;
    }
    Ok(bytes)
}

pub fn read_f32(from: &mut Cursor<'_>) -> Read<f32> {
    let value = f32::from_bits(u32::from_le_bytes(array(from)?));
    if value.is_nan() && value.to_bits() != CANONICAL_NAN32 { Err(Malformed::Nan) } else { Ok(value) }
}

pub fn read_f64(from: &mut Cursor<'_>) -> Read<f64> {
    let value = f64::from_bits(u64::from_le_bytes(array(from)?));
    if value.is_nan() && value.to_bits() != CANONICAL_NAN64 { Err(Malformed::Nan) } else { Ok(value) }
}

pub fn read_char(from: &mut Cursor<'_>) -> Read<char> {
    let first = from.byte()?;
    let size = match first {
        0..0x80 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf8 => 4,
        _ => return Err(Malformed::Char),
    };
    let mut bytes = [first, 0, 0, 0];
    for byte in &mut bytes[1..size] {
        *byte = from.byte()?;
    }
    let text = std::str::from_utf8(&bytes[..size]).map_err(|_| Malformed::Char)?;
    text.chars().next().ok_or(Malformed::Char)
}

/// Calls `each` with every byte of the flags, first to last.
pub fn read_flags(count: usize, from: &mut Cursor<'_>, mut each: impl FnMut(u8)) -> Read<()> {
    for start in (0..count).step_by(8) {
        let byte = from.byte()?;
        let declared = (count - start).min(8);
        if declared < 8 && byte >> declared != 0 {
            return Err(Malformed::Flags);
        }
        each(byte);
    }
    Ok(())
}
