//! The follower: one thread that loads a database and then keeps up with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags};

use super::wake::{Wake, Woken};
use crate::memory::{Graph, Loading, Nodes, Observers, Store};
use crate::read;

/// How to follow.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often the database is asked whether something was committed.
    pub poll: Duration,
    /// How often the neighbour graph is read.
    pub graph_every: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { poll: Duration::from_millis(25), graph_every: Duration::from_mins(1) }
    }
}

/// A running follower. Dropping it ends the thread and waits for it.
#[derive(Debug)]
pub struct Follower {
    wake: Wake,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
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
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that follows the database panicked");
        }
    }
}

/// Loads the database at `path` into `store` and follows it until the result is dropped.
///
/// Returns at once; [`Snapshot::loading`](crate::memory::Snapshot::loading) says how far it is. Errors of the
/// database are logged and tried again.
///
/// # Errors
///
/// The thread cannot be started.
pub fn follow(path: &Path, store: Store, options: Options) -> std::io::Result<Follower> {
    let (wake, woken) = Woken::pair();
    let stop = Arc::new(AtomicBool::new(false));
    let work = Work { path: path.to_owned(), store, options, woken, stop: Arc::clone(&stop) };
    let thread = std::thread::Builder::new().name("store-follow".into()).spawn(move || work.run())?;
    Ok(Follower { wake, stop, thread: Some(thread) })
}

struct Work {
    path: PathBuf,
    store: Store,
    options: Options,
    woken: Woken,
    stop: Arc<AtomicBool>,
}

impl Work {
    fn run(self) {
        while !self.stop.load(Ordering::Acquire) {
            if let Err(error) = self.session() {
                tracing::warn!(%error, path = %self.path.display(), "cannot follow the database, trying again");
                let loading = self.store.snapshot().loading().clone();
                self.store.set_loading(Loading { error: Some(error.to_string()), ..loading });
                self.woken.wait(Duration::from_secs(1));
            }
        }
    }

    fn session(&self) -> rusqlite::Result<()> {
        let connection = Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "query_only", true)?;
        let columns = read::Columns::of(&connection)?;
        let mut version = data_version(&connection)?;
        let mut graph_at = self.small_tables(&connection, None)?;
        self.catch_up(&connection, &columns)?;
        let complete = Loading { usable: true, complete: true, ..self.store.snapshot().loading().clone() };
        self.store.set_loading(complete);
        while !self.stop.load(Ordering::Acquire) {
            self.woken.wait(self.options.poll);
            let now = data_version(&connection)?;
            if now == version {
                continue;
            }
            version = now;
            self.catch_up(&connection, &columns)?;
            graph_at = self.small_tables(&connection, Some(graph_at))?;
        }
        Ok(())
    }

    /// Reads nodes and observers, and the graph when it is due.
    fn small_tables(&self, connection: &Connection, graph_at: Option<Instant>) -> rusqlite::Result<Instant> {
        let graph_at = match graph_at {
            Some(at) if at.elapsed() < self.options.graph_every => at,
            _ => {
                self.store.set_graph(Graph::new(read::edges(connection)?, unix_now()));
                Instant::now()
            }
        };
        self.store.set_observers(Observers::new(read::observers(connection)?));
        self.store.set_nodes(Nodes::new(read::nodes(connection)?));
        Ok(graph_at)
    }

    /// Appends every row behind the last known ids.
    fn catch_up(&self, connection: &Connection, columns: &read::Columns) -> rusqlite::Result<()> {
        let snapshot = self.store.snapshot();
        let history = !snapshot.loading().complete;
        let (last_transmission, last_observation) = snapshot.last_ids();
        drop(snapshot);
        let mut append = self.store.begin();
        if history {
            append = append.as_history();
        }
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {} FROM transmissions WHERE id > ?1 ORDER BY id",
            columns.transmissions
        ))?;
        let mut rows = statement.query([last_transmission])?;
        while let Some(row) = rows.next()? {
            match read::transmission(row) {
                Ok(row) => append.transmission(&row),
                Err(defect) => append.skip(defect),
            }
        }
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {} FROM observations WHERE id > ?1 ORDER BY id",
            columns.observations
        ))?;
        let mut rows = statement.query([last_observation])?;
        while let Some(row) = rows.next()? {
            match read::observation(row) {
                Ok(row) => append.observation(&row),
                Err(defect) => append.skip(defect),
            }
        }
        append.publish();
        Ok(())
    }
}

fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "data_version", |row| row.get(0))
}

fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}
