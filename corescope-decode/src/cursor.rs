//! Reads one field after another with nom, and tells the listener.

use nom::{IResult, Parser};

use crate::issue::{Detail, Issue, IssueKind, Space};
use crate::listener::{Leaf, Listener, Value};

/// What nom's parsers return here. The error carries nothing: the cursor knows the place.
pub(crate) type Read<'a, T> = IResult<&'a [u8], T, ()>;

const SHORT: nom::Err<()> = nom::Err::Error(());

/// `N` bytes, borrowed. Written on slices, because nom's numbers read byte by byte.
#[inline(always)]
pub(crate) fn array<const N: usize>(input: &[u8]) -> Read<'_, &[u8; N]> {
    input.split_first_chunk::<N>().map(|(head, rest)| (rest, head)).ok_or(SHORT)
}

/// One byte.
#[inline(always)]
pub(crate) fn u8(input: &[u8]) -> Read<'_, u8> {
    input.split_first().map(|(&head, rest)| (rest, head)).ok_or(SHORT)
}

/// One byte with a sign.
#[inline(always)]
pub(crate) fn i8(input: &[u8]) -> Read<'_, i8> {
    u8.map(|b| b as i8).parse(input)
}

/// Two bytes, little endian.
#[inline(always)]
pub(crate) fn u16(input: &[u8]) -> Read<'_, u16> {
    array::<2>.map(|b| u16::from_le_bytes(*b)).parse(input)
}

/// Two bytes with a sign, little endian.
#[inline(always)]
pub(crate) fn i16(input: &[u8]) -> Read<'_, i16> {
    array::<2>.map(|b| i16::from_le_bytes(*b)).parse(input)
}

/// Four bytes, little endian.
#[inline(always)]
pub(crate) fn u32(input: &[u8]) -> Read<'_, u32> {
    array::<4>.map(|b| u32::from_le_bytes(*b)).parse(input)
}

/// Four bytes with a sign, little endian.
#[inline(always)]
pub(crate) fn i32(input: &[u8]) -> Read<'_, i32> {
    array::<4>.map(|b| i32::from_le_bytes(*b)).parse(input)
}

/// As many bytes as asked for.
#[inline(always)]
pub(crate) fn bytes<'a>(len: usize) -> impl Parser<&'a [u8], Output = &'a [u8], Error = ()> {
    move |input: &'a [u8]| input.split_at_checked(len).map(|(head, rest)| (rest, head)).ok_or(SHORT)
}

/// A place in the frame or the plaintext, and who listens.
pub(crate) struct Cursor<'a, 'l, L> {
    rest: &'a [u8],
    at: usize,
    space: Space,
    listener: &'l mut L,
}

impl<'a, 'l, L: Listener> Cursor<'a, 'l, L> {
    /// At the start of `bytes`, which begin at byte `at` of their space.
    #[inline(always)]
    pub(crate) fn new(bytes: &'a [u8], at: usize, space: Space, listener: &'l mut L) -> Self {
        Self { rest: bytes, at, space, listener }
    }

    /// At the start of decrypted bytes.
    #[inline(always)]
    pub(crate) fn plaintext(bytes: &'a [u8], listener: &'l mut L) -> Self {
        Self::new(bytes, 0, Space::Plaintext, listener)
    }

    /// Bytes left.
    #[inline(always)]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Where the next field begins.
    #[inline(always)]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The bytes left, without reading them.
    #[inline(always)]
    pub(crate) fn peek(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads one field; `None`, and nothing read, if it does not fit.
    #[inline(always)]
    pub(crate) fn field<T>(
        &mut self,
        name: &'static str,
        mut parser: impl Parser<&'a [u8], Output = T, Error = ()>,
        value: impl FnOnce(&T) -> Value<'a>,
    ) -> Option<T> {
        let (rest, output) = parser.parse(self.rest).ok()?;
        if L::FIELDS {
            let len = self.rest.len() - rest.len();
            let bytes = self.rest.get(..len).unwrap_or_default();
            self.listener.leaf(Leaf { name, start: self.at, bytes, bits: None, value: value(&output) });
        }
        self.at += self.rest.len() - rest.len();
        self.rest = rest;
        Some(output)
    }

    /// Reads `N` bytes that are shown as they are.
    #[inline(always)]
    pub(crate) fn array<const N: usize>(&mut self, name: &'static str) -> Option<&'a [u8; N]> {
        self.field(name, array::<N>, |_| Value::Bytes)
    }

    /// Reads one byte.
    #[inline(always)]
    pub(crate) fn u8(&mut self, name: &'static str) -> Option<u8> {
        self.field(name, u8, |&n| Value::Unsigned(n.into()))
    }

    /// Reads a quarter-decibel byte.
    #[inline(always)]
    pub(crate) fn snr(&mut self, name: &'static str) -> Option<i8> {
        self.field(name, i8, |&q| Value::QuarterDb(q))
    }

    /// Reads two bytes as a number.
    #[inline(always)]
    pub(crate) fn u16(&mut self, name: &'static str) -> Option<u16> {
        self.field(name, u16, |&n| Value::Unsigned(n.into()))
    }

    /// Reads four bytes as a number.
    #[inline(always)]
    pub(crate) fn u32(&mut self, name: &'static str) -> Option<u32> {
        self.field(name, u32, |&n| Value::Unsigned(n.into()))
    }

    /// Reads four bytes as Unix time.
    #[inline(always)]
    pub(crate) fn time(&mut self, name: &'static str) -> Option<u32> {
        self.field(name, u32, |&n| Value::Time(n))
    }

    /// Reads a byte whose bits mean different things; `parts` names them, high bits first.
    #[inline(always)]
    pub(crate) fn bits(
        &mut self,
        name: &'static str,
        parts: impl FnOnce(u8, &mut dyn FnMut(&'static str, u8, u8, Value<'static>)),
    ) -> Option<u8> {
        let (rest, byte) = u8(self.rest).ok()?;
        if L::FIELDS {
            let (start, bytes) = (self.at, self.rest.get(..1).unwrap_or_default());
            let listener = &mut *self.listener;
            listener.open(name, start);
            parts(byte, &mut |name, high, low, value| {
                listener.leaf(Leaf { name, start, bytes, bits: Some((high, low)), value });
            });
            listener.close(start + 1);
        }
        self.at += 1;
        self.rest = rest;
        Some(byte)
    }

    /// Reads so many bytes; fewer if there are fewer. Nothing is told if there are none.
    #[inline(always)]
    pub(crate) fn up_to(
        &mut self,
        name: &'static str,
        len: usize,
        value: impl FnOnce(&'a [u8]) -> Value<'a>,
    ) -> &'a [u8] {
        let len = len.min(self.rest.len());
        if len == 0 {
            return &[];
        }
        self.field(name, bytes(len), |b| value(b)).unwrap_or_default()
    }

    /// Reads everything that is left. Nothing is told if that is nothing.
    #[inline(always)]
    pub(crate) fn remainder(
        &mut self,
        name: &'static str,
        value: impl FnOnce(&'a [u8]) -> Value<'a>,
    ) -> &'a [u8] {
        self.up_to(name, usize::MAX, value)
    }

    /// Lets another reader tell the listener about all that is left.
    #[cfg(feature = "alloc")]
    pub(crate) fn hand_over(&mut self) -> &mut L {
        self.at += self.rest.len();
        self.rest = &[];
        self.listener
    }

    /// Lets another reader tell the listener about the next `len` bytes; if it says that it did,
    /// they count as read.
    #[cfg(all(feature = "alloc", feature = "crypto"))]
    pub(crate) fn aside(&mut self, len: usize, read: impl FnOnce(&mut L) -> bool) -> bool {
        let done = read(self.listener);
        if done {
            let (_, rest) = self.rest.split_at_checked(len).unwrap_or_default();
            self.at += self.rest.len() - rest.len();
            self.rest = rest;
        }
        done
    }

    /// Starts a group of fields.
    #[inline(always)]
    pub(crate) fn open(&mut self, name: &'static str) {
        self.listener.open(name, self.at);
    }

    /// Ends it.
    #[inline(always)]
    pub(crate) fn close(&mut self) {
        self.listener.close(self.at);
    }

    /// Reports an issue at the next field.
    #[inline]
    pub(crate) fn issue(&mut self, kind: IssueKind, field: &'static str, detail: Detail) {
        self.issue_at(self.at, kind, field, detail);
    }

    /// Reports an issue elsewhere.
    #[inline]
    pub(crate) fn issue_at(&mut self, at: usize, kind: IssueKind, field: &'static str, detail: Detail) {
        let offset = u16::try_from(at).unwrap_or(u16::MAX);
        self.listener.issue(Issue { kind, space: self.space, offset, field, detail });
    }

    /// Reports that the next field needs more bytes than there are.
    #[inline]
    pub(crate) fn needs(&mut self, kind: IssueKind, field: &'static str, bytes: usize) {
        let left = self.rest.len() as u16;
        self.issue(kind, field, Detail::Needs { bytes: bytes as u16, left });
    }

    /// Whether a plaintext has the bytes that its first fields need. If not, it is reported and all
    /// of it is read.
    #[inline]
    pub(crate) fn has_head(&mut self, fields: &'static str, bytes: usize) -> bool {
        if self.left() < bytes {
            self.needs(IssueKind::InnerTruncated, fields, bytes);
            self.remainder("cut off", |_| Value::Bytes);
            return false;
        }
        true
    }

    /// Reports bytes after the last field of something that began at byte `start`, and reads them.
    #[inline]
    pub(crate) fn trailing(&mut self, start: usize) {
        if self.rest.is_empty() {
            return;
        }
        let bytes = (self.at - start) as u16;
        let detail = Detail::AtMost { bytes, came: bytes + self.rest.len() as u16 };
        self.issue(IssueKind::TrailingBytes, "payload", detail);
        self.remainder("trailing bytes", |_| Value::Note("after the last field"));
    }
}

/// The group text or name that `bytes` hold, checked for UTF-8.
pub(crate) fn checked_text<'a, L: Listener>(
    cursor: &mut Cursor<'a, '_, L>,
    field: &'static str,
    bytes: &'a [u8],
    at: usize,
) -> crate::text::Text<'a> {
    let text = crate::text::Text(bytes);
    if text.as_str().is_none() {
        cursor.issue_at(at, IssueKind::InvalidUtf8, field, Detail::Rule("is not UTF-8"));
    }
    text
}
