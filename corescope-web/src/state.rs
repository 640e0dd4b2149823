//! What all routes share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use corescope_core::config::{Config, Paths};
use corescope_store::memory::Store;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Rest;
use crate::clock::Clock;
use crate::live::Feed;
use crate::perf::RequestLog;
use crate::server::Options;
use crate::server::cors::Cors;
use crate::server::hot::HotBodies;
use crate::server::limit::AddressBook;
use crate::veil::Veil;

/// The shared state, cheap to clone.
pub type AppState = Arc<App>;

/// Everything that routes and sockets share.
#[derive(Debug)]
pub struct App {
    /// The server's time.
    pub clock: Clock,
    /// The index store.
    pub store: Store,
    /// The configuration; replaced as a whole by [`App::set_config`].
    pub config: ArcSwap<Config>,
    /// What the operator hides; follows the configuration.
    pub veil: ArcSwap<Veil>,
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
    /// The database's small tables, the ingestor's figures, the process.
    pub rest: Rest,
    /// The live feed.
    pub live: Feed,
    /// Tasks of open sockets, waited for at the end.
    pub(crate) sockets: TaskTracker,
    /// When the server started (real time).
    pub started: Instant,
    /// Cancelled when the server stops.
    pub shutdown: CancellationToken,
    /// Grows with everything that changes answers; see [`App::version`].
    changes: AtomicU64,
}

impl App {
    /// The state of a server with these settings.
    pub fn new(clock: Clock, options: Options, config: Config, paths: Paths, store: Store) -> AppState {
        Arc::new(Self {
            clock,
            store,
            veil: ArcSwap::from_pointee(Veil::new(&config)),
            config: ArcSwap::from_pointee(config),
            rest: Rest::new(&paths),
            paths,
            cors: Cors::new(&options.cors_origins),
            addresses: AddressBook::new(options.limits.clone(), options.trusted_proxies.clone()),
            options,
            requests: RequestLog::default(),
            hot: HotBodies::default(),
            live: Feed::new(),
            sockets: TaskTracker::new(),
            started: Instant::now(),
            shutdown: CancellationToken::new(),
            changes: AtomicU64::new(0),
        })
    }

    /// The version of the data that answers are made from. Two answers made under the same version
    /// from the same request are equal.
    pub fn version(&self) -> u64 {
        // The store publishes thousands of versions a second at most; changes of ours are rare.
        self.store.snapshot().version().wrapping_add(self.changes.load(Ordering::Acquire) << 48)
    }

    /// Whether the newest day is loaded, so that answers are worth having.
    pub fn is_ready(&self) -> bool {
        self.store.snapshot().loading().usable
    }

    /// Puts another configuration in force; the edge's own settings stay those of the start.
    pub fn set_config(&self, config: Config) {
        self.veil.store(Arc::new(Veil::new(&config)));
        self.config.store(Arc::new(config));
        self.touch();
    }

    /// To be called when something other than the store changed that answers depend on, such as
    /// the configuration.
    pub fn touch(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }
}
