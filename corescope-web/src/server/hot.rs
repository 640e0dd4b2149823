//! Bodies that many ask for: made once per data version, compressed once, shared by all callers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hashbrown::HashMap;
use http::{HeaderMap, HeaderValue, header};

use super::compress::{Encoding, MIN_BYTES, compress};
use super::conditional;

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
    by_key: HashMap<String, Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    body: Arc<HotBody>,
    /// Held by whoever makes the next body.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// What is known of a body.
#[derive(Debug)]
pub(crate) enum Found {
    /// It holds.
    Fresh(Arc<HotBody>),
    /// It held once: whoever has the turn makes the next one, and the others wait for it.
    Stale(Arc<tokio::sync::Mutex<()>>),
    /// Nobody asked for it yet, or it is not shared.
    Unknown,
}

/// One shared body, with the headers of its answers.
#[derive(Debug)]
pub(crate) struct HotBody {
    version: u64,
    expires: Option<Instant>,
    pub(crate) route: Arc<str>,
    plain: Form,
    packed: [OnceLock<Option<Form>>; 3],
}

/// A body as it is sent.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) body: Bytes,
    /// All headers but those that depend on who asks.
    pub(crate) headers: HeaderMap,
    pub(crate) etag: HeaderValue,
}

impl Form {
    fn new(body: Bytes, mut headers: HeaderMap, etag: HeaderValue, encoding: Encoding) -> Self {
        if body.len() >= MIN_BYTES || encoding != Encoding::Identity {
            headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        if let Some(name) = encoding.name() {
            headers.insert(header::CONTENT_ENCODING, name);
        }
        headers.insert(header::ETAG, etag.clone());
        Self { body, headers, etag }
    }
}

impl HotBody {
    /// `headers` are those of the answer that do not depend on the encoding.
    pub(crate) fn new(hot: Hot, body: Bytes, headers: HeaderMap, etag: HeaderValue, route: Arc<str>) -> Self {
        let expires = hot.ttl.map(|ttl| Instant::now() + ttl);
        let plain = Form::new(body, headers, etag, Encoding::Identity);
        Self { version: hot.version, expires, route, plain, packed: Default::default() }
    }

    /// The form for a client that accepts this encoding, if it is at hand.
    pub(crate) fn ready(&self, encoding: Encoding) -> Option<&Form> {
        match self.slot(encoding) {
            None => Some(&self.plain),
            Some(slot) => slot.get().map(|form| form.as_ref().unwrap_or(&self.plain)),
        }
    }

    /// The form for a client that accepts this encoding, compressed on first use.
    pub(crate) fn form(&self, encoding: Encoding) -> &Form {
        let Some(slot) = self.slot(encoding) else { return &self.plain };
        let pack = || {
            let body = compress(&self.plain.body, encoding)?;
            let mut headers = self.plain.headers.clone();
            headers.remove(header::VARY);
            let etag = conditional::variant(&self.plain.etag, encoding.tag());
            Some(Form::new(body, headers, etag, encoding))
        };
        slot.get_or_init(pack).as_ref().unwrap_or(&self.plain)
    }

    /// Bytes without compression.
    pub(crate) fn len(&self) -> usize {
        self.plain.body.len()
    }

    fn slot(&self, encoding: Encoding) -> Option<&OnceLock<Option<Form>>> {
        if self.len() < MIN_BYTES {
            return None;
        }
        match encoding {
            Encoding::Identity => None,
            Encoding::Gzip => Some(&self.packed[0]),
            Encoding::Brotli => Some(&self.packed[1]),
            Encoding::Zstd => Some(&self.packed[2]),
        }
    }

    fn holds(&self) -> bool {
        self.expires.is_none_or(|at| Instant::now() < at)
    }
}

impl HotBodies {
    /// The body under this key, if it holds; see [`HotBodies::find`].
    pub(crate) fn get(&self, key: &str, version: u64) -> Option<Arc<HotBody>> {
        match self.find(key, version) {
            Found::Fresh(body) => Some(body),
            _ => None,
        }
    }

    /// What is known of the body under this key. It holds when it was made since this version was
    /// read and its time is not over.
    pub(crate) fn find(&self, key: &str, version: u64) -> Found {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = entries.by_key.get(key) else { return Found::Unknown };
        if entry.body.version >= version && entry.body.holds() {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Found::Fresh(entry.body.clone());
        }
        Found::Stale(entry.turn.clone())
    }

    /// How well they serve.
    pub fn figures(&self) -> HotFigures {
        HotFigures {
            entries: self.size().0 as u64,
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    /// Keeps a body. When there are too many, those that no longer hold go first, then any, until
    /// there is room for some more.
    pub(crate) fn put(&self, key: String, body: Arc<HotBody>) {
        self.misses.fetch_add(1, Ordering::Relaxed);
        if body.len() > MAX_BODY {
            return;
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Entries { by_key, bytes } = &mut *entries;
        *bytes += body.len();
        let version = body.version;
        match by_key.entry(key) {
            hashbrown::hash_map::Entry::Occupied(mut known) => {
                *bytes -= known.get().body.len();
                known.get_mut().body = body;
            }
            hashbrown::hash_map::Entry::Vacant(free) => {
                free.insert(Entry { body, turn: Arc::default() });
            }
        }
        if by_key.len() <= MAX_ENTRIES && *bytes <= MAX_BYTES {
            return;
        }
        by_key.retain(|_, e| e.body.version >= version && e.body.holds());
        *bytes = by_key.values().map(|e| e.body.len()).sum();
        if by_key.len() > MAX_ENTRIES || *bytes > MAX_BYTES {
            let (mut kept, mut held) = (0, 0);
            by_key.retain(|_, e| {
                kept += 1;
                held += e.body.len();
                kept <= MAX_ENTRIES / 4 * 3 && held <= MAX_BYTES / 4 * 3
            });
            *bytes = by_key.values().map(|e| e.body.len()).sum();
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
        assert!(bodies.get("/a", 6).is_some(), "made since that version was read");
        assert!(matches!(bodies.find("/a", 8), Found::Stale(_)));
        assert!(matches!(bodies.find("/x", 8), Found::Unknown));
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
