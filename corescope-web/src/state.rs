//! What all routes share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use corescope_core::config::{Config, Paths};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::perf::RequestLog;
use crate::server::Options;
use crate::server::cors::Cors;
use crate::server::hot::HotBodies;
use crate::server::limit::AddressBook;

/// The shared state, cheap to clone.
pub type AppState = Arc<App>;

/// Everything that routes and sockets share.
#[derive(Debug)]
pub struct App {
    /// The server's time.
    pub clock: Clock,
    /// The configuration; replaced as a whole by [`App::set_config`].
    pub config: ArcSwap<Config>,
    /// Where the data lie.
    pub paths: Paths,
    /// The edge's settings.
    pub options: Options,
    /// Who may read across origins.
    pub cors: Cors,
    /// Open connections, sockets and requests per address.
    pub addresses: Arc<AddressBook>,
    /// Timings of requests.
    pub requests: RequestLog,
    /// Bodies shared by concurrent callers.
    pub hot: HotBodies,
    /// Progress of loading.
    pub load: Load,
    /// When the server started (real time).
    pub started: Instant,
    /// Cancelled when the server stops.
    pub shutdown: CancellationToken,
    /// Grows with everything that changes answers; see [`App::version`].
    changes: AtomicU64,
}

impl App {
    /// The state of a server with these settings.
    pub fn new(clock: Clock, options: Options, config: Config, paths: Paths) -> AppState {
        Arc::new(Self {
            clock,
            config: ArcSwap::from_pointee(config),
            paths,
            cors: Cors::new(&options.cors_origins),
            addresses: AddressBook::new(options.limits.clone(), options.trusted_proxies.clone()),
            options,
            requests: RequestLog::default(),
            hot: HotBodies::default(),
            load: Load::default(),
            started: Instant::now(),
            shutdown: CancellationToken::new(),
            changes: AtomicU64::new(0),
        })
    }

    /// The version of the data that answers are made from. Two answers made under the same version
    /// from the same request are equal.
    pub fn version(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Puts another configuration in force; the edge's own settings stay those of the start.
    pub fn set_config(&self, config: Config) {
        self.config.store(Arc::new(config));
        self.touch();
    }

    /// To be called when something other than the store changed that answers depend on, such as
    /// the configuration.
    pub fn touch(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }
}

/// How far the store is loaded.
#[derive(Debug, Default)]
pub struct Load {
    rows: AtomicU64,
    ready: AtomicBool,
}

impl Load {
    /// Says how many rows are loaded.
    pub fn set_rows(&self, rows: u64) {
        self.rows.store(rows, Ordering::Relaxed);
    }

    /// Says that loading is over.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Whether loading is over.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Rows loaded so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }
}
