//! What all sources share.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use corescope_core::uplink::Admission;
use tokio::sync::broadcast;

use super::counters::Counters;

/// What all sources share.
#[derive(Debug)]
pub struct Shared {
    admission: ArcSwap<Admission>,
    /// Counters and log limits.
    pub counters: Counters,
    feed: broadcast::Sender<Heard>,
}

/// A message as it came, for those who listen along.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its bytes.
    pub payload: Bytes,
}

/// Messages that a slow listener may lag behind before it misses some.
const FEED: usize = 1024;

impl Shared {
    /// With these rules.
    pub fn new(admission: Admission) -> Self {
        Self {
            admission: ArcSwap::from_pointee(admission),
            counters: Counters::default(),
            feed: broadcast::channel(FEED).0,
        }
    }

    /// The rules now.
    pub fn admission(&self) -> Arc<Admission> {
        self.admission.load_full()
    }

    /// Takes other rules.
    pub fn set_admission(&self, admission: Admission) {
        self.admission.store(Arc::new(admission));
    }

    /// Tells those who listen along.
    pub fn heard(&self, topic: &str, payload: &Bytes) {
        if self.feed.receiver_count() > 0 {
            let _ = self.feed.send(Heard { topic: Arc::from(topic), payload: payload.clone() });
        }
    }

    /// Listens along.
    pub fn listen(&self) -> broadcast::Receiver<Heard> {
        self.feed.subscribe()
    }
}
