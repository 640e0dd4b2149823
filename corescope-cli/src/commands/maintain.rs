//! `corescope-cli maintain`: one of the ingestor's jobs, now.
//!
//! A running ingestor is asked and waited for. Without one the writer's lock is taken and
//! the job runs here.

use std::time::{Duration, Instant};

use corescope_store::jobs::{Job, Jobs, MaintainAnswer, Now, Plan, ask, read_answer};
use corescope_store::write::WriterLock;

use crate::owner::{failure, missing, now, open_writer};
use crate::place::{Place, PlaceArgs};
use crate::{Exit, Failure, Global};

/// Run one of the ingestor's jobs now.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  corescope-cli maintain --list
  corescope-cli maintain prune-packets --data /srv/corescope
  corescope-cli maintain redecrypt --data /srv/corescope --json")]
pub struct Args {
    /// Name of the job (see --list)
    #[arg(value_name = "JOB", required_unless_present = "list", value_parser = job)]
    job: Option<Job>,
    /// List the jobs and what each did last
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    place: PlaceArgs,
    /// Longest time to wait for a running ingestor, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// JSON on standard output
    #[arg(long)]
    json: bool,
}

fn job(name: &str) -> Result<Job, String> {
    Job::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Job::ALL.iter().map(|j| j.name()).collect();
        format!("no such job; there are {}", names.join(", "))
    })
}

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    let place = args.place.load(&[])?;
    let Some(job) = args.job.filter(|_| !args.list) else { return list(&args, &place) };
    if !place.paths.db.exists() {
        return Err(missing(&place.paths.db));
    }
    let answer = match WriterLock::holder(&place.paths.db) {
        Some(holder) => request(&place, job, Duration::from_secs(args.timeout), holder.pid)?,
        None => run_here(&place, job)?,
    };
    if let Some(error) = &answer.error {
        return Err(Failure::msg(Exit::Failure, format_args!("{}: {error}", job.name())));
    }
    if args.json {
        println!("{}", serde_json::to_string(&answer)?);
    } else {
        println!(
            "{}: {} rows, the write lock was held {} ms at most",
            job.name(),
            answer.rows,
            answer.longest_hold_ms
        );
    }
    Ok(())
}

fn run_here(place: &Place, job: Job) -> Result<MaintainAnswer, Failure> {
    let mut writer = open_writer(place)?;
    let mut jobs = Jobs::new(Plan::of(&place.config, &place.paths), Now { unix: now(), steady: 0 });
    let status = jobs.run_now(&mut writer, job, now()).map_err(failure)?;
    writer.close().map_err(failure)?;
    Ok(MaintainAnswer {
        id: String::new(),
        job: job.name().to_owned(),
        completed_at: corescope_core::time::rfc3339(now()),
        rows: status.rows,
        longest_hold_ms: status.longest_hold_ms,
        error: None,
    })
}

fn request(place: &Place, job: Job, at_most: Duration, pid: u32) -> Result<MaintainAnswer, Failure> {
    let folder = &place.paths.maintain_requests;
    // Unique among those that wait: who asks, and when.
    let nanos =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
    let id = format!("{:016x}", nanos ^ (u64::from(std::process::id()) << 40));
    ask(folder, job, &id, now()).map_err(|error| Failure::new(Exit::Io, error))?;
    let begun = Instant::now();
    loop {
        if let Some(answer) = read_answer(folder, &id) {
            return Ok(answer);
        }
        if begun.elapsed() > at_most {
            let _ = std::fs::remove_file(folder.join(format!("request-{id}.json")));
            return Err(Failure::msg(
                Exit::Failure,
                format_args!(
                    "process {pid}, which writes the database, did not answer within {} s; \
                     its log says why, or the job is still running",
                    at_most.as_secs()
                ),
            ));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn list(args: &Args, place: &Place) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let db = corescope_store::db::open_read(&place.paths.db).ok();
    for job in Job::ALL {
        let last: Option<(Option<i64>, i64, Option<String>, i64)> = db.as_ref().and_then(|db| {
            let last = "SELECT finished_at, rows, error, longest_hold_ms FROM cs_jobs WHERE name = ?1";
            db.query_row(last, [job.name()], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))).ok()
        });
        rows.push((job, last));
    }
    if args.json {
        let list: Vec<_> = rows
            .iter()
            .map(|(job, last)| {
                serde_json::json!({
                    "job": job.name(), "purpose": job.purpose(),
                    "finishedAt": last.as_ref().and_then(|l| l.0).map(corescope_core::time::rfc3339),
                    "rows": last.as_ref().map(|l| l.1), "longestHoldMs": last.as_ref().map(|l| l.3),
                    "error": last.as_ref().and_then(|l| l.2.clone()),
                })
            })
            .collect();
        println!("{}", serde_json::to_string_pretty(&list)?);
        return Ok(());
    }
    for (job, last) in rows {
        println!("{:<18} {}", job.name(), job.purpose());
        if let Some((finished, rows, error, hold)) = last {
            let when = finished.map_or_else(|| "never".to_owned(), corescope_core::time::rfc3339);
            let error = error.map(|e| format!(", failed: {e}")).unwrap_or_default();
            println!("{:<18}   last {when}, {rows} rows, at most {hold} ms at a time{error}", "");
        }
    }
    Ok(())
}
