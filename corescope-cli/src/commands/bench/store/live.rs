//! From the commit to the WebSocket: what a page in a browser waits for, measured from outside.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use corescope_core::sim::{Mesh, Preset};
use corescope_decode::{Packet, packet_hash};
use rumqttc::{Client, Event, MqttOptions, QoS};
use rusqlite::Connection;
use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::{self, Message};

use super::made::{self, Source};
use super::measure::{percentile, rounded};
use crate::ask::Server;

/// Commits measured in each mode.
const ROUNDS: usize = 100;
/// How long one event may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_mins(1);

/// Adds the figures of both modes, on a database that rows may be added to.
pub(super) fn measure(path: &Path, figures: &mut Map<String, Value>) -> Result<()> {
    let mut put = |mode: &str, delays: &[f64]| {
        for share in [50, 99] {
            figures.insert(format!("{mode}_ms_p{share}"), json!(percentile(delays, share)));
        }
    };
    put("serve_commit_to_socket", &two_processes(path).context("measuring serve")?);
    put("up_acknowledged_to_socket", &one_process(path).context("measuring up")?);
    Ok(())
}

/// Milliseconds from the return of a commit of another process to the event on a socket of `serve`.
fn two_processes(path: &Path) -> Result<Vec<f64>> {
    let process = Running::start(path, &["serve"], &["http://"])?;
    process.loaded()?;
    let socket = Socket::open(&process.addresses[0])?;
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    let newest = |table: &str| -> rusqlite::Result<i64> {
        connection.query_row(&format!("SELECT max(id) FROM {table}"), [], |row| row.get(0))
    };
    let (mut id, mut observation) = (newest("transmissions")?, newest("observations")?.unsigned_abs());
    let mut source = Source::new(20.0, 24.0);
    let mut delays = Vec::new();
    for round in 0..ROUNDS {
        let Some(mut rows) = source.next() else { break };
        id += 1;
        rows.hash = format!("50c4e7{id:010x}");
        connection.execute_batch("BEGIN IMMEDIATE")?;
        made::insert(&connection, id, &mut observation, &rows)?;
        connection.execute_batch("COMMIT")?;
        let committed = Instant::now();
        let seen = socket.wait_for(&rows.hash)?;
        delays.push(milliseconds(committed, seen));
        out_of_step(round);
    }
    Ok(delays)
}

/// Milliseconds from the acknowledgement, which follows the commit, to the event on a socket of the same process.
fn one_process(path: &Path) -> Result<Vec<f64>> {
    let process = Running::start(path, &["up", "--mqtt-listen", "127.0.0.1:0"], &["http://", "mqtt://"])?;
    process.loaded()?;
    let socket = Socket::open(&process.addresses[0])?;
    let address = process.addresses[1].trim_start_matches("mqtt://");
    let (host, port) = address.rsplit_once(':').context("the endpoint's address has no port")?;
    let (client, mut connection) =
        Client::new(MqttOptions::new("corescope-bench", host, port.parse::<u16>()?), 16);
    let (sender, acknowledged) = channel();
    std::thread::spawn(move || {
        for event in connection.iter() {
            let acknowledgement = matches!(event, Ok(Event::Incoming(rumqttc::Packet::PubAck(_))));
            if event.is_err() || (acknowledgement && sender.send(Instant::now()).is_err()) {
                return;
            }
        }
    });
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
    let mut messages = Mesh::new(Preset::Region, 11).messages(now_ms, 50.0);
    let mut hashes = std::collections::HashSet::new();
    let mut delays = Vec::new();
    while delays.len() < ROUNDS {
        let message = messages.next_with(|_, _| {}).context("the simulator came to an end")?;
        let Some(hash) = hash_of(&message.payload).filter(|hash| hashes.insert(hash.clone())) else {
            continue;
        };
        client.publish(message.topic, QoS::AtLeastOnce, false, message.payload)?;
        let committed = acknowledged.recv_timeout(PATIENCE).context("a message was not acknowledged")?;
        let seen = socket.wait_for(&hash)?;
        delays.push(milliseconds(committed, seen));
        out_of_step(delays.len());
    }
    // A server that is gone already has no use for it.
    let _ = client.disconnect();
    Ok(delays)
}

fn hash_of(payload: &str) -> Option<String> {
    let payload: Value = serde_json::from_str(payload).ok()?;
    let frame = hex::decode(payload.get("raw")?.as_str()?).ok()?;
    Some(packet_hash(&Packet::parse(&frame).ok()?).to_string())
}

/// An event that came before the acknowledgement counts as 0.
fn milliseconds(from: Instant, to: Instant) -> f64 {
    rounded(to.saturating_duration_since(from).as_secs_f64() * 1e3)
}

/// A pause that does not beat with the follower's pace.
fn out_of_step(round: usize) {
    std::thread::sleep(Duration::from_millis(11 + round as u64 % 17));
}

/// A server process of this program; killed when dropped.
struct Running {
    child: Child,
    addresses: Vec<String>,
}

impl Running {
    /// Starts it and reads its addresses out of what it says.
    fn start(path: &Path, command: &[&str], schemes: &[&str]) -> Result<Self> {
        let mut program = Command::new(std::env::current_exe()?);
        program.args(command).args(["--listen", "127.0.0.1:0", "--db"]).arg(path);
        program.args(["--data"]).arg(path.parent().context("the database lies in no folder")?);
        let mut child =
            program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let out = child.stdout.take();
        let mut running = Self { child, addresses: Vec::new() };
        let mut lines = BufReader::new(out.context("no output")?).lines();
        for scheme in schemes {
            let address = loop {
                let line =
                    lines.next().with_context(|| format!("{command:?} told no {scheme} address"))??;
                if let Some(word) = line.split_whitespace().find(|word| word.starts_with(scheme)) {
                    break word.to_owned();
                }
            };
            running.addresses.push(address);
        }
        // What else it says is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(running)
    }

    /// Waits until everything is loaded.
    fn loaded(&self) -> Result<()> {
        let server = Server::new(&self.addresses[0], PATIENCE).map_err(|e| anyhow::anyhow!("{e}"))?;
        let begun = Instant::now();
        loop {
            if let Ok((200, body)) = server.get("/api/perf") {
                let perf: Value = serde_json::from_slice(&body)?;
                if perf["packetStore"]["backgroundLoadComplete"] == true {
                    return Ok(());
                }
            }
            ensure!(begun.elapsed() < 20 * PATIENCE, "the database was not loaded in time");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client of the live feed on a thread of its own.
struct Socket {
    /// Each text with the moment it was there.
    texts: Receiver<(Instant, String)>,
}

impl Socket {
    fn open(url: &str) -> Result<Self> {
        let url = format!("ws://{}/ws", url.trim_start_matches("http://"));
        let (mut socket, _) = tungstenite::connect(&url).with_context(|| format!("connecting to {url}"))?;
        let (sender, texts) = channel();
        std::thread::spawn(move || {
            while let Ok(message) = socket.read() {
                if let Message::Text(text) = message
                    && sender.send((Instant::now(), text.to_string())).is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { texts })
    }

    /// When the first event with this hash was there.
    fn wait_for(&self, hash: &str) -> Result<Instant> {
        loop {
            match self.texts.recv_timeout(PATIENCE) {
                Ok((at, text)) if text.contains(hash) => return Ok(at),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => anyhow::bail!("no event for {hash} within {PATIENCE:?}"),
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the server closed the socket"),
            }
        }
    }
}
