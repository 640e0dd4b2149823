//! What was found out about the rows outside memory and takes long to find out again.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{MOST_WAITING, WholeError};
use crate::memory::Snapshot;

/// Of all time at most this share goes into finding out again what changed below the floor.
const SHARE: u32 = 20;
/// So long it is believed where nothing is told to have changed. A writer of ours tells; the Go program does not.
const BELIEVED: Duration = Duration::from_mins(1);

/// Findings by key. When rows leave memory, only these are looked at and added.
///
/// A change of rows that are outside memory already is seen at once where looking again is quick; else after twenty times
/// as long as it takes.
pub struct Remembered<K, V> {
    kept: Mutex<Vec<Kept<K, V>>>,
    waiting: AtomicUsize,
    most: usize,
}

struct Kept<K, V> {
    key: K,
    epoch: u64,
    edits: u64,
    floor: i64,
    found: Arc<V>,
    /// When everything was looked at, and for how long.
    at: Instant,
    took: Duration,
}

impl<K, V> fmt::Debug for Remembered<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remembered").field("most", &self.most).finish_non_exhaustive()
    }
}

impl<K: PartialEq, V> Remembered<K, V> {
    /// For at most so many findings.
    pub fn new(most: usize) -> Self {
        Self { kept: Mutex::default(), waiting: AtomicUsize::new(0), most: most.max(1) }
    }

    /// What is known of the rows that this moment lacks. If nothing is, `look` is given the lowest id to look at, and what
    /// was found below that. It blocks while anybody looks.
    ///
    /// # Errors
    ///
    /// Those of `look`; [`WholeError::Busy`] when too many wait.
    pub fn get(
        &self,
        moment: &Snapshot,
        key: K,
        look: impl FnOnce(i64, Option<&V>) -> Result<V, WholeError>,
    ) -> Result<Arc<V>, WholeError> {
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= MOST_WAITING {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(WholeError::Busy);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        kept.retain(|one| one.holds(moment));
        let of_key = |one: &&Kept<K, V>| one.key == key && one.floor <= moment.floor;
        let before = kept.iter().filter(of_key).max_by_key(|one| one.floor);
        if let Some(one) = before.filter(|one| one.floor == moment.floor) {
            return Ok(Arc::clone(&one.found));
        }
        let begun = Instant::now();
        let (from, known) = before.map_or((i64::MIN, None), |one| (one.floor, Some(&*one.found)));
        let found = Arc::new(look(from, known)?);
        let (edits, at, took) = match before {
            Some(one) => (one.edits, one.at, one.took),
            None => (moment.outside.edits, begun, begun.elapsed()),
        };
        if kept.len() >= self.most {
            kept.remove(0);
        }
        let (epoch, floor) = (moment.outside.epoch, moment.floor);
        kept.push(Kept { key, epoch, edits, floor, found: Arc::clone(&found), at, took });
        Ok(found)
    }
}

impl<K, V> Kept<K, V> {
    fn holds(&self, moment: &Snapshot) -> bool {
        let (age, soon) = (self.at.elapsed(), self.took.saturating_mul(SHARE));
        let believed = if self.edits == moment.outside.edits { soon.max(BELIEVED) } else { soon };
        self.epoch == moment.outside.epoch && age < believed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(epoch: u64, edits: u64, floor: i64) -> Snapshot {
        let mut moment = Snapshot { floor, ..Snapshot::default() };
        (moment.outside.epoch, moment.outside.edits) = (epoch, edits);
        moment
    }

    #[test]
    fn what_is_known_is_added_to_and_forgotten_when_it_is_wrong() {
        let remembered = Remembered::new(2);
        let ask = |moment: &Snapshot, key: &'static str| {
            let mut looked = None;
            let look = |from, known: Option<&i64>| {
                looked = Some((from, known.copied()));
                Ok(moment.floor)
            };
            let found = remembered.get(moment, key, look).unwrap();
            assert_eq!(*found, moment.floor);
            looked
        };
        assert_eq!(ask(&moment(1, 0, 10), "a"), Some((i64::MIN, None)));
        assert_eq!(ask(&moment(1, 0, 10), "a"), None);
        assert_eq!(ask(&moment(1, 0, 15), "a"), Some((10, Some(10))), "rows left memory");
        assert_eq!(ask(&moment(1, 0, 10), "a"), None, "somebody with an older moment");
        assert_eq!(ask(&moment(1, 0, 15), "b"), Some((i64::MIN, None)), "another question");
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(ask(&moment(1, 1, 15), "b"), Some((i64::MIN, None)), "a row was changed");
        assert_eq!(ask(&moment(2, 1, 15), "b"), Some((i64::MIN, None)), "all was loaded anew");
    }

    #[test]
    fn what_took_long_is_believed_for_a_while() {
        let remembered = Remembered::new(1);
        let slow = |_, _: Option<&()>| {
            std::thread::sleep(Duration::from_millis(500));
            Ok(())
        };
        remembered.get(&moment(1, 0, 10), (), slow).unwrap();
        remembered.get(&moment(1, 1, 10), (), |_, _| panic!("it was looked at again")).unwrap();
        let failed = remembered.get(&moment(2, 1, 10), (), |_, _| Err(WholeError::Busy));
        assert!(failed.is_err());
    }
}
