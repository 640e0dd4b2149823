//! `corescope-cli bench http`: the server beside a bare hyper server that returns the same bytes.

mod bare;
mod ingest;
mod paced;
mod wrk;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

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

/// A process that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts this program and reads the address out of its first line.
    fn start(args: &[&str]) -> Result<(Self, String), Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take();
        let running = Self(child);
        let mut line = String::new();
        BufReader::new(out.ok_or_else(|| Failure::msg(Exit::Io, "no output"))?).read_line(&mut line)?;
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned);
        let url = url.ok_or_else(|| Failure::msg(Exit::Failure, format!("{args:?} said {line:?}")))?;
        Ok((running, url))
    }
}

/// A folder that is removed with this value.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn measure(db: &Path, args: &Args) -> Result<(), Failure> {
    let scratch = Scratch(std::env::temp_dir().join(format!("corescope-bench-http-{}", std::process::id())));
    std::fs::create_dir_all(&scratch.0)?;
    let copy = scratch.0.join("meshcore.db");
    std::fs::copy(db, &copy)?;
    let data = scratch.0.display().to_string();
    let (_server, url) = Running::start(&["serve", "--listen", "127.0.0.1:0", "--data", &data])?;
    let server = Server::new(&url, Duration::from_mins(1))?;
    let begun = Instant::now();
    while server.get("/api/healthz").is_ok_and(|(status, _)| status != 200) {
        if begun.elapsed() > Duration::from_mins(10) {
            return Err(Failure::msg(
                Exit::NotReady,
                "the server did not load the database within 10 minutes",
            ));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let newest: Value = serde_json::from_slice(&server.get("/api/packets?limit=1")?.1)?;
    let hash = newest["packets"][0]["hash"].as_str().unwrap_or("0000000000000000").to_owned();
    let _rows = ingest::start(&copy)?;
    let routes = [
        ("packets", "/api/packets?limit=50".to_owned()),
        ("packets_grouped", "/api/packets?limit=50&groupByHash=true".to_owned()),
        ("nodes", "/api/nodes?limit=200".to_owned()),
        ("packet", format!("/api/packets/{hash}")),
    ];
    let mut results = serde_json::Map::new();
    for (name, path) in routes {
        results.insert(name.to_owned(), route(&server, &url, &path, &scratch.0, args)?);
    }
    report(&results, args.json)
}

/// One route: first byte of the first request, rate beside the bare server, latencies at half of
/// the bare server's share that the server must reach.
fn route(server: &Server, url: &str, path: &str, scratch: &Path, args: &Args) -> Result<Value, Failure> {
    let begun = Instant::now();
    let (status, body) = server.get(path)?;
    let first_ms = begun.elapsed().as_secs_f64() * 1000.0;
    if status != 200 {
        return Err(Failure::msg(Exit::Failure, format!("{path} answered {status}")));
    }
    let file = scratch.join("body");
    std::fs::write(&file, &body)?;
    let file = file.display().to_string();
    let (bare, bare_url) = Running::start(&["bench", "http", "--bare", &file])?;
    let bare_rate = wrk::rate(&bare_url, args.connections, args.seconds)?;
    drop(bare);
    let rate = wrk::rate(&format!("{url}{path}"), args.connections, args.seconds)?;
    let (target, seconds) = (format!("{url}{path}"), args.seconds.to_string());
    let half = format!("{:.0}", (rate / 2.0).max(1.0));
    let output = Command::new(std::env::current_exe()?)
        .args(["bench", "http", "--paced", &target, "--rate", &half, "--seconds", &seconds])
        .output()?;
    let paced: Value = serde_json::from_slice(&output.stdout)?;
    Ok(json!({
        "path": path,
        "bytes": body.len(),
        "first_ms": first_ms,
        "requests_per_s": rate,
        "bare_requests_per_s": bare_rate,
        "share": rate / bare_rate,
        "paced": paced,
    }))
}

fn report(results: &serde_json::Map<String, Value>, as_json: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if as_json {
        writeln!(out, "{}", Value::Object(results.clone()))?;
        return Ok(());
    }
    writeln!(
        out,
        "{:<16} {:>9} {:>9} {:>9} {:>7} {:>9} {:>9}",
        "route", "first ms", "req/s", "bare", "share", "p50 us", "p99 us"
    )?;
    for (name, r) in results {
        writeln!(
            out,
            "{name:<16} {:>9.2} {:>9.0} {:>9.0} {:>6.0}% {:>9.0} {:>9.0}",
            r["first_ms"].as_f64().unwrap_or_default(),
            r["requests_per_s"].as_f64().unwrap_or_default(),
            r["bare_requests_per_s"].as_f64().unwrap_or_default(),
            r["share"].as_f64().unwrap_or_default() * 100.0,
            r["paced"]["p50_us"].as_f64().unwrap_or_default(),
            r["paced"]["p99_us"].as_f64().unwrap_or_default(),
        )?;
    }
    Ok(())
}
