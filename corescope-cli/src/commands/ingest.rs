//! `corescope-cli ingest`, and `corescope-ingestor`.

use std::path::PathBuf;
use std::time::Duration;

use corescope_core::config::{Broker, Scheme, Source};

use crate::ingest::{Ingestor, Setup, feed, observe};
use crate::place::{Place, PlaceArgs};
use crate::signals::{Signal, Signals};
use crate::{Exit, Failure, Global};

/// Receive from MQTT brokers and write the database.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  corescope-cli ingest                                     # mqtt://localhost:1883 into data/meshcore.db
  MQTT_BROKER=mqtt://broker:1883 corescope-cli ingest --data /srv/corescope
  corescope-cli ingest --config /etc/corescope/config.json --metrics-listen 127.0.0.1:9100
  corescope-cli ingest --file capture.jsonl --db test.db   # read a capture and end

Signals: SIGTERM and SIGINT store and acknowledge what was received, then end; SIGHUP reads the configuration again.
Exit codes: 0 stopped, 65 bad configuration, 73 another process writes this database, 74 input or output failed.")]
pub struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// Read messages from a capture (JSON lines; - is standard input) instead of brokers, and end
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Address of /metrics, /livez and /readyz
    #[arg(long, value_name = "ADDR", env = "CORESCOPE_METRICS_LISTEN")]
    metrics_listen: Option<String>,
    /// Longest time that storing the rest may take at the end, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    grace: u64,
}

/// Runs it.
pub fn run(args: Args, global: &Global) -> Result<(), Failure> {
    let place = args.place.load(&[])?;
    crate::logging::set_level(global, place.config.log_level.as_deref());
    place.log_warnings();
    crate::demo::check(&place.paths.db, false)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(ingest(&args, global, place))
}

async fn ingest(args: &Args, global: &Global, place: Place) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let recorder = observe::recorder();
    let sources = if args.file.is_some() { Vec::new() } else { sources(&place) };
    let grace = Duration::from_secs(args.grace);
    let mut ingestor = Ingestor::start(Setup { place: &place, sources, grace }).await?;
    let observed = observe::Observed::of(&ingestor, &place);
    let _listener = match &args.metrics_listen {
        Some(address) => Some(observe::listen(address, recorder, observed.clone()).await?),
        None => None,
    };
    let stats = observe::write_stats(observed, place.paths.stats.clone(), ingestor.stopping());
    if let Some(file) = &args.file {
        let (intake, stop) = (ingestor.intake(), ingestor.stopping());
        let report = tokio::select! {
            report = feed(file, &intake, &ingestor.shared, &stop) => report,
            () = until_stopped(&mut signals) => Ok(crate::ingest::FileReport::default()),
        };
        drop(intake);
        let written = std::sync::Arc::clone(&ingestor.desk);
        let left = ingestor.stop().await;
        stats.await.ok();
        let report = report.map_err(|error| Failure::new(Exit::Io, error))?;
        let figures = written.written();
        eprintln!(
            "{} messages, {} lines that were none; {} new transmissions, {} new observations, {} duplicates",
            report.messages,
            report.bad_lines,
            figures.transmissions,
            figures.observations,
            figures.duplicates
        );
        return ended(left);
    }
    loop {
        match signals.next().await {
            Signal::Stop => break,
            Signal::Reload => match args.place.load(&[]) {
                Ok(place) => {
                    place.log_warnings();
                    crate::logging::set_level(global, place.config.log_level.as_deref());
                    let changes = ingestor.reload(&place, &self::sources(&place)).await;
                    tracing::info!(?changes, "configuration read again");
                }
                Err(failure) => tracing::error!("configuration not read again: {failure}; the old one stays"),
            },
        }
    }
    tracing::info!("stopping: storing what was received");
    let left = ingestor.stop().await;
    stats.await.ok();
    ended(left)
}

/// Tells how it ended.
pub(crate) fn ended(left: u64) -> Result<(), Failure> {
    if left == 0 {
        tracing::info!("stopped; everything that was received is stored");
        return Ok(());
    }
    let message = format!(
        "{left} messages could not be stored in time; those of QoS 1 were not acknowledged and come again"
    );
    Err(Failure::msg(Exit::Io, message))
}

async fn until_stopped(signals: &mut Signals) {
    while signals.next().await != Signal::Stop {}
}

/// The brokers of the configuration; the one on this machine where there are none.
fn sources(place: &Place) -> Vec<Source> {
    let sources = &place.config.sources;
    if sources.is_empty()
        && place.layers.indices("mqttSources").is_empty()
        && place.layers.get("mqtt.broker").is_none()
    {
        let broker =
            Broker { scheme: Scheme::Mqtt, host: "localhost".to_owned(), port: 1883, path: "/".to_owned() };
        tracing::info!("no sources are configured: receiving from {broker}");
        return vec![Source::plain("local", broker)];
    }
    sources.clone()
}
