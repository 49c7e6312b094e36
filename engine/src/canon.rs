//! Reading and writing canonical bytes, without knowing any type.

use std::fmt;

/// Why bytes are not the canonical form of the value they should be.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Malformed {
    /// Head and body meet inside one byte run: join them and read again.
    Split,
    EndsEarly,
    TrailingBytes,
    Length,
    Utf8,
    Char,
    Discriminant,
    Integer,
    Nan,
    Flags,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::Split => "a string or byte list is cut by the end of the head",
            Malformed::EndsEarly => "the bytes end before the value does",
            Malformed::TrailingBytes => "bytes are left over after the value",
            Malformed::Length => "a count is not in its shortest LEB128 form or does not fit",
            Malformed::Utf8 => "a string is not valid UTF-8",
            Malformed::Char => "a char is not a Unicode scalar value in UTF-8",
            Malformed::Discriminant => "a case index, bool, option or result tag is out of range",
            Malformed::Integer => "an integer is not in its shortest LEB128 form or does not fit its type",
            Malformed::Nan => "a NaN is not the canonical one",
            Malformed::Flags => "flags beyond the declared ones are set",
        })
    }
}

pub type Read<T> = Result<T, Malformed>;

/// Reads the concatenation of two pieces.
#[derive(Clone, Copy)]
pub struct Cursor<'a> {
    head: &'a [u8],
    body: &'a [u8],
}

impl<'a> Cursor<'a> {
    #[inline]
    pub fn new(head: &'a [u8], body: &'a [u8]) -> Cursor<'a> {
        Cursor { head, body }
    }

    /// What is left.
    pub fn pieces(&self) -> (&'a [u8], &'a [u8]) {
        (self.head, self.body)
    }

    #[inline]
    pub fn byte(&mut self) -> Read<u8> {
        if self.head.is_empty() {
            self.head = std::mem::take(&mut self.body);
        }
        let (first, rest) = self.head.split_first().ok_or(Malformed::EndsEarly)?;
        self.head = rest;
        Ok(*first)
    }

    /// A run of bytes that lies in one of the pieces.
    #[inline]
    pub fn run(&mut self, size: usize) -> Read<&'a [u8]> {
        if self.head.is_empty() {
            self.head = std::mem::take(&mut self.body);
        }
        if size > self.head.len() {
            let enough = size - self.head.len() <= self.body.len();
            return Err(if enough { Malformed::Split } else { Malformed::EndsEarly });
        }
        let (run, rest) = self.head.split_at(size);
        self.head = rest;
        Ok(run)
    }

    /// A count of items. Every item takes a byte at least, so one that is larger than what is left is wrong.
    #[inline]
    pub fn count(&mut self) -> Read<usize> {
        let count = self.unsigned(32).map_err(|e| if e == Malformed::Integer { Malformed::Length } else { e })?;
        let count = usize::try_from(count).map_err(|_| Malformed::Length)?;
        if count > self.head.len() + self.body.len() { Err(Malformed::EndsEarly) } else { Ok(count) }
    }

    #[inline]
    pub fn bytes(&mut self) -> Read<&'a [u8]> {
        let size = self.count()?;
        self.run(size)
    }

    #[inline]
    pub fn text(&mut self) -> Read<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed::Utf8)
    }

    /// An option's, result's or bool's byte.
    #[inline]
    pub fn tag(&mut self) -> Read<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed::Discriminant),
        }
    }

    #[inline]
    pub fn unsigned(&mut self, bits: u32) -> Read<u64> {
        let first = self.byte()?;
        if first < 0x80 && bits > 7 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        let mut shift = 7;
        let mut last = first;
        while last & 0x80 != 0 {
            last = self.byte()?;
            if shift >= bits || (bits - shift < 7 && (last & 0x7f) >> (bits - shift) != 0) {
                return Err(Malformed::Integer);
            }
            value |= u64::from(last & 0x7f) << shift;
            shift += 7;
        }
        if last == 0 { Err(Malformed::Integer) } else { Ok(value) }
    }

    pub fn signed(&mut self, bits: u32) -> Read<i64> {
        let mut value: i64 = 0;
        let mut shift = 0;
        let mut previous = 0u8;
        loop {
            let byte = self.byte()?;
            if shift >= 70 || (shift == 63 && byte != 0 && byte != 0x7f) {
                return Err(Malformed::Integer);
            }
            value |= i64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                if shift < 64 && byte & 0x40 != 0 {
                    value |= -1 << shift;
                }
                let redundant = shift > 7 && ((byte == 0 && previous & 0x40 == 0) || (byte == 0x7f && previous & 0x40 != 0));
                let fits = bits == 64 || (-(1i64 << (bits - 1))..1i64 << (bits - 1)).contains(&value);
                return if redundant || !fits { Err(Malformed::Integer) } else { Ok(value) };
            }
            previous = byte;
        }
    }

    #[inline]
    pub fn end(&self) -> Read<()> {
        if self.head.is_empty() && self.body.is_empty() { Ok(()) } else { Err(Malformed::TrailingBytes) }
    }
}

/// Reads a value that is all of the two pieces. Joins them in `joined` when they meet inside a byte run.
#[inline]
pub fn read_all<'a, T>(
    head: &'a [u8],
    body: &'a [u8],
    joined: &'a mut Vec<u8>,
    read: impl Fn(&mut Cursor<'a>) -> Read<T>,
) -> Read<T> {
    let mut cursor = Cursor::new(head, body);
    match read(&mut cursor) {
        Ok(value) => cursor.end().map(|()| value),
        Err(Malformed::Split) => {
            joined.clear();
            joined.extend_from_slice(head);
            joined.extend_from_slice(body);
            let mut cursor = Cursor::new(joined, &[]);
            let value = read(&mut cursor)?;
            cursor.end().map(|()| value)
        }
        Err(malformed) => Err(malformed),
    }
}

#[inline]
pub fn put_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn put_signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0) {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

#[inline]
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_unsigned(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsigned(bytes: &[u8], bits: u32) -> Read<u64> {
        Cursor::new(bytes, &[]).unsigned(bits)
    }

    fn signed(bytes: &[u8], bits: u32) -> Read<i64> {
        Cursor::new(bytes, &[]).signed(bits)
    }

    #[test]
    fn unsigned_numbers_come_back() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_unsigned(&mut out, value);
            assert_eq!(unsigned(&out, 64), Ok(value));
        }
    }

    #[test]
    fn signed_numbers_come_back() {
        for value in [0, 1, -1, 63, 64, -64, -65, 127, 128, -128, 8191, -8192, i64::MAX, i64::MIN, i64::MIN + 1] {
            let mut out = Vec::new();
            put_signed(&mut out, value);
            assert_eq!(signed(&out, 64), Ok(value), "{value}");
        }
    }

    #[test]
    fn only_the_shortest_form_is_a_number() {
        assert_eq!(unsigned(&[0x80, 0x00], 32), Err(Malformed::Integer));
        assert_eq!(signed(&[0xff, 0x7f], 32), Err(Malformed::Integer));
        assert_eq!(signed(&[0x80, 0x00], 32), Err(Malformed::Integer));
    }

    #[test]
    fn numbers_must_fit_their_type() {
        assert_eq!(unsigned(&[0xff, 0xff, 0x03], 16), Ok(65_535));
        assert_eq!(unsigned(&[0x80, 0x80, 0x04], 16), Err(Malformed::Integer));
        assert_eq!(unsigned(&[0xff, 0xff, 0xff, 0xff, 0x1f], 32), Err(Malformed::Integer));
        assert_eq!(unsigned(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x03], 64), Err(Malformed::Integer));
        assert_eq!(signed(&[0x80, 0x80, 0x02], 16), Err(Malformed::Integer));
        assert_eq!(signed(&[0x80, 0x80, 0x7e], 16), Ok(-32_768));
    }

    #[test]
    fn a_run_cut_by_the_pieces_is_joined() {
        let mut joined = Vec::new();
        for cut in 0..=6 {
            let all = *b"\x05hello";
            let text = read_all(&all[..cut], &all[cut..], &mut joined, |c| c.text().map(str::to_string));
            assert_eq!(text, Ok("hello".to_string()));
        }
    }

    #[test]
    fn counts_beyond_the_bytes_are_refused_before_anything_is_allocated() {
        assert_eq!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0x0f], &[]).count(), Err(Malformed::EndsEarly));
    }
}
