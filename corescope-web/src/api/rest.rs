//! What the routes share beside the store: the database's small tables, the ingestor's figures, the process.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use corescope_core::config::Paths;
use corescope_store::lookup::{self, LookupError, Reader};
use corescope_store::tail::{Whole, WholeError};

use super::aged::{Aged, in_proportion};
use super::audio_lab;
use super::channels::known::{self, Catalogue};
use super::nodes::adverts::AdvertCache;
use super::nodes::health;
use super::scope_stats::Scopes;
use super::system::ingestor::StatsFile;
use super::system::process::Sampler;
use crate::{ApiError, App, AppState};

/// Where the original's ingestor writes its figures.
const OLD_STATS: &str = "/tmp/corescope-ingestor-stats.json";

/// Pause between two looks at the adverts.
const ADVERTS: Duration = Duration::from_secs(1);

const DAY: i64 = 86_400;

/// Made once per server.
#[derive(Debug)]
pub struct Rest {
    /// The database's small tables.
    pub(crate) reader: Arc<Reader>,
    /// Packets, also those that the ceiling keeps out of memory.
    pub(crate) whole: Whole,
    /// The ingestor's figures.
    pub(crate) stats_file: StatsFile,
    /// Disk traffic and timer lag of this process.
    pub(crate) sampler: Sampler,
    /// What adverts say of their senders.
    pub(crate) adverts: AdvertCache,
    /// Packets to listen to, where memory lacks some.
    pub(crate) audio_lab: Aged<audio_lab::Chosen>,
    /// Scopes of packets, where memory lacks some.
    pub(crate) scopes: Scopes,
    /// The public catalogue of channels.
    pub(crate) catalogue: Catalogue,
    /// Page figures of the file.
    pub(crate) file: Last<lookup::FileFigures>,
    /// How many adverts were refused for their signature.
    pub(crate) dropped: Last<i64>,
    /// Held while `config.json` is rewritten.
    pub(crate) config_file: tokio::sync::Mutex<()>,
}

impl Rest {
    /// For the files of this installation.
    pub(crate) fn new(paths: &Paths) -> Self {
        let named = std::env::var_os("CORESCOPE_INGESTOR_STATS").is_some_and(|path| !path.is_empty());
        let foreign = (!named).then(|| PathBuf::from(OLD_STATS));
        let reader = Arc::new(Reader::new(&paths.db));
        Self {
            whole: Whole::new(reader.clone()),
            reader,
            stats_file: StatsFile::new(paths.stats.clone(), foreign),
            sampler: Sampler::default(),
            adverts: AdvertCache::default(),
            audio_lab: Aged::default(),
            scopes: Scopes::default(),
            catalogue: Catalogue::default(),
            file: Last::default(),
            dropped: Last::default(),
            config_file: tokio::sync::Mutex::default(),
        }
    }

    /// What runs beside the requests, until the future is dropped.
    pub(crate) async fn run(app: &AppState) {
        tokio::join!(app.rest.sampler.run(), known::keep_fresh(app), keep_adverts(app), warm_health(app));
    }
}

/// Looks at the adverts before somebody asks, so that the first request does not wait for it.
async fn keep_adverts(app: &AppState) {
    loop {
        let app = app.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let data = app.store.snapshot();
            if data.loading().usable {
                let facts = app.rest.adverts.get(&app.rest.whole, &data, app.clock.now());
                if let Err(error) = facts {
                    tracing::warn!(%error, "adverts outside memory could not be read");
                }
            }
        });
        if looked.await.is_err() {
            return;
        }
        tokio::time::sleep(ADVERTS).await;
    }
}

/// Sums up what was heard of nodes outside memory, after the load and when a day begins, so that nobody who asks for their
/// health waits for that. What changes there later is summed up anew when somebody asks.
async fn warm_health(app: &AppState) {
    let mut done = None;
    loop {
        tokio::time::sleep(ADVERTS).await;
        let moment = app.moment();
        let today = moment.now.div_euclid(DAY);
        if !moment.data.lacks_rows() || done == Some(today) {
            continue;
        }
        let (app, begun) = (app.clone(), Instant::now());
        match tokio::task::spawn_blocking(move || health::warm(&app, &moment)).await {
            Ok(Ok(())) => done = Some(today),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the health of nodes could not be summed up");
                tokio::time::sleep(in_proportion(begun.elapsed())).await;
            }
            Err(_) => return,
        }
    }
}

/// Asks the database on a thread that may block.
///
/// # Errors
///
/// 503 while the file is away, else 500; what went wrong goes to the log.
pub(crate) async fn ask<T: Send + 'static>(
    app: &App,
    question: impl FnOnce(&lookup::Connection) -> lookup::Answer<T> + Send + 'static,
) -> Result<T, ApiError> {
    let reader = app.rest.reader.clone();
    tokio::task::spawn_blocking(move || reader.ask(question))
        .await
        .map_err(|error| ApiError::internal("database", &error))?
        .map_err(unanswered)
}

/// What a request is told whose rows could not be read from the database.
pub(crate) fn unanswered(error: impl Into<WholeError>) -> ApiError {
    match error.into() {
        error @ (WholeError::Busy | WholeError::Database(LookupError::Busy)) => {
            ApiError::unavailable(error.to_string(), 2)
        }
        WholeError::Database(error) if error.is_passing() => {
            // The follower tells it once; this is for every request.
            tracing::debug!(%error, "a request could not be answered");
            ApiError::unavailable("the database cannot be read at the moment", 5)
                .hint("what needs no more than memory holds is answered; /api/perf says how the file fares")
        }
        error => ApiError::internal("database", &error),
    }
}

/// What the database said last to a question: figures for operators are told while it is away too.
#[derive(Debug, Default)]
pub(crate) struct Last<T>(Mutex<T>);

impl<T: Copy + Send + 'static> Last<T> {
    /// The answer of now, or else the last one there was.
    pub(crate) async fn ask(
        &self,
        app: &App,
        question: impl FnOnce(&lookup::Connection) -> lookup::Answer<T> + Send + 'static,
    ) -> T {
        // That the database does not answer goes to the log there.
        let now = ask(app, question).await.ok();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(now) = now {
            *last = now;
        }
        *last
    }
}
