//! All of intake as one thing: started, reloaded, drained.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use corescope_core::config::{Config, ForeignMode, Source, Synchronous};
use corescope_core::uplink::Admission;
use corescope_store::jobs::Plan;
use corescope_store::write::{self, Foreign, Options, ProgressLog, Rules, WriteError, Writer};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::injected;
use super::keys::{Keys, gather};
use super::queue::{Intake, Level, queue};
use super::shared::Shared;
use super::sources::{Changes, Roster, Sources};
use super::upkeep::Upkeep;
use super::writing::{self, Batching, WriterDesk};
use crate::place::Place;
use crate::{Exit, Failure};

/// What intake needs to start.
#[derive(Debug)]
pub struct Setup<'a> {
    /// The installation.
    pub place: &'a Place,
    /// Brokers to connect to.
    pub sources: Vec<Source>,
    /// How long a stop may take.
    pub grace: Duration,
}

/// All of intake.
#[derive(Debug)]
pub struct Ingestor {
    /// What the sources share.
    pub shared: Arc<Shared>,
    /// What the writer says.
    pub desk: Arc<WriterDesk>,
    /// How full the queue is.
    pub level: Arc<Level>,
    /// The sources that run.
    pub roster: Arc<Roster>,
    intake: Intake,
    sources: Sources,
    stop: CancellationToken,
    writer: JoinHandle<()>,
    injected: tokio::task::JoinHandle<()>,
    database: PathBuf,
    grace: Duration,
}

/// Most messages in a batch.
const MOST: usize = 4096;

impl Ingestor {
    /// Opens the database (making or migrating it), and starts the writer and the sources.
    ///
    /// # Errors
    ///
    /// [`Exit::OtherWriter`] when another process writes the database, [`Exit::Io`] when it cannot be opened.
    pub async fn start(setup: Setup<'_>) -> Result<Self, Failure> {
        let config = &setup.place.config;
        let keys = gather(config, setup.place.paths.config.as_deref());
        for warning in &keys.warnings {
            tracing::warn!("{warning}");
        }
        tracing::info!(channels = keys.ring.len(), regions = keys.regions.len(), "keys");
        let mut options = Options::default();
        options.synchronous = match config.db.synchronous {
            Synchronous::Full => write::Synchronous::Full,
            Synchronous::Normal => {
                tracing::warn!(
                    "db.synchronous is normal: a power cut may lose messages that were acknowledged"
                );
                write::Synchronous::Normal
            }
        };
        options.rules = rules(config, &keys);
        let mut writer = open(&setup.place.paths.db, options)?;
        if config.db.vacuum_on_startup && !writer.gives_back_pages()? {
            tracing::info!(
                "rewriting the database once, so that free pages can be given back (db.vacuumOnStartup)"
            );
            let done = writer.vacuum()?;
            tracing::info!(bytes_before = done.before, bytes_after = done.after, "rewritten");
        }
        let mut ids = Vec::new();
        for source in setup.sources.iter().filter(|source| source.client_id.is_none()) {
            ids.push((source.name.clone(), kept_client_id(&mut writer, &source.name)?));
        }

        let (intake, outlet) = queue(
            usize::try_from(config.ingest.queue_messages).unwrap_or(usize::MAX),
            usize::try_from(config.ingest.queue_bytes).unwrap_or(usize::MAX),
        );
        let shared = Arc::new(Shared::new(Admission::new(config)));
        let desk = Arc::new(WriterDesk::new(slow_writer_ms()));
        let level = Arc::clone(intake.level());
        let batching = Batching { window: Duration::from_millis(config.db.batch_ms), most: MOST };
        let roster = Arc::new(Roster::new(writer.sources_alive()?));
        let upkeep = Upkeep::new(Plan::of(config, &setup.place.paths), Arc::clone(&roster));
        let writer = writing::start(writer, outlet, batching, Arc::clone(&desk), upkeep, Handle::current())
            .context("cannot start the writer's thread")?;
        let stop = CancellationToken::new();
        let mut sources =
            Sources::new(intake.clone(), Arc::clone(&shared), Arc::clone(&roster), stop.clone(), setup.grace);
        let injected = injected::watch(
            setup.place.paths.packet_requests.clone(),
            intake.clone(),
            Arc::clone(&shared),
            stop.clone(),
        );
        let mut id = |source: &Source| {
            let known = ids.iter().find(|(name, _)| *name == source.name);
            known.map_or_else(new_client_id, |(_, id)| id.clone())
        };
        sources.set(&setup.sources, &mut id).await;
        Ok(Self {
            shared,
            desk,
            level,
            roster,
            intake,
            sources,
            stop,
            writer,
            injected,
            database: setup.place.paths.db.clone(),
            grace: setup.grace,
        })
    }

    /// A way in for further sources (the endpoint, files, requests).
    pub fn intake(&self) -> Intake {
        self.intake.clone()
    }

    /// Cancelled when intake is to end: sources of one's own listen to it.
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Takes what can change while running: rules, keys, lists, the batch window, and the sources.
    pub async fn reload(&mut self, place: &Place, sources: &[Source]) -> Changes {
        let keys = gather(&place.config, place.paths.config.as_deref());
        for warning in &keys.warnings {
            tracing::warn!("{warning}");
        }
        self.shared.set_admission(Admission::new(&place.config));
        self.desk.set_rules(rules(&place.config, &keys));
        self.desk.set_window(Duration::from_millis(place.config.db.batch_ms));
        self.desk.set_plan(Plan::of(&place.config, &place.paths));
        let (desk, database) = (Arc::clone(&self.desk), self.database.clone());
        let mut id = |source: &Source| {
            let key = state_key(&source.name);
            let known = corescope_store::db::open_read(&database)
                .ok()
                .and_then(|db| corescope_store::write::get_state(&db, &key).ok().flatten());
            known.unwrap_or_else(|| {
                let id = new_client_id();
                desk.set_state(key, id.clone());
                id
            })
        };
        self.sources.set(sources, &mut id).await
    }

    /// Stops the sources, commits what is queued, acknowledges it, and closes the database.
    /// Returns how many messages remained.
    pub async fn stop(self) -> u64 {
        let Self { desk, intake, sources, stop, writer, injected, grace, .. } = self;
        stop.cancel();
        // The writer ends when nobody can hand it anything any more.
        drop(intake);
        let give_up = {
            let desk = Arc::clone(&desk);
            tokio::spawn(async move {
                tokio::time::sleep(grace).await;
                desk.give_up();
            })
        };
        sources.ended().await;
        injected.await.ok();
        if tokio::task::spawn_blocking(move || writer.join()).await.is_ok_and(|joined| joined.is_err()) {
            tracing::error!("the writer's thread panicked");
        }
        give_up.abort();
        desk.left()
    }
}

/// From which hold on the writer is called slow, milliseconds.
fn slow_writer_ms() -> f64 {
    let set = std::env::var("CORESCOPE_DB_SLOW_WRITER_MS").ok().and_then(|text| text.trim().parse().ok());
    set.filter(|ms: &f64| *ms > 0.0).unwrap_or(500.0)
}

fn open(path: &Path, options: Options) -> Result<Writer, Failure> {
    let mut log = ProgressLog::default();
    let opened = Writer::open_telling(path, options, &mut |progress| log.tell(progress));
    log.end();
    opened.map_err(|error| {
        let exit = match error {
            WriteError::OtherWriter { .. } => Exit::OtherWriter,
            _ => Exit::Io,
        };
        Failure::new(exit, error)
    })
}

/// The writer's rules of a configuration.
pub(crate) fn rules(config: &Config, keys: &Keys) -> Rules {
    let mut rules = Rules::default();
    rules.channel_keys = Arc::clone(&keys.ring);
    rules.regions = Arc::clone(&keys.regions);
    rules.validate_signatures = config.validate_signatures;
    rules.strict = config.strict;
    rules.geo_filter.clone_from(&config.geo_filter);
    rules.foreign = match config.foreign_adverts {
        ForeignMode::Flag => Foreign::Flag,
        ForeignMode::Drop => Foreign::Drop,
    };
    rules.store_direct = config.store_direct;
    rules.metrics_interval_s = u32::try_from(config.metrics_sample_interval_secs).unwrap_or(300);
    rules
}

fn state_key(source: &str) -> String {
    format!("client_id:{source}")
}

/// The client id of a source, made up once: the broker keeps our queue under it.
fn kept_client_id(writer: &mut Writer, source: &str) -> Result<String, Failure> {
    let key = state_key(source);
    if let Some(id) = writer.state(&key)? {
        return Ok(id);
    }
    let id = new_client_id();
    writer.set_state(&key, &id)?;
    Ok(id)
}

fn new_client_id() -> String {
    let mut bytes = [0; 6];
    // Without a source of randomness TLS would not work either; then the process id has to do.
    if rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes).is_err() {
        bytes[..4].copy_from_slice(&std::process::id().to_be_bytes());
    }
    format!("corescope-{}", hex::encode(bytes))
}
