//! Posting lists: for each number of a dictionary the rows it occurs in, ascending.

use crate::memory::saved::codec::stored_fields;

/// Lists one behind another; a segment has at most 65 536 rows, so a row is two bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Postings {
    starts: Box<[u32]>,
    rows: Box<[u16]>,
}

impl Postings {
    /// From pairs (row, number); a pair that repeats counts once.
    pub(crate) fn new(mut pairs: Vec<(u16, u32)>, numbers: usize) -> Self {
        if !pairs.is_sorted_by_key(|(row, _)| *row) {
            pairs.sort_unstable();
        }
        // Rows ascend, so that a repeated pair finds its own row as the last one of its number.
        let mut last = vec![u32::MAX; numbers];
        pairs.retain(|(row, number)| {
            last.get_mut(*number as usize)
                .is_some_and(|last| std::mem::replace(last, u32::from(*row)) != u32::from(*row))
        });
        let mut starts = vec![0_u32; numbers + 1];
        for (_, number) in &pairs {
            starts[*number as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut rows = vec![0_u16; pairs.len()];
        for (row, number) in &pairs {
            let at = &mut next[*number as usize];
            rows[*at as usize] = *row;
            *at += 1;
        }
        Self { starts: starts.into(), rows: rows.into() }
    }

    /// Rows of a number.
    pub(crate) fn get(&self, number: u32) -> &[u16] {
        let at = number as usize;
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(from), Some(to)) => self.rows.get(*from as usize..*to as usize).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Whether there is a list for each of so many numbers, of rows that are among so many, for lists that were read.
    pub(crate) fn is_sound(&self, numbers: usize, rows: usize) -> bool {
        self.starts.len() == numbers + 1
            && self.starts.is_sorted()
            && self.starts.last().is_some_and(|end| *end as usize == self.rows.len())
            && self.rows.iter().all(|row| usize::from(*row) < rows)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.starts.len() * 4 + self.rows.len() * 2
    }
}

/// Rows in ascending order of their 64-bit hash, with a table of where each range of hashes begins.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HashIndex {
    /// Begin of the range of each value of the top `bits` bits, and the end.
    starts: Box<[u16]>,
    rows: Box<[u16]>,
    bits: u32,
}

impl HashIndex {
    pub(crate) fn new(hashes: &[u64]) -> Self {
        let bits = (hashes.len() / 2).max(1).ilog2();
        let mut rows: Vec<u16> = (0..hashes.len()).map(|r| r as u16).collect();
        rows.sort_unstable_by_key(|row| (hashes[usize::from(*row)], *row));
        let mut starts = vec![0_u16; (1 << bits) + 1];
        let mut at = 0;
        for (range, start) in starts.iter_mut().enumerate() {
            *start = at as u16;
            while at < rows.len() && top(hashes[usize::from(rows[at])], bits) == range {
                at += 1;
            }
        }
        Self { starts: starts.into(), rows: rows.into(), bits }
    }

    /// Rows that may have this hash.
    #[inline]
    pub(crate) fn candidates(&self, hash: u64) -> &[u16] {
        let range = top(hash, self.bits);
        match (self.starts.get(range), self.starts.get(range + 1)) {
            (Some(from), Some(to)) => self.rows.get(usize::from(*from)..usize::from(*to)).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Whether it is one of so many rows, for one that was read.
    pub(crate) fn is_sound(&self, rows: usize) -> bool {
        // More bits than a row number has are never needed.
        self.bits < u16::BITS
            && self.starts.len() == (1 << self.bits) + 1
            && self.starts.is_sorted()
            && self.rows.len() == rows
            && self.rows.iter().all(|row| usize::from(*row) < rows)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.starts.len() * 2 + self.rows.len() * 2
    }
}

fn top(hash: u64, bits: u32) -> usize {
    if bits == 0 { 0 } else { (hash >> (64 - bits)) as usize }
}

stored_fields!(Postings { starts, rows });
stored_fields!(HashIndex { starts, rows, bits });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_each_row_once() {
        let postings = Postings::new(vec![(0, 2), (0, 2), (1, 0), (3, 2)], 3);
        assert_eq!(
            (postings.get(0), postings.get(1), postings.get(2), postings.get(9)),
            (&[1][..], &[][..], &[0, 3][..], &[][..])
        );
    }

    #[test]
    fn every_hash_is_among_its_candidates() {
        for n in [0_u64, 1, 2, 3, 100, 1000] {
            let hashes: Vec<u64> =
                (0..n).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).chain((0..n).map(|_| 5)).collect();
            let index = HashIndex::new(&hashes);
            for (row, hash) in hashes.iter().enumerate() {
                assert!(index.candidates(*hash).contains(&(row as u16)));
            }
            index.candidates(u64::MAX);
        }
    }
}
