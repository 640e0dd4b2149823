//! Where the path lies in a frame: an observation's copy is its transmission's payload behind another path.
//!
//! | part | bytes |
//! |---|---|
//! | header | 1; the low two bits are the route type |
//! | transport codes | 4, only for route types 0 and 3 |
//! | path length | 1; low six bits the number of hops, high two bits the bytes a hop minus one |
//! | path | hops × bytes |
//! | payload | the rest |
//!
//! Source of fact: MeshCore `src/Packet.cpp`, `readFrom` and `writeTo`.

/// A frame taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// Header and transport codes.
    pub(crate) head: &'a [u8],
    /// The path length byte.
    pub(crate) path_length: u8,
    /// What follows the path.
    pub(crate) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Takes a frame apart; `None` when it is too short for what it says.
    pub(crate) fn split(raw: &'a [u8]) -> Option<Self> {
        let codes = if matches!(raw.first()? & 3, 0 | 3) { 4 } else { 0 };
        let (head, rest) = raw.split_at_checked(1 + codes)?;
        let (path_length, rest) = rest.split_first()?;
        let hops = usize::from(path_length & 63);
        let (_, payload) = rest.split_at_checked(hops * hop_size(*path_length))?;
        Some(Self { head, path_length: *path_length, payload })
    }

    /// The same frame behind a path of `hops` hops of `size` bytes; `None` when the length byte cannot say so.
    /// An empty path keeps the frame's own hop size.
    pub(crate) fn with_path<'p>(&self, size: usize, path: &'p [u8]) -> Option<[Part<'p>; 4]>
    where
        'a: 'p,
    {
        let length = if path.is_empty() {
            self.path_length & 0xC0
        } else {
            let hops = path.len().checked_div(size).filter(|h| *h <= 63)?;
            if !(1..=4).contains(&size) {
                return None;
            }
            ((size - 1) << 6) as u8 | hops as u8
        };
        Some([Part::Slice(self.head), Part::Byte(length), Part::Slice(path), Part::Slice(self.payload)])
    }
}

/// A piece of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'a> {
    Slice(&'a [u8]),
    Byte(u8),
}

impl Part<'_> {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Slice(bytes) => bytes,
            Self::Byte(byte) => std::slice::from_ref(byte),
        }
    }
}

/// Bytes a hop has.
fn hop_size(path_length: u8) -> usize {
    usize::from(path_length >> 6) + 1
}

/// Whether `text` is these bytes in hex, in one letter case throughout.
pub(crate) fn is_hex_of(text: &str, parts: &[Part<'_>], upper: bool) -> bool {
    let table = if upper { &UPPER } else { &LOWER };
    let mut rest = text.as_bytes();
    for part in parts {
        let bytes = part.as_slice();
        let Some((mine, after)) = rest.split_at_checked(bytes.len() * 2) else { return false };
        rest = after;
        let same = |(pair, byte): (&[u8], &u8)| pair == table[usize::from(*byte)];
        if !mine.chunks_exact(2).zip(bytes).all(same) {
            return false;
        }
    }
    rest.is_empty()
}

/// The two digits of every byte.
const fn pairs(digits: &[u8; 16]) -> [[u8; 2]; 256] {
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
}

static UPPER: [[u8; 2]; 256] = pairs(b"0123456789ABCDEF");
/// Bytes as two lower-case digits.
pub(super) static LOWER: [[u8; 2]; 256] = pairs(b"0123456789abcdef");

/// Bytes in hex.
pub(crate) fn hex_text(bytes: &[u8], upper: bool) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    write_hex(bytes, upper, &mut out);
    out
}

/// Appends bytes in hex.
pub(crate) fn write_hex(bytes: &[u8], upper: bool, out: &mut String) {
    let table = if upper { &UPPER } else { &LOWER };
    for some in bytes.chunks(64) {
        let mut text = [[0; 2]; 64];
        for (pair, byte) in text.iter_mut().zip(some) {
            *pair = table[usize::from(*byte)];
        }
        let text = text.as_flattened().get(..some.len() * 2).unwrap_or_default();
        // Digits are text: looking at them once is quicker than appending them one by one.
        out.push_str(std::str::from_utf8(text).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_put_in_place_of_another() {
        let raw = [0x15, 0x02, 0xAA, 0xBB, 1, 2, 3];
        let frame = Frame::split(&raw).expect("a frame");
        assert_eq!(frame.payload, [1, 2, 3]);
        let parts = frame.with_path(2, &[1, 2, 3, 4]).expect("parts");
        assert!(is_hex_of("154201020304010203", &parts, true));
        assert!(!is_hex_of("1542010203040102", &parts, true));
        assert!(!is_hex_of("15420102030401020300", &parts, true));
        assert!(is_hex_of("1500010203", &frame.with_path(1, &[]).expect("parts"), true));
    }

    #[test]
    fn short_frames_are_none() {
        for raw in [&[][..], &[0x15], &[0x14, 0, 0], &[0x15, 0x42, 1, 2, 3]] {
            assert_eq!(Frame::split(raw), None);
        }
    }
}
