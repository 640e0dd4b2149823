//! Columns of 64-bit numbers that are close to one another.

use super::odd::Odd;
use super::packed::Packed;
use crate::memory::saved::codec::stored_fields;

/// Rows in ascending order, mostly without gaps: ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ids {
    /// First row of a run without gaps, and its id. Ascending.
    runs: Vec<(u32, i64)>,
    len: u32,
}

impl Ids {
    /// Ids come in strictly ascending order.
    pub(crate) fn push(&mut self, id: i64) {
        let expected = self.runs.last().map(|(row, first)| first + i64::from(self.len - row));
        if expected != Some(id) {
            self.runs.push((self.len, id));
        }
        self.len += 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    pub(crate) fn get(&self, row: usize) -> i64 {
        let at = self.runs.partition_point(|(first, _)| *first as usize <= row);
        let (first, id) = at.checked_sub(1).and_then(|at| self.runs.get(at)).copied().unwrap_or((0, 0));
        id + (row as i64 - i64::from(first))
    }

    pub(crate) fn first(&self) -> Option<i64> {
        (self.len > 0).then(|| self.get(0))
    }

    pub(crate) fn last(&self) -> Option<i64> {
        (self.len > 0).then(|| self.get(self.len() - 1))
    }

    pub(crate) fn find(&self, id: i64) -> Option<usize> {
        let at = self.runs.partition_point(|(_, first)| *first <= id).checked_sub(1)?;
        let (row, first) = *self.runs.get(at)?;
        let end = self.runs.get(at + 1).map_or(self.len, |(row, _)| *row);
        let found = usize::try_from(i64::from(row).checked_add(id.checked_sub(first)?)?).ok()?;
        (found < end as usize).then_some(found)
    }

    pub(crate) fn shrink(&mut self) {
        self.runs.shrink_to_fit();
    }

    /// Whether rows and ids ascend and there is a number for each id, for a column that was read.
    pub(crate) fn is_sound(&self) -> bool {
        let ends = self.runs.iter().skip(1).map(|(row, _)| *row).chain([self.len]);
        let (mut next_row, mut last_id) = (0, None);
        for ((row, first), end) in self.runs.iter().zip(ends) {
            let last = end.checked_sub(*row).filter(|rows| *rows > 0);
            let last = last.and_then(|rows| first.checked_add(i64::from(rows) - 1));
            if *row != next_row || last_id.is_some_and(|last| last >= *first) || last.is_none() {
                return false;
            }
            (next_row, last_id) = (end, last);
        }
        next_row == self.len
    }

    pub(crate) fn bytes(&self) -> usize {
        self.runs.capacity() * 16
    }
}

/// Distances from a number the reader knows: one or two bytes, or more in the table of exceptions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Distances {
    near: Packed,
    /// What `near` says for a row that stands in `far`.
    mark: u32,
    far: Odd<i64>,
}

impl Distances {
    /// The width that costs least.
    pub(crate) fn new(values: &[i64]) -> Self {
        const EXCEPTION: usize = 16;
        let folded = |v: i64| u32::try_from(fold(v)).unwrap_or(u32::MAX);
        let beyond = |mark: u32| values.iter().filter(|v| folded(**v) >= mark).count();
        let cost = |mark: u32, width: usize| values.len() * width + beyond(mark) * EXCEPTION;
        let mark = [(0xFF, 1), (0xFFFF, 2), (0xFF_FFFF, 3), (u32::MAX, 4)]
            .into_iter()
            .min_by_key(|(mark, width)| cost(*mark, *width))
            .map_or(u32::MAX, |(mark, _)| mark);
        let mut far = Odd::default();
        let near: Vec<u32> = values
            .iter()
            .enumerate()
            .map(|(row, v)| {
                if folded(*v) < mark {
                    return folded(*v);
                }
                far.push(row, *v);
                mark
            })
            .collect();
        far.shrink();
        Self { near: Packed::new(&near), mark, far }
    }

    #[inline]
    pub(crate) fn get(&self, row: usize) -> i64 {
        let near = self.near.get(row);
        if near == self.mark { self.far.get(row).copied().unwrap_or(0) } else { unfold(u64::from(near)) }
    }

    /// Whether there is a value for each of so many rows, for a column that was read.
    pub(crate) fn is_sound(&self, rows: usize) -> bool {
        self.near.len() == rows && self.far.is_sound(rows)
    }

    /// Whether all rows are said to have one value, which takes no room however many they are.
    pub(crate) fn is_constant(&self) -> bool {
        matches!(self.near, Packed::Constant { .. })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.near.bytes() + self.far.bytes(|_| 0)
    }
}

/// 0, -1, 1, -2 … as 0, 1, 2, 3 …
fn fold(v: i64) -> u64 {
    ((v << 1) ^ (v >> 63)) as u64
}

fn unfold(v: u64) -> i64 {
    (v >> 1) as i64 ^ -((v & 1) as i64)
}

stored_fields!(Ids { runs, len });
stored_fields!(Distances { near, mark, far });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_with_gaps_are_found() {
        let list = [3, 4, 5, 9, 10, 40];
        let mut ids = Ids::default();
        for id in list {
            ids.push(id);
        }
        for (row, id) in list.iter().enumerate() {
            assert_eq!((ids.get(row), ids.find(*id)), (*id, Some(row)));
        }
        for id in [i64::MIN, 0, 2, 6, 8, 11, 39, 41, i64::MAX] {
            assert_eq!(ids.find(id), None, "{id}");
        }
        assert_eq!((ids.first(), ids.last(), ids.len()), (Some(3), Some(40), 6));
        assert_eq!(Ids::default().find(0), None);
    }

    #[test]
    fn distances_near_and_far_come_back() {
        let near: Vec<i64> = (-100..100).collect();
        let mut mixed = near.clone();
        mixed.extend([i64::MIN, i64::MAX, 1_000_000, -70_000, 0]);
        for values in [vec![], near, mixed, (0..400).map(|v| v * 100_000).collect()] {
            let distances = Distances::new(&values);
            assert_eq!((0..values.len()).map(|r| distances.get(r)).collect::<Vec<_>>(), values);
        }
    }
}
