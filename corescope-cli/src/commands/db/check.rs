//! `db check`: what is damaged, missing or untidy.

use corescope_store::check::{CheckReport, Depth, Severity, check};
use corescope_store::db::{has_pending_log, open_immutable, open_read};

use crate::place::PlaceArgs;
use crate::{Exit, Failure};

/// What `db check` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// Only the structure and what is cheap to count
    #[arg(long)]
    quick: bool,
    /// One JSON object on standard output
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let place = args.place.load(&[])?;
    let path = &place.paths.db;
    // A file on a read-only medium, or of which nobody has a log, needs no lock.
    let db = open_read(path)
        .or_else(|error| if has_pending_log(path) { Err(error) } else { open_immutable(path) });
    let db = db.map_err(|error| Failure::new(Exit::Io, error))?;
    let report = check(&db, if args.quick { Depth::Quick } else { Depth::Full })?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&as_json(&report))?);
    } else {
        print(&report, &path.display().to_string());
    }
    if report.is_sound() {
        return Ok(());
    }
    let faults = report.findings.iter().filter(|f| f.severity == Severity::Fault).count();
    Err(Failure::msg(Exit::Data, format_args!("{}: {faults} faults", path.display())))
}

fn as_json(report: &CheckReport) -> serde_json::Value {
    let rows: serde_json::Map<_, _> =
        report.rows.iter().map(|(table, count)| ((*table).to_owned(), (*count).into())).collect();
    serde_json::json!({ "sound": report.is_sound(), "rows": rows, "findings": report.findings })
}

fn print(report: &CheckReport, path: &str) {
    println!("{path}");
    for (table, count) in &report.rows {
        println!("  {table:<16} {count:>12}");
    }
    for finding in &report.findings {
        let word = if finding.severity == Severity::Fault { "FAULT" } else { "note" };
        let count = if finding.count > 0 { format!("{} ", finding.count) } else { String::new() };
        println!("{word:<6} {count}{}\n         → {}", finding.what, finding.cure);
    }
    if report.findings.is_empty() {
        println!("ok: nothing to complain about");
    }
}
