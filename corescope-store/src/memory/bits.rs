//! A set of rows of one segment, one bit a row.

/// Rows below a fixed number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    pub(crate) fn none(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    pub(crate) fn all(len: usize) -> Self {
        let mut bits = Self { words: vec![u64::MAX; len.div_ceil(64)], len };
        if !len.is_multiple_of(64)
            && let Some(last) = bits.words.last_mut()
        {
            *last = (1 << (len % 64)) - 1;
        }
        bits
    }

    /// Adds rows word by word: `word` is given the first row of each and how many rows it has.
    pub(crate) fn fill_words(&mut self, word: impl Fn(usize, usize) -> u64) {
        let len = self.len;
        for (at, own) in self.words.iter_mut().enumerate() {
            *own |= word(at * 64, (len - at * 64).min(64));
        }
    }

    pub(crate) fn clear_all(&mut self) {
        self.words.fill(0);
    }

    pub(crate) fn set(&mut self, row: usize) {
        if row < self.len {
            self.words[row / 64] |= 1 << (row % 64);
        }
    }

    pub(crate) fn clear(&mut self, row: usize) {
        if row < self.len {
            self.words[row / 64] &= !(1 << (row % 64));
        }
    }

    pub(crate) fn contains(&self, row: usize) -> bool {
        row < self.len && self.words[row / 64] >> (row % 64) & 1 == 1
    }

    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|w| *w == 0)
    }

    pub(crate) fn and(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= b);
    }

    pub(crate) fn or(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a |= b);
    }

    pub(crate) fn and_not(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= !b);
    }

    /// Rows, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(at * 64 + bit)
            })
        })
    }

    /// Rows, descending.
    pub(crate) fn iter_rev(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().rev().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = 63_usize.checked_sub(rest.leading_zeros() as usize)?;
                rest &= !(1 << bit);
                Some(at * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_out_in_both_directions() {
        let mut bits = Bits::none(200);
        for row in [0, 63, 64, 127, 199, 500] {
            bits.set(row);
        }
        bits.clear(127);
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 63, 64, 199]);
        assert_eq!(bits.iter_rev().collect::<Vec<_>>(), [199, 64, 63, 0]);
        assert_eq!((bits.count(), bits.contains(64), bits.contains(65)), (4, true, false));
        let mut rest = Bits::all(200);
        rest.and_not(&bits);
        assert_eq!(rest.count(), 196);
        rest.or(&bits);
        assert_eq!(rest, Bits::all(200));
        rest.and(&bits);
        assert_eq!(rest, bits);
        assert!(Bits::all(0).is_empty());
    }
}
