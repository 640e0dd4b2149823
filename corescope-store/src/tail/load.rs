//! The threads of the first load: chunks are read and packed ahead and handed over newest first.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::chunks::{Chunk, Plan};
use super::pack::{Beyond, Loaded, load_chunk};
use super::strays::Strays;

/// Reads a chunk, on a connection that the thread keeps.
type Read = dyn Fn(Chunk, &mut Option<Connection>) -> rusqlite::Result<Vec<Loaded>> + Send + Sync;

/// The threads of a load. Dropping it stops them.
pub(super) struct Loaders {
    chunks: Vec<Chunk>,
    /// Chunks that may be read: what is read ahead is bounded.
    work: Option<Sender<(usize, Chunk)>>,
    results: Option<Receiver<(usize, rusqlite::Result<Vec<Loaded>>)>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// Results that came before their turn.
    early: BTreeMap<usize, rusqlite::Result<Vec<Loaded>>>,
    next: usize,
    given: usize,
    /// What the chunks so far count on.
    pub(super) noted: Noted,
}

/// The newest chunks count on each other to note observations that are elsewhere; from the one on that finds more than
/// there is room for, each looks for its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    /// Transmissions from here on are of chunks that count on that.
    pub(super) from: i64,
    /// Observations with ids up to here were not looked at by those chunks.
    pub(super) not_up_to: i64,
    /// There was room for all so far.
    pub(super) goes_on: bool,
}

impl Loaders {
    /// Starts `threads` threads on the plan.
    pub(super) fn start(
        path: PathBuf,
        plan: &Plan,
        threads: usize,
        strays: Arc<Strays>,
    ) -> std::io::Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let read = move |chunk: Chunk, kept: &mut Option<Connection>| {
            let connection = match kept {
                Some(connection) => connection,
                None => kept.insert(super::open(&path)?),
            };
            if strays.is_full() {
                return load_chunk(connection, chunk, Beyond::Read, &stopped);
            }
            let mine = strays.take(chunk.low, chunk.high);
            let loaded = load_chunk(connection, chunk, Beyond::Noted(&strays, &mine), &stopped);
            if loaded.is_err() {
                strays.extend(mine);
            }
            loaded
        };
        Self::with(Arc::new(read), stop, plan, threads)
    }

    fn with(read: Arc<Read>, stop: Arc<AtomicBool>, plan: &Plan, threads: usize) -> std::io::Result<Self> {
        let threads = threads.clamp(1, plan.chunks.len().max(1));
        let ((work, to_read), (sender, results)) = (channel(), sync_channel(threads + 1));
        let to_read = Arc::new(Mutex::new(to_read));
        let mut loaders = Self {
            chunks: plan.chunks.clone(),
            work: Some(work),
            results: Some(results),
            stop: Arc::clone(&stop),
            threads: Vec::new(),
            early: BTreeMap::new(),
            next: 0,
            given: 0,
            noted: Noted {
                from: plan.last_transmission.saturating_add(1),
                not_up_to: plan.last_observation,
                goes_on: true,
            },
        };
        // One is ready while each thread reads another.
        (0..=threads).for_each(|_| loaders.give());
        for number in 0..threads {
            let thread = Loader {
                read: Arc::clone(&read),
                to_read: Arc::clone(&to_read),
                results: sender.clone(),
                stop: Arc::clone(&stop),
            };
            let name = format!("store-load-{number}");
            loaders.threads.push(std::thread::Builder::new().name(name).spawn(move || thread.run())?);
        }
        Ok(loaders)
    }

    /// Lets one more chunk be read.
    fn give(&mut self) {
        self.send(self.given);
        self.given += 1;
    }

    fn send(&self, number: usize) {
        if let (Some(work), Some(chunk)) = (&self.work, self.chunks.get(number)) {
            // The threads are gone only when this is.
            let _ = work.send((number, *chunk));
        }
    }

    /// The next chunk in order, if it is there within this time; `Ok(None)` when it is not, an empty list after the last.
    pub(super) fn next(&mut self, at_most: Duration) -> rusqlite::Result<Option<Vec<Loaded>>> {
        if self.next == self.chunks.len() {
            return Ok(Some(Vec::new()));
        }
        if !self.early.contains_key(&self.next)
            && let Some(results) = &self.results
        {
            match results.recv_timeout(at_most) {
                Ok((number, result)) => _ = self.early.insert(number, result),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(panicked()),
            }
        }
        let Some(result) = self.early.remove(&self.next) else { return Ok(None) };
        if let (Ok(list), Some(chunk)) = (&result, self.chunks.get(self.next)) {
            if list.iter().all(|loaded| !loaded.counts_on_notes) {
                self.noted.goes_on = false;
            } else if self.noted.goes_on && list.iter().all(|loaded| loaded.counts_on_notes) {
                (self.noted.from, self.noted.not_up_to) =
                    (chunk.low, chunk.observations_low.saturating_sub(1));
            } else {
                // It was read ahead, and counts on one before it that had no room.
                self.send(self.next);
                return Ok(None);
            }
        }
        self.next += 1;
        self.give();
        // Copied by the thread that keeps it: what a loader allocates goes when the loader goes, and is not held up by
        // segments that lie between.
        let copied = |loaded: Loaded| Loaded { segment: loaded.segment.clone(), ..loaded };
        result.map(|list| Some(list.into_iter().map(copied).collect()))
    }
}

impl Drop for Loaders {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // A thread that waits is let go.
        (self.work, self.results) = (None, None);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that loads the database panicked");
            }
        }
    }
}

/// What a thread of a load works with.
struct Loader {
    read: Arc<Read>,
    to_read: Arc<Mutex<Receiver<(usize, Chunk)>>>,
    results: SyncSender<(usize, rusqlite::Result<Vec<Loaded>>)>,
    stop: Arc<AtomicBool>,
}

impl Loader {
    fn run(self) {
        let mut connection = None;
        loop {
            let next = self.to_read.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((number, chunk)) = next else { return };
            let mut result = self.read(chunk, &mut connection);
            if result.is_err() && !self.stop.load(Ordering::Acquire) {
                // The connection may be what is broken.
                connection = None;
                result = self.read(chunk, &mut connection);
            }
            if self.stop.load(Ordering::Acquire) || self.results.send((number, result)).is_err() {
                return;
            }
        }
    }

    fn read(&self, chunk: Chunk, connection: &mut Option<Connection>) -> rusqlite::Result<Vec<Loaded>> {
        // Others wait for this chunk: a panic is an error of it like another.
        catch_unwind(AssertUnwindSafe(|| (self.read)(chunk, connection))).unwrap_or_else(|_| Err(panicked()))
    }
}

fn panicked() -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure("a thread that loads the database panicked".into())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Instant;

    use super::*;
    use crate::memory::segment::Builder;

    fn plan(chunks: i64) -> Plan {
        let chunk = |n| Chunk { low: n, high: n, observations_low: n, observations_high: n };
        Plan { chunks: (0..chunks).rev().map(chunk).collect(), ..Plan::default() }
    }

    fn loaders(read: Arc<Read>, plan: &Plan, threads: usize) -> Loaders {
        Loaders::with(read, Arc::default(), plan, threads).expect("threads")
    }

    fn empty(chunk: Chunk) -> Vec<Loaded> {
        let (segment, defects) = (Builder::default().finish(), BTreeMap::new());
        vec![Loaded { low: chunk.low, segment, defects, change: None, counts_on_notes: true }]
    }

    /// Waits for the next chunk, five minutes at most.
    fn wait(loaders: &mut Loaders) -> rusqlite::Result<Vec<Loaded>> {
        let begin = Instant::now();
        loop {
            if let Some(list) = loaders.next(Duration::from_millis(5))? {
                return Ok(list);
            }
            assert!(begin.elapsed() < Duration::from_mins(5), "no chunk comes");
        }
    }

    #[test]
    fn a_panic_is_an_error_of_its_chunk() {
        let read = |chunk: Chunk, _: &mut Option<Connection>| {
            assert_ne!(chunk.low, 5, "this one panics");
            Ok(empty(chunk))
        };
        let mut loaders = loaders(Arc::new(read), &plan(10), 2);
        for low in [9, 8, 7, 6] {
            assert_eq!(wait(&mut loaders).expect("a chunk")[0].low, low);
        }
        assert!(wait(&mut loaders).expect_err("the panic").to_string().contains("panicked"));
        assert_eq!(loaders.noted, Noted { from: 6, not_up_to: 5, goes_on: true });
        assert_eq!(wait(&mut loaders).expect("a chunk")[0].low, 4);
    }

    #[test]
    fn an_error_is_tried_again_once() {
        let tried = Arc::new(AtomicUsize::new(0));
        let tries = Arc::clone(&tried);
        let read = move |chunk: Chunk, _: &mut Option<Connection>| match tries.fetch_add(1, Ordering::AcqRel)
        {
            0 => Err(rusqlite::Error::InvalidQuery),
            _ => Ok(empty(chunk)),
        };
        let mut loaders = loaders(Arc::new(read), &plan(1), 1);
        assert_eq!(wait(&mut loaders).expect("a chunk").len(), 1);
        assert_eq!(wait(&mut loaders).expect("the end").len(), 0);
        assert_eq!(tried.load(Ordering::Acquire), 2);
    }

    #[test]
    fn what_was_read_ahead_of_a_chunk_that_had_no_room_is_read_again() {
        let full = Arc::<AtomicBool>::default();
        let (is_full, (let_go, held)) = (Arc::clone(&full), channel::<()>());
        let held = Mutex::new(held);
        let read = move |chunk: Chunk, _: &mut Option<Connection>| {
            let was_full = is_full.load(Ordering::Acquire);
            if chunk.low == 8 && !was_full {
                let _ = held.lock().unwrap_or_else(PoisonError::into_inner).recv();
                is_full.store(true, Ordering::Release);
            }
            let counts_on_notes = !was_full && chunk.low != 8;
            Ok(empty(chunk).into_iter().map(|l| Loaded { counts_on_notes, ..l }).collect())
        };
        let mut loaders = loaders(Arc::new(read), &plan(10), 2);
        assert_eq!(wait(&mut loaders).expect("a chunk")[0].low, 9);
        while loaders.early.len() < 2 {
            assert!(loaders.next(Duration::from_millis(1)).expect("no error").is_none());
        }
        let_go.send(()).expect("a reader");
        for low in (0..9).rev() {
            let chunk = wait(&mut loaders).expect("a chunk").remove(0);
            assert_eq!((chunk.low, chunk.counts_on_notes), (low, false));
        }
        assert_eq!(loaders.noted, Noted { from: 9, not_up_to: 8, goes_on: false });
    }

    #[test]
    fn what_is_read_ahead_is_bounded() {
        let (begun, (let_go, held)) = (Arc::new(AtomicUsize::new(0)), channel::<()>());
        let (count, held) = (Arc::clone(&begun), Mutex::new(held));
        let read = move |chunk: Chunk, _: &mut Option<Connection>| {
            count.fetch_add(1, Ordering::AcqRel);
            if chunk.low == 99 {
                let _ = held.lock().unwrap_or_else(PoisonError::into_inner).recv();
            }
            Ok(empty(chunk))
        };
        let mut loaders = loaders(Arc::new(read), &plan(100), 3);
        let begin = Instant::now();
        while begun.load(Ordering::Acquire) < 4 {
            assert!(begin.elapsed() < Duration::from_mins(5), "the others do not go on");
            assert!(loaders.next(Duration::from_millis(1)).expect("no error").is_none());
        }
        // All the others are through with what they were given.
        while loaders.early.len() < 3 {
            assert!(begin.elapsed() < Duration::from_mins(5), "results are missing");
            assert!(loaders.next(Duration::from_millis(1)).expect("no error").is_none());
        }
        assert_eq!(begun.load(Ordering::Acquire), 4);
        let_go.send(()).expect("a reader");
        for low in (0..100).rev() {
            assert_eq!(wait(&mut loaders).expect("a chunk")[0].low, low);
        }
    }
}
