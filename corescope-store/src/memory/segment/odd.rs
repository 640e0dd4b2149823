//! The table of exceptions of a column: rows whose value the compact form cannot hold.

use crate::memory::saved::codec::stored_fields;

/// Values of few rows, ascending by row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Odd<T> {
    rows: Vec<(u32, T)>,
}

impl<T> Default for Odd<T> {
    fn default() -> Self {
        Self { rows: Vec::new() }
    }
}

impl<T> Odd<T> {
    /// Rows come in ascending order.
    pub(crate) fn push(&mut self, row: usize, value: T) {
        debug_assert!(self.rows.last().is_none_or(|(last, _)| (*last as usize) < row));
        self.rows.push((row as u32, value));
    }

    pub(crate) fn get(&self, row: usize) -> Option<&T> {
        if self.rows.is_empty() {
            return None;
        }
        let at = self.rows.binary_search_by_key(&(row as u32), |(r, _)| *r).ok()?;
        self.rows.get(at).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.rows.iter().map(|(row, value)| (*row as usize, value))
    }

    /// Whether its rows ascend and are among so many, for a table that was read.
    pub(crate) fn is_sound(&self, rows: usize) -> bool {
        self.rows.is_sorted_by(|(a, _), (b, _)| a < b)
            && self.rows.last().is_none_or(|(last, _)| (*last as usize) < rows)
    }

    pub(crate) fn shrink(&mut self) {
        self.rows.shrink_to_fit();
    }

    /// Bytes held, with `inner` for what a value holds elsewhere.
    pub(crate) fn bytes(&self, inner: impl Fn(&T) -> usize) -> usize {
        self.rows.capacity() * size_of::<(u32, T)>() + self.rows.iter().map(|(_, v)| inner(v)).sum::<usize>()
    }
}

stored_fields!(Odd<T> { rows });
