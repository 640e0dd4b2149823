//! Text as radios send it: UTF-8 by intent, any bytes in fact.

use core::fmt::{self, Write as _};

/// Bytes that are meant to be UTF-8, borrowed; shown with U+FFFD where they are not.
#[derive(Clone, Copy, Default, Eq, PartialEq, Hash)]
pub struct Text<'a>(pub &'a [u8]);

impl<'a> Text<'a> {
    /// The bytes up to the first NUL, or all of them: how every text on the mesh ends.
    pub fn until_nul(bytes: &'a [u8]) -> Self {
        let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
        Self(bytes.get(..end).unwrap_or(bytes))
    }

    /// The bytes as they came.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text, unless it is broken.
    pub fn as_str(self) -> Option<&'a str> {
        core::str::from_utf8(self.0).ok()
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Sender and message of a group text, by the convention `sender: message`.
    ///
    /// The sender is what stands before the first `": "`, if that is 1 to 49 bytes long and has
    /// no `:`, `[` or `]`. Nothing authenticates it.
    pub fn split_sender(self) -> (Option<Self>, Self) {
        let at = self.0.windows(2).position(|pair| pair == b": ");
        match at.and_then(|at| self.0.split_at_checked(at)) {
            Some((sender, rest))
                if (1..50).contains(&sender.len())
                    && !sender.iter().any(|b| matches!(b, b':' | b'[' | b']')) =>
            {
                (Some(Self(sender)), Self(rest.get(2..).unwrap_or_default()))
            }
            _ => (None, self),
        }
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Text<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn split(text: &str) -> (Option<&str>, &str) {
        let (sender, message) = Text(text.as_bytes()).split_sender();
        (sender.and_then(Text::as_str), message.as_str().unwrap())
    }

    #[test]
    fn the_sender_stands_before_the_first_colon_and_space() {
        assert_eq!(split("Ann: time: 10:30"), (Some("Ann"), "time: 10:30"));
        assert_eq!(split("a:b: hi"), (None, "a:b: hi"));
        assert_eq!(split("[bot] x: hi"), (None, "[bot] x: hi"));
        assert_eq!(split(": hi"), (None, ": hi"));
        assert_eq!(split("no separator"), (None, "no separator"));
    }

    #[test]
    fn one_replacement_stands_for_each_maximal_broken_part() {
        assert_eq!(Text(b"bad\xff\xc3utf").to_string(), "bad\u{fffd}\u{fffd}utf");
        assert_eq!(Text(b"a\xe2\x82").to_string(), "a\u{fffd}");
    }

    #[test]
    fn text_ends_at_the_first_nul() {
        assert_eq!(Text::until_nul(b"ab\0cd").as_bytes(), b"ab");
        assert_eq!(Text::until_nul(b"abcd").as_bytes(), b"abcd");
    }
}
