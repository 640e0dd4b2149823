//! The handle: one appender, any number of readers that never wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use super::aggregate::{Aggregate, Aggregates, Published};
use super::append::Append;
use super::checks::Defect;
use super::graph::Graph;
use super::memory_use::MemoryUse;
use super::nodes::{Node, Nodes};
use super::observers::Observers;
use super::owned::OwnedTransmission;
use super::part::Part;
use super::publication::{self, Maker, Publication};
use super::record::Batch;
use super::segment::Segment;
use super::snapshot::{Loading, Snapshot};
use super::subscribe::{Subscribers, Subscription};
use super::tally::{Evicted, Tally};

/// The index store. A clone is another handle to the same store.
#[derive(Clone, Debug, Default)]
pub struct Store {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    /// The turn is held while a new snapshot is made; readers never take it.
    publication: Publication<ArcSwap<Snapshot>, Mutex<Appender>>,
    pub(super) subscribers: Subscribers,
}

/// What only the appender needs.
#[derive(Debug, Default)]
pub(super) struct Appender {
    pub(super) aggregates: Aggregates,
    /// The thread that packs recent rows, if there is one.
    pub(super) packer: Option<std::thread::Thread>,
    /// Rows that thread has packed. Who appends frees them: memory that one thread asks for and another gives back
    /// makes both wait for each other.
    pub(super) packed: Vec<Arc<OwnedTransmission>>,
}

/// The next snapshot in the making, and the appender's turn.
pub(super) type Making<'s> = publication::Making<'s, ArcSwap<Snapshot>, Mutex<Appender>>;

/// What an append did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Transmissions that were not there before.
    pub new_transmissions: u64,
    /// Observations that were not there before.
    pub new_observations: u64,
    /// Rows that replaced others, or were removed.
    pub changed: u64,
    /// Rows left out, see [`Store::defects`].
    pub skipped: u64,
    /// Rows below [`Snapshot::floor`]: they are not kept in memory.
    pub below_floor: u64,
}

impl Store {
    /// An empty store without a ceiling.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that keeps at most about this many bytes of rows in memory: it drops the oldest segments,
    /// never the newest rows.
    pub fn with_budget(bytes: usize) -> Self {
        Self::within(Some(bytes))
    }

    /// Sets another ceiling; `None` lifts it. What was dropped under a lower one does not come back.
    pub fn set_budget(&self, bytes: Option<usize>) {
        let mut next = self.turn();
        next.tally.budget = bytes;
        next.enforce_budget();
        next.publish();
    }

    /// An empty store with this ceiling.
    fn within(budget: Option<usize>) -> Self {
        let tally = Tally { budget, ..Tally::default() };
        let empty = Snapshot { tally, ..Snapshot::default() };
        let publication = Publication::new(ArcSwap::from_pointee(empty), Mutex::default());
        Self { inner: Arc::new(Inner { publication, subscribers: Subscribers::default() }) }
    }

    /// The current moment.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.publication.current()
    }

    /// Rows that were left out so far, by reason; under [`Defect::Payload`] those kept with a text that is no JSON.
    pub fn defects(&self) -> BTreeMap<Defect, u64> {
        BTreeMap::clone(&self.snapshot().tally.defects)
    }

    /// What left memory so far, by the ceiling or by the window.
    pub fn evicted(&self) -> Evicted {
        self.snapshot().tally.evicted
    }

    /// Transmissions that were appended so far, history left out.
    pub fn inserted(&self) -> u64 {
        self.snapshot().tally.inserted
    }

    /// Where the memory is.
    pub fn memory_use(&self) -> MemoryUse {
        MemoryUse::of(&self.snapshot())
    }

    /// Receives every later append, in order. A receiver that is more than `capacity` appends behind loses
    /// the newest ones and is told how many.
    ///
    /// Each append that waits holds its snapshot, and with it whatever left memory or was packed anew since: a receiver
    /// that stays behind costs memory beyond the ceiling. A small capacity bounds that.
    ///
    /// ```
    /// use corescope_store::memory::{Batch, Store};
    /// # use corescope_store::memory::TransmissionRow;
    ///
    /// let store = Store::new();
    /// let subscription = store.subscribe(64);
    /// # let transmission = TransmissionRow {
    /// #     id: 1, raw_hex: "1500C0FFEE", hash: "00000000000000a1", first_seen: "2026-06-01T12:00:00Z", last_seen: 0,
    /// #     route_type: Some(1), payload_type: Some(5), payload_version: Some(0), decoded_json: None, from_pubkey: None,
    /// #     channel_hash: None, scope_name: None,
    /// # };
    /// store.append(&Batch { transmissions: &[transmission], observations: &[] });
    ///
    /// let appended = subscription.try_recv()?;
    /// for row in appended.transmissions.iter().filter_map(|id| appended.snapshot.by_id(*id)) {
    ///     println!("{} is new", row.hash());
    /// }
    /// assert_eq!((&*appended.transmissions, subscription.take_lost()), (&[1][..], 0));
    /// # Ok::<(), std::sync::mpsc::TryRecvError>(())
    /// ```
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.inner.subscribers.add(capacity)
    }

    /// Registers an aggregate: it is given every row there is, then every change. The result is what readers see
    /// of it, as of the last publication.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use corescope_store::memory::{Aggregate, Batch, Published, Snapshot, Store, Transmission};
    /// # use corescope_store::memory::TransmissionRow;
    ///
    /// /// Bytes of all frames.
    /// #[derive(Debug, Default)]
    /// struct FrameBytes(usize);
    ///
    /// impl Aggregate for FrameBytes {
    ///     fn add(&mut self, row: &Transmission<'_>) {
    ///         self.0 += row.raw().len();
    ///     }
    ///
    ///     fn remove(&mut self, row: &Transmission<'_>) {
    ///         self.0 -= row.raw().len();
    ///     }
    ///
    ///     fn clear(&mut self) {
    ///         self.0 = 0;
    ///     }
    ///
    ///     fn publish(&mut self, _: &Snapshot) -> Published {
    ///         Arc::new(self.0)
    ///     }
    /// }
    ///
    /// let store = Store::new();
    /// let seen = store.register(Box::<FrameBytes>::default());
    /// # let transmission = TransmissionRow {
    /// #     id: 1, raw_hex: "1500C0FFEE", hash: "00000000000000a1", first_seen: "2026-06-01T12:00:00Z", last_seen: 0,
    /// #     route_type: Some(1), payload_type: Some(5), payload_version: Some(0), decoded_json: None, from_pubkey: None,
    /// #     channel_hash: None, scope_name: None,
    /// # };
    /// store.append(&Batch { transmissions: &[transmission], observations: &[] });
    /// assert_eq!(seen.load().downcast_ref::<usize>(), Some(&5));
    /// ```
    pub fn register(&self, mut aggregate: Box<dyn Aggregate>) -> Arc<ArcSwap<Published>> {
        let mut turn = self.turn();
        turn.transmissions().for_each(|row| aggregate.add(&row));
        let seen = Arc::new(ArcSwap::from_pointee(aggregate.publish(&turn)));
        turn.maker.aggregates.register(aggregate, Arc::clone(&seen));
        seen
    }

    /// Adds rows, or replaces those with their ids, and publishes the result at once.
    ///
    /// Rows that cannot be kept are counted in [`defects`](Self::defects) and left out.
    pub fn append(&self, batch: &Batch<'_>) -> Outcome {
        let mut append = self.begin();
        for row in batch.transmissions {
            append.transmission(row);
        }
        for row in batch.observations {
            append.observation(row);
        }
        append.publish()
    }

    /// Begins an append that is given row by row. There is one at a time: a second caller waits.
    pub fn begin(&self) -> Append<'_> {
        Append::new(self, self.turn())
    }

    /// Puts a segment of older rows in front: it holds every id from `low` to just below `above`, which was the
    /// [floor](Snapshot::floor) when the last one was put in. False when it is no longer: rows in between left memory,
    /// and these would hide that they lack.
    pub(crate) fn prepend(
        &self,
        (low, above): (i64, i64),
        segment: Segment,
        skipped: &BTreeMap<Defect, u64>,
        loading: Loading,
    ) -> bool {
        let mut next = self.turn();
        if next.floor != above {
            return false;
        }
        let above = next.parts.first().map(|p| p.low).or_else(|| next.recent.rows.first().map(|t| t.head.id));
        let high = above.map_or_else(
            || segment.id_range().map_or(low, |(_, high)| high),
            |above| above.saturating_sub(1),
        );
        for (defect, count) in skipped {
            next.tally.note(*defect, *count);
        }
        next.floor = low;
        next.loading = loading;
        let part = Part::new(low, high, Arc::new(segment));
        next.count(&part);
        next.parts.insert(0, part);
        next.enforce_budget();
        next.publish();
        true
    }

    /// Puts the parts of a snapshot file in place of nothing, and what was left out when they were loaded.
    pub(crate) fn adopt(
        &self,
        parts: Vec<Part>,
        floor: i64,
        defects: BTreeMap<Defect, u64>,
        loading: Loading,
    ) {
        let mut next = self.turn();
        next.tally.defects = Arc::new(defects);
        for part in parts {
            next.count(&part);
            next.parts.push(part);
        }
        next.floor = floor;
        next.loading = loading;
        next.enforce_budget();
        next.publish();
    }

    /// Puts these nodes in place of those known.
    pub fn set_nodes(&self, nodes: Nodes) {
        self.change(|next| next.nodes = Arc::new(nodes));
    }

    /// Puts these rows in place of those with their keys; returns how many differed.
    pub fn update_nodes(&self, changed: Vec<Node>) -> usize {
        let mut next = self.turn();
        let (nodes, count) = next.nodes.with(changed);
        if count > 0 {
            next.nodes = Arc::new(nodes);
            next.publish();
        }
        count
    }

    /// Removes the rows with these keys.
    pub fn remove_nodes(&self, keys: &[&str]) {
        self.change(|next| next.nodes = Arc::new(next.nodes.without(keys)));
    }

    /// Drops the oldest segments from memory that hold nothing heard from `cutoff` to `now` (unix seconds). They stay
    /// in the database. What broken clocks date to the future keeps nothing.
    pub(crate) fn drop_before(&self, cutoff: i64, now: i64) {
        let is_old = |next: &Snapshot| next.parts.first().is_some_and(|part| part.newest_until(now) < cutoff);
        if !is_old(&self.snapshot()) {
            return;
        }
        let mut next = self.turn();
        while is_old(&next) {
            let (appender, moment) = next.both();
            appender.drop_oldest(moment);
        }
        next.publish();
    }

    /// The ceiling for segments and rows in full, bytes.
    pub(crate) fn budget(&self) -> Option<usize> {
        self.snapshot().tally.budget
    }

    /// An empty store with the same ceiling.
    pub(crate) fn sibling(&self) -> Self {
        Self::within(self.budget())
    }

    /// This store without anything of a database: a load that was interrupted begins again.
    pub(crate) fn emptied(&self) -> Self {
        // Without rows there may still be a floor, rows that were left out, tables.
        if self.snapshot().version() > 0 {
            self.replace_with(&self.sibling());
        }
        self.clone()
    }

    /// Puts these observers in place of those known; false when nothing differed.
    pub fn set_observers(&self, observers: Observers) -> bool {
        let mut next = self.turn();
        if next.observers.same_as(&observers) {
            return false;
        }
        next.observers = Arc::new(observers);
        next.publish();
        true
    }

    /// Puts this neighbour graph in place of the one known. Readers hold the old one or the new one, whole.
    pub fn set_graph(&self, graph: Graph) {
        self.change(|next| next.graph = Arc::new(graph));
    }

    /// Tells readers how far the load is.
    pub fn set_loading(&self, loading: Loading) {
        self.change(|next| next.loading = loading);
    }

    /// Puts the contents of another store in place of this one's: readers see the old contents, then the new.
    /// Registered aggregates are given the new rows, then the old ones leave. The other store stays as it is.
    pub fn replace_with(&self, other: &Self) {
        if Arc::ptr_eq(&self.inner, &other.inner) {
            return;
        }
        // One turn after the other: two stores that replace each other must not wait for each other.
        let (aggregates, theirs) = {
            let turn = other.turn();
            (turn.maker.aggregates.own(), Snapshot::clone(&turn))
        };
        let mut next = self.turn();
        let (appender, moment) = next.both();
        appender.aggregates.replace(aggregates, moment, &theirs);
        let ours = std::mem::replace(moment, theirs);
        next.version = ours.version;
        // Higher than both: a sum would double with every exchange of two stores.
        next.outside.changes = next.outside.changes.max(ours.outside.changes) + 1;
        next.outside.epoch = next.outside.epoch.max(ours.outside.epoch) + 1;
        next.tally.budget = ours.tally.budget;
        next.tally.inserted = ours.tally.inserted;
        next.tally.evicted = ours.tally.evicted;
        next.enforce_budget();
        next.publish();
    }

    pub(super) fn change(&self, edit: impl FnOnce(&mut Snapshot)) {
        let mut next = self.turn();
        edit(&mut next);
        next.publish();
    }

    /// Waits for the turn to make the next snapshot from the current one.
    pub(super) fn turn(&self) -> Making<'_> {
        self.inner.publication.begin()
    }
}

impl Maker<Snapshot> for Appender {
    fn begin(&mut self, current: &Snapshot) {
        self.aggregates.catch_up(current);
    }

    fn complete(&mut self, next: &mut Snapshot) {
        self.aggregates.publish(next);
        next.version += 1;
    }

    fn published(&mut self) {
        self.aggregates.show();
    }
}

impl Making<'_> {
    /// Counts the rows of a part that is put in.
    fn count(&mut self, part: &Part) {
        self.maker.aggregates.add_part(part);
        self.transmission_count += part.len() as u64;
        self.observation_count += part.observation_count() as u64;
        let highest = part.segment.id_range().map_or(0, |(_, high)| high);
        self.last_transmission = self.last_transmission.max(highest);
        self.last_observation = self.last_observation.max(part.segment.last_observation().unwrap_or(0));
    }

    /// Drops whole parts from the old end until the rest fits.
    pub(super) fn enforce_budget(&mut self) {
        let (appender, next) = self.both();
        appender.enforce_budget(next);
    }
}

impl Appender {
    /// Drops whole parts from the old end until the rest fits.
    pub(super) fn enforce_budget(&mut self, next: &mut Snapshot) {
        let Some(budget) = next.tally.budget else { return };
        let recent = next.recent.bytes();
        let mut held: usize = recent + next.parts.iter().map(Part::bytes).sum::<usize>();
        while held > budget && !next.parts.is_empty() {
            held -= self.drop_oldest(next);
        }
    }

    /// Drops the oldest part, of which there must be one; tells how many bytes it held.
    fn drop_oldest(&mut self, next: &mut Snapshot) -> usize {
        let gone = next.parts.remove(0);
        self.aggregates.remove_part(&gone);
        next.tally.evicted.transmissions += gone.len() as u64;
        next.tally.evicted.observations += gone.observation_count() as u64;
        next.transmission_count -= gone.len() as u64;
        next.observation_count -= gone.observation_count() as u64;
        next.floor = gone.high.saturating_add(1);
        next.outside.changes += 1;
        next.outside.latest = next.outside.latest.max(gone.newest());
        gone.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{ObservationRow, TransmissionRow};

    const NOW: i64 = 1_780_315_200;

    /// Appends and packs a transmission first heard at `first`, and again at these times.
    fn append(store: &Store, id: i64, first: i64, again: &[i64]) {
        let (hash, first_seen) = (format!("{id:016x}"), corescope_core::time::rfc3339(first));
        let mut append = store.begin();
        append.transmission(&TransmissionRow { first_seen: &first_seen, ..TransmissionRow::bare(id, &hash) });
        for (n, timestamp) in again.iter().enumerate() {
            append.observation(&ObservationRow::bare(id * 100 + n as i64, id, *timestamp));
        }
        append.publish();
        store.pack();
    }

    #[test]
    fn older_rows_are_put_in_where_they_join_on_and_nowhere_else() {
        let store = Store::new();
        let prepend = |low: i64, above: i64, ids: std::ops::Range<i64>| {
            let mut builder = crate::memory::segment::Builder::default();
            for id in ids {
                builder.transmission(&TransmissionRow::bare(id, &format!("{id:016x}"))).expect("a row");
            }
            store.prepend((low, above), builder.finish(), &BTreeMap::new(), Loading::default())
        };
        assert!(prepend(20, i64::MIN, 20..30) && prepend(10, 20, 10..20));
        // The older of the two leaves memory before the next comes.
        store.set_budget(Some(store.memory_use().total() - 1));
        store.set_budget(None);
        let before = store.snapshot();
        assert_eq!((before.floor(), before.transmission_count()), (20, 10));
        assert!(!prepend(i64::MIN, 10, 0..10), "ids from 10 on would be missing");
        let after = store.snapshot();
        assert_eq!((after.floor(), after.version()), (20, before.version()));
        assert!(prepend(i64::MIN, 20, 0..20));
        assert_eq!((store.snapshot().floor(), store.snapshot().transmission_count()), (i64::MIN, 30));
    }

    #[test]
    fn a_store_that_holds_no_rows_is_emptied_of_all_else() {
        let store = Store::with_budget(1);
        append(&store, 1, NOW, &[NOW]);
        store.append(&Batch { transmissions: &[TransmissionRow::bare(2, "")], observations: &[] });
        store.set_nodes(Nodes::new(vec![Node { public_key: "aa".into(), ..Node::default() }]));
        let full = store.snapshot();
        assert_eq!((full.transmission_count(), full.floor(), full.defects().len()), (0, 2, 1));
        assert_eq!((full.evicted().transmissions, full.last_ids()), (1, (2, 100)));
        let empty = store.emptied().snapshot();
        assert_eq!((empty.floor(), empty.defects().len(), empty.last_ids()), (i64::MIN, 0, (0, 0)));
        // Figures of the store's own life go on.
        assert_eq!((empty.evicted(), empty.nodes().iter().count()), (full.evicted(), 0));
        assert!(empty.version() > full.version() && empty.outside.epoch > full.outside.epoch);
        assert_eq!(store.budget(), Some(1));
    }

    #[test]
    fn a_reception_of_the_future_keeps_no_old_segment() {
        let store = Store::new();
        append(&store, 1, NOW - 5000, &[NOW + 1_000_000]);
        append(&store, 2, NOW - 4000, &[NOW - 3000, NOW + 50]);
        append(&store, 3, NOW - 4500, &[NOW - 1000, NOW + 50]);
        append(&store, 4, NOW - 9000, &[]);
        store.drop_before(NOW - 2000, NOW);
        let left: Vec<i64> = store.snapshot().transmissions().map(|row| row.id()).collect();
        assert_eq!(left, [3, 4], "the third was heard in time, and holds back what came after it");
    }
}
