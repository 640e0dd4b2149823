//! The follower: one thread that has a database loaded and then keeps up with it.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use super::catch_up::{Looked, Position};
use super::opened::{Became, Opened};
use super::strays::MOST_STRAYS;
use super::sweep::Sweep;
use super::wake::{Wake, Woken};
use crate::memory::{Loading, Store};
use crate::read::Columns;

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
/// transmissions come first. Errors of the database are logged and tried again from where it stood. A file that was
/// replaced, written over or restored into, whose ids went down or whose tables have other columns now is loaded anew,
/// and the old contents stay visible until that is done. Where old rows cannot be read, the newer ones are kept and followed, and
/// [`Loading::error`] tells.
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
    let work = Work {
        path: path.to_owned(),
        store,
        options,
        woken,
        stop,
        resumed: Cell::new(false),
        most_strays: MOST_STRAYS,
    };
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

/// What a follower works with.
pub(super) struct Work {
    pub(super) path: PathBuf,
    pub(super) store: Store,
    pub(super) options: Options,
    pub(super) woken: Woken,
    pub(super) stop: Arc<AtomicBool>,
    /// The snapshot file was looked at: a second load reads the database.
    pub(super) resumed: Cell<bool>,
    /// Observations that are not where their transmission is, of which a load keeps so many in mind.
    pub(super) most_strays: usize,
}

/// A database that was loaded and is followed.
struct Followed {
    file: Opened,
    position: Position,
    sweep: Sweep,
    graph_at: Instant,
    file_looked_at: Instant,
    /// What the load could not read.
    not_loaded: Option<String>,
    /// The connection is new: it cannot tell what was committed before.
    is_new: bool,
}

/// Why following ended.
enum Ended {
    Stopped,
    LoadAnew,
}

/// Rows in full over packed segments that catching up makes at most before it packs them itself.
const MOST_CHANGED: usize = 8192;

impl Work {
    fn run(self) {
        while !self.is_stopped() {
            if let Err(error) = self.session() {
                self.tell_trouble(&error);
                self.woken.wait(Duration::from_secs(1));
            }
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Loads one file and follows it. Ends when it must be loaded anew.
    fn session(&self) -> rusqlite::Result<()> {
        let file = Opened::open(&self.path)?;
        // The first load is seen as it grows; a later one when it is done, if the ceiling has room for both.
        let now = self.store.snapshot();
        let crowded = self.store.budget().is_some_and(|budget| now.held_bytes() > budget / 2);
        let first = now.version() == 0 || !now.loading().complete || crowded;
        drop(now);
        let target = if first { self.store.emptied() } else { self.store.sibling() };
        let mut position = Position::before_load(&file.connection)?;
        position.read_tables(&file.connection, &target, unix_now())?;
        let graph_at = Instant::now();
        let resumed = match &self.options.snapshot {
            Some(path) if first && !self.resumed.replace(true) => {
                super::resume::resume(path, &file.connection, &target, &mut position, self.options.retention)?
            }
            _ => false,
        };
        if resumed {
            position.history = true;
            if self.catch_up((&file.connection, &file.columns), &target, &mut position)? == Looked::LoadAnew {
                return Ok(());
            }
            position.history = false;
            let loading = target.snapshot().loading().clone();
            target.set_loading(Loading { usable: true, complete: true, ..loading });
        } else if !self.load(&file.connection, &file.columns, &target, &mut position)? {
            return Ok(());
        }
        if !first {
            self.store.replace_with(&target);
        }
        drop(target);
        let sweep = Sweep::new();
        let (file_looked_at, not_loaded) = (Instant::now(), self.store.snapshot().loading().error.clone());
        let mut followed =
            Followed { file, position, sweep, graph_at, file_looked_at, not_loaded, is_new: true };
        loop {
            match self.follow_on(&mut followed) {
                Ok(Ended::Stopped) => break,
                Ok(Ended::LoadAnew) => return Ok(()),
                Err(error) => {
                    self.tell_trouble(&error);
                    if !self.reopen(&mut followed) {
                        return Ok(());
                    }
                }
            }
        }
        if let Some(path) = &self.options.snapshot {
            super::resume::save(path, &followed.file.connection, &self.store, &followed.position);
        }
        Ok(())
    }

    /// Keeps up with the file. What fails can be tried again: the position moves with what was read.
    fn follow_on(&self, followed: &mut Followed) -> rusqlite::Result<Ended> {
        while !self.is_stopped() {
            let woken = self.woken.wait(self.options.poll);
            if followed.file_looked_at.elapsed() >= Duration::from_secs(1) {
                followed.file_looked_at = Instant::now();
                match followed.file.became(&self.path) {
                    Became::Same => {}
                    Became::Written => {
                        let again = Opened::open(&self.path)?;
                        if !again.is_like(&followed.file) {
                            return Ok(self.anew("the database file was replaced"));
                        }
                        (followed.file, followed.is_new) = (again, true);
                    }
                    Became::Replaced => return Ok(self.anew("the database file was replaced")),
                    // A file in the making is not there yet.
                    Became::Missing => return Err(rusqlite::Error::InvalidPath(self.path.clone())),
                }
            }
            let Followed { file, position, .. } = followed;
            if file.has_news()? || woken || followed.is_new {
                if file.has_other_layout()? {
                    return Ok(self.anew("the layout of the database changed"));
                }
                if self.catch_up((&file.connection, &file.columns), &self.store, position)?
                    == Looked::LoadAnew
                {
                    return Ok(self.anew("rows went away, or the database is another one"));
                }
                followed.is_new = false;
            }
            if followed.graph_at.elapsed() >= self.options.graph_every {
                followed.graph_at = Instant::now();
                if let Some(cutoff) = cutoff(self.store.snapshot().newest(), self.options.retention) {
                    self.store.drop_before(cutoff, unix_now());
                }
                position.read_tables(&file.connection, &self.store, unix_now())?;
            }
            followed.sweep.step(&file.connection, &file.columns, &self.store, position);
            // All that is left to tell: old rows that cannot be read are no reason to lose the new ones.
            self.end_trouble(followed.not_loaded.as_deref().or(followed.sweep.unread()));
            self.pack_changed(&self.store);
        }
        Ok(Ended::Stopped)
    }

    /// Opens the file again after an error, until that succeeds. False when it must be loaded anew or following ends.
    fn reopen(&self, followed: &mut Followed) -> bool {
        while !self.is_stopped() {
            self.woken.wait(Duration::from_secs(1));
            match followed.file.close().and_then(|()| Opened::open(&self.path)) {
                Ok(file) => {
                    let is_like = file.is_like(&followed.file);
                    (followed.file, followed.is_new) = (file, true);
                    return is_like;
                }
                Err(error) => self.tell_trouble(&error),
            }
        }
        true
    }

    fn anew(&self, reason: &str) -> Ended {
        tracing::info!(reason, path = %self.path.display(), "loading the database anew");
        Ended::LoadAnew
    }

    fn tell_trouble(&self, error: &rusqlite::Error) {
        tracing::warn!(%error, path = %self.path.display(), "cannot follow the database, trying again");
        let loading = self.store.snapshot().loading().clone();
        self.store.set_loading(Loading { error: Some(error.to_string()), ..loading });
    }

    /// Tells no other trouble than this.
    fn end_trouble(&self, left: Option<&str>) {
        let now = self.store.snapshot();
        if now.loading().error.as_deref() != left {
            self.store.set_loading(Loading { error: left.map(str::to_owned), ..now.loading().clone() });
        }
    }

    /// Packs segments that many rows changed in, when the thread that packs does not keep up.
    pub(super) fn pack_changed(&self, store: &Store) {
        let changed = || -> usize { store.snapshot().parts.iter().map(|part| part.overlay.rows.len()).sum() };
        while !self.is_stopped() && changed() > MOST_CHANGED && store.compact() {}
    }

    /// Looks until there is nothing more.
    pub(super) fn catch_up(
        &self,
        (connection, columns): (&Connection, &Columns),
        store: &Store,
        position: &mut Position,
    ) -> rusqlite::Result<Looked> {
        loop {
            match position.look(connection, columns, store, None, unix_now())? {
                Looked::More if !self.is_stopped() => self.pack_changed(store),
                looked => return Ok(looked),
            }
        }
    }
}

pub(super) fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "data_version", |row| row.get(0))
}

/// Where a window begins that ends with the newest reception, unix seconds. A reception of the future, of which broken
/// clocks send some, does not move it ahead of the present.
pub(super) fn cutoff(newest: i64, window: Option<Duration>) -> Option<i64> {
    let window = i64::try_from(window?.as_secs()).unwrap_or(i64::MAX);
    Some(newest.min(unix_now()).saturating_sub(window))
}

pub(super) fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}
