//! `corescope-cli bench ingest`: from a Mosquitto to the commit, beside what the Mosquitto delivers to a subscriber
//! that does nothing.

mod broker;
mod subject;

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use corescope_decode::encode::sample;
use corescope_decode::{Packet, packet_hash};
use serde::Serialize;

use self::broker::{Broker, Client};
use self::subject::Subject;
use crate::{Failure, Global};

/// Measure intake: a real Mosquitto, a real ingestor, a real disk.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  corescope-cli bench ingest
  corescope-cli bench ingest --json --messages 200000
  corescope-cli bench ingest --dir /mnt/card         # measure that disk

Needs Mosquitto. Rates are taken from a queue that the broker filled before; the window of unacknowledged
messages is 1000 on both sides of the comparison.")]
pub struct Args {
    /// Messages of each rate measurement
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    messages: usize,
    /// Seconds of each measurement at a fixed rate
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    seconds: u64,
    /// Folder for the databases; it should lie on the disk that is to be measured [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Observations of each transmission, as on a large mesh.
const HEARD_BY: usize = 24;

/// What was measured.
#[derive(Debug, Serialize)]
struct Report {
    /// Messages a second from the broker through the commit, 24 observations of each transmission.
    messages_per_s: f64,
    /// The same with nothing but new transmissions.
    new_messages_per_s: f64,
    /// What the broker delivers to a subscriber that only acknowledges.
    broker_messages_per_s: f64,
    /// From publishing to a committed row that another connection sees, at 100 messages/s.
    commit_latency_ms_p50: f64,
    commit_latency_ms_p99: f64,
    /// Bytes written to storage for each message at 1000 messages/s.
    written_bytes_per_message: f64,
    /// The same at 10 messages/s with `db.batchMs: 1000`.
    written_bytes_per_message_at_10_per_s: f64,
    /// Mean size of a message, topic and payload.
    message_bytes: f64,
    messages: usize,
}

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    let temporary = std::env::temp_dir().join(format!("corescope-bench-{}", std::process::id()));
    let folder = args.dir.as_ref().map_or(temporary, |dir| dir.join(format!("bench-{}", std::process::id())));
    std::fs::create_dir_all(&folder)?;
    let report = measure(&args, &folder);
    std::fs::remove_dir_all(&folder)?;
    let report = report?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
        return Ok(());
    }
    writeln!(out, "messages of {:.0} bytes, {} of each measurement", report.message_bytes, report.messages)?;
    writeln!(out, "broker alone                  {:>10.0} messages/s", report.broker_messages_per_s)?;
    writeln!(
        out,
        "through the commit            {:>10.0} messages/s ({HEARD_BY} observations each)",
        report.messages_per_s
    )?;
    writeln!(out, "nothing but new               {:>10.0} messages/s", report.new_messages_per_s)?;
    writeln!(
        out,
        "publish to commit at 100/s    {:>10.1} ms p50, {:.1} ms p99",
        report.commit_latency_ms_p50, report.commit_latency_ms_p99
    )?;
    writeln!(
        out,
        "written at 1000/s             {:>10.0} bytes per message",
        report.written_bytes_per_message
    )?;
    writeln!(
        out,
        "written at 10/s, batches of 1 s {:>8.0} bytes per message",
        report.written_bytes_per_message_at_10_per_s
    )?;
    Ok(())
}

fn measure(args: &Args, folder: &Path) -> Result<Report> {
    let say = |what: &str| eprintln!("{what} …");
    say("making packets");
    let many = messages(args.messages, HEARD_BY, 1);
    let new = messages(args.messages / 2, 1, 2);
    let bytes: usize = many.iter().map(|(topic, payload)| topic.len() + payload.len()).sum();
    say("the broker alone");
    let broker_messages_per_s = broker_alone(folder, &many)?;
    say("messages of which each transmission has 24");
    let messages_per_s = rate(&folder.join("many"), &many)?;
    say("nothing but new transmissions");
    let new_messages_per_s = rate(&folder.join("new"), &new)?;
    say("latency at 100 messages/s");
    let mut latencies = latencies(&folder.join("latency"), args.seconds)?;
    latencies.sort_by(f64::total_cmp);
    let share = |part: f64| {
        latencies
            .get(((latencies.len() as f64 * part) as usize).min(latencies.len() - 1))
            .copied()
            .unwrap_or(f64::NAN)
    };
    say("bytes written at 1000 messages/s");
    let written = written(&folder.join("written"), 1000, args.seconds, None)?;
    say("bytes written at 10 messages/s");
    let slow = self::written(&folder.join("slow"), 10, args.seconds.max(10), Some(1000))?;
    Ok(Report {
        messages_per_s,
        new_messages_per_s,
        broker_messages_per_s,
        commit_latency_ms_p50: share(0.5),
        commit_latency_ms_p99: share(0.99),
        written_bytes_per_message: written,
        written_bytes_per_message_at_10_per_s: slow,
        message_bytes: bytes as f64 / many.len().max(1) as f64,
        messages: args.messages,
    })
}

/// Messages as meshcoretomqtt writes them, each packet heard by so many observers, interleaved.
fn messages(count: usize, heard_by: usize, seed: u64) -> Vec<(String, String)> {
    let frames = distinct(count.div_ceil(heard_by), seed);
    let mut out = Vec::with_capacity(count);
    // Copies of a packet arrive over a second or so, among those of others.
    for group in frames.chunks(64) {
        for observer in 0..heard_by {
            for (at, frame) in group.iter().enumerate() {
                if out.len() < count {
                    out.push(message((observer + at * 7) % 60, observer, frame));
                }
            }
        }
    }
    out
}

/// So many packets of which no two are the same transmission.
fn distinct(count: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut known = HashSet::new();
    let mut frames = sample::traffic(count * 2 + 64, seed);
    frames.retain(|frame| Packet::parse(frame).is_ok_and(|packet| known.insert(packet_hash(&packet))));
    frames.truncate(count);
    frames
}

fn message(spread: usize, observer: usize, frame: &[u8]) -> (String, String) {
    // An observer hears a copy once: its number must differ for each copy.
    let id = format!("{:02X}{:02X}", observer, 0xA5).repeat(16);
    let (raw, snr, rssi) = (hex::encode_upper(frame), spread % 12, 60 + spread);
    let payload = format!(
        r#"{{"origin":"Observer {observer}","origin_id":"{id}","timestamp":"2026-06-06T07:52:15.414463+00:00","type":"PACKET","direction":"rx","time":"07:52:14","date":"6/6/2026","len":"{}","packet_type":"{}","route":"F","payload_len":"{}","raw":"{raw}","SNR":"{snr}","RSSI":"-{rssi}","score":"820","duration":"410","hash":"A1B2C3D4E5F60718"}}"#,
        frame.len(),
        frame.first().map_or(0, |header| header >> 2 & 15),
        frame.len().saturating_sub(2),
    );
    (format!("meshcore/BEN/{id}/packets"), payload)
}

fn broker_alone(folder: &Path, messages: &[(String, String)]) -> Result<f64> {
    let broker = Broker::start(folder)?;
    let mut client = Client::connect(broker.port, "nothing", true)?;
    client.subscribe()?;
    drop(client);
    Client::connect(broker.port, "publisher", false)?.publish_all(messages, 1000)?;
    let begun = Instant::now();
    Client::connect(broker.port, "nothing", true)?.drain(messages.len())?;
    Ok(messages.len() as f64 / begun.elapsed().as_secs_f64())
}

fn rate(folder: &Path, messages: &[(String, String)]) -> Result<f64> {
    std::fs::create_dir_all(folder)?;
    let broker = Broker::start(folder)?;
    // Its session is made, and the broker keeps what comes for it.
    Subject::start(&broker, folder, None)?.stop()?;
    Client::connect(broker.port, "publisher", false)?.publish_all(messages, 1000)?;
    let begun = Instant::now();
    let subject = Subject::start(&broker, folder, None)?;
    subject.wait_for_committed(messages.len())?;
    let rate = messages.len() as f64 / begun.elapsed().as_secs_f64();
    subject.stop()?;
    Ok(rate)
}

fn latencies(folder: &Path, seconds: u64) -> Result<Vec<f64>> {
    std::fs::create_dir_all(folder)?;
    let broker = Broker::start(folder)?;
    let subject = Subject::start(&broker, folder, None)?;
    let messages = messages(usize::try_from(seconds * 100)?, HEARD_BY, 3);
    let mut publisher = Client::connect(broker.port, "publisher", false)?;
    let (mut sent, mut latencies) = (Vec::with_capacity(messages.len()), Vec::new());
    let begun = Instant::now();
    while latencies.len() < messages.len() {
        let due = (begun.elapsed().as_millis() / 10) as usize;
        while sent.len() < due.min(messages.len()) {
            publisher.publish(messages.get(sent.len()), sent.len())?;
            sent.push(Instant::now());
        }
        let committed = subject.committed()?;
        while latencies.len() < usize::try_from(committed)? {
            let Some(at) = sent.get(latencies.len()) else { break };
            latencies.push(at.elapsed().as_secs_f64() * 1000.0);
        }
        anyhow::ensure!(begun.elapsed() < Duration::from_secs(seconds + 60), "messages are not committed");
        std::thread::sleep(Duration::from_micros(500));
    }
    subject.stop()?;
    Ok(latencies)
}

fn written(folder: &Path, per_second: u64, seconds: u64, batch_ms: Option<u64>) -> Result<f64> {
    std::fs::create_dir_all(folder)?;
    let broker = Broker::start(folder)?;
    let subject = Subject::start(&broker, folder, batch_ms)?;
    let messages = messages(usize::try_from(per_second * seconds)?, HEARD_BY, 4);
    let mut publisher = Client::connect(broker.port, "publisher", false)?;
    let before = subject.written_bytes()?;
    let begun = Instant::now();
    for (number, message) in messages.iter().enumerate() {
        let due = Duration::from_secs_f64(number as f64 / per_second as f64);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        publisher.publish(Some(message), number)?;
    }
    subject.wait_for_committed(messages.len())?;
    let bytes = subject.written_bytes()?.checked_sub(before).context("the counter went back")?;
    subject.stop()?;
    Ok(bytes as f64 / messages.len() as f64)
}
