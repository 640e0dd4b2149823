//! The server as a part: started by `serve` alone and by `up` beside the ingestor.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use corescope_core::config::Config;
use corescope_store::db::{self, OpenError};
use corescope_store::memory::{Store, available_memory};
use corescope_store::{schema, tail};
use corescope_web::server::{self, Options, ServeError};
use corescope_web::{App, AppState, Clock, api};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::place::Place;
use crate::{Exit, Failure};

/// How a server is started, beside what the configuration says.
#[derive(Debug, Clone)]
pub struct How {
    /// The server's clock.
    pub clock: Clock,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Look for new rows at least this often.
    pub poll: Duration,
    /// Folder with a page to serve instead of the one built in.
    pub page_folder: Option<PathBuf>,
}

/// A server that runs in the current tokio runtime.
#[derive(Debug)]
pub struct Serving {
    /// What its routes share.
    pub state: AppState,
    /// Where it listens.
    pub address: SocketAddr,
    follower: tail::Follower,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Serving {
    /// Starts it on a database that is ready (see [`wait_until_ready`]).
    ///
    /// # Errors
    ///
    /// [`Exit::Io`] when the address cannot be listened on or the follower not started,
    /// [`Exit::Data`] when the TLS files cannot be used.
    pub async fn start(place: &Place, how: How) -> Result<Self, Failure> {
        let How { clock, listen, poll, page_folder } = how;
        let (mut options, warnings) = Options::from_config(&place.config);
        options.page_folder = page_folder;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        warn_of_weak_keys(&place.config);
        server::check(&options).map_err(|error| Failure::new(Exit::Data, error))?;
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            Failure::msg(
                Exit::Io,
                format!("cannot listen on {listen}: {error}; choose another with --listen"),
            )
        })?;
        let address = listener.local_addr()?;
        let store = store_within(place);
        let follow = tail::Options { poll, snapshot: snapshot_of(place), ..windows(&place.config) };
        let follower = tail::follow(&place.paths.db, store.clone(), follow)?;
        let state = App::new(clock, options, place.config.clone(), place.paths.clone(), store);
        let router = api::router(state.clone());
        let task = tokio::spawn(server::serve(state.clone(), router, listener));
        Ok(Self { state, address, follower, task })
    }

    /// The address as a browser takes it.
    pub fn url(&self) -> String {
        let scheme = if self.state.options.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Tells the server at once that something was committed.
    pub fn wake(&self) -> tail::Wake {
        self.follower.wake()
    }

    /// Stops it: no new connections, idle ones closed, requests in progress finished.
    ///
    /// # Errors
    ///
    /// The server ended by itself with an error.
    pub async fn stop(self) -> Result<(), Failure> {
        self.state.shutdown.cancel();
        let ended = self.task.await?;
        // Joining the follower's thread waits for at most one poll.
        tokio::task::spawn_blocking(move || drop(self.follower)).await?;
        ended.map_err(|error| Failure::new(Exit::Data, error))
    }
}

/// Waits for a database with everything that a reader needs, at most this long (zero: asks once).
///
/// # Errors
///
/// [`Exit::NotReady`] when it is not there or not migrated in time; [`Exit::Data`] when the file is
/// no database; [`Exit::Io`] when it cannot be read.
pub fn wait_until_ready(path: &Path, at_most: Duration) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut told = false;
    loop {
        let failure = match is_ready(path) {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        if failure.exit() != Exit::NotReady || begun.elapsed() >= at_most {
            return Err(failure);
        }
        if !told {
            tracing::info!(reason = %failure, "waiting for the database");
            told = true;
        }
        std::thread::sleep(Duration::from_millis(250).min(at_most));
    }
}

fn is_ready(path: &Path) -> Result<(), Failure> {
    let connection = db::open_read(path).map_err(|error| {
        let exit = match &error {
            OpenError::Missing { .. } | OpenError::Locked { .. } => Exit::NotReady,
            OpenError::NotADatabase { .. } => Exit::Data,
            _ => Exit::Io,
        };
        Failure::new(exit, error)
    })?;
    schema::ready(&connection).map_err(|missing| {
        let cure = format!("run: corescope-cli db migrate --db {}", path.display());
        Failure::msg(Exit::NotReady, format!("{missing}; start the ingestor, or {cure}"))
    })
}

/// A key that everybody can guess opens nothing; say so at the start, not at the first 403.
fn warn_of_weak_keys(config: &Config) {
    if let Some(key) = &config.api_key
        && corescope_web::is_weak_key(key.expose())
    {
        tracing::warn!(
            "apiKey is weak (shorter than 16 characters or a known default): write and admin routes answer 403; set a random one, for example from `openssl rand -hex 24`"
        );
    }
}

/// Raises the number of files this process may hold open to what the system allows; each
/// connection is one.
pub fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// Ends with the first of SIGINT and SIGTERM; runs `reload` at each SIGHUP.
///
/// # Errors
///
/// The handlers cannot be installed.
pub async fn until_stopped(mut reload: impl FnMut()) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => reload(),
        }
    }
}

/// A store that stays within the configured ceiling, or half of what there is.
fn store_within(place: &Place) -> Store {
    let configured =
        place.config.packet_store.max_memory_mb.map(|mb| usize::try_from(mb).unwrap_or(usize::MAX));
    let ceiling = match configured {
        Some(mb) if mb > 0 => Some(mb.saturating_mul(1 << 20)),
        _ => available_memory().map(|bytes| bytes / 2),
    };
    ceiling.map_or_else(Store::new, Store::with_budget)
}

/// How far back memory reaches, and how much of it is loaded before the server calls itself ready.
fn windows(config: &Config) -> tail::Options {
    let hours = |hours: f64| Duration::try_from_secs_f64(hours * 3600.0).ok();
    let retention = config.packet_store.retention_hours.and_then(hours);
    let mut options = tail::Options { retention, ..tail::Options::default() };
    if let Some(first) = config.packet_store.hot_startup_hours.and_then(hours) {
        options.first_window = first;
    }
    options.first_window = options.first_window.min(retention.unwrap_or(Duration::MAX));
    options
}

/// The snapshot file, for a database that lies in its data folder: a lone file gets none beside it.
fn snapshot_of(place: &Place) -> Option<std::path::PathBuf> {
    let paths = &place.paths;
    (paths.db.parent() == paths.snapshot.parent()).then(|| paths.snapshot.clone())
}
