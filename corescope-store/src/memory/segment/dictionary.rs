//! Dictionaries of a segment: each distinct value once, rows hold its number.

use crate::memory::saved::codec::stored_fields;
use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// Collects distinct values and numbers them from 0.
#[derive(Debug)]
pub(crate) struct Interner<T> {
    values: Vec<T>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { values: Vec::new(), table: HashTable::new(), hasher: DefaultHashBuilder::default() }
    }
}

impl<T> Interner<T> {
    /// The number of a value, given in a form that hashes like `T` does.
    pub(crate) fn number<Q>(&mut self, value: &Q, own: impl FnOnce(&Q) -> T, as_key: impl Fn(&T) -> &Q) -> u32
    where
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hasher.hash_one(value);
        if let Some(at) = self.table.find(hash, |at| as_key(&self.values[*at as usize]) == value) {
            return *at;
        }
        let at = self.values.len() as u32;
        self.values.push(own(value));
        let (values, hasher) = (&self.values, &self.hasher);
        self.table.insert_unique(hash, at, |at| hasher.hash_one(as_key(&values[*at as usize])));
        at
    }

    pub(crate) fn into_values(self) -> Box<[T]> {
        self.values.into()
    }
}

impl Interner<Box<str>> {
    /// The number of a text.
    pub(crate) fn text(&mut self, text: &str) -> u32 {
        self.number(text, |t: &str| t.into(), |t| t)
    }
}

impl Interner<i64> {
    /// The number of a whole number.
    pub(crate) fn integer(&mut self, value: i64) -> u32 {
        self.number(&value, |v| *v, |v| v)
    }
}

impl Interner<u64> {
    /// The number of a bit pattern.
    pub(crate) fn bits(&mut self, value: u64) -> u32 {
        self.number(&value, |v| *v, |v| v)
    }
}

/// Collects distinct byte strings in one arena and numbers them from 0.
#[derive(Debug)]
pub(crate) struct BytesInterner {
    bytes: Vec<u8>,
    /// Bytes of the arena, at most: what a place in it can say.
    most: usize,
    /// End of each string.
    ends: Vec<u32>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Default for BytesInterner {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            most: u32::MAX as usize,
            ends: Vec::new(),
            table: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl BytesInterner {
    /// The number of a string; `None` when the arena has no room for it.
    pub(crate) fn number(&mut self, value: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(value);
        if let Some(at) = self.table.find(hash, |at| slice(&self.bytes, &self.ends, *at) == value) {
            return Some(*at);
        }
        if value.len() > self.most - self.bytes.len() {
            return None;
        }
        let at = self.ends.len() as u32;
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len() as u32);
        let (bytes, ends, hasher) = (&self.bytes, &self.ends, &self.hasher);
        self.table.insert_unique(hash, at, |at| hasher.hash_one(slice(bytes, ends, *at)));
        Some(at)
    }

    /// Bytes of the arena so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn into_arena(self) -> Arena {
        drop(self.table);
        Arena { bytes: self.bytes.into(), ends: self.ends.into() }
    }
}

fn slice<'b>(bytes: &'b [u8], ends: &[u32], at: u32) -> &'b [u8] {
    let at = at as usize;
    let begin = if at == 0 { 0 } else { ends.get(at - 1).map_or(0, |e| *e as usize) };
    ends.get(at).and_then(|end| bytes.get(begin..*end as usize)).unwrap_or_default()
}

/// Byte strings one behind another.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Arena {
    bytes: Box<[u8]>,
    ends: Box<[u32]>,
}

impl Arena {
    pub(crate) fn new(bytes: Vec<u8>, ends: Vec<u32>) -> Self {
        Self { bytes: bytes.into(), ends: ends.into() }
    }

    /// The string at a number; empty behind the end.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> &[u8] {
        slice(&self.bytes, &self.ends, at as u32)
    }

    /// Number of strings.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether every string lies in the arena, for one that was read.
    pub(crate) fn is_sound(&self) -> bool {
        self.ends.is_sorted() && self.ends.last().is_none_or(|end| *end as usize <= self.bytes.len())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len() + self.ends.len() * 4
    }
}

stored_fields!(Arena { bytes, ends });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arena_takes_no_more_than_a_place_in_it_can_say() {
        let mut interner = BytesInterner { most: 8, ..BytesInterner::default() };
        assert_eq!(interner.number(b"abcde"), Some(0));
        assert_eq!(interner.number(b"fghi"), None, "one byte too many");
        assert_eq!((interner.number(b"fgh"), interner.number(b"abcde")), (Some(1), Some(0)));
        assert_eq!((interner.number(b"i"), interner.len()), (None, 8));
        let arena = interner.into_arena();
        assert_eq!((arena.get(0), arena.get(1), arena.len()), (&b"abcde"[..], &b"fgh"[..], 2));
    }
}
