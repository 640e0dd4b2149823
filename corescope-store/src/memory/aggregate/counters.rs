//! Counts behind `/api/stats`.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Aggregate;
use crate::memory::snapshot::Snapshot;
use crate::memory::view::Transmission;

/// Hours before the newest observation's whose observations are counted second by second.
const FINE_HOURS: i64 = 25;

/// Observations of each second of an hour.
type Hour = Arc<[u32; 3600]>;

/// Totals over what is in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Transmissions.
    pub transmissions: u64,
    /// Observations.
    pub observations: u64,
    /// Transmissions by payload type; `None` for those without one.
    pub by_payload_type: BTreeMap<Option<i64>, u64>,
    /// Transmissions by route type.
    pub by_route_type: BTreeMap<Option<i64>, u64>,
    /// By hour since 1970.
    hours: BTreeMap<i64, Hour>,
}

impl Counters {
    /// Observations with a timestamp later than `since` (unix seconds); exact as long as that lies within 25 hours
    /// of the newest observation.
    pub fn observations_since(&self, since: i64) -> u64 {
        let from = since.saturating_add(1);
        let (hour, second) = (from.div_euclid(3600), from.rem_euclid(3600) as usize);
        let sum = |seconds: &[u32]| seconds.iter().map(|n| u64::from(*n)).sum::<u64>();
        let first = self.hours.get(&hour).map_or(0, |seconds| sum(&seconds[second..]));
        first + self.hours.range(hour.saturating_add(1)..).map(|(_, seconds)| sum(&seconds[..])).sum::<u64>()
    }
}

/// Keeps [`Counters`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Counting {
    now: Counters,
    /// The hour of the newest observation so far.
    newest: Option<i64>,
    changed: bool,
    removed: bool,
    published: Arc<Counters>,
}

impl Counting {
    pub(crate) fn counted(self) -> Counters {
        self.now
    }

    fn count(&mut self, row: &Transmission<'_>, step: i64) {
        let move_by = |n: &mut u64, by: i64| *n = n.saturating_add_signed(by);
        move_by(&mut self.now.transmissions, step);
        move_by(&mut self.now.observations, step * row.observation_count() as i64);
        for (map, key) in [
            (&mut self.now.by_payload_type, row.payload_type()),
            (&mut self.now.by_route_type, row.route_type()),
        ] {
            let count = map.entry(key).or_default();
            move_by(count, step);
            if *count == 0 {
                map.remove(&key);
            }
        }
        self.changed = true;
        self.removed |= step < 0;
        self.count_hours(row, step);
    }

    fn count_hours(&mut self, row: &Transmission<'_>, step: i64) {
        let hour_of = |time: i64| time.div_euclid(3600);
        if self.newest.is_some_and(|newest| hour_of(row.latest()) < newest - FINE_HOURS) {
            return;
        }
        for observation in row.observations() {
            let time = observation.timestamp();
            let hour = hour_of(time);
            let newest = self.newest.map_or(hour, |newest| newest.max(hour));
            if self.newest != Some(newest) {
                // Parts come oldest first: the hours of a long history are not held all at once.
                self.newest = Some(newest);
                self.now.hours = self.now.hours.split_off(&(newest - FINE_HOURS));
            }
            if hour < newest - FINE_HOURS {
                continue;
            }
            let seconds = self.now.hours.entry(hour).or_insert_with(|| Arc::new([0; 3600]));
            let count = &mut Arc::make_mut(seconds)[time.rem_euclid(3600) as usize];
            *count = count.saturating_add_signed(step as i32);
        }
    }

    /// When the newest observation left, the window moves back: its hours are counted anew.
    fn move_back(&mut self, snapshot: &Snapshot) {
        while self.now.hours.last_key_value().is_some_and(|(_, seconds)| seconds.iter().all(|n| *n == 0)) {
            self.now.hours.pop_last();
        }
        if self.now.hours.last_key_value().map(|(hour, _)| *hour) != self.newest {
            self.newest = None;
            self.now.hours.clear();
            snapshot.transmissions().rev().for_each(|row| self.count_hours(&row, 1));
        }
    }
}

impl Aggregate for Counting {
    fn add(&mut self, row: &Transmission<'_>) {
        self.count(row, 1);
    }

    fn remove(&mut self, row: &Transmission<'_>) {
        self.count(row, -1);
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn publish(&mut self, snapshot: &Snapshot) -> Arc<dyn Any + Send + Sync> {
        if std::mem::take(&mut self.removed) {
            self.move_back(snapshot);
        }
        if self.changed {
            let floor = self.newest.unwrap_or(0) - FINE_HOURS;
            while self.now.hours.first_key_value().is_some_and(|(hour, _)| *hour < floor) {
                self.now.hours.pop_first();
            }
            self.published = Arc::new(self.now.clone());
            self.changed = false;
        }
        Arc::clone(&self.published) as _
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{ObservationRow, OwnedTransmission, TransmissionRow};

    #[test]
    fn times_that_climb_through_the_ages_take_no_more_room_than_a_day() {
        let mut owned = OwnedTransmission::new(&TransmissionRow::bare(1, "00")).expect("a row");
        let mut counting = Counting::default();
        for n in 0..2000 {
            owned.put(&ObservationRow::bare(n, 1, n * 3600)).expect("an observation");
        }
        counting.add(&Transmission::from(&owned));
        assert!(counting.now.hours.len() as i64 <= FINE_HOURS + 1, "{} hours", counting.now.hours.len());
        assert_eq!(counting.now.observations_since(1990 * 3600), 9);
    }
}
