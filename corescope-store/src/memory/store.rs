//! The handle: one appender, any number of readers that never wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::graph::Graph;
use super::nodes::{Node, Nodes};
use super::observers::Observers;
use super::owned::{Defect, OwnedTransmission};
use super::record::{Batch, ObservationRow, TransmissionRow};
use super::snapshot::{Loading, Snapshot};
use super::subscribe::{Appended, Subscribers, Subscription};

/// The index store. A clone is another handle to the same store.
#[derive(Clone, Debug, Default)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    current: ArcSwap<Snapshot>,
    /// Held while a new snapshot is made; readers never take it.
    appender: Mutex<Appender>,
    subscribers: Subscribers,
}

#[derive(Debug, Default)]
struct Appender {
    defects: BTreeMap<Defect, u64>,
}

/// What an append did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Transmissions that were not there before.
    pub new_transmissions: u64,
    /// Observations that were not there before.
    pub new_observations: u64,
    /// Rows that replaced others.
    pub changed: u64,
    /// Rows left out, see [`Store::defects`].
    pub skipped: u64,
}

impl Store {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The current moment.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.current.load_full()
    }

    /// Rows that were left out so far, by reason.
    pub fn defects(&self) -> BTreeMap<Defect, u64> {
        self.appender().defects.clone()
    }

    /// Receives every later append, in order. A receiver that is more than `capacity` appends behind loses
    /// the newest ones and is told how many.
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.inner.subscribers.add(capacity)
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
        let appender = self.appender();
        let next = Snapshot::clone(&self.inner.current.load());
        Append {
            store: self,
            appender,
            next,
            outcome: Outcome::default(),
            transmissions: Vec::new(),
            observations: Vec::new(),
            history: false,
        }
    }

    /// Puts these nodes in place of those known.
    pub fn set_nodes(&self, nodes: Nodes) {
        self.change(|next| next.nodes = Arc::new(nodes));
    }

    /// Puts these rows in place of those with their keys; returns how many differed.
    pub fn update_nodes(&self, changed: Vec<Node>) -> usize {
        let _appender = self.appender();
        let mut next = Snapshot::clone(&self.inner.current.load());
        let (nodes, count) = next.nodes.with(changed);
        if count > 0 {
            next.nodes = Arc::new(nodes);
            self.publish(&mut next);
        }
        count
    }

    /// Puts these observers in place of those known; false when nothing differed.
    pub fn set_observers(&self, observers: Observers) -> bool {
        let _appender = self.appender();
        let mut next = Snapshot::clone(&self.inner.current.load());
        if next.observers.same_as(&observers) {
            return false;
        }
        next.observers = Arc::new(observers);
        self.publish(&mut next);
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

    fn change(&self, edit: impl FnOnce(&mut Snapshot)) {
        let _appender = self.appender();
        let mut next = Snapshot::clone(&self.inner.current.load());
        edit(&mut next);
        self.publish(&mut next);
    }

    /// The publication step: the only place where readers' view changes.
    fn publish(&self, next: &mut Snapshot) -> Arc<Snapshot> {
        next.version += 1;
        let snapshot = Arc::new(std::mem::take(next));
        self.inner.current.store(Arc::clone(&snapshot));
        snapshot
    }

    fn appender(&self) -> MutexGuard<'_, Appender> {
        // A panicking appender published nothing: the state it leaves is the last published one.
        self.inner.appender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An append in the making: nothing is visible before [`publish`](Self::publish), and dropping it forgets it.
#[derive(Debug)]
pub struct Append<'s> {
    store: &'s Store,
    appender: MutexGuard<'s, Appender>,
    next: Snapshot,
    outcome: Outcome,
    transmissions: Vec<i64>,
    observations: Vec<(i64, i64)>,
    history: bool,
}

impl Append<'_> {
    /// These rows are history: subscribers are not told.
    pub fn as_history(mut self) -> Self {
        self.history = true;
        self
    }

    /// Adds a transmission, or replaces the columns of the one with its id.
    pub fn transmission(&mut self, row: &TransmissionRow<'_>) {
        let mut owned = match OwnedTransmission::new(row) {
            Ok(owned) => owned,
            Err(defect) => return self.skip(defect),
        };
        match self.next.recent.binary_search_by_key(&row.id, |t| t.head.id) {
            Ok(at) => {
                let old = &self.next.recent[at];
                if old.head != owned.head {
                    owned.observations.clone_from(&old.observations);
                    owned.derive();
                    self.next.recent[at] = Arc::new(owned);
                    self.outcome.changed += 1;
                }
            }
            Err(at) => {
                self.next.recent.insert(at, Arc::new(owned));
                self.transmissions.push(row.id);
            }
        }
    }

    /// Adds an observation, or replaces the one with its id. Its transmission comes first.
    pub fn observation(&mut self, row: &ObservationRow<'_>) {
        let Ok(at) = self.next.recent.binary_search_by_key(&row.transmission_id, |t| t.head.id) else {
            return self.skip(Defect::Dangling);
        };
        match Arc::make_mut(&mut self.next.recent[at]).put(row) {
            Ok(true) => self.observations.push((row.transmission_id, row.id)),
            Ok(false) => self.outcome.changed += 1,
            Err(defect) => self.skip(defect),
        }
    }

    /// Removes a transmission with its observations. True when it was there.
    pub fn remove_transmission(&mut self, id: i64) -> bool {
        let Ok(at) = self.next.recent.binary_search_by_key(&id, |t| t.head.id) else { return false };
        let gone = self.next.recent.remove(at);
        self.next.observation_count -= gone.observations.len() as u64;
        self.outcome.changed += 1;
        true
    }

    /// Removes an observation. True when it was there.
    pub fn remove_observation(&mut self, transmission: i64, id: i64) -> bool {
        let Ok(at) = self.next.recent.binary_search_by_key(&transmission, |t| t.head.id) else {
            return false;
        };
        let gone = Arc::make_mut(&mut self.next.recent[at]).remove(id);
        if gone {
            self.next.observation_count -= 1;
            self.outcome.changed += 1;
        }
        gone
    }

    /// Counts a row that could not even be read.
    pub fn skip(&mut self, defect: Defect) {
        *self.appender.defects.entry(defect).or_default() += 1;
        self.outcome.skipped += 1;
    }

    /// Makes everything visible at once.
    pub fn publish(mut self) -> Outcome {
        self.outcome.new_transmissions = self.transmissions.len() as u64;
        self.outcome.new_observations = self.observations.len() as u64;
        self.next.observation_count += self.outcome.new_observations;
        if self.outcome.new_transmissions + self.outcome.new_observations + self.outcome.changed == 0 {
            return self.outcome;
        }
        let snapshot = self.store.publish(&mut self.next);
        let announced = !self.transmissions.is_empty() || !self.observations.is_empty();
        if announced && !self.history {
            self.store.inner.subscribers.send(&Appended {
                snapshot,
                transmissions: self.transmissions.into(),
                observations: self.observations.into(),
            });
        }
        self.outcome
    }
}
