//! Hexadecimal text, both ways, without allocation.

use core::fmt;

/// Shows bytes as lower-case hex; `{:X}` gives upper case.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(self, f)
    }
}

impl fmt::Debug for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(self, f)
    }
}

impl fmt::LowerHex for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, self.0, b"0123456789abcdef")
    }
}

impl fmt::UpperHex for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, self.0, b"0123456789ABCDEF")
    }
}

fn write_hex(f: &mut impl fmt::Write, bytes: &[u8], digits: &[u8; 16]) -> fmt::Result {
    // In pieces, because one call of the formatter costs more than a few digits.
    for piece in bytes.chunks(32) {
        let mut text = [0_u8; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(piece) {
            pair.copy_from_slice(&[digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
        }
        let used = text.get(..piece.len() * 2).unwrap_or_default();
        f.write_str(core::str::from_utf8(used).map_err(|_| fmt::Error)?)?;
    }
    Ok(())
}

#[cfg(feature = "serde")]
impl serde::Serialize for Hex<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Text that is not hex, or no whole number of bytes. Its stable code is `bad_hex`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BadHex {
    /// Where in the text, in bytes.
    pub offset: usize,
    /// What is wrong there.
    pub kind: BadHexKind,
}

/// What is wrong with hex text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BadHexKind {
    /// A character that is no hex digit, space or line end.
    NotADigit(char),
    /// The last byte has one digit only.
    OddLength,
    /// More bytes than there is room for.
    TooLong,
}

impl fmt::Display for BadHex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.offset;
        match self.kind {
            BadHexKind::NotADigit(c) => write!(f, "character {at}: {c:?} is not a hex digit"),
            BadHexKind::OddLength => write!(f, "character {at}: the last byte has one hex digit, not two"),
            BadHexKind::TooLong => write!(f, "character {at}: more bytes than there is room for"),
        }
    }
}

impl core::error::Error for BadHex {}

/// Reads hex text of either case into `out` and returns the bytes it filled. Spaces, tabs and line
/// ends are skipped; there is no `0x`.
///
/// # Errors
///
/// [`BadHex`] with the place of the first character that does not belong.
pub fn parse_into<'o>(text: &str, out: &'o mut [u8]) -> Result<&'o [u8], BadHex> {
    let mut len = 0;
    let mut high = None;
    for (offset, c) in text.char_indices() {
        if matches!(c, ' ' | '\t' | '\r' | '\n') {
            continue;
        }
        let Some(digit) = c.to_digit(16) else {
            return Err(BadHex { offset, kind: BadHexKind::NotADigit(c) });
        };
        let digit = digit as u8;
        match high.take() {
            None => high = Some(digit << 4),
            Some(upper) => {
                *out.get_mut(len).ok_or(BadHex { offset, kind: BadHexKind::TooLong })? = upper | digit;
                len += 1;
            }
        }
    }
    if high.is_some() {
        return Err(BadHex { offset: text.len(), kind: BadHexKind::OddLength });
    }
    Ok(out.get(..len).unwrap_or_default())
}

/// The same into a vector.
///
/// # Errors
///
/// As [`parse_into`].
#[cfg(feature = "alloc")]
pub fn parse(text: &str) -> Result<alloc::vec::Vec<u8>, BadHex> {
    let mut out = alloc::vec![0; text.len() / 2];
    let len = parse_into(text, &mut out)?.len();
    out.truncate(len);
    Ok(out)
}

/// Reads exactly `N` bytes of hex.
///
/// # Errors
///
/// As [`parse_into`]; text of another length is [`BadHexKind::TooLong`] or
/// [`BadHexKind::OddLength`].
pub fn parse_array<const N: usize>(text: &str) -> Result<[u8; N], BadHex> {
    let mut out = [0; N];
    let len = parse_into(text, &mut out)?.len();
    if len == N { Ok(out) } else { Err(BadHex { offset: text.len(), kind: BadHexKind::OddLength }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn spaces_and_line_ends_are_skipped_and_nothing_else() {
        assert_eq!(parse("0A00\nD69F\r\n 0102").unwrap(), [0x0A, 0, 0xD6, 0x9F, 1, 2]);
        assert_eq!(parse("").unwrap(), []);
        assert_eq!(
            parse("0A0").unwrap_err().to_string(),
            "character 3: the last byte has one hex digit, not two"
        );
        assert_eq!(parse("0x0A").unwrap_err().to_string(), "character 1: 'x' is not a hex digit");
        assert_eq!(parse("é").unwrap_err().offset, 0);
    }

    #[test]
    fn any_length_is_shown_whole() {
        for len in [0, 1, 31, 32, 33, 64, 255] {
            let bytes: alloc::vec::Vec<u8> = (0..len).map(|n| n as u8).collect();
            assert_eq!(parse(&Hex(&bytes).to_string()).unwrap(), bytes);
            assert_eq!(parse(&alloc::format!("{:X}", Hex(&bytes))).unwrap(), bytes);
        }
    }
}
