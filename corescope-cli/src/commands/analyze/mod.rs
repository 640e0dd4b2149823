//! `corescope-cli analyze`: a report on a database or a capture, without touching it.

mod capture;
pub(crate) mod database;
mod keys;
mod untouched;
mod wanted;

pub(crate) use capture::next_line;
pub(crate) use wanted::Wanted;

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use corescope_core::filter::{self, Filter};
use corescope_core::report::{Collector, Heard, HeardFields};

use crate::{Exit, Failure, Global};

/// Report on a database or a capture.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Databases (any age, ours or the Go original's), captures (MQTT messages as lines of JSON) or
    /// lines of hex; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Write the report as a page of its own, with charts
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Count only the receptions that match this expression of the filter language
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// A channel key that opens messages; may be given many times
    #[arg(long, value_name = "NAME=HEX")]
    key: Vec<String>,
    /// A hashtag channel whose key follows from its name; may be given many times
    #[arg(long, value_name = "#NAME")]
    channel: Vec<String>,
}

const EXAMPLES: &str = "Examples:
  corescope-cli analyze data/meshcore.db
  corescope-cli analyze meshcore.db --html report.html --channel '#test'
  corescope-cli analyze meshcore.db --json --filter 'type == ADVERT && hops > 3'
  mosquitto_sub -t 'meshcore/#' -F %J | tee capture.jsonl | corescope-cli analyze -
  echo 0A00D69FD7A5A7475DB07337749AE61FA53A4788E976 | corescope-cli analyze -

A database is opened read-only and immutable: neither it nor its folder changes. If it has a
non-empty -wal (a copy of a running one), a temporary copy of both is read.
The fields of the JSON report are documented in the crate corescope-core, module report.";

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    let filter = args.filter.as_deref().map(parse_filter).transpose()?;
    let ring = keys::ring(&args.key, &args.channel)?;
    let collector = Collector::new().with_keys(ring).with_filter(args.filter.as_deref());
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let mut intake = Intake { collector, filter, now_ms };
    for file in &args.files {
        read(file, &mut intake)?;
    }
    let report = intake.collector.finish();
    if let Some(path) = &args.html {
        std::fs::write(path, report.to_html()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report).context("cannot write the report")?;
        writeln!(out).context("cannot write the report")?;
    } else {
        out.write_all(report.to_text().as_bytes()).context("cannot write the report")?;
    }
    if let Some(path) = &args.html {
        eprintln!("page written to {}", path.display());
    }
    Ok(())
}

/// Parses an expression given on the command line; what it warns of goes to standard error.
pub(crate) fn parse_filter(text: &str) -> Result<Filter, Failure> {
    let filter = filter::parse(text).map_err(|error| {
        let mark = format!("{}{}", " ".repeat(error.column - 1), "^".repeat(error.length.max(1)));
        Failure::msg(Exit::Usage, format_args!("--filter: {error}\n  {text}\n  {mark}"))
    })?;
    for warning in filter.warnings() {
        let hint = warning.suggestion.as_ref().map(|s| format!(" (did you mean {s}?)")).unwrap_or_default();
        eprintln!("warning: --filter: column {}: {}{hint}", warning.column, warning.message);
    }
    Ok(filter)
}

/// The collector behind the filter.
struct Intake {
    collector: Collector,
    filter: Option<Filter>,
    now_ms: i64,
}

impl Intake {
    /// Takes a packet in, if it matches.
    fn hear(&mut self, heard: &Heard<'_>) {
        if let Some(filter) = &self.filter {
            let fields = HeardFields::new(heard, self.collector.keys());
            if !filter.matches(&fields, &filter::Context::at(self.now_ms)) {
                return;
            }
        }
        self.collector.hear(heard);
    }
}

/// First bytes of every SQLite database.
pub(crate) const SQLITE: &[u8] = b"SQLite format 3\0";

fn read(path: &Path, intake: &mut Intake) -> Result<(), Failure> {
    if path.as_os_str() == "-" {
        return capture::read("standard input", &mut std::io::stdin().lock(), intake);
    }
    let name = path.display().to_string();
    if path.is_dir() {
        let inside = path.join("meshcore.db");
        let hint =
            if inside.is_file() { format!("; did you mean {}?", inside.display()) } else { String::new() };
        return Err(Failure::msg(Exit::Data, format_args!("{name} is a folder{hint}")));
    }
    let mut file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    let mut head = Vec::new();
    (&mut file).take(4096).read_to_end(&mut head).with_context(|| format!("cannot read {name}"))?;
    if head.starts_with(SQLITE) {
        drop(file);
        return database::read(path, intake);
    }
    if head.contains(&0) {
        let what = "is neither a SQLite database nor a text of JSON or hex lines";
        return Err(Failure::msg(Exit::Data, format_args!("{name} {what}")));
    }
    capture::read(&name, &mut BufReader::new(head.as_slice().chain(file)), intake)
}
