//! An immutable moment of the store.

use std::sync::Arc;

use super::graph::Graph;
use super::matcher::Matcher;
use super::nodes::Nodes;
use super::observers::Observers;
use super::owned::OwnedTransmission;
use super::query::{Cursor, Order, Page, Query};
use super::view::{Observation, Transmission};

/// Everything the store knows at one moment. Taking one costs two atomic operations; it never changes.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub(crate) version: u64,
    pub(crate) recent: Vec<Arc<OwnedTransmission>>,
    pub(crate) observation_count: u64,
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) observers: Arc<Observers>,
    pub(crate) graph: Arc<Graph>,
    pub(crate) loading: Loading,
}

/// How far the first load of a database is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loading {
    /// Transmissions the database held when the load began.
    pub expected: u64,
    /// Transmissions loaded of these.
    pub loaded: u64,
    /// The newest day is there: the store is worth querying.
    pub usable: bool,
    /// Everything the budget allows is there.
    pub complete: bool,
    /// The load ended early for this reason.
    pub error: Option<String>,
}

impl Loading {
    /// Per cent of the transmissions, 0–100.
    pub fn percent(&self) -> u64 {
        if self.complete { 100 } else { (self.loaded * 100).checked_div(self.expected).unwrap_or(0).min(99) }
    }
}

impl Snapshot {
    /// Grows with every publication: equal versions of one store have equal contents.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Transmissions in memory.
    pub fn transmission_count(&self) -> u64 {
        self.recent.len() as u64
    }

    /// Observations in memory.
    pub fn observation_count(&self) -> u64 {
        self.observation_count
    }

    /// The highest ids of a transmission and of an observation; 0 when there is none.
    pub fn last_ids(&self) -> (i64, i64) {
        let observations = self.recent.iter().filter_map(|t| t.observations.last()).map(|o| o.id);
        (self.recent.last().map_or(0, |t| t.head.id), observations.max().unwrap_or(0))
    }

    /// The nodes.
    pub fn nodes(&self) -> &Arc<Nodes> {
        &self.nodes
    }

    /// The observers.
    pub fn observers(&self) -> &Arc<Observers> {
        &self.observers
    }

    /// The neighbour graph.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// Bytes held by the nodes, the observers and the graph.
    pub fn table_bytes(&self) -> usize {
        self.nodes.bytes() + self.observers.bytes() + self.graph.bytes()
    }

    /// How far the load is.
    pub fn loading(&self) -> &Loading {
        &self.loading
    }

    /// The transmission with this content hash (any letter case).
    pub fn by_hash(&self, hash: &str) -> Option<Transmission<'_>> {
        self.transmissions().rev().find(|t| t.hash().eq_ignore_ascii_case(hash))
    }

    /// The transmission with this id.
    pub fn by_id(&self, id: i64) -> Option<Transmission<'_>> {
        let at = self.recent.binary_search_by_key(&id, |t| t.head.id).ok()?;
        self.recent.get(at).map(|t| Transmission::from(&**t))
    }

    /// The observation with this id.
    pub fn observation_by_id(&self, id: i64) -> Option<Observation<'_>> {
        self.recent.iter().rev().find_map(|t| {
            let at = t.observations.binary_search_by_key(&id, |o| o.id).ok()?;
            Transmission::from(&**t).observation(at)
        })
    }

    /// All transmissions, ascending by id.
    pub fn transmissions(&self) -> impl DoubleEndedIterator<Item = Transmission<'_>> + Clone {
        self.recent.iter().map(|t| Transmission::from(&**t))
    }

    /// Answers a query from memory.
    pub fn query(&self, query: &Query) -> Page<'_> {
        let matcher = Matcher::new(query, self);
        let mut found: Vec<Transmission<'_>> = self.transmissions().filter(|t| matcher.matches(t)).collect();
        match query.order {
            Order::OldestId => {}
            Order::NewestId => found.reverse(),
            Order::Latest => found.sort_by_key(|t| std::cmp::Reverse((t.latest(), t.id()))),
        }
        let total = found.len() as u64;
        let behind = |t: &Transmission<'_>, c: &Cursor| match query.order {
            Order::OldestId => t.id() > c.id,
            Order::NewestId => t.id() < c.id,
            Order::Latest => (t.latest(), t.id()) < (c.latest, c.id),
        };
        let mut rest = found
            .into_iter()
            .filter(|t| query.after.as_ref().is_none_or(|c| behind(t, c)))
            .skip(query.offset);
        let rows: Vec<Transmission<'_>> = rest.by_ref().take(query.limit).collect();
        let more = rest.next().is_some();
        let next = rows.last().filter(|_| more).map(|t| Cursor { latest: t.latest(), id: t.id() });
        Page { total, rows, next }
    }
}
