//! `corescope-cli simulate`: a synthetic mesh into a broker, the API or a file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use corescope_core::sim::{Emission, Mesh, Preset};
use corescope_core::time::parse_rfc3339_millis;

use crate::publish::{ApiSink, FileSink, MqttSink, Sink};
use crate::{Exit, Failure, Global};

/// Emit a synthetic mesh.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Size of the mesh: town (60 relays), region (300) or country (1500)
    #[arg(long, default_value = "town")]
    preset: Preset,
    /// The same seed and start give the same messages
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Messages a second, on average
    #[arg(long, default_value_t = 5.0, value_name = "PER_SECOND")]
    rate: f64,
    /// Stop after so many messages [default: 1000 into a file; without end otherwise]
    #[arg(long)]
    count: Option<u64>,
    /// Time of the first message [default: 2026-01-01T00:00:00Z into a file, now otherwise]
    #[arg(long, value_name = "RFC3339")]
    start: Option<String>,
    /// Publish to this broker at QoS 1, in real time: mqtt://[user:password@]host[:port]
    #[arg(long, value_name = "URL", group = "to")]
    mqtt: Option<String>,
    /// Post to this server, in real time: http://host:port
    #[arg(long, value_name = "URL", group = "to")]
    api: Option<String>,
    /// Key of the server for --api
    #[arg(long, value_name = "KEY", env = "CORESCOPE_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Write a capture, as fast as it goes; - is standard output, which is also the default
    #[arg(long, value_name = "FILE", group = "to")]
    out: Option<PathBuf>,
    /// Write what really happened (nodes, links, senders, relays of every copy) as JSON lines
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Do not wait between messages when publishing or posting
    #[arg(long)]
    fast: bool,
}

const EXAMPLES: &str = "Examples:
  corescope-cli simulate --seed 7 --count 5000 --out town.jsonl
  corescope-cli simulate --preset region --rate 20 --mqtt mqtt://localhost:1883
  corescope-cli simulate --api http://localhost:3000 --api-key \"$KEY\" --count 100
  corescope-cli simulate --count 200 --truth truth.jsonl | corescope-cli analyze -";

/// 2026-01-01T00:00:00Z: so that a capture depends on nothing but the command line.
const FILE_START_MS: i64 = 1_767_225_600_000;
/// Messages in a capture unless told otherwise.
const FILE_COUNT: u64 = 1000;

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    if !args.rate.is_finite() || args.rate <= 0.0 || args.rate > 1e6 {
        return Err(Failure::msg(
            Exit::Usage,
            format_args!("--rate {} is not between 0 and 1000000", args.rate),
        ));
    }
    let live = args.mqtt.is_some() || args.api.is_some();
    let start_ms = match &args.start {
        Some(text) => parse_rfc3339_millis(text).ok_or_else(|| {
            Failure::msg(Exit::Usage, format_args!("--start {text} is no time; write 2026-06-01T12:00:00Z"))
        })?,
        None if live => {
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
        }
        None => FILE_START_MS,
    };
    let mut sink: Box<dyn Sink> = match (&args.mqtt, &args.api, &args.out) {
        (Some(url), _, _) => Box::new(MqttSink::connect(url)?),
        (_, Some(url), _) => Box::new(ApiSink::connect(url, args.api_key.as_deref())?),
        (_, _, Some(path)) => Box::new(FileSink::create(path)?),
        _ => Box::new(FileSink::create(&PathBuf::from("-"))?),
    };
    let mesh = Mesh::new(args.preset, args.seed);
    let mut truth = args.truth.as_ref().map(|path| Truth::create(path, &mesh)).transpose()?;
    let count = args.count.unwrap_or(if live { u64::MAX } else { FILE_COUNT });
    let pace = Pace::new(start_ms, live && !args.fast);
    let mut messages = mesh.messages(start_ms, args.rate);
    for _ in 0..count {
        let mut trouble: Option<Failure> = None;
        let next = messages.next_with(|mesh, emission| {
            if let (None, Some(truth)) = (&trouble, truth.as_mut()) {
                trouble = truth.write(mesh, emission).err();
            }
        });
        if let Some(failure) = trouble {
            return Err(failure);
        }
        let Some(message) = next else { break };
        pace.wait_for(message.time_ms);
        sink.send(message.time_ms, &message.topic, &message.payload, message.retain)?;
    }
    if let Some(truth) = truth {
        truth.finish()?;
    }
    let delivered = sink.finish()?;
    if args.out.as_ref().is_some_and(|path| path.as_os_str() != "-") || live {
        eprintln!(
            "{} messages sent, {} confirmed, {} refused",
            delivered.sent, delivered.confirmed, delivered.refused
        );
    }
    Ok(())
}

/// Real time: a message is due as long after the start as it is in the simulation.
struct Pace {
    began: Instant,
    start_ms: i64,
    real_time: bool,
}

impl Pace {
    fn new(start_ms: i64, real_time: bool) -> Self {
        Self { began: Instant::now(), start_ms, real_time }
    }

    fn wait_for(&self, time_ms: i64) {
        if !self.real_time {
            return;
        }
        let due = Duration::from_millis((time_ms - self.start_ms).max(0) as u64);
        std::thread::sleep(due.saturating_sub(self.began.elapsed()));
    }
}

/// The file of what really happened.
struct Truth {
    out: BufWriter<File>,
    path: PathBuf,
}

impl Truth {
    fn create(path: &PathBuf, mesh: &Mesh) -> Result<Self, Failure> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut truth = Self { out: BufWriter::new(file), path: path.clone() };
        truth.line(&mesh.truth())?;
        Ok(truth)
    }

    fn write(&mut self, mesh: &Mesh, emission: &Emission) -> Result<(), Failure> {
        self.line(&emission.truth(mesh))
    }

    fn line(&mut self, value: &serde_json::Value) -> Result<(), Failure> {
        Ok(writeln!(self.out, "{value}").with_context(|| format!("cannot write {}", self.path.display()))?)
    }

    fn finish(mut self) -> Result<(), Failure> {
        Ok(self.out.flush().with_context(|| format!("cannot write {}", self.path.display()))?)
    }
}
