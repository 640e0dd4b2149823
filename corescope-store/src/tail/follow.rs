//! The follower: one thread that has a database loaded and then keeps up with it.

use std::cell::Cell;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use super::catch_up::{Looked, Position};
use super::chunks;
use super::load::Loaders;
use super::pack::{self, left_over};
use super::wake::{Wake, Woken};
use crate::memory::{Graph, Loading, Nodes, Observers, Store};
use crate::read::{self, Columns};

/// How to follow.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often the database is asked whether something was committed.
    pub poll: Duration,
    /// How often the neighbour graph is read.
    pub graph_every: Duration,
    /// Threads of the first load.
    pub load_threads: usize,
    /// How far back memory reaches, counted from the newest reception; `None`: as far as the store's ceiling allows.
    /// What is older stays in the database.
    pub retention: Option<Duration>,
    /// The store is usable when this much is loaded, counted from the newest reception.
    pub first_window: Duration,
    /// Where the packed rows are written when the follower ends, and read when it begins. A file that is damaged or
    /// does not belong to the database is ignored.
    pub snapshot: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            poll: Duration::from_millis(25),
            graph_every: Duration::from_mins(1),
            load_threads: threads.clamp(1, 4),
            retention: None,
            first_window: Duration::from_hours(24),
            snapshot: None,
        }
    }
}

/// A running follower. Dropping it ends the threads and waits for them.
#[derive(Debug)]
pub struct Follower {
    wake: Wake,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Follower {
    /// What the in-process writer calls after a commit.
    pub fn wake(&self) -> Wake {
        self.wake.clone()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.wake.wake();
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("a thread that follows the database panicked");
            }
        }
    }
}

/// Loads the database at `path` into `store` and follows it until the result is dropped.
///
/// Returns at once; [`Snapshot::loading`](crate::memory::Snapshot::loading) says how far it is. The newest
/// transmissions come first. Errors of the database are logged and tried again. A file that was replaced, or whose
/// ids went down, is loaded anew, and the old contents stay visible until that is done. Where old rows cannot be read,
/// the newer ones are kept and followed, and [`Loading::error`] tells.
///
/// ```
/// use std::time::Duration;
///
/// use corescope_store::memory::Store;
/// use corescope_store::tail::{self, Options};
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("meshcore.db");
/// # let tables = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/tables.sql"));
/// # let db = rusqlite::Connection::open(&path)?;
/// # db.execute_batch(tables)?;
/// let store = Store::new();
/// let follower = tail::follow(&path, store.clone(), Options::default())?;
/// while !store.snapshot().loading().complete {
///     std::thread::sleep(Duration::from_millis(5));
/// }
/// let subscription = store.subscribe(64);
/// # db.execute("INSERT INTO transmissions (id, raw_hex, hash, first_seen) VALUES (1, '1100C0FFEE', '00000000000000a1', '2026-06-01T12:00:00Z')", [])?;
/// // Whoever writes in the same process wakes the follower; else it looks for itself.
/// follower.wake().wake();
/// let appended = subscription.recv_timeout(Duration::from_secs(60))?;
/// assert!(appended.snapshot.by_hash("00000000000000a1").is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// A thread cannot be started.
pub fn follow(path: &Path, store: Store, options: Options) -> std::io::Result<Follower> {
    let (wake, woken) = Woken::pair();
    let stop = Arc::new(AtomicBool::new(false));
    let mut follower = Follower { wake, stop: Arc::clone(&stop), threads: Vec::new() };
    let packing = (store.clone(), Arc::clone(&stop));
    let work = Work { path: path.to_owned(), store, options, woken, stop, resumed: Cell::new(false) };
    let builder = |name: &str| std::thread::Builder::new().name(name.into());
    follower.threads.push(builder("store-follow").spawn(move || work.run())?);
    follower.threads.push(builder("store-pack").spawn(move || {
        let (store, stop) = packing;
        let _here = store.pack_here();
        while !stop.load(Ordering::Acquire) {
            if !store.compact() {
                std::thread::park_timeout(Duration::from_millis(200));
            }
        }
    })?);
    Ok(follower)
}

struct Work {
    path: PathBuf,
    store: Store,
    options: Options,
    woken: Woken,
    stop: Arc<AtomicBool>,
    /// The snapshot file was looked at: a second load reads the database.
    resumed: Cell<bool>,
}

/// The file behind a path.
type Identity = Option<(u64, u64)>;

fn identity(path: &Path) -> Identity {
    std::fs::metadata(path).ok().map(|m| (m.dev(), m.ino()))
}

impl Work {
    fn run(self) {
        while !self.is_stopped() {
            if let Err(error) = self.session() {
                tracing::warn!(%error, path = %self.path.display(), "cannot follow the database, trying again");
                let loading = self.store.snapshot().loading().clone();
                self.store.set_loading(Loading { error: Some(error.to_string()), ..loading });
                self.woken.wait(Duration::from_secs(1));
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Loads one file and follows it. Ends when it must be loaded anew.
    fn session(&self) -> rusqlite::Result<()> {
        let file = identity(&self.path);
        let connection = super::open(&self.path)?;
        let columns = Columns::of(&connection)?;
        let mut version = data_version(&connection)?;
        // The first load is seen as it grows; a later one when it is done.
        let first = self.store.snapshot().version() == 0 || !self.store.snapshot().loading().complete;
        let target = if first { self.store.emptied() } else { self.store.sibling() };
        let mut position = Position::before_load(&connection)?;
        read_tables(&connection, &target, &mut position)?;
        let mut graph_at = Instant::now();
        let resumed = match &self.options.snapshot {
            Some(path) if first && !self.resumed.replace(true) => {
                super::resume::resume(path, &connection, &target, &mut position, self.options.retention)?
            }
            _ => false,
        };
        if resumed {
            if self.catch_up(&connection, &columns, &target, &mut position)? == Looked::LoadAnew {
                return Ok(());
            }
            let loading = target.snapshot().loading().clone();
            target.set_loading(Loading { complete: true, ..loading });
        } else if !self.load(&connection, &columns, &target, &mut position)? {
            return Ok(());
        }
        if !first {
            self.store.replace_with(&target);
        }
        let mut file_looked_at = Instant::now();
        let mut swept_at = Instant::now();
        while !self.is_stopped() {
            let woken = self.woken.wait(self.options.poll);
            if file_looked_at.elapsed() >= Duration::from_secs(1) {
                file_looked_at = Instant::now();
                if identity(&self.path) != file {
                    tracing::info!(path = %self.path.display(), "the database file was replaced, loading it anew");
                    // A file in the making is not there yet.
                    return if self.path.exists() {
                        Ok(())
                    } else {
                        Err(rusqlite::Error::QueryReturnedNoRows)
                    };
                }
            }
            let now = data_version(&connection)?;
            if now != version || woken {
                version = now;
                if self.catch_up(&connection, &columns, &self.store, &mut position)? == Looked::LoadAnew {
                    tracing::info!(path = %self.path.display(), "rows went away, loading the database anew");
                    return Ok(());
                }
            }
            if graph_at.elapsed() >= self.options.graph_every {
                graph_at = Instant::now();
                if let Some(cutoff) = cutoff(self.store.snapshot().newest(), self.options.retention) {
                    self.store.drop_before(cutoff, unix_now());
                }
                self.store.set_graph(Graph::new(read::edges(&connection)?, unix_now()));
            }
            if position.change.is_none() && swept_at.elapsed() >= Duration::from_secs(1) {
                swept_at = Instant::now();
                position.sweep(&connection, &columns, &self.store)?;
            }
        }
        if let Some(path) = &self.options.snapshot {
            super::resume::save(path, &connection, &self.store, &position);
        }
        Ok(())
    }

    /// Looks until there is nothing more.
    fn catch_up(
        &self,
        connection: &Connection,
        columns: &Columns,
        store: &Store,
        position: &mut Position,
    ) -> rusqlite::Result<Looked> {
        loop {
            match position.look(connection, columns, store, None, unix_now())? {
                Looked::More if !self.is_stopped() => {}
                looked => return Ok(looked),
            }
        }
    }

    /// The first load, newest first, while new rows are followed. False when it was interrupted.
    fn load(
        &self,
        connection: &Connection,
        columns: &Columns,
        target: &Store,
        position: &mut Position,
    ) -> rusqlite::Result<bool> {
        let plan = chunks::plan(connection)?;
        (position.transmission, position.observation) = (plan.last_transmission, plan.last_observation);
        let mut loading = Loading { expected: plan.expected, ..Loading::default() };
        target.set_loading(loading.clone());
        let mut loaders = Loaders::start(self.path.clone(), &plan, self.options.load_threads)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let mut version = data_version(connection)?;
        let mut first = true;
        let mut stopped_early = false;
        while !stopped_early {
            if self.is_stopped() {
                return Ok(false);
            }
            let chunks = match loaders.next(self.options.poll) {
                Ok(Some(chunks)) => chunks,
                Ok(None) => {
                    let now = data_version(connection)?;
                    if now != version && !first {
                        version = now;
                        let strays = Some(&*loaders.strays);
                        if position.look(connection, columns, target, strays, unix_now())? == Looked::LoadAnew
                        {
                            return Ok(false);
                        }
                    }
                    continue;
                }
                Err(error) if !first => {
                    // Beginning again would meet the same: what is there is more than nothing.
                    tracing::error!(%error, path = %self.path.display(), "old packets cannot be loaded");
                    loading.error = Some(error.to_string());
                    stopped_early = true;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if chunks.is_empty() {
                break;
            }
            for chunk in chunks {
                let newest = target.snapshot().newest().max(chunk.segment.newest());
                let is_empty = chunk.segment.len() == 0;
                let is_old = |cutoff: i64| !is_empty && chunk.segment.newest() < cutoff;
                if !first && cutoff(newest, self.options.retention).is_some_and(is_old) {
                    stopped_early = true;
                    break;
                }
                loading.loaded += chunk.segment.len() as u64;
                let window = cutoff(newest, Some(self.options.first_window)).unwrap_or(i64::MIN);
                loading.usable |= chunk.low == i64::MIN || chunk.segment.oldest() < window;
                target.prepend(chunk.low, chunk.segment, &chunk.defects, loading.clone());
                // What was told since this was read was not applied to it.
                position.change = position.change.min(chunk.change);
                first = false;
            }
            // Memory reaches as far back as it may: what is older stays in the database.
            stopped_early |= target.snapshot().floor() > i64::MIN && target.evicted().transmissions > 0;
        }
        let floor = target.snapshot().floor();
        let (strays, looked_down_to) = (Arc::clone(&loaders.strays), loaders.looked_down_to);
        drop(loaders);
        if stopped_early {
            strays.extend(left_over(connection, floor, looked_down_to)?);
        }
        for some in strays.take(floor, i64::MAX).chunks(1000) {
            let mut append = target.begin().as_history();
            pack::each(connection, columns, some.iter(), |row| match row {
                Ok(row) => append.observation(&row),
                Err(defect) => append.skip(defect),
            })?;
            append.publish();
        }
        if self.catch_up(connection, columns, target, position)? == Looked::LoadAnew {
            return Ok(false);
        }
        target.set_loading(Loading { usable: true, complete: true, ..loading });
        Ok(true)
    }
}

/// The graph first, then observers and nodes.
fn read_tables(connection: &Connection, store: &Store, position: &mut Position) -> rusqlite::Result<()> {
    store.set_graph(Graph::new(read::edges(connection)?, unix_now()));
    store.set_observers(Observers::new(read::observers(connection)?));
    let nodes = read::nodes(connection)?;
    position.node_seen = nodes.iter().filter_map(|n| n.last_seen.clone()).max().unwrap_or_default();
    store.set_nodes(Nodes::new(nodes));
    Ok(())
}

fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "data_version", |row| row.get(0))
}

/// Where a window begins that ends with the newest reception, unix seconds. A reception of the future, of which broken
/// clocks send some, does not move it ahead of the present.
pub(super) fn cutoff(newest: i64, window: Option<Duration>) -> Option<i64> {
    let window = i64::try_from(window?.as_secs()).unwrap_or(i64::MAX);
    Some(newest.min(unix_now()).saturating_sub(window))
}

fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}
