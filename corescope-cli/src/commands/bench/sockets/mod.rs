//! `corescope-cli bench sockets`: what live sockets cost, and how soon they are told.

mod clients;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::process::{Running, Scratch};
use super::rows;
use crate::{Exit, Failure, Global};

/// Memory per live socket and time from a commit to the last of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  corescope-cli bench sockets
  corescope-cli bench sockets --idle 10000 --active 2000 --db meshcore.db --json

Idle sockets have a filter that nothing passes, active ones none: they are told everything. Each
event is a transmission with twenty observations. Server and clients are processes of their own.")]
pub struct Args {
    /// Database to serve (a copy of it) [default: an empty one]
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Sockets that are told nothing
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    idle: usize,
    /// Sockets that are told everything
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    active: usize,
    /// Transmissions committed
    #[arg(long, value_name = "N", default_value_t = 100)]
    events: u64,
    /// Milliseconds between two of them
    #[arg(long, value_name = "N", default_value_t = 200)]
    pause_ms: u64,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Connect to this address
    #[arg(long, hide = true, value_name = "URL")]
    connect: Option<String>,
    /// How often
    #[arg(long, hide = true, value_name = "N", default_value_t = 1)]
    sockets: usize,
}

/// A filter that nothing passes.
const NOTHING: &str = "size%20%3E%20100000";

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    crate::serving::raise_open_files();
    if let Some(url) = &args.connect {
        return clients::run(url, args.sockets);
    }
    let figures = measure(&args)?;
    report(&figures, args.json)
}

fn unix_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

fn measure(args: &Args) -> Result<Value, Failure> {
    let scratch = Scratch::new("sockets")?;
    let db = scratch.db();
    match &args.db {
        Some(from) => std::fs::copy(from, &db).map(drop)?,
        None => {
            // An empty file is an empty database.
            std::fs::write(&db, "")?;
            let path = db.display().to_string();
            let output = std::process::Command::new(std::env::current_exe()?)
                .args(["db", "migrate", "--db", &path])
                .output()?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(Failure::msg(Exit::Failure, format!("db migrate: {said}")));
            }
        }
    }
    let (server, url) = Running::server(scratch.path())?;
    let socket = format!("{}/ws?v=2", url.replace("http://", "ws://"));
    let before = server.resident()?;
    let _idle = connect(&format!("{socket}&filter={NOTHING}"), args.idle)?;
    let with_idle = server.resident()?;
    let mut active = connect(&socket, args.active)?;
    let with_active = server.resident()?;

    let connection = Connection::open(&db)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    let processor = server.processor()?;
    let mut commits = Vec::new();
    for number in 1..=args.events {
        let id = rows::add(&connection, number)?;
        commits.push((id, unix_us()));
        std::thread::sleep(Duration::from_millis(args.pause_ms));
    }
    // The last of them may still be on its way.
    std::thread::sleep(Duration::from_secs(2));
    let processor = server.processor()?.saturating_sub(processor);
    let after = server.resident()?;
    active.hang_up();
    let told: Value = serde_json::from_str(&active.line()?)?;

    let (mut first, mut last, mut missed) = (Vec::new(), Vec::new(), 0);
    for (id, at) in &commits {
        let of = &told[id.to_string()];
        missed += args.active as u64 - of["count"].as_u64().unwrap_or(0).min(args.active as u64);
        first.extend(of["first"].as_u64().map(|us| us.saturating_sub(*at)));
        last.extend(of["last"].as_u64().map(|us| us.saturating_sub(*at)));
    }
    let messages = args.events * args.active as u64;
    let each = |bytes: u64, count: usize| bytes / (count as u64).max(1);
    Ok(json!({
        "idle": args.idle,
        "active": args.active,
        "events": args.events,
        "resident_before": before,
        "resident_after": after,
        "bytes_per_idle_socket": each(with_idle.saturating_sub(before), args.idle),
        "bytes_per_active_socket": each(with_active.saturating_sub(with_idle), args.active),
        "bytes_per_active_socket_after_events": each(after.saturating_sub(with_idle), args.active),
        "missed": missed,
        "commit_to_first_us": percentiles(first),
        "commit_to_last_us": percentiles(last),
        "processor_us_per_message": processor.as_micros() as f64 / (messages as f64).max(1.0),
    }))
}

/// A process with this many sockets, all of them greeted.
fn connect(url: &str, count: usize) -> Result<Running, Failure> {
    let mut running =
        Running::start(&["bench", "sockets", "--connect", url, "--sockets", &count.to_string()])?;
    let line = running.line()?;
    if line.trim() == "connected" {
        Ok(running)
    } else {
        Err(Failure::msg(Exit::Failure, format!("{count} sockets could not be opened: {line}")))
    }
}

fn percentiles(mut of: Vec<u64>) -> Value {
    of.sort_unstable();
    let at = |p: f64| of.get(((of.len() as f64 * p) as usize).min(of.len().saturating_sub(1)));
    json!({ "p50": at(0.5), "p99": at(0.99), "max": of.last() })
}

fn report(figures: &Value, as_json: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if as_json {
        writeln!(out, "{figures}")?;
        return Ok(());
    }
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    writeln!(
        out,
        "{} idle sockets     {:>9.1} KB each",
        figures["idle"],
        number(&figures["bytes_per_idle_socket"]) / 1024.0
    )?;
    writeln!(
        out,
        "{} active sockets    {:>9.1} KB each, {:.1} KB after {} events",
        figures["active"],
        number(&figures["bytes_per_active_socket"]) / 1024.0,
        number(&figures["bytes_per_active_socket_after_events"]) / 1024.0,
        figures["events"]
    )?;
    for (text, name) in [("first", "commit_to_first_us"), ("last", "commit_to_last_us")] {
        let ms = |p: &str| number(&figures[name][p]) / 1000.0;
        writeln!(
            out,
            "commit to {text} socket {:>9.1} ms (p50), {:.1} ms (p99), {:.1} ms (max)",
            ms("p50"),
            ms("p99"),
            ms("max")
        )?;
    }
    writeln!(out, "processor per message {:>9.1} us", number(&figures["processor_us_per_message"]))?;
    writeln!(out, "messages missed       {:>9}", figures["missed"])?;
    Ok(())
}
