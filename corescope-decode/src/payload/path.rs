//! The plaintext of PATH.
//!
//! | offset | size | field                                                         |
//! |-------:|-----:|---------------------------------------------------------------|
//! |      0 |    1 | path length, encoded as in the frame                          |
//! |      1 |    n | path, from the original sender to the one who answers         |
//! |    1+n |    1 | extra type in the low nibble: 3 ACK, 1 RESPONSE, 15 none      |
//! |    2+n | rest | extra, as that payload's plaintext, padded                    |
//!
//! Source of fact: MeshCore `src/Mesh.cpp`, `createPathReturn` and the `PAYLOAD_TYPE_PATH` arm.

use super::ack::Ending;
use super::response::{ReplyTo, Response};
use super::{Ack, PayloadType};
use crate::cursor::{self, Cursor};
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::frame::{Path, PathLen, hop_value, path_len_bits};
use crate::issue::{Detail, IssueKind, Issues};
use crate::listener::{Listener, Value};

/// A path back, perhaps with an answer in it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ReturnPath<'a> {
    /// The path's length byte.
    pub path_len: PathLen,
    /// The path; absent if the length is invalid or runs past the end, and then nothing follows.
    pub path: Option<Path<'a>>,
    /// The extra's type byte; only its low nibble counts.
    pub extra_byte: Option<u8>,
    /// The extra's bytes with their padding.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub extra: &'a [u8],
    /// What they say.
    pub body: Extra<'a>,
}

/// What a PATH brings along.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Extra<'a> {
    /// Nothing: the bytes only make the packet unique.
    None,
    /// An acknowledgement.
    Ack(Ack<'a>),
    /// An answer.
    Response(Response<'a>),
    /// A type that no firmware sends here, or too few bytes for it.
    Unknown,
}

impl<'a> ReturnPath<'a> {
    /// Reads decrypted bytes; `None` if there are none. An answer inside is read as a reply to
    /// `request`.
    pub fn parse(plaintext: &'a [u8], request: ReplyTo) -> Option<Self> {
        Self::parse_with(plaintext, request, &mut Issues::new())
    }

    /// The same, telling `listener` each field and issue.
    pub fn parse_with<L: Listener>(plaintext: &'a [u8], request: ReplyTo, listener: &mut L) -> Option<Self> {
        let mut c = Cursor::plaintext(plaintext, listener);
        let (path_len, path) = inner_path(&mut c)?;
        let mut this = Self { path_len, path, extra_byte: None, extra: &[], body: Extra::Unknown };
        if path.is_none() {
            return Some(this);
        }
        let Some(byte) = c.bits("extra", extra_bits) else {
            c.needs(IssueKind::InnerTruncated, "extra type", 1);
            return Some(this);
        };
        this.extra_byte = Some(byte);
        this.extra = c.peek();
        this.body = match byte & 0x0F {
            0x03 => Ack::read_fields(&mut c, Ending::Padded).map_or(Extra::Unknown, Extra::Ack),
            0x01 => Response::read(&mut c, request).map_or(Extra::Unknown, Extra::Response),
            0x0F => {
                c.up_to("uniqueness", 4, |_| Value::Note("random, so that the packet is unique"));
                c.remainder("padding", |_| Value::Note("up to the cipher block"));
                Extra::None
            }
            _ => {
                c.remainder("data", |_| Value::Note("of an unassigned extra type"));
                Extra::Unknown
            }
        };
        c.remainder("cut off", |_| Value::Note("too short for its extra type"));
        Some(this)
    }

    /// The extra's type: the lower nibble of its byte.
    pub fn extra_type(&self) -> Option<u8> {
        self.extra_byte.map(|byte| byte & 0x0F)
    }
}

/// A path length and its path inside a plaintext. `None` if there is no byte; no path, and the rest
/// read as opaque, if the length is not valid or runs past the end.
pub(super) fn inner_path<'a, L: Listener>(c: &mut Cursor<'a, '_, L>) -> Option<(PathLen, Option<Path<'a>>)> {
    let at = c.at();
    let Some(len) = c.bits("path_len", path_len_bits).map(PathLen) else {
        c.needs(IssueKind::InnerTruncated, "path_len", 1);
        return None;
    };
    if !len.is_valid() {
        let detail = Detail::Value { came: len.0.into(), expected: "a path of at most 64 bytes" };
        c.issue_at(at, IssueKind::BadInnerPathLen, "path_len", detail);
        c.remainder("unread", |_| Value::Note("after an invalid path length"));
        return Some((len, None));
    }
    if len.byte_len() > c.left() {
        c.needs(IssueKind::InnerTruncated, "path", len.byte_len());
        c.remainder("unread", |_| Value::Note("part of a path"));
        return Some((len, None));
    }
    let bytes = c.peek().get(..len.byte_len()).unwrap_or_default();
    if !bytes.is_empty() {
        c.open("path");
        for _ in 0..len.hop_count() {
            c.field("hop", cursor::bytes(len.hash_size()), |hop| hop_value(hop));
        }
        c.close();
    }
    Some((len, Some(Path::new(len, bytes))))
}

fn extra_bits(byte: u8, part: &mut dyn FnMut(&'static str, u8, u8, Value<'static>)) {
    let number = byte & 0x0F;
    let name = match number {
        0x0F => "none",
        number => PayloadType::from_number(number).name(),
    };
    part("reserved", 7, 4, Value::Unsigned(u64::from(byte >> 4)));
    part("extra type", 3, 0, Value::Named(number.into(), name));
}

#[cfg(feature = "encode")]
impl Encode for ReturnPath<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.path_len.0);
        out.extend(self.path.iter().flat_map(Path::as_bytes));
        out.extend(self.extra_byte);
        out.extend(self.extra);
    }
}

#[cfg(feature = "encode")]
impl<'a> ReturnPath<'a> {
    /// A path back with an acknowledgement in it, of 4 to 6 bytes.
    pub fn with_ack(path: Path<'a>, ack: &'a [u8]) -> Self {
        Self::with_extra(path, 0x03, ack)
    }

    /// A path back with an answer's plaintext in it.
    pub fn with_response(path: Path<'a>, plaintext: &'a [u8]) -> Self {
        Self::with_extra(path, 0x01, plaintext)
    }

    /// A path back alone; the random bytes make the packet unique.
    pub fn alone(path: Path<'a>, random: &'a [u8; 4]) -> Self {
        Self::with_extra(path, 0xFF, random)
    }

    fn with_extra(path: Path<'a>, byte: u8, extra: &'a [u8]) -> Self {
        let (path_len, path) = (path.path_len(), Some(path));
        Self { path_len, path, extra_byte: Some(byte), extra, body: Extra::Unknown }
    }
}
