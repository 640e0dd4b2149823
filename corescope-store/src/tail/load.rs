//! The first load: chunks are read and packed by several threads and published newest first.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::chunks::{Chunk, Plan};
use crate::memory::segment::{Builder, Segment};
use crate::memory::{Defect, ObservationRow, Score, is_damaged_payload};
use crate::read::{self, Columns};

/// A packed chunk, or a part of one that did not fit.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Lowest id it stands for.
    pub(super) low: i64,
    pub(super) segment: Segment,
    pub(super) defects: BTreeMap<Defect, u64>,
}

/// Observations that turned up outside the chunk of their transmission.
#[derive(Debug, Default)]
pub(super) struct Strays {
    list: Mutex<Vec<Stray>>,
}

/// One of them, copied.
#[derive(Clone, Debug)]
pub(super) struct Stray {
    id: i64,
    pub(super) transmission_id: i64,
    observer: Option<i64>,
    direction: Option<Box<str>>,
    snr: Option<f64>,
    rssi: Option<f64>,
    score: Option<Score>,
    path_json: Option<Box<str>>,
    timestamp: i64,
    resolved_path: Option<Box<str>>,
    raw_hex: Option<Box<str>>,
}

impl Stray {
    pub(super) fn new(row: &ObservationRow<'_>) -> Self {
        let own = |text: Option<&str>| text.map(Box::from);
        Self {
            id: row.id,
            transmission_id: row.transmission_id,
            observer: row.observer,
            direction: own(row.direction),
            snr: row.snr,
            rssi: row.rssi,
            score: row.score,
            path_json: own(row.path_json),
            timestamp: row.timestamp,
            resolved_path: own(row.resolved_path),
            raw_hex: own(row.raw_hex),
        }
    }

    pub(super) fn row(&self) -> ObservationRow<'_> {
        ObservationRow {
            id: self.id,
            transmission_id: self.transmission_id,
            observer: self.observer,
            direction: self.direction.as_deref(),
            snr: self.snr,
            rssi: self.rssi,
            score: self.score,
            path_json: self.path_json.as_deref(),
            timestamp: self.timestamp,
            resolved_path: self.resolved_path.as_deref(),
            raw_hex: self.raw_hex.as_deref(),
        }
    }
}

impl Strays {
    pub(super) fn push(&self, row: &ObservationRow<'_>) {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).push(Stray::new(row));
    }

    /// Takes those of a range of transmissions, ascending by id.
    pub(super) fn take(&self, low: i64, high: i64) -> Vec<Stray> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut mine, rest): (Vec<Stray>, Vec<Stray>) =
            std::mem::take(&mut *list).into_iter().partition(|s| (low..=high).contains(&s.transmission_id));
        *list = rest;
        mine.sort_by_key(|s| s.id);
        mine
    }
}

/// The threads of a load. Dropping it stops them.
#[derive(Debug)]
pub(super) struct Loaders {
    pub(super) strays: Arc<Strays>,
    results: Option<Receiver<(usize, rusqlite::Result<Vec<Loaded>>)>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// Results that came before their turn.
    early: BTreeMap<usize, rusqlite::Result<Vec<Loaded>>>,
    next: usize,
    count: usize,
}

impl Loaders {
    /// Starts `threads` threads on the plan.
    pub(super) fn start(path: PathBuf, plan: &Plan, threads: usize) -> std::io::Result<Self> {
        let (sender, results) = sync_channel(1);
        let shared = Arc::new(Shared {
            path,
            chunks: plan.chunks.clone(),
            next: AtomicUsize::new(0),
            stop: Arc::default(),
            strays: Arc::default(),
        });
        let mut loaders = Self {
            strays: Arc::clone(&shared.strays),
            results: Some(results),
            stop: Arc::clone(&shared.stop),
            threads: Vec::new(),
            early: BTreeMap::new(),
            next: 0,
            count: plan.chunks.len(),
        };
        for number in 0..threads.clamp(1, plan.chunks.len().max(1)) {
            let (shared, sender) = (Arc::clone(&shared), sender.clone());
            let name = format!("store-load-{number}");
            loaders.threads.push(std::thread::Builder::new().name(name).spawn(move || shared.run(&sender))?);
        }
        Ok(loaders)
    }

    /// The next chunk in order, if it is there within this time; `Ok(None)` when it is not, an empty list after the last.
    pub(super) fn next(&mut self, at_most: std::time::Duration) -> rusqlite::Result<Option<Vec<Loaded>>> {
        if self.next == self.count {
            return Ok(Some(Vec::new()));
        }
        if !self.early.contains_key(&self.next)
            && let Some(results) = &self.results
            && let Ok((number, result)) = results.recv_timeout(at_most)
        {
            self.early.insert(number, result);
        }
        match self.early.remove(&self.next) {
            None => Ok(None),
            Some(result) => {
                self.next += 1;
                // Copied by the thread that keeps it: what a loader allocates goes when the loader goes, and is not
                // held up by segments that lie between.
                let copied = |loaded: Loaded| Loaded { segment: loaded.segment.clone(), ..loaded };
                result.map(|list| Some(list.into_iter().map(copied).collect()))
            }
        }
    }
}

impl Drop for Loaders {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // A thread that waits to hand something over is let go.
        self.results = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that loads the database panicked");
            }
        }
    }
}

struct Shared {
    path: PathBuf,
    chunks: Vec<Chunk>,
    next: AtomicUsize,
    stop: Arc<AtomicBool>,
    strays: Arc<Strays>,
}

impl Shared {
    fn run(&self, results: &SyncSender<(usize, rusqlite::Result<Vec<Loaded>>)>) {
        let mut connection = None;
        loop {
            let number = self.next.fetch_add(1, Ordering::AcqRel);
            let Some(chunk) = self.chunks.get(number) else { return };
            let result = match &connection {
                Some(connection) => self.load(connection, *chunk),
                None => super::open(&self.path).and_then(|c| self.load(connection.insert(c), *chunk)),
            };
            if self.stop.load(Ordering::Acquire) || results.send((number, result)).is_err() {
                return;
            }
        }
    }

    fn load(&self, connection: &Connection, chunk: Chunk) -> rusqlite::Result<Vec<Loaded>> {
        let strays = self.strays.take(chunk.low, chunk.high);
        load_chunk(connection, chunk, &strays, &self.strays, &self.stop)
    }
}

/// Reads and packs one chunk; one that does not fit into a segment is halved.
pub(super) fn load_chunk(
    connection: &Connection,
    chunk: Chunk,
    strays: &[Stray],
    found: &Strays,
    stop: &AtomicBool,
) -> rusqlite::Result<Vec<Loaded>> {
    let columns = Columns::of(connection)?;
    // One moment of the database for both tables.
    let transaction = connection.unchecked_transaction()?;
    let mut builder = Builder::default();
    let mut defects = BTreeMap::<Defect, u64>::new();
    let mut first = i64::MAX;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM transmissions WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
        columns.transmissions
    ))?;
    let mut rows = statement.query([chunk.low, chunk.high])?;
    while let Some(row) = rows.next()? {
        if stop.load(Ordering::Relaxed) || builder.is_full() {
            break;
        }
        let kept = read::transmission(row).and_then(|row| {
            first = first.min(row.id);
            builder.transmission(&row)?;
            if is_damaged_payload(&row) { Err(Defect::Payload) } else { Ok(()) }
        });
        if let Err(defect) = kept {
            *defects.entry(defect).or_default() += 1;
        }
    }
    drop(rows);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM observations WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
        columns.observations
    ))?;
    let mut rows = statement.query([chunk.observations_low, chunk.observations_high])?;
    let mut outside = Vec::new();
    let mut last = None;
    while let Some(row) = rows.next()? {
        if stop.load(Ordering::Relaxed) || builder.is_full() {
            break;
        }
        let row = match read::observation(row) {
            Ok(row) => row,
            Err(defect) => {
                *defects.entry(defect).or_default() += 1;
                continue;
            }
        };
        if !(chunk.low..=chunk.high).contains(&row.transmission_id) {
            outside.push(Stray::new(&row));
            continue;
        }
        // Neighbours mostly belong together.
        let at = match last {
            Some((id, at)) if id == row.transmission_id => Some(at),
            _ => builder.find(row.transmission_id),
        };
        last = at.map(|at| (row.transmission_id, at));
        let kept = at.ok_or(Defect::Dangling).and_then(|at| builder.observation(at, &row));
        if let Err(defect) = kept {
            *defects.entry(defect).or_default() += 1;
        }
    }
    drop(rows);
    drop(transaction);
    for stray in strays {
        let row = stray.row();
        let kept = builder.find(row.transmission_id).ok_or(Defect::Dangling);
        if let Err(defect) = kept.and_then(|at| builder.observation(at, &row)) {
            *defects.entry(defect).or_default() += 1;
        }
    }
    if builder.is_full() && first < chunk.high {
        // Both halves read the observations of the whole; what they find outside is the other's.
        let middle = first + (chunk.high - first) / 2;
        let none = Strays::default();
        let half = |chunk: Chunk| load_chunk(connection, chunk, strays, &none, stop);
        let mut all = half(Chunk { low: middle + 1, ..chunk })?;
        all.extend(half(Chunk { high: middle, ..chunk })?);
        found.list.lock().unwrap_or_else(PoisonError::into_inner).extend(
            none.list
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner)
                .into_iter()
                .filter(|s| !(chunk.low..=chunk.high).contains(&s.transmission_id)),
        );
        return Ok(all);
    }
    found.list.lock().unwrap_or_else(PoisonError::into_inner).extend(outside);
    Ok(vec![Loaded { low: chunk.low, segment: builder.finish(), defects }])
}
