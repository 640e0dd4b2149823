//! `corescope-cli doctor`: everything an operator wants to know, in one command.
//!
//! It looks at files and the database, and at a running server when it is given its
//! address. Each line is good, worth a look, or bad; the exit code is 1 when one is bad.

mod database;
mod fetch;
mod files;
mod mesh;
mod server;

use std::fmt;
use std::io::IsTerminal;

use corescope_store::db::{has_pending_log, open_immutable, open_read};
use serde::Serialize;

use crate::place::PlaceArgs;
use crate::{Exit, Failure, Global};

/// Diagnose an installation.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing is changed. With --url the running server is asked too, and whether a proxy or CDN in
front of it hands out old answers.

Examples:
  corescope-cli doctor --data /srv/corescope
  corescope-cli doctor --data /srv/corescope --url https://mesh.example.org
  corescope-cli doctor --json | jq '.findings[] | select(.level != \"ok\")'"
)]
pub struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// Address of the server, as browsers use it
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// One JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// As it should be.
    Ok,
    /// Worth a look.
    Warn,
    /// Something does not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    level: Level,
    area: &'static str,
    text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    cure: Option<&'static str>,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, area: &'static str, text: impl fmt::Display) {
        self.0.push(Finding { level: Level::Ok, area, text: text.to_string(), cure: None });
    }

    fn warn(&mut self, area: &'static str, text: impl fmt::Display, cure: &'static str) {
        self.0.push(Finding { level: Level::Warn, area, text: text.to_string(), cure: Some(cure) });
    }

    fn bad(&mut self, area: &'static str, text: impl fmt::Display, cure: &'static str) {
        self.0.push(Finding { level: Level::Bad, area, text: text.to_string(), cure: Some(cure) });
    }
}

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    let mut found = Findings::default();
    let place = args.place.load(&[])?;
    match &place.paths.config {
        Some(file) => found.ok("config", file.display()),
        None => found.ok("config", "no configuration file: everything is at its default"),
    }
    for warning in &place.layers.warnings {
        found.warn("config", warning, "corescope-cli config check");
    }
    let path = &place.paths.db;
    let opened = open_read(path)
        .or_else(|error| if has_pending_log(path) { Err(error) } else { open_immutable(path) });
    let mut newest = None;
    match opened {
        Ok(db) => {
            database::look(&mut found, &place, &db);
            newest = mesh::look(&mut found, &db);
        }
        Err(error) => found.bad("database", error, "start the ingestor, or name the database with --db"),
    }
    files::look(&mut found, &place);
    if let Some(url) = &args.url {
        server::look(&mut found, url, newest);
    }
    report(&args, &found)
}

fn report(args: &Args, found: &Findings) -> Result<(), Failure> {
    let worst = found.0.iter().map(|f| f.level).max().unwrap_or(Level::Ok);
    if args.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&serde_json::json!({ "level": worst, "findings": found.0 }))?
        );
    } else {
        print(found);
    }
    if worst == Level::Bad {
        let bad = found.0.iter().filter(|f| f.level == Level::Bad).count();
        return Err(Failure::msg(Exit::Failure, format_args!("{bad} of {} checks are bad", found.0.len())));
    }
    Ok(())
}

fn print(found: &Findings) {
    let colours = std::io::stdout().is_terminal();
    for finding in &found.0 {
        let (word, colour) = match finding.level {
            Level::Ok => ("ok  ", "\x1b[32m"),
            Level::Warn => ("warn", "\x1b[33m"),
            Level::Bad => ("BAD ", "\x1b[31;1m"),
        };
        let (on, off) = if colours { (colour, "\x1b[0m") } else { ("", "") };
        println!("{on}{word}{off}  {:<9} {}", finding.area, finding.text);
        if let Some(cure) = finding.cure {
            println!("                → {cure}");
        }
    }
}

/// `3 min`, `2 h`, `5 d` for people.
fn ago(seconds: i64) -> String {
    match seconds {
        s if s < 0 => format!("{} ahead", ago(-s)),
        s if s < 120 => format!("{s} s"),
        s if s < 2 * 3_600 => format!("{} min", s / 60),
        s if s < 2 * 86_400 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}
