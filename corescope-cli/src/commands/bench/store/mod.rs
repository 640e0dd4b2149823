//! `corescope-cli bench store`: the index store against a database.

mod live;
mod made;
mod measure;
mod report;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

use crate::{Exit, Failure, Global};

const EXAMPLES: &str = "\
Examples:
  corescope-cli bench store
  corescope-cli bench store --transmissions 100000 --observations 2000000 --json
  corescope-cli bench store --db meshcore.db

The synthetic database comes from the simulator and lies in --dir (default: the directory for temporary
files) while it is measured. It is loaded at two ratios, each in a process of its own, so that resident memory
can be told apart: loaded minus empty = a * observations + b * transmissions, solved for both.

One database gives one equation: with --db there are resident_bytes_loaded, the bound for it
(resident_bytes_bound: 48 bytes an observation and 400 a transmission) and resident_within_bound instead.

Delays: follow_ms is from the commit of another process to the row in an answer; serve_commit_to_socket_ms from
there to the event on a WebSocket of `serve`; up_acknowledged_to_socket_ms from the acknowledgement of an MQTT
message, which follows its commit, to the event on a WebSocket of `up`.

With --json the keys are stable: bytes_per_observation, bytes_per_transmission, load_observations_per_s,
sqlite_scan_rows_per_s, load_cpu_s, snapshot_write_s, snapshot_start_s, append_observations_per_s,
follow_ms_p50, follow_ms_p99, and for each query by_hash, latest_50, latest_50_grouped, by_node, by_observer,
by_channel, expression, expression_payload and full_count <query>_p50_us and <query>_p99_us (while 5000
observations a second are appended), <query>_quiet_p50_us and <query>_quiet_p99_us (in turns with that, of the same
rows, while none are).";

/// Measure loading, memory and queries of the index store.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Transmissions of the synthetic database
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1000..=10_000_000))]
    transmissions: u64,
    /// Observations of the synthetic database
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(1000..=200_000_000))]
    observations: u64,
    /// Measure this database instead; it is only read
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Where the synthetic databases are made
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// One measurement in this process (what the others are started with)
    #[arg(long, hide = true)]
    alone: bool,
    /// The file is ours: rows may be added to it
    #[arg(long, hide = true)]
    writable: bool,
}

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    if args.alone {
        let path = args.db.as_deref().unwrap_or_else(|| Path::new(""));
        println!("{}", measure::run(path, args.writable)?);
        return Ok(());
    }
    let figures = match &args.db {
        Some(path) => in_own_process(path, false)?,
        None => synthetic(&args)?,
    };
    if args.json {
        println!("{}", Value::Object(figures));
    } else {
        report::print(&figures);
    }
    Ok(())
}

/// Both ratios, and the two equations solved.
fn synthetic(args: &Args) -> Result<Map<String, Value>, Failure> {
    let base = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let dir = base.join(format!("corescope-bench-store-{}", std::process::id()));
    std::fs::create_dir_all(&dir).map_err(|e| Failure::new(Exit::Io, e))?;
    let _cleanup = RemovedLater(dir.clone());
    // Few observations first: its file is small and soon gone.
    let fewer = (args.observations / 5).max(args.transmissions);
    let measured = |observations: u64| -> Result<Map<String, Value>, Failure> {
        let path = dir.join(format!("{observations}.db"));
        eprintln!(
            "making {} with {} transmissions, {observations} observations",
            path.display(),
            args.transmissions
        );
        made::database(&path, args.transmissions, observations)?;
        let mut figures = in_own_process(&path, true)?;
        if observations != fewer {
            live::measure(&path, &mut figures).map_err(|e| Failure::new(Exit::Failure, e))?;
        }
        remove(&path);
        Ok(figures)
    };
    let sparse = measured(fewer)?;
    let mut figures = measured(args.observations)?;
    let number = |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    let row = |map: &Map<String, Value>| {
        [number(map, "observations"), number(map, "transmissions"), number(map, "resident_bytes_loaded")]
    };
    let ([o1, t1, m1], [o2, t2, m2]) = (row(&figures), row(&sparse));
    let determinant = o1 * t2 - o2 * t1;
    if determinant != 0.0 {
        let per_observation = (m1 * t2 - m2 * t1) / determinant;
        let per_transmission = (o1 * m2 - o2 * m1) / determinant;
        figures.insert("bytes_per_observation".into(), json!(round(per_observation)));
        figures.insert("bytes_per_transmission".into(), json!(round(per_transmission)));
    }
    figures.insert("resident_bytes_loaded_sparse".into(), json!(m2));
    figures.insert("observations_sparse".into(), json!(o2));
    Ok(figures)
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Starts this program once more for one measurement, so that its memory is its own.
fn in_own_process(path: &Path, writable: bool) -> Result<Map<String, Value>, Failure> {
    let program = std::env::current_exe().map_err(|e| Failure::new(Exit::Io, e))?;
    let mut command = Command::new(program);
    command.args(["bench", "store", "--alone", "--db"]).arg(path).stderr(Stdio::inherit());
    if writable {
        command.arg("--writable");
    }
    let output = command.output().map_err(|e| Failure::new(Exit::Io, e))?;
    if !output.status.success() {
        return Err(Failure::msg(Exit::Failure, "the measuring process failed; its message stands above"));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| Failure::new(Exit::Failure, e))
}

/// Removes the directory at the end, also after a failure.
struct RemovedLater(PathBuf);

impl Drop for RemovedLater {
    fn drop(&mut self) {
        // What cannot be removed stays in the directory for temporary files, where it is expected.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm", ".writer.lock"] {
        // Not all of them exist.
        let _ = std::fs::remove_file(corescope_store::db::beside(path, suffix));
    }
}
