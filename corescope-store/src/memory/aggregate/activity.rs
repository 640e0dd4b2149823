//! Who was heard, and who heard: per node and per observer.

use std::any::Any;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::Aggregate;
use crate::memory::owned::key_hash;
use crate::memory::part::Part;
use crate::memory::snapshot::Snapshot;
use crate::memory::view::Transmission;

/// Shares of the node table, a power of two: a publication copies only those that changed.
const SHARDS: usize = 64;

/// Activity of every node and observer, over what is in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activity {
    nodes: Vec<Arc<Shard>>,
    observers: Arc<HashMap<i64, ObserverActivity>>,
}

/// A share of the nodes, by the hash of their key: numbers are copied and compared more quickly than texts.
#[derive(Clone, Debug, Default, PartialEq)]
struct Shard {
    nodes: HashMap<u64, NodeActivity>,
    /// Their keys, which change only when a node comes or goes.
    keys: Arc<HashMap<u64, Box<str>>>,
}

/// What a node did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeActivity {
    /// Transmissions it takes part in: as sender, in the payload, or as resolved relay.
    pub transmissions: u64,
    /// Of these, those it sent (`from_pubkey`).
    pub sent: u64,
    /// Newest observation of any of them, unix seconds.
    pub last_heard: i64,
    /// Transmissions whose newest observation is that old.
    at_last: u64,
}

/// What an observer heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObserverActivity {
    /// Observations.
    pub observations: u64,
    /// Transmissions.
    pub transmissions: u64,
    /// Of these, adverts.
    pub adverts: u64,
    /// Timestamp of its newest observation, unix seconds.
    pub last_heard: i64,
    at_last: u64,
}

impl Activity {
    /// A node by key (lower-case hex); nothing heard of it gives zeros.
    pub fn node(&self, key: &str) -> NodeActivity {
        let hash = key_hash(key);
        self.nodes.get(shard(hash)).and_then(|shard| shard.nodes.get(&hash)).copied().unwrap_or_default()
    }

    /// All nodes that take part in something, in no particular order.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &NodeActivity)> {
        self.nodes.iter().flat_map(|shard| {
            shard.nodes.iter().filter_map(|(hash, node)| Some((&**shard.keys.get(hash)?, node)))
        })
    }

    /// An observer by rowid; nothing heard by it gives zeros.
    pub fn observer(&self, rowid: i64) -> ObserverActivity {
        self.observers.get(&rowid).copied().unwrap_or_default()
    }

    /// All observers that heard something, in no particular order.
    pub fn observers(&self) -> impl Iterator<Item = (i64, &ObserverActivity)> {
        self.observers.iter().map(|(rowid, observer)| (*rowid, observer))
    }
}

/// Which share a hash belongs to.
fn shard(hash: u64) -> usize {
    hash as usize % SHARDS
}

/// Keeps [`Activity`].
#[derive(Clone, Debug)]
pub(crate) struct Watching {
    now: Activity,
    /// Nodes whose `last_heard` left and must be looked for.
    stale_nodes: HashSet<u64>,
    stale_observers: HashSet<i64>,
    changed: bool,
    published: Arc<Activity>,
}

impl Default for Watching {
    fn default() -> Self {
        let now = Activity { nodes: vec![Arc::default(); SHARDS], observers: Arc::default() };
        Self {
            published: Arc::new(now.clone()),
            now,
            stale_nodes: HashSet::new(),
            stale_observers: HashSet::new(),
            changed: false,
        }
    }
}

impl Watching {
    pub(crate) fn watched(self) -> Activity {
        self.now
    }

    /// Edits a node, given by its hash. The key is asked for when it is a new one.
    fn node<T>(
        &mut self,
        hash: u64,
        key: impl FnOnce() -> Box<str>,
        edit: impl FnOnce(&mut NodeActivity) -> T,
    ) -> T {
        let shard = Arc::make_mut(&mut self.now.nodes[shard(hash)]);
        edit(shard.nodes.entry(hash).or_insert_with(|| {
            Arc::make_mut(&mut shard.keys).insert(hash, key());
            NodeActivity::default()
        }))
    }
}

/// A newer time takes over, an equal one joins: `count` rows have it.
fn raise(last: &mut i64, at_last: &mut u64, time: i64, count: u64) {
    if *at_last == 0 || time > *last {
        (*last, *at_last) = (time, count);
    } else if time == *last {
        *at_last += count;
    }
}

/// Takes some of the newest away; true when none is left.
fn lower(last: i64, at_last: &mut u64, time: i64, count: u64) -> bool {
    if time == last {
        *at_last = at_last.saturating_sub(count);
    }
    *at_last == 0
}

impl Watching {
    /// Adds (or takes away) all rows of a part by the segment's posting lists, which is the same as row by row. False
    /// when rows of it changed: then it must be done row by row.
    pub(crate) fn add_segment(&mut self, part: &Part, add: bool) -> bool {
        if !part.overlay.rows.is_empty() {
            return false;
        }
        self.changed = true;
        part.segment.each_node(|key, count, last, at_last| {
            let hash = key_hash(key);
            let stale = self.node(
                hash,
                || key.into(),
                |node| {
                    if add {
                        node.transmissions += count;
                        raise(&mut node.last_heard, &mut node.at_last, last, at_last);
                        return false;
                    }
                    node.transmissions = node.transmissions.saturating_sub(count);
                    lower(node.last_heard, &mut node.at_last, last, at_last)
                },
            );
            if stale {
                self.stale_nodes.insert(hash);
            }
        });
        part.segment.each_sender(|key, count| {
            if !key.is_empty() {
                self.node(
                    key_hash(key),
                    || key.into(),
                    |node| {
                        node.sent = if add { node.sent + count } else { node.sent.saturating_sub(count) };
                    },
                );
            }
        });
        let observers = Arc::make_mut(&mut self.now.observers);
        let stale = &mut self.stale_observers;
        part.segment.each_observer(|rowid, observations, last, at_last, transmissions, adverts| {
            let observer = observers.entry(rowid).or_default();
            let step = |n: &mut u64, by: u64| *n = if add { *n + by } else { n.saturating_sub(by) };
            step(&mut observer.observations, observations);
            step(&mut observer.transmissions, transmissions);
            step(&mut observer.adverts, adverts);
            if add {
                raise(&mut observer.last_heard, &mut observer.at_last, last, at_last);
            } else if lower(observer.last_heard, &mut observer.at_last, last, at_last) {
                stale.insert(rowid);
            }
        });
        true
    }
}

impl Aggregate for Watching {
    fn add(&mut self, row: &Transmission<'_>) {
        self.changed = true;
        let latest = row.latest();
        row.for_each_node_hash(|hash, key| {
            self.node(hash, key, |node| {
                node.transmissions += 1;
                raise(&mut node.last_heard, &mut node.at_last, latest, 1);
            });
        });
        if let Some(from) = row.from_pubkey().filter(|f| !f.is_empty()) {
            self.node(key_hash(&from), || (*from).into(), |node| node.sent += 1);
        }
        let advert = u64::from(row.payload_type() == Some(4));
        let observers = Arc::make_mut(&mut self.now.observers);
        row.for_each_observer(|rowid, times| {
            let observer = observers.entry(rowid).or_default();
            observer.transmissions += 1;
            observer.adverts += advert;
            for time in times {
                observer.observations += 1;
                raise(&mut observer.last_heard, &mut observer.at_last, *time, 1);
            }
        });
    }

    fn remove(&mut self, row: &Transmission<'_>) {
        self.changed = true;
        let latest = row.latest();
        if let Some(from) = row.from_pubkey().filter(|f| !f.is_empty()) {
            self.node(key_hash(&from), || (*from).into(), |node| node.sent = node.sent.saturating_sub(1));
        }
        row.for_each_node_hash(|hash, key| {
            let stale = self.node(hash, key, |node| {
                node.transmissions = node.transmissions.saturating_sub(1);
                lower(node.last_heard, &mut node.at_last, latest, 1)
            });
            if stale {
                self.stale_nodes.insert(hash);
            }
        });
        let advert = u64::from(row.payload_type() == Some(4));
        let observers = Arc::make_mut(&mut self.now.observers);
        let stale = &mut self.stale_observers;
        row.for_each_observer(|rowid, times| {
            let observer = observers.entry(rowid).or_default();
            observer.transmissions = observer.transmissions.saturating_sub(1);
            observer.adverts = observer.adverts.saturating_sub(advert);
            for time in times {
                observer.observations = observer.observations.saturating_sub(1);
                if lower(observer.last_heard, &mut observer.at_last, *time, 1) {
                    stale.insert(rowid);
                }
            }
        });
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn publish(&mut self, snapshot: &Snapshot) -> Arc<dyn Any + Send + Sync> {
        if !self.changed {
            return Arc::clone(&self.published) as _;
        }
        for hash in std::mem::take(&mut self.stale_nodes) {
            let shard = Arc::make_mut(&mut self.now.nodes[shard(hash)]);
            let Some(node) = shard.nodes.get_mut(&hash) else { continue };
            if node.transmissions == 0 {
                shard.nodes.remove(&hash);
                Arc::make_mut(&mut shard.keys).remove(&hash);
                continue;
            }
            node.at_last = 0;
            let Some(key) = shard.keys.get(&hash) else { continue };
            for row in snapshot.rows_of_node(key) {
                raise(&mut node.last_heard, &mut node.at_last, row.latest(), 1);
            }
        }
        let observers = Arc::make_mut(&mut self.now.observers);
        for rowid in std::mem::take(&mut self.stale_observers) {
            let Some(observer) = observers.get_mut(&rowid) else { continue };
            if observer.observations == 0 {
                observers.remove(&rowid);
                continue;
            }
            observer.at_last = 0;
            for row in snapshot.rows_of_observer(rowid) {
                for observation in row.observations().filter(|o| o.observer() == Some(rowid)) {
                    raise(&mut observer.last_heard, &mut observer.at_last, observation.timestamp(), 1);
                }
            }
        }
        self.published = Arc::new(self.now.clone());
        self.changed = false;
        Arc::clone(&self.published) as _
    }
}
