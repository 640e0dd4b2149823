//! What was found out about the rows outside memory and takes long to find out again.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::WholeError;
use super::turn::Turn;
use crate::memory::Snapshot;

/// Of all time at most this share goes into finding out again what changed below the floor.
const SHARE: u32 = 20;
/// So long it is believed where nothing is told to have changed. A writer of ours tells; the Go program does not.
const BELIEVED: Duration = Duration::from_mins(1);
/// Floors that one finding is kept for: that of now, and that of those who ask with an older moment.
const FLOORS: usize = 2;

/// Findings by key. When rows leave memory, only these are looked at and added.
///
/// A change of rows that are outside memory already is seen at once where looking again is quick; else after twenty times
/// as long as it takes. One looks at a time; what is known is answered meanwhile, and whoever asks for what is being
/// looked at anew gets what was known before.
///
/// When there are more keys than are kept, what was quickest to find out goes first, and new keys have no more than that
/// share of all time: whoever thinks up keys gains nothing.
pub struct Remembered<K, V> {
    state: Mutex<State<K, V>>,
    /// Held during a look.
    turn: Turn,
    most: usize,
}

struct State<K, V> {
    kept: Vec<Kept<K, V>>,
    /// What is looked at.
    looking: Option<K>,
    /// When a key was looked at that there was no room for, and for how long.
    crowded: Option<(Instant, Duration)>,
}

struct Kept<K, V> {
    key: K,
    epoch: u64,
    edits: u64,
    mark: u64,
    /// By floor, ascending.
    found: Vec<(i64, Arc<V>)>,
    /// When everything was looked at, and for how long.
    at: Instant,
    took: Duration,
}

impl<K, V> fmt::Debug for Remembered<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remembered").field("most", &self.most).finish_non_exhaustive()
    }
}

impl<K: Clone + PartialEq, V> Remembered<K, V> {
    /// For at most so many findings.
    pub fn new(most: usize) -> Self {
        let state = State { kept: Vec::new(), looking: None, crowded: None };
        Self { state: Mutex::new(state), turn: Turn::default(), most: most.max(1) }
    }

    /// What is known of the rows that this moment lacks. If nothing is, `look` is given the lowest id to look at, and what
    /// was found below that. It blocks while anybody looks at what is not known.
    ///
    /// # Errors
    ///
    /// Those of `look`; [`WholeError::Busy`] when too many wait, or too many different keys are asked for.
    pub fn get(
        &self,
        moment: &Snapshot,
        key: K,
        look: impl FnOnce(i64, Option<&V>) -> Result<V, WholeError>,
    ) -> Result<Arc<V>, WholeError> {
        self.get_marked(moment, key, 0, look)
    }

    /// The same for findings that also depend on something else: another `mark` counts as a change of rows outside memory.
    pub(super) fn get_marked(
        &self,
        moment: &Snapshot,
        key: K,
        mark: u64,
        look: impl FnOnce(i64, Option<&V>) -> Result<V, WholeError>,
    ) -> Result<Arc<V>, WholeError> {
        if let Some(found) = self.state().known(moment, &key, mark) {
            return Ok(found);
        }
        let _turn = self.turn.take()?;
        let mut state = self.state();
        // Whoever had the turn before may have found out.
        if let Some(found) = state.known(moment, &key, mark) {
            return Ok(found);
        }
        state.forget(moment, &key);
        let before = state.of(moment, &key).filter(|one| one.holds(moment, mark));
        let is_anew = before.is_none();
        let before = before.and_then(|one| one.up_to(moment.floor));
        let is_crowded = state.is_crowded(&key, self.most);
        if is_crowded && state.crowded.is_some_and(|(at, took)| at.elapsed() < took.saturating_mul(SHARE)) {
            return Err(WholeError::Busy);
        }
        state.looking = Some(key.clone());
        drop(state);

        let looking = Looking(self);
        let begun = Instant::now();
        let (from, known) = before.as_ref().map_or((i64::MIN, None), |(floor, v)| (*floor, Some(&**v)));
        let found = Arc::new(look(from, known)?);
        drop(looking);

        let mut state = self.state();
        let took = begun.elapsed();
        if is_crowded {
            state.crowded = Some((begun, took));
        }
        if is_anew {
            let (epoch, edits) = (moment.outside.epoch, moment.outside.edits);
            let found = vec![(moment.floor, Arc::clone(&found))];
            state.note(Kept { key, epoch, edits, mark, found, at: begun, took }, self.most);
        } else if let Some(one) = state.of_mut(moment, &key) {
            one.add(moment.floor, Arc::clone(&found));
        }
        Ok(found)
    }

    fn state(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody looks, until this is dropped.
struct Looking<'r, K: Clone + PartialEq, V>(&'r Remembered<K, V>);

impl<K: Clone + PartialEq, V> Drop for Looking<'_, K, V> {
    fn drop(&mut self) {
        self.0.state().looking = None;
    }
}

impl<K: PartialEq, V> State<K, V> {
    /// What is known at the floor of a moment, if it is believed or being looked at anew.
    fn known(&self, moment: &Snapshot, key: &K, mark: u64) -> Option<Arc<V>> {
        let one = self.of(moment, key)?;
        let is_answer = one.holds(moment, mark) || self.looking.as_ref() == Some(key);
        let (floor, found) = one.up_to(moment.floor).filter(|_| is_answer)?;
        (floor == moment.floor).then_some(found)
    }

    fn of(&self, moment: &Snapshot, key: &K) -> Option<&Kept<K, V>> {
        self.kept.iter().find(|one| one.key == *key && one.epoch == moment.outside.epoch)
    }

    fn of_mut(&mut self, moment: &Snapshot, key: &K) -> Option<&mut Kept<K, V>> {
        self.kept.iter_mut().find(|one| one.key == *key && one.epoch == moment.outside.epoch)
    }

    /// Leaves out what nobody believes any more, but for the key that is looked at next.
    fn forget(&mut self, moment: &Snapshot, key: &K) {
        let epoch = moment.outside.epoch;
        let is_young = |one: &Kept<K, V>| one.at.elapsed() < one.believed().max(BELIEVED);
        self.kept.retain(|one| one.epoch >= epoch && (one.key == *key || is_young(one)));
    }

    /// Whether a finding more has no room.
    fn is_crowded(&self, key: &K, most: usize) -> bool {
        self.kept.len() >= most && self.kept.iter().all(|one| one.key != *key)
    }

    /// Keeps what was found, in the place of what was known of the same.
    fn note(&mut self, new: Kept<K, V>, most: usize) {
        if self.kept.iter().any(|one| one.key == new.key && one.epoch > new.epoch) {
            return;
        }
        self.kept.retain(|one| one.key != new.key);
        self.kept.push(new);
        if self.kept.len() > most
            && let Some((quickest, _)) = self.kept.iter().enumerate().min_by_key(|(_, one)| one.took)
        {
            self.kept.remove(quickest);
        }
    }
}

impl<K, V> Kept<K, V> {
    /// So long it is believed although something changed.
    fn believed(&self) -> Duration {
        self.took.saturating_mul(SHARE)
    }

    fn holds(&self, moment: &Snapshot, mark: u64) -> bool {
        // Whoever asks with an older moment gets what was found later.
        let is_same = self.edits >= moment.outside.edits && self.mark == mark;
        let believed = if is_same { self.believed().max(BELIEVED) } else { self.believed() };
        self.at.elapsed() < believed
    }

    /// What was found for the highest floor up to this one.
    fn up_to(&self, floor: i64) -> Option<(i64, Arc<V>)> {
        self.found.iter().rev().find(|(at, _)| *at <= floor).cloned()
    }

    fn add(&mut self, floor: i64, found: Arc<V>) {
        let at = self.found.partition_point(|(at, _)| *at < floor);
        self.found.insert(at, (floor, found));
        if self.found.len() > FLOORS {
            self.found.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn moment(epoch: u64, edits: u64, floor: i64) -> Snapshot {
        let mut moment = Snapshot { floor, ..Snapshot::default() };
        (moment.outside.epoch, moment.outside.edits) = (epoch, edits);
        moment
    }

    /// What a question looked at: from which id on, and what was known below that. `None` when it did not look.
    fn ask(
        remembered: &Remembered<&'static str, i64>,
        moment: &Snapshot,
        key: &'static str,
    ) -> Option<(i64, Option<i64>)> {
        let mut looked = None;
        let look = |from, known: Option<&i64>| {
            looked = Some((from, known.copied()));
            Ok(moment.floor)
        };
        let found = remembered.get(moment, key, look).unwrap();
        assert_eq!(*found, moment.floor);
        looked
    }

    /// Has all that is known have taken so long to find out: looks are as slow as the machine is.
    fn set_took<K: Clone + PartialEq, V>(remembered: &Remembered<K, V>, took: Duration) {
        remembered.state().kept.iter_mut().for_each(|one| one.took = took);
    }

    /// The same of the last look at a key that there was no room for.
    fn set_crowded<K: Clone + PartialEq, V>(remembered: &Remembered<K, V>, took: Duration) {
        remembered.state().crowded = Some((Instant::now(), took));
    }

    const ANEW: Option<(i64, Option<i64>)> = Some((i64::MIN, None));

    #[test]
    fn what_is_known_is_added_to_and_forgotten_when_it_is_wrong() {
        let remembered = Remembered::new(2);
        let ask = |moment: &Snapshot, key| ask(&remembered, moment, key);
        assert_eq!(ask(&moment(1, 0, 10), "a"), ANEW);
        assert_eq!(ask(&moment(1, 0, 10), "a"), None);
        assert_eq!(ask(&moment(1, 0, 15), "a"), Some((10, Some(10))), "rows left memory");
        assert_eq!(ask(&moment(1, 0, 10), "a"), None, "somebody with an older moment");
        assert_eq!(ask(&moment(1, 0, 15), "b"), ANEW, "another question");
        set_took(&remembered, Duration::ZERO);
        assert_eq!(ask(&moment(1, 1, 15), "b"), ANEW, "a row was changed");
        assert_eq!(ask(&moment(1, 0, 15), "b"), None, "from before the change");
        assert_eq!(ask(&moment(2, 1, 15), "b"), ANEW, "all was loaded anew");
        assert_eq!(ask(&moment(1, 1, 15), "b"), ANEW, "from before the load");
        assert_eq!(ask(&moment(2, 1, 15), "b"), None, "nothing is lost by that");
    }

    #[test]
    fn rows_that_leave_memory_drive_no_other_finding_out() {
        let remembered = Remembered::new(2);
        let ask = |moment: &Snapshot, key| ask(&remembered, moment, key);
        assert_eq!((ask(&moment(1, 0, 10), "a"), ask(&moment(1, 0, 10), "b")), (ANEW, ANEW));
        for floor in 11..20 {
            assert_eq!(ask(&moment(1, 0, floor), "b"), Some((floor - 1, Some(floor - 1))));
        }
        assert_eq!(ask(&moment(1, 0, 10), "a"), None);
        assert_eq!(ask(&moment(1, 0, 18), "b"), None);
        assert_eq!(ask(&moment(1, 0, 17), "b"), ANEW, "a moment from long ago");
        assert_eq!(ask(&moment(1, 0, 19), "b"), None, "does not replace what is newer");
    }

    #[test]
    fn what_took_long_is_believed_for_a_while() {
        let remembered = Remembered::new(1);
        remembered.get_marked(&moment(1, 0, 10), (), 1, |_, _| Ok(())).unwrap();
        set_took(&remembered, Duration::from_mins(1));
        let never = |_, _: Option<&()>| panic!("it was looked at again");
        remembered.get_marked(&moment(1, 1, 10), (), 1, never).unwrap();
        remembered.get_marked(&moment(1, 1, 10), (), 2, never).unwrap();
        let failed = remembered.get_marked(&moment(2, 1, 10), (), 1, |_, _| Err(WholeError::Busy));
        assert!(failed.is_err());
    }

    #[test]
    fn another_mark_is_a_change() {
        let remembered = Remembered::new(1);
        let mut looks = 0;
        for mark in [1, 1, 2, 2] {
            let look = |_, _: Option<&()>| {
                looks += 1;
                Ok(())
            };
            remembered.get_marked(&moment(1, 0, 10), (), mark, look).unwrap();
            set_took(&remembered, Duration::ZERO);
        }
        assert_eq!(looks, 2);
    }

    #[test]
    fn what_is_known_waits_for_no_look() {
        let remembered = &Remembered::new(4);
        let ask = &|moment: &Snapshot, key| remembered.get(moment, key, |_, _| Ok(0)).unwrap();
        ask(&moment(1, 0, 10), "a");
        ask(&moment(1, 0, 10), "b");
        set_took(remembered, Duration::ZERO);
        let ((begun, begins), (let_go, held)) = (channel(), channel::<()>());
        let (told, answers) = channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let look = |_, _: Option<&i32>| {
                    begun.send(()).unwrap();
                    held.recv().unwrap();
                    Ok(1)
                };
                remembered.get(&moment(1, 1, 10), "b", look).unwrap();
            });
            begins.recv().unwrap();
            scope.spawn(move || {
                told.send(*ask(&moment(1, 0, 10), "a")).unwrap();
                told.send(*ask(&moment(1, 1, 10), "b")).unwrap();
            });
            let answer = || answers.recv_timeout(Duration::from_secs(20));
            let found = (answer(), answer());
            let_go.send(()).unwrap();
            assert_eq!(found, (Ok(0), Ok(0)), "another key, and what was known of the same");
        });
        assert_eq!(*ask(&moment(1, 1, 10), "b"), 1);
    }

    #[test]
    fn keys_that_are_thought_up_drive_nothing_out_that_took_long() {
        let remembered = Remembered::new(2);
        let slow = |key: &'static str| {
            remembered.get(&moment(1, 0, 10), key, |_, _| {
                std::thread::sleep(Duration::from_millis(20));
                Ok(10)
            })
        };
        slow("a").unwrap();
        slow("b").unwrap();
        set_took(&remembered, Duration::from_mins(1));
        for key in ["c", "d", "e"] {
            set_crowded(&remembered, Duration::ZERO);
            assert_eq!(ask(&remembered, &moment(1, 0, 10), key), ANEW);
        }
        assert_eq!(ask(&remembered, &moment(1, 0, 10), "a"), None);
        assert_eq!(ask(&remembered, &moment(1, 0, 10), "b"), None);
        set_took(&remembered, Duration::from_millis(1));
        set_crowded(&remembered, Duration::ZERO);
        slow("f").unwrap();
        set_crowded(&remembered, Duration::from_mins(1));
        assert!(matches!(slow("g"), Err(WholeError::Busy)), "only a share of the time goes into these");
        let kept = ["a", "b", "f"].into_iter().filter(|key| slow(key).is_ok()).count();
        assert_eq!(kept, 2, "one of three had to go");
    }
}
