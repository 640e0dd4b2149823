//! An append: rows go to the newest ones in full, or over the segment that holds their transmission.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::checks::{Defect, check_observation, is_damaged_payload};
use super::compact::{RECENT_BOUND, RECENT_MOST};
use super::owned::OwnedTransmission;
use super::record::{ObservationRow, TransmissionRow};
use super::snapshot::Snapshot;
use super::store::{Making, Outcome, Store};
use super::subscribe::Appended;
use super::view::Transmission;

/// An append in the making: nothing is visible before [`publish`](Self::publish), and dropping it forgets it.
#[derive(Debug)]
pub struct Append<'s> {
    store: &'s Store,
    next: Making<'s>,
    outcome: Outcome,
    /// Transmissions that changed, with what they were.
    touched: BTreeMap<i64, Option<Arc<OwnedTransmission>>>,
    /// The one touched last: observations of a transmission mostly come together.
    last_touched: Option<i64>,
    transmissions: Vec<i64>,
    observations: Vec<(i64, i64)>,
    history: bool,
    recheck: bool,
    /// What is put now is no news.
    known: bool,
    /// Rows were removed.
    removed: bool,
}

impl Snapshot {
    /// Finds what follows from the observations of a row that was changed.
    fn settle_row(&mut self, id: i64) {
        if let Ok(at) = self.recent.find(id) {
            if self.recent.rows[at].is_unsettled() {
                self.recent.edit(at, OwnedTransmission::settle);
            }
        } else if let Some(part) = self.part_of(id) {
            self.parts[part].edit(id, OwnedTransmission::settle);
        }
    }
}

/// Where a transmission is, or would be.
enum Seat {
    /// Position among the recent rows.
    Recent(usize),
    /// Free position among the recent rows.
    Free(usize),
    /// Number of a part.
    Part(usize),
    BelowFloor,
}

impl<'s> Append<'s> {
    pub(super) fn new(store: &'s Store, next: Making<'s>) -> Self {
        Self {
            store,
            next,
            outcome: Outcome::default(),
            touched: BTreeMap::new(),
            last_touched: None,
            transmissions: Vec::new(),
            observations: Vec::new(),
            history: false,
            recheck: false,
            known: false,
            removed: false,
        }
    }

    /// These rows were read before: what is wrong with them was counted then.
    pub(crate) fn rechecking(mut self) -> Self {
        self.recheck = true;
        self
    }

    /// These rows are history: subscribers are not told.
    pub fn as_history(mut self) -> Self {
        self.history = true;
        self
    }

    /// Whether the rows that follow are old ones, which subscribers are not told of even when they were not there.
    pub(crate) fn set_known(&mut self, known: bool) {
        self.known = known;
    }

    /// The transmission with this id, with what was put so far: its columns and observations. What follows from these
    /// is found when all are put.
    pub(crate) fn by_id(&self, id: i64) -> Option<Transmission<'_>> {
        self.next.by_id(id)
    }

    fn seat(&self, id: i64) -> Seat {
        if id < self.next.floor {
            return Seat::BelowFloor;
        }
        match self.next.parts.last() {
            Some(last) if id <= last.high => self.next.part_of(id).map_or(Seat::BelowFloor, Seat::Part),
            _ => match self.next.recent.find(id) {
                Ok(at) => Seat::Recent(at),
                Err(at) => Seat::Free(at),
            },
        }
    }

    /// Remembers what a transmission was before this append.
    fn touch(&mut self, id: i64, was: impl FnOnce(&Snapshot) -> Option<Arc<OwnedTransmission>>) {
        if self.last_touched == Some(id) {
            return;
        }
        self.last_touched = Some(id);
        if !self.touched.contains_key(&id) {
            let was = was(&self.next);
            self.touched.insert(id, was);
        }
    }

    /// Adds a transmission, or replaces the columns of the one with its id.
    pub fn transmission(&mut self, row: &TransmissionRow<'_>) {
        self.next.last_transmission = self.next.last_transmission.max(row.id);
        let mut owned = match OwnedTransmission::new(row) {
            Ok(owned) => owned,
            Err(defect) => return self.skip(defect),
        };
        if is_damaged_payload(row) {
            self.note(Defect::Payload);
        }
        match self.seat(row.id) {
            Seat::BelowFloor => {
                self.outcome.below_floor += 1;
                self.next.outside.changes += 1;
                self.next.outside.heard(row.id, owned.brief.latest);
            }
            Seat::Free(at) => {
                self.touch(row.id, |_| None);
                self.next.recent.insert(at, owned);
                self.next.transmission_count += 1;
                self.note_new(row.id);
            }
            Seat::Recent(at) => {
                let old = Arc::clone(&self.next.recent.rows[at]);
                if old.head == owned.head && old.last_seen >= owned.last_seen {
                    return;
                }
                owned.take_observations_of(&old);
                self.touch(row.id, |_| Some(old));
                self.next.recent.replace(at, owned);
                self.outcome.changed += 1;
            }
            Seat::Part(part) => {
                let old = self.next.parts[part].in_full(row.id);
                if let Some(old) = &old {
                    if old.head == owned.head && old.last_seen >= owned.last_seen {
                        return;
                    }
                    owned.take_observations_of(old);
                    self.outcome.changed += 1;
                } else {
                    self.next.transmission_count += 1;
                    self.note_new(row.id);
                }
                self.touch(row.id, |_| old);
                self.next.parts[part].put(row.id, Some(Arc::new(owned)));
            }
        }
    }

    /// Adds an observation, or replaces the one of its transmission with its id. Its transmission comes first. Whether
    /// another transmission has it is not looked for: [`change_observation`](Self::change_observation) does.
    pub fn observation(&mut self, row: &ObservationRow<'_>) {
        self.next.last_observation = self.next.last_observation.max(row.id);
        let id = row.transmission_id;
        let put = match self.seat(id) {
            Seat::BelowFloor => {
                self.outcome.below_floor += 1;
                self.next.outside.heard(row.transmission_id, row.timestamp);
                return;
            }
            Seat::Free(_) => Err(Defect::Dangling),
            Seat::Recent(at) => {
                if Transmission::from(&*self.next.recent.rows[at]).has(row) {
                    return;
                }
                check_observation(row).and_then(|()| {
                    self.touch(id, |next| next.recent.rows.get(at).cloned());
                    self.next.recent.edit(at, |t| t.put_unsettled(row))
                })
            }
            Seat::Part(part) => match self.next.parts[part].by_id(id) {
                None => Err(Defect::Dangling),
                Some(known) if known.has(row) => return,
                Some(_) => check_observation(row).and_then(|()| {
                    self.lay_over(part, id);
                    self.next.parts[part].edit(id, |t| t.put_unsettled(row)).unwrap_or(Ok(false))
                }),
            },
        };
        match put {
            Ok(true) => {
                self.next.observation_count += 1;
                if self.known {
                    self.outcome.changed += 1;
                } else {
                    self.observations.push((id, row.id));
                }
            }
            Ok(false) => self.outcome.changed += 1,
            Err(defect) => self.skip(defect),
        }
    }

    /// Has a row of a part, which must be there, lie over its segment, to be changed. Of a row that many observations
    /// are put to one copy is made for all of them.
    fn lay_over(&mut self, part: usize, id: i64) {
        let row = self.next.parts[part].in_full(id);
        self.touch(id, |_| row.clone());
        self.next.parts[part].put(id, row);
    }

    /// Replaces an observation, or adds one that was left out. One that was another transmission's leaves that. One
    /// whose transmission is not there is ignored.
    pub fn change_observation(&mut self, row: &ObservationRow<'_>) {
        let is_in_place =
            self.next.by_id(row.transmission_id).is_some_and(|of| of.observation_with(row.id).is_some());
        if !is_in_place
            && let Some(before) = self.next.observation_by_id(row.id).map(|o| o.transmission().id())
        {
            self.remove_observation(before, row.id);
        }
        if row.transmission_id < self.next.floor || self.next.by_id(row.transmission_id).is_some() {
            self.observation(row);
        }
    }

    /// Removes a transmission with its observations. True when it was there.
    pub fn remove_transmission(&mut self, id: i64) -> bool {
        let gone = match self.seat(id) {
            Seat::BelowFloor => {
                self.next.outside.changes += 1;
                self.next.outside.edits += 1;
                return false;
            }
            Seat::Free(_) => return false,
            Seat::Recent(at) => self.next.recent.remove(at),
            Seat::Part(part) => {
                let Some(old) = self.next.parts[part].in_full(id) else { return false };
                self.next.parts[part].put(id, None);
                old
            }
        };
        self.next.transmission_count -= 1;
        self.next.observation_count -= gone.observations.len() as u64;
        self.outcome.changed += 1;
        self.touch(id, |_| Some(gone));
        self.removed = true;
        true
    }

    /// Removes an observation. True when it was there.
    pub fn remove_observation(&mut self, transmission: i64, id: i64) -> bool {
        self.remove_observations(transmission, &BTreeSet::from([id])) > 0
    }

    /// Removes these observations of a transmission; tells how many were there.
    pub(crate) fn remove_observations(&mut self, transmission: i64, gone: &BTreeSet<i64>) -> usize {
        if gone.is_empty() {
            return 0;
        }
        let count = match self.seat(transmission) {
            Seat::BelowFloor => {
                self.next.outside.edits += 1;
                0
            }
            Seat::Free(_) => 0,
            Seat::Recent(at) => {
                self.touch(transmission, |next| next.recent.rows.get(at).cloned());
                self.next.recent.edit(at, |t| t.remove_unsettled(gone))
            }
            Seat::Part(part) => {
                let known = self.next.parts[part].by_id(transmission);
                if !known.is_some_and(|known| known.observations().any(|o| gone.contains(&o.id()))) {
                    return 0;
                }
                self.lay_over(part, transmission);
                self.next.parts[part].edit(transmission, |t| t.remove_unsettled(gone)).unwrap_or_default()
            }
        };
        self.removed |= count > 0;
        self.next.observation_count -= count as u64;
        self.outcome.changed += count as u64;
        count
    }

    /// Counts a row that could not even be read.
    pub fn skip(&mut self, defect: Defect) {
        self.note(defect);
        self.outcome.skipped += 1;
    }

    fn note_new(&mut self, id: i64) {
        if self.known {
            self.outcome.changed += 1;
        } else {
            self.transmissions.push(id);
        }
    }

    fn note(&mut self, defect: Defect) {
        if !self.recheck {
            self.next.tally.note(defect, 1);
        }
    }

    /// The ids of the newest rows given so far, kept or not.
    pub fn last_ids(&self) -> (i64, i64) {
        self.next.last_ids()
    }

    /// Of the rows that were put, those that are there and were not before this append, each once: what came and went
    /// in it is no news, nor is what went and came back.
    fn retain_news(&mut self) {
        let (next, touched) = (&self.next, &self.touched);
        let was = |id: &i64| touched.get(id).and_then(Option::as_deref);
        let mut seen = BTreeSet::new();
        self.transmissions.retain(|id| was(id).is_none() && next.by_id(*id).is_some() && seen.insert(*id));
        self.transmissions.sort_unstable();
        let mut seen = BTreeSet::new();
        self.observations.retain(|(of, id)| {
            let has = |row: Transmission<'_>| row.observation_with(*id).is_some();
            !was(of).is_some_and(|row| has(row.into()))
                && next.by_id(*of).is_some_and(has)
                && seen.insert((*of, *id))
        });
    }

    /// Makes everything visible at once.
    pub fn publish(mut self) -> Outcome {
        if self.removed || !self.transmissions.is_sorted() {
            self.retain_news();
        }
        self.outcome.new_transmissions = self.transmissions.len() as u64;
        self.outcome.new_observations = self.observations.len() as u64;
        let (appender, next) = self.next.both();
        for (id, was) in std::mem::take(&mut self.touched) {
            next.settle_row(id);
            if let Some(now) = next.by_id(id) {
                appender.aggregates.add(&now);
            }
            if let Some(was) = was {
                appender.aggregates.remove(&Transmission::from(&*was));
            }
        }
        let packer = appender.packer.clone();
        let most = if packer.is_some() { RECENT_BOUND } else { RECENT_MOST };
        if next.recent.rows.len() >= most {
            next.pack_recent();
        }
        let packer = packer.filter(|_| next.recent.rows.len() >= RECENT_MOST);
        appender.enforce_budget(next);
        let packed = std::mem::take(&mut appender.packed);
        if !self.history {
            next.tally.inserted += self.outcome.new_transmissions;
        }
        let announced = !self.transmissions.is_empty() || !self.observations.is_empty();
        self.next.publish_and(|snapshot| {
            if let Some(packer) = packer {
                packer.unpark();
            }
            if announced && !self.history {
                self.store.inner.subscribers.send(&Appended {
                    snapshot: Arc::clone(snapshot),
                    transmissions: self.transmissions.into(),
                    observations: self.observations.into(),
                });
            }
        });
        drop(packed);
        self.outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::owned::DERIVED;
    use crate::memory::record::Batch;

    fn transmission(id: i64) -> TransmissionRow<'static> {
        TransmissionRow::bare(id, "00000000000000aa")
    }

    fn heard(id: i64, transmission: i64) -> ObservationRow<'static> {
        ObservationRow::bare(id, transmission, 1_780_315_200)
    }

    /// A store with three transmissions and an observation of the first, in full or packed.
    fn three(packed: bool) -> Store {
        let store = Store::new();
        let transmissions = [1, 2, 3].map(transmission);
        store.append(&Batch { transmissions: &transmissions, observations: &[heard(7, 1)] });
        if packed {
            store.pack();
        }
        store
    }

    #[test]
    fn an_observation_that_becomes_another_transmissions_leaves_the_first() {
        for packed in [false, true] {
            // To another one, and to one that is not there.
            for (to, there) in [(2, vec![(2, 7)]), (9, vec![])] {
                let store = three(packed);
                let mut append = store.begin();
                append.set_known(true);
                append.change_observation(&heard(7, to));
                append.publish();
                let now = store.snapshot();
                let found: Vec<(i64, i64)> = now
                    .transmissions()
                    .flat_map(|row| {
                        row.observations().map(|o| (o.transmission().id(), o.id())).collect::<Vec<_>>()
                    })
                    .collect();
                assert_eq!(found, there, "packed: {packed}");
                assert_eq!(now.observation_count(), there.len() as u64);
                assert_eq!(now.counters().observations, there.len() as u64);
                assert_eq!(
                    now.observation_by_id(7).map(|o| o.transmission().id()),
                    there.first().map(|(of, _)| *of)
                );
            }
        }
    }

    #[test]
    fn what_came_and_went_in_one_append_is_no_news_and_the_rest_is_told_in_order() {
        for packed in [false, true] {
            let store = three(packed);
            let live = store.subscribe(10);
            let mut append = store.begin();
            for id in [6, 5, 4] {
                append.transmission(&transmission(id));
            }
            append.observation(&heard(8, 5));
            append.observation(&heard(10, 6));
            append.observation(&heard(9, 4));
            assert!(append.remove_transmission(5) && append.remove_observation(6, 10));
            // What went and came back was there before.
            assert!(append.remove_transmission(1));
            append.transmission(&transmission(1));
            append.observation(&heard(7, 1));
            append.observation(&heard(11, 1));
            // This one is as new as if it had come once.
            assert!(append.remove_transmission(6));
            append.transmission(&transmission(6));
            let outcome = append.publish();
            assert_eq!((outcome.new_transmissions, outcome.new_observations), (2, 2));
            assert_eq!(store.inserted(), 5);
            let told = live.try_recv().expect("an append");
            assert_eq!((&*told.transmissions, &*told.observations), (&[4, 6][..], &[(4, 9), (1, 11)][..]));
            // Nothing but what is gone again: nobody is told.
            let mut append = store.begin();
            append.transmission(&transmission(20));
            append.remove_transmission(20);
            assert_eq!(append.publish().new_transmissions, 0);
            assert!(live.try_recv().is_err());
        }
    }

    fn often(id: i64, rssi: f64) -> ObservationRow<'static> {
        let (observer, path_json) = (Some(id % 5), Some(r#"["AB","CD"]"#));
        ObservationRow { observer, path_json, rssi: Some(rssi), ..ObservationRow::bare(id, 1, id) }
    }

    /// A transmission that was heard a thousand times, with odd ids.
    fn often_heard() -> Store {
        let store = Store::new();
        let row = TransmissionRow {
            raw_hex: "15",
            first_seen: "1970-01-01T00:00:00Z",
            ..TransmissionRow::bare(1, "0a")
        };
        let mut append = store.begin();
        append.transmission(&row);
        (0..1000).for_each(|n| append.observation(&often(2 * n + 1, -90.0)));
        append.publish();
        store
    }

    #[test]
    fn what_follows_from_observations_is_found_once_for_many_of_them() {
        for packed in [false, true] {
            let store = often_heard();
            if packed {
                store.pack();
            }
            let mut append = store.begin();
            DERIVED.set(0);
            (0..500).for_each(|n| append.change_observation(&often(2 * n + 1, -80.0)));
            assert_eq!(append.remove_observations(1, &(900..1100).collect()), 100);
            (0..50).for_each(|n| append.observation(&often(2 * n + 100, -70.0)));
            (500..700).for_each(|n| append.observation(&often(2 * n + 1, -60.0)));
            let outcome = append.publish();
            // A row that is packed is copied first.
            assert_eq!(DERIVED.get(), if packed { 2 } else { 1 });
            assert_eq!((outcome.new_observations, outcome.changed), (50, 500 + 100 + 150));
            // The same rows as one that is put in at once.
            let rows = store.snapshot().by_id(1).map(|row| row.to_owned_row()).expect("a row");
            let settled = OwnedTransmission::copy_of(&Transmission::from(&rows));
            assert_eq!(format!("{rows:?}"), format!("{settled:?}"));
            assert_eq!(rows.observations.len(), 1000);
            let (counters, activity) = crate::memory::recount(&store.snapshot());
            assert_eq!(
                (&**store.snapshot().counters(), &**store.snapshot().activity()),
                (&counters, &activity)
            );
        }
    }
}
