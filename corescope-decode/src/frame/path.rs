//! The path: a length byte and the hashes of repeaters.
//!
//! | bits | field                                                 |
//! |-----:|-------------------------------------------------------|
//! |  0–5 | hop count                                             |
//! |  6–7 | hash size minus one; 3 is reserved                    |
//!
//! Source of fact: MeshCore `src/Packet.h`, `getPathHashSize`, `getPathHashCount`, `isValidPathLen`.

use core::fmt;

/// The path length byte: hop count and hash size in one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PathLen(pub u8);

impl PathLen {
    /// The most path bytes a frame may hold.
    pub const MAX_BYTES: usize = 64;

    /// Of `count` hops (0 to 63) with hashes of `size` bytes (1 to 3), if that fits in 64 bytes.
    pub const fn new(size: usize, count: usize) -> Option<Self> {
        if size < 1 || size > 3 || count > 63 || size * count > Self::MAX_BYTES {
            return None;
        }
        Some(Self((count as u8) | ((size as u8 - 1) << 6)))
    }

    /// Bytes of each hash: 1 to 3, and 4 where the value is reserved.
    pub const fn hash_size(self) -> usize {
        (self.0 >> 6) as usize + 1
    }

    /// Hops, 0 to 63.
    pub const fn hop_count(self) -> usize {
        (self.0 & 0x3F) as usize
    }

    /// Bytes of the whole path.
    pub const fn byte_len(self) -> usize {
        self.hash_size() * self.hop_count()
    }

    /// Whether the size bits are the reserved ones: never valid, even with no hops.
    pub const fn is_reserved(self) -> bool {
        self.0 >= 0xC0
    }

    /// Whether a frame with it can be valid.
    pub const fn is_valid(self) -> bool {
        !self.is_reserved() && self.byte_len() <= Self::MAX_BYTES
    }
}

/// The hops of a path, borrowed. In a TRACE these bytes are signal values, not hashes.
#[derive(Clone, Copy, Eq, PartialEq, Hash)]
pub struct Path<'a> {
    len: PathLen,
    bytes: &'a [u8],
}

impl<'a> Path<'a> {
    pub(crate) const fn new(len: PathLen, bytes: &'a [u8]) -> Self {
        Self { len, bytes }
    }

    /// A path of hashes of `size` bytes; `None` unless the size is 1 to 3 and divides the bytes,
    /// of which there may be 64.
    pub fn from_bytes(size: usize, bytes: &'a [u8]) -> Option<Self> {
        if !(1..=3).contains(&size) || !bytes.len().is_multiple_of(size) {
            return None;
        }
        Some(Self { len: PathLen::new(size, bytes.len() / size)?, bytes })
    }

    /// The length byte it came with.
    pub const fn path_len(&self) -> PathLen {
        self.len
    }

    /// Bytes of each hash, 1 to 3.
    pub const fn hash_size(&self) -> usize {
        self.len.hash_size()
    }

    /// How many hops.
    pub const fn len(&self) -> usize {
        self.len.hop_count()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All bytes of the path.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The hashes, in the order of the wire.
    pub fn hops(&self) -> core::slice::ChunksExact<'a, u8> {
        self.bytes.chunks_exact(self.hash_size())
    }
}

impl<'a> IntoIterator for Path<'a> {
    type Item = &'a [u8];
    type IntoIter = core::slice::ChunksExact<'a, u8>;

    fn into_iter(self) -> Self::IntoIter {
        self.hops()
    }
}

impl fmt::Debug for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.hops().map(crate::hex::Hex)).finish()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Path<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.hops().map(crate::hex::Hex))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_path_lengths() {
        for (byte, size, count, valid) in [
            (0x00, 1, 0, true),
            (0x05, 1, 5, true),
            (0x3F, 1, 63, true),
            (0x40, 2, 0, true),
            (0x45, 2, 5, true),
            (0x8A, 3, 10, true),
            (0x60, 2, 32, true),
            (0x95, 3, 21, true),
            (0x61, 2, 33, false),
            (0x96, 3, 22, false),
            (0xC0, 4, 0, false),
            (0xFF, 4, 63, false),
        ] {
            let len = PathLen(byte);
            assert_eq!((len.hash_size(), len.hop_count(), len.is_valid()), (size, count, valid), "{byte:#x}");
            assert_eq!(PathLen::new(size, count), valid.then_some(len), "{byte:#x}");
        }
    }
}
