//! The answer to GET_ACCESS_LIST: entries of 7 bytes up to the end.
//!
//! | offset | size | field                                        |
//! |-------:|-----:|----------------------------------------------|
//! |      0 |    6 | the first bytes of a public key              |
//! |      6 |    1 | permissions                                  |
//!
//! Source of fact: MeshCore `examples/simple_repeater/MyMesh.cpp`, `REQ_TYPE_GET_ACCESS_LIST`.

use super::login::permission_bits;
use crate::cursor::Cursor;
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::listener::Listener;

/// Bytes of one entry.
const ENTRY: usize = 7;

/// Who may do what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AccessList<'a> {
    bytes: &'a [u8],
}

/// One of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AccessEntry {
    /// The first six bytes of the public key.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub prefix: [u8; 6],
    /// Bits 0–1: 0 guest, 1 read only, 2 read and write, 3 admin; upper bits are flags.
    pub permissions: u8,
}

impl<'a> AccessList<'a> {
    pub(super) fn read<L: Listener>(c: &mut Cursor<'a, '_, L>) -> Self {
        // An entry of zeros is padding, and so is less than an entry.
        let whole = c.peek().chunks_exact(ENTRY).take_while(|e| e.iter().any(|&b| b != 0)).count();
        let bytes = c.peek().get(..whole * ENTRY).unwrap_or_default();
        for _ in 0..whole {
            c.open("entry");
            c.array::<6>("key prefix");
            c.bits("permissions", permission_bits);
            c.close();
        }
        Self { bytes }
    }

    /// Entries as they stand on the wire; whole ones only.
    pub const fn from_bytes(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The entries' bytes.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The entries, in the order of the wire.
    pub fn entries(&self) -> impl Iterator<Item = AccessEntry> + 'a {
        let (entries, _) = self.bytes.as_chunks::<ENTRY>();
        entries
            .iter()
            .map(|&[a, b, c, d, e, f, permissions]| AccessEntry { prefix: [a, b, c, d, e, f], permissions })
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for AccessList<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.entries())
    }
}

#[cfg(feature = "encode")]
impl Encode for AccessEntry {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.prefix);
        out.push(self.permissions);
    }
}
