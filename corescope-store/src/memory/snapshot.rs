//! An immutable moment of the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::aggregate::{Activity, Counters};
use super::graph::Graph;
use super::matcher::takes_part;
use super::nodes::Nodes;
use super::observers::Observers;
use super::owned::OwnedTransmission;
use super::part::{Part, Recent};
use super::query::{Page, Query};
use super::segment::{Segment, lookup_key};
use super::tally::Tally;
use super::view::{Observation, Transmission};

/// Everything the store knows at one moment. Taking one costs two atomic operations; it never changes.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(crate) version: u64,
    /// Ascending by id.
    pub(crate) parts: Vec<Part>,
    /// Behind all parts.
    pub(crate) recent: Recent,
    pub(crate) transmission_count: u64,
    pub(crate) observation_count: u64,
    pub(crate) last_transmission: i64,
    pub(crate) last_observation: i64,
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) observers: Arc<Observers>,
    pub(crate) graph: Arc<Graph>,
    pub(crate) loading: Loading,
    pub(crate) counters: Arc<Counters>,
    pub(crate) activity: Arc<Activity>,
    /// Ids below are not in memory: not loaded yet, or evicted.
    pub(crate) floor: i64,
    pub(crate) outside: Outside,
    pub(crate) tally: Tally,
}

/// What passed through the store of rows that are not in memory.
#[derive(Clone, Debug)]
pub(crate) struct Outside {
    /// Grows when everything was loaded anew: nothing that was known of rows outside memory holds.
    pub(crate) epoch: u64,
    /// Grows whenever a transmission there is put, changed or removed, or leaves memory.
    pub(crate) changes: u64,
    /// Grows whenever a row there, also an observation, is put, changed or removed; not when rows leave memory.
    pub(crate) edits: u64,
    /// Newest reception of those that left memory; those in `late` may have later ones.
    pub(crate) latest: i64,
    /// Transmissions there that were heard again: id and newest reception. A few old packets that are heard again must
    /// not make all of them look new.
    pub(crate) late: Arc<BTreeMap<i64, i64>>,
}

/// Entries of [`Outside::late`], at most.
const MOST_LATE: usize = 1024;

impl Outside {
    /// Notes a reception of a transmission outside memory.
    pub(crate) fn heard(&mut self, id: i64, at: i64) {
        self.edits += 1;
        let late = Arc::make_mut(&mut self.late);
        let newest = late.entry(id).or_insert(at);
        *newest = at.max(*newest);
        if late.len() > MOST_LATE
            && let Some((id, at)) = late.iter().map(|(id, at)| (*id, *at)).min_by_key(|(_, at)| *at)
        {
            late.remove(&id);
            self.latest = self.latest.max(at);
        }
    }
}

impl Default for Outside {
    fn default() -> Self {
        Self { epoch: 0, changes: 0, edits: 0, latest: i64::MIN, late: Arc::default() }
    }
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
    /// What cannot be read: why the load ended early, why the database cannot be followed now, or why some rows cannot
    /// be compared with it. `None` when all is well.
    pub error: Option<String>,
}

impl Loading {
    /// Per cent of the transmissions, 0–100.
    pub fn percent(&self) -> u64 {
        if self.complete { 100 } else { (self.loaded * 100).checked_div(self.expected).unwrap_or(0).min(99) }
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            version: 0,
            parts: Vec::new(),
            recent: Recent::default(),
            transmission_count: 0,
            observation_count: 0,
            last_transmission: 0,
            last_observation: 0,
            nodes: Arc::default(),
            observers: Arc::default(),
            graph: Arc::default(),
            loading: Loading::default(),
            counters: Arc::default(),
            activity: Arc::default(),
            floor: i64::MIN,
            outside: Outside::default(),
            tally: Tally::default(),
        }
    }
}

impl Snapshot {
    /// Grows with every publication: equal versions of one store have equal contents.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Transmissions in memory.
    pub fn transmission_count(&self) -> u64 {
        self.transmission_count
    }

    /// Observations in memory.
    pub fn observation_count(&self) -> u64 {
        self.observation_count
    }

    /// The highest ids of a transmission and of an observation; 0 when there is none.
    pub fn last_ids(&self) -> (i64, i64) {
        (self.last_transmission, self.last_observation)
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

    /// Bytes held by rows and tables: segments, rows in full, nodes, observers, the graph.
    pub fn held_bytes(&self) -> usize {
        self.parts.iter().map(Part::bytes).sum::<usize>() + self.recent.bytes() + self.table_bytes()
    }

    /// Totals over what is in memory.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Activity of nodes and observers over what is in memory.
    pub fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// The lowest id that is in memory if it exists; `i64::MIN` when everything is.
    pub fn floor(&self) -> i64 {
        self.floor
    }

    /// Whether older rows were left out for want of memory. They are in the database still:
    /// [`Whole`](crate::tail::Whole) answers from both.
    pub fn lacks_rows(&self) -> bool {
        self.floor > i64::MIN && self.loading.complete
    }

    /// How far the load is.
    pub fn loading(&self) -> &Loading {
        &self.loading
    }

    /// The transmission with this content hash (any letter case).
    pub fn by_hash(&self, hash: &str) -> Option<Transmission<'_>> {
        let key = lookup_key(hash);
        if let Some(found) = self.recent.by_hash(key, hash) {
            return Some(Transmission::from(&**found));
        }
        self.parts.iter().rev().find_map(|part| part.by_hash(key, hash))
    }

    /// The transmission with this id.
    pub fn by_id(&self, id: i64) -> Option<Transmission<'_>> {
        if let Ok(at) = self.recent.find(id) {
            return self.recent.rows.get(at).map(|t| Transmission::from(&**t));
        }
        self.parts.get(self.part_of(id)?)?.by_id(id)
    }

    /// The observation with this id.
    pub fn observation_by_id(&self, id: i64) -> Option<Observation<'_>> {
        self.recent
            .observation_by_id(id)
            .or_else(|| self.parts.iter().rev().find_map(|part| part.observation_by_id(id)))
    }

    /// All transmissions, ascending by id.
    pub fn transmissions(&self) -> impl DoubleEndedIterator<Item = Transmission<'_>> + Clone {
        self.parts.iter().flat_map(Part::transmissions).chain(self.recent_transmissions())
    }

    /// Those that are not packed.
    pub(crate) fn recent_transmissions(&self) -> impl DoubleEndedIterator<Item = Transmission<'_>> + Clone {
        self.recent.rows.iter().map(|t| Transmission::from(&**t))
    }

    /// Answers a query from memory.
    pub fn query(&self, query: &Query) -> Page<'_> {
        super::search::run(self, query)
    }

    /// Newest observation of all, unix seconds; `i64::MIN` when there is none.
    pub fn newest(&self) -> i64 {
        let packed = self.parts.iter().map(Part::newest);
        packed.chain(self.recent.briefs().iter().map(|row| row.latest)).max().unwrap_or(i64::MIN)
    }

    /// The transmission that was first heard before all others.
    pub fn oldest(&self) -> Option<Transmission<'_>> {
        let first = |t: &Transmission<'_>| t.first_seen_unix();
        let mut oldest = self.recent.rows.iter().map(|t| Transmission::from(&**t)).min_by_key(first);
        let mut parts: Vec<(i64, &Part)> = self.parts.iter().map(|part| (part.oldest(), part)).collect();
        parts.sort_unstable_by_key(|(bound, _)| *bound);
        for (bound, part) in parts {
            if oldest.is_some_and(|t| first(&t) <= bound) {
                break;
            }
            oldest = oldest.into_iter().chain(part.transmissions()).min_by_key(first);
        }
        oldest
    }

    /// Ids from this one on, ascending.
    pub(crate) fn ids_from(&self, id: i64) -> impl Iterator<Item = i64> {
        let parts = self.parts.iter().filter(move |p| p.high >= id);
        let packed = parts.flat_map(Part::transmissions).map(|t| t.id());
        packed.chain(self.recent.rows.iter().map(|t| t.head.id)).filter(move |found| *found >= id)
    }

    /// Transmissions a node (lower-case key) takes part in.
    pub(crate) fn rows_of_node<'a>(&'a self, key: &'a str) -> impl Iterator<Item = Transmission<'a>> {
        let packed = self.parts.iter().flat_map(move |part| {
            part.packed(part.segment.rows_of_node(key))
                .chain(part.changed().filter(move |t| takes_part(t, key)))
        });
        packed.chain(
            self.recent.rows.iter().map(|t| Transmission::from(&**t)).filter(move |t| takes_part(t, key)),
        )
    }

    /// Transmissions an observer heard.
    pub(crate) fn rows_of_observer(&self, rowid: i64) -> impl Iterator<Item = Transmission<'_>> {
        let heard = move |t: &Transmission<'_>| t.observations().any(|o| o.observer() == Some(rowid));
        let packed = self.parts.iter().flat_map(move |part| {
            part.packed(part.segment.rows_of_observer(rowid)).chain(part.changed().filter(heard))
        });
        packed.chain(self.recent.rows.iter().map(|t| Transmission::from(&**t)).filter(heard))
    }

    /// This moment with one segment for all its rows: to ask it what lies outside.
    pub(crate) fn with_only(&self, low: i64, segment: Segment) -> Self {
        let high = segment.id_range().map_or(low, |(_, high)| high.max(low));
        Self {
            parts: vec![Part::new(low, high, Arc::new(segment))],
            recent: Recent::default(),
            ..self.clone()
        }
    }

    /// This moment with these rows in full for all its rows, ascending by id.
    pub(crate) fn with_rows(&self, rows: Vec<Arc<OwnedTransmission>>) -> Self {
        Self { parts: Vec::new(), recent: Recent::from_rows(rows), ..self.clone() }
    }

    /// The part that holds an id.
    pub(crate) fn part_of(&self, id: i64) -> Option<usize> {
        let at = self.parts.partition_point(|p| p.high < id);
        self.parts.get(at).filter(|p| p.low <= id).map(|_| at)
    }
}
