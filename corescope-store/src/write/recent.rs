//! The transmissions heard lately, so that the tenth copy of a packet costs no lookup.

use std::collections::HashMap;

/// What is remembered of a transmission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its row.
    pub id: i64,
    /// `first_seen`, unix seconds.
    pub first_seen: i64,
    /// `last_seen`, unix seconds, as the row has it or will have it at the end of the batch.
    pub last_seen: i64,
}

/// A bounded cache in two generations: when the young one is full it becomes the old one,
/// and what nobody asked for since then is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    young: HashMap<[u8; 8], Known>,
    old: HashMap<[u8; 8], Known>,
}

/// Entries of one generation: two of them take about 6 MB.
const GENERATION: usize = 50_000;

impl Recent {
    pub(crate) fn get(&mut self, hash: [u8; 8]) -> Option<Known> {
        if let Some(known) = self.young.get(&hash) {
            return Some(*known);
        }
        let known = self.old.remove(&hash)?;
        self.put(hash, known);
        Some(known)
    }

    pub(crate) fn put(&mut self, hash: [u8; 8], known: Known) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, known);
    }

    /// Forgets everything: rows were deleted, or a transaction was rolled back.
    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_bounded_and_keeps_what_is_asked_for() {
        let mut recent = Recent::default();
        let known = |id| Known { id, first_seen: 0, last_seen: 0 };
        let key = |id: i64| id.to_be_bytes();
        for id in 0..(5 * GENERATION as i64) {
            recent.put(key(id), known(id));
            assert_eq!(recent.get(key(0)).map(|k| k.id), Some(0), "after {id}");
        }
        assert!(recent.young.len() + recent.old.len() <= 2 * GENERATION);
        assert_eq!(recent.get(key(1)), None);
    }
}
