//! Rows by the hops of observations whose path was not resolved when it was stored.
//!
//! A hop is the beginning of a relay's key, one to three bytes. Which relay it stands for depends on the nodes that
//! are known when somebody asks, so that the hops are indexed and not the relays.

use super::postings::Postings;
use crate::memory::saved::codec::stored_fields;

/// A posting list per distinct hop.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HopRows {
    /// Codes of the hops, ascending.
    codes: Box<[u32]>,
    rows: Postings,
}

stored_fields!(HopRows { codes, rows });

impl HopRows {
    /// From pairs of a row and the code of a hop.
    pub(crate) fn new(mut pairs: Vec<(u16, u32)>) -> Self {
        let mut codes: Vec<u32> = pairs.iter().map(|(_, code)| *code).collect();
        codes.sort_unstable();
        codes.dedup();
        for (_, code) in &mut pairs {
            *code = codes.binary_search(code).unwrap_or_default() as u32;
        }
        let rows = Postings::new(pairs, codes.len());
        Self { codes: codes.into(), rows }
    }

    /// Rows with this hop, ascending.
    pub(crate) fn get(&self, code: u32) -> &[u16] {
        self.codes.binary_search(&code).map_or(&[], |at| self.rows.get(at as u32))
    }

    /// Whether codes ascend and each has its list, for lists that were read.
    pub(crate) fn is_sound(&self, rows: usize) -> bool {
        self.codes.is_sorted_by(|a, b| a < b) && self.rows.is_sound(self.codes.len(), rows)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.codes.len() * 4 + self.rows.bytes()
    }
}

/// The code of a hop: its length and its bytes. `None` beyond three bytes, which no frame has.
pub(crate) fn code(hop: &[u8]) -> Option<u32> {
    match *hop {
        [a] => Some(u32::from_be_bytes([1, 0, 0, a])),
        [a, b] => Some(u32::from_be_bytes([2, 0, a, b])),
        [a, b, c] => Some(u32::from_be_bytes([3, a, b, c])),
        _ => None,
    }
}

/// The code of a hop in hex.
pub(crate) fn code_of_hex(hop: &str) -> Option<u32> {
    let mut bytes = [0; 3];
    let bytes = bytes.get_mut(..hop.len() / 2)?;
    hex::decode_to_slice(hop, bytes).ok()?;
    code(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_of_different_lengths_are_different() {
        assert_eq!(code_of_hex("0A"), code(&[10]));
        assert_ne!(code_of_hex("0A"), code_of_hex("000A"));
        for no in ["", "0", "0A0", "0A0B0C0D", "zz"] {
            assert_eq!(code_of_hex(no), None, "{no}");
        }
        let rows = HopRows::new(vec![(0, 7), (2, 7), (2, 7), (1, 9)]);
        assert_eq!((rows.get(7), rows.get(9), rows.get(8)), (&[0, 2][..], &[1][..], &[][..]));
    }
}
