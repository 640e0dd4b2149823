//! Bodies that many ask for: made once per data version, compressed once, shared by all callers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hashbrown::HashMap;
use http::{HeaderMap, HeaderValue};

use super::compress::{Encoding, compress};

/// Put by a handler into the extensions of its answer: "this body may be shared".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hot {
    /// The data version that the body was made from (taken *before* it was made).
    pub version: u64,
    /// For answers that also depend on the time: how long they hold.
    pub ttl: Option<Duration>,
}

impl Hot {
    /// Holds as long as the data do not change.
    pub fn until_change(version: u64) -> Self {
        Self { version, ttl: None }
    }

    /// Holds until the data change, at most this long.
    pub fn at_most(version: u64, ttl: Duration) -> Self {
        Self { version, ttl: Some(ttl) }
    }
}

/// Entries kept.
const MAX_ENTRIES: usize = 256;
/// Bytes kept in all, compressed forms not counted (they are smaller).
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Larger bodies are not kept.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// The shared bodies.
#[derive(Debug, Default)]
pub struct HotBodies {
    entries: Mutex<Entries>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// How well the shared bodies serve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HotFigures {
    /// Bodies kept.
    pub entries: u64,
    /// Requests answered from one.
    pub hits: u64,
    /// Bodies made.
    pub misses: u64,
}

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<String, Arc<HotBody>>,
    bytes: usize,
}

/// One shared body.
#[derive(Debug)]
pub(crate) struct HotBody {
    pub(crate) version: u64,
    expires: Option<Instant>,
    pub(crate) body: Bytes,
    pub(crate) headers: HeaderMap,
    pub(crate) etag: HeaderValue,
    pub(crate) route: Arc<str>,
    encoded: [OnceLock<Option<Bytes>>; 3],
}

impl HotBody {
    pub(crate) fn new(hot: Hot, body: Bytes, headers: HeaderMap, etag: HeaderValue, route: Arc<str>) -> Self {
        let expires = hot.ttl.map(|ttl| Instant::now() + ttl);
        Self { version: hot.version, expires, body, headers, etag, route, encoded: Default::default() }
    }

    /// The body in this encoding, compressed on first use.
    pub(crate) fn encoded(&self, encoding: Encoding) -> Option<Bytes> {
        let slot = match encoding {
            Encoding::Identity => return None,
            Encoding::Gzip => &self.encoded[0],
            Encoding::Brotli => &self.encoded[1],
            Encoding::Zstd => &self.encoded[2],
        };
        slot.get_or_init(|| compress(&self.body, encoding)).clone()
    }

    fn is_fresh(&self, version: u64) -> bool {
        self.version == version && self.expires.is_none_or(|at| Instant::now() < at)
    }
}

impl HotBodies {
    /// The body under this key, if it still holds.
    pub(crate) fn get(&self, key: &str, version: u64) -> Option<Arc<HotBody>> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let found = entries.by_key.get(key).filter(|e| e.is_fresh(version)).cloned();
        self.hits.fetch_add(u64::from(found.is_some()), Ordering::Relaxed);
        found
    }

    /// How well they serve.
    pub fn figures(&self) -> HotFigures {
        HotFigures {
            entries: self.size().0 as u64,
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    /// Keeps a body; what no longer holds goes first, then whatever comes first.
    pub(crate) fn put(&self, key: String, body: Arc<HotBody>) {
        self.misses.fetch_add(1, Ordering::Relaxed);
        if body.body.len() > MAX_BODY {
            return;
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Entries { by_key, bytes } = &mut *entries;
        *bytes += body.body.len();
        let version = body.version;
        if let Some(old) = by_key.insert(key, body) {
            *bytes -= old.body.len();
        }
        if by_key.len() > MAX_ENTRIES || *bytes > MAX_BYTES {
            by_key.retain(|_, e| e.is_fresh(version));
            *bytes = by_key.values().map(|e| e.body.len()).sum();
        }
        while by_key.len() > MAX_ENTRIES || *bytes > MAX_BYTES {
            let Some(key) = by_key.keys().next().cloned() else { break };
            if let Some(old) = by_key.remove(&key) {
                *bytes -= old.body.len();
            }
        }
    }

    /// Bodies kept and their bytes.
    pub fn size(&self) -> (usize, usize) {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        (entries.by_key.len(), entries.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(hot: Hot, len: usize) -> Arc<HotBody> {
        let etag = HeaderValue::from_static("\"x\"");
        Arc::new(HotBody::new(hot, Bytes::from(vec![b'x'; len]), HeaderMap::new(), etag, "/".into()))
    }

    #[test]
    fn a_body_holds_for_its_version_and_time() {
        let bodies = HotBodies::default();
        bodies.put("/a".into(), body(Hot::until_change(7), 10));
        assert!(bodies.get("/a", 7).is_some());
        assert!(bodies.get("/a", 8).is_none());
        bodies.put("/b".into(), body(Hot::at_most(7, Duration::ZERO), 10));
        assert!(bodies.get("/b", 7).is_none());
    }

    #[test]
    fn the_store_of_bodies_is_bounded() {
        let bodies = HotBodies::default();
        for n in 0..1000 {
            bodies.put(format!("/{n}"), body(Hot::until_change(1), 1024));
        }
        assert!(bodies.size().0 <= MAX_ENTRIES);
        for n in 0..20 {
            bodies.put(format!("/big{n}"), body(Hot::until_change(1), 10 * 1024 * 1024));
        }
        assert!(bodies.size().1 <= MAX_BYTES);
        bodies.put("/huge".into(), body(Hot::until_change(1), MAX_BODY + 1));
        assert!(bodies.get("/huge", 1).is_none());
    }
}
