//! `corescope-cli bench http`: the server beside a bare hyper server that returns the same bytes.

mod bare;
mod paced;
mod wrk;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::wrk::Load;
use super::process::{Running, Scratch};
use super::rows;
use crate::ask::Server;
use crate::{Exit, Failure, Global};

/// Requests per second and latencies of the hot routes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  corescope-cli bench http --db meshcore.db
  corescope-cli bench http --db meshcore.db --seconds 10 --json

The database is copied first; rows are added to the copy while the server is measured. Needs wrk.")]
pub struct Args {
    /// Database to serve (a copy of it)
    #[arg(long, value_name = "FILE", required_unless_present_any = ["bare", "paced"])]
    db: Option<PathBuf>,
    /// Seconds per measurement
    #[arg(long, value_name = "N", default_value_t = 5)]
    seconds: u64,
    /// Turns that each server gets; the best counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: u32,
    /// Connections that ask at the same time
    #[arg(long, value_name = "N", default_value_t = 16)]
    connections: usize,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Serve this file as the bare server does
    #[arg(long, hide = true, value_name = "FILE")]
    bare: Option<PathBuf>,
    /// Ask this address at a fixed rate
    #[arg(long, hide = true, value_name = "URL", requires = "rate")]
    paced: Option<String>,
    /// Requests per second
    #[arg(long, hide = true, value_name = "N")]
    rate: Option<f64>,
}

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    if let Some(file) = &args.bare {
        return bare::serve(file);
    }
    if let (Some(url), Some(rate)) = (&args.paced, args.rate) {
        return paced::run(url, rate, Duration::from_secs(args.seconds));
    }
    let Some(db) = &args.db else {
        return Err(Failure::msg(Exit::Usage, "--db FILE is missing"));
    };
    wrk::check()?;
    measure(db, &args)
}

/// Hashes that requests for single packets go round.
const PACKETS: usize = 1000;

fn measure(db: &Path, args: &Args) -> Result<(), Failure> {
    let scratch = Scratch::new("http")?;
    std::fs::copy(db, scratch.db())?;
    let (running, url) = Running::server(scratch.path())?;
    let server = Server::new(&url, Duration::from_mins(1))?;
    let newest: Value = serde_json::from_slice(&server.get(&format!("/api/packets?limit={PACKETS}"))?.1)?;
    let packets: Vec<String> = newest["packets"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|p| Some(format!("/api/packets/{}", p["hash"].as_str()?)))
        .collect();
    let Some(packet) = packets.first().cloned() else {
        return Err(Failure::msg(Exit::Data, "the database holds no packet to ask for"));
    };
    let _rows = rows::start(&scratch.db())?;
    let routes = [
        ("packets", vec!["/api/packets?limit=50".to_owned()]),
        ("packets_grouped", vec!["/api/packets?limit=50&groupByHash=true".to_owned()]),
        ("nodes", vec!["/api/nodes?limit=200".to_owned()]),
        ("packet", vec![packet]),
        ("packets_in_turn", packets),
    ];
    let mut results = serde_json::Map::new();
    for (name, paths) in routes {
        results.insert(name.to_owned(), route(&running, &url, &paths, scratch.path(), args)?);
    }
    report(&results, args.json)
}

/// One route: first byte of the first request, rate beside the bare server, latencies of both at
/// half of the server's rate. The two take turns, and the best of each counts: whatever else the
/// machine does only takes away.
fn route(
    running: &Running,
    url: &str,
    paths: &[String],
    scratch: &Path,
    args: &Args,
) -> Result<Value, Failure> {
    let server = Server::new(url, Duration::from_mins(1))?;
    let mut bodies = Vec::new();
    let mut first_ms = Vec::new();
    for path in paths {
        let begun = Instant::now();
        let (status, body) = server.get(path)?;
        first_ms.push(begun.elapsed().as_secs_f64() * 1000.0);
        if status != 200 {
            return Err(Failure::msg(Exit::Failure, format!("{path} answered {status}")));
        }
        bodies.push(body);
    }
    let mean = bodies.iter().map(Vec::len).sum::<usize>() / bodies.len().max(1);
    let body = bodies.into_iter().min_by_key(|body| body.len().abs_diff(mean)).unwrap_or_default();
    let file = scratch.join("body");
    std::fs::write(&file, &body)?;
    let requests = wrk::requests(&scratch.join("requests.lua"), paths)?;
    let (bare, bare_url) = Running::serving(&["bench", "http", "--bare", &file.display().to_string()])?;
    let (mut ours, mut theirs) = (Load::default(), Load::default());
    for _ in 0..args.rounds.max(1) {
        let load = |server, url| wrk::load(server, url, &requests, args.connections, args.seconds);
        theirs = theirs.or_better(load(&bare, &bare_url)?);
        ours = ours.or_better(load(running, url)?);
    }
    let half = (ours.rate / 2.0).max(1.0);
    let path = &paths[0];
    Ok(json!({
        "path": path,
        "paths": paths.len(),
        "bytes": body.len(),
        "first_ms": first_ms.iter().copied().fold(0.0, f64::max),
        "requests_per_s": ours.rate,
        "bare_requests_per_s": theirs.rate,
        "share": ours.rate / theirs.rate,
        "processor_us": ours.processor_us,
        "bare_processor_us": theirs.processor_us,
        "paced": paced(&format!("{url}{path}"), half, args.seconds)?,
        "bare_paced": paced(&format!("{}{path}", bare_url.trim_end_matches('/')), half, args.seconds)?,
    }))
}

/// Latencies at a fixed rate, asked by a process of its own.
fn paced(target: &str, rate: f64, seconds: u64) -> Result<Value, Failure> {
    let (rate, seconds) = (format!("{rate:.0}"), seconds.to_string());
    let output = Command::new(std::env::current_exe()?)
        .args(["bench", "http", "--paced", target, "--rate", &rate, "--seconds", &seconds])
        .output()?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn report(results: &serde_json::Map<String, Value>, as_json: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if as_json {
        writeln!(out, "{}", Value::Object(results.clone()))?;
        return Ok(());
    }
    writeln!(
        out,
        "{:<16} {:>9} {:>9} {:>9} {:>7} {:>8} {:>8} {:>8} {:>8} {:>12}",
        "route", "first ms", "req/s", "bare", "share", "cpu us", "bare us", "p50 us", "p99 us", "bare p99 us"
    )?;
    for (name, r) in results {
        writeln!(
            out,
            "{name:<16} {:>9.2} {:>9.0} {:>9.0} {:>6.0}% {:>8.1} {:>8.1} {:>8.0} {:>8.0} {:>12.0}",
            r["first_ms"].as_f64().unwrap_or_default(),
            r["requests_per_s"].as_f64().unwrap_or_default(),
            r["bare_requests_per_s"].as_f64().unwrap_or_default(),
            r["share"].as_f64().unwrap_or_default() * 100.0,
            r["processor_us"].as_f64().unwrap_or_default(),
            r["bare_processor_us"].as_f64().unwrap_or_default(),
            r["paced"]["p50_us"].as_f64().unwrap_or_default(),
            r["paced"]["p99_us"].as_f64().unwrap_or_default(),
            r["bare_paced"]["p99_us"].as_f64().unwrap_or_default(),
        )?;
    }
    Ok(())
}
