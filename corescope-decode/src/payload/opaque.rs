//! Bytes whose layout is not fixed yet: reserved payload types, and versions 2 to 4.

use crate::cursor::Cursor;
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::listener::{Listener, Value};

/// A payload without a known layout. Its frame, path and hash are valid all the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Opaque<'a> {
    /// All its bytes.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub data: &'a [u8],
    /// Why nothing more is known.
    pub reason: OpaqueReason,
}

/// Why a payload has no known layout.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum OpaqueReason {
    /// The payload version, 2 to 4.
    Version(u8),
    /// The payload type, 0x0C to 0x0E.
    ReservedType(u8),
}

impl<'a> Opaque<'a> {
    pub(super) fn read<L: Listener>(c: &mut Cursor<'a, '_, L>, reason: OpaqueReason) -> Self {
        let note = match reason {
            OpaqueReason::Version(_) => "of an unknown payload version",
            OpaqueReason::ReservedType(_) => "of a reserved payload type",
        };
        Self { data: c.remainder("payload", |_| Value::Note(note)), reason }
    }
}

#[cfg(feature = "encode")]
impl Encode for Opaque<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.data);
    }
}
