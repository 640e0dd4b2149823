//! `corescope-cli config`.

use std::io::Write;

use corescope_core::config::keys::{Effect, KEYS, Key, Reader};
use corescope_core::config::{Layers, Origin};
use serde_json::{Value, json};

use crate::place::{Place, PlaceArgs};
use crate::{Failure, Global};

/// Check a configuration and show where each value comes from.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  corescope-cli config check --data /srv/corescope
  corescope-cli config show --origin
  CORESCOPE_RETENTION__PACKETDAYS=30 corescope-cli config show --origin retention
  corescope-cli config show --json | jq '.[] | select(.origin != \"default\")'")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

/// What to do with it.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Report every mistake; exit 65 when the file cannot be used, 0 when it can
    Check(CheckArgs),
    /// Print every value; secrets are masked
    Show(ShowArgs),
}

#[derive(Debug, clap::Args)]
struct CheckArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Exit 65 on warnings too
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Only keys whose path starts so
    #[arg(value_name = "PREFIX")]
    prefix: Option<String>,
    /// Also where each value comes from, what it does, and whether a running process takes it on SIGHUP
    #[arg(long)]
    origin: bool,
    /// One JSON array of all that is known
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    match args.action {
        Action::Check(args) => check(&args),
        Action::Show(args) => show(&args),
    }
}

fn check(args: &CheckArgs) -> Result<(), Failure> {
    let place = args.place.load(&[])?;
    let mut out = std::io::stdout().lock();
    match &place.paths.config {
        Some(file) => writeln!(out, "file      {}", file.display())?,
        None => writeln!(out, "file      none: defaults and environment")?,
    }
    writeln!(out, "database  {}", place.paths.db.display())?;
    for source in &place.config.sources {
        let state = if source.enabled { "" } else { " (not enabled)" };
        writeln!(out, "source    {} at {}{state}", source.name, source.broker)?;
    }
    for warning in &place.layers.warnings {
        writeln!(out, "warning   {warning}")?;
    }
    let count = place.layers.warnings.len();
    writeln!(out, "{count} warning{}", if count == 1 { "" } else { "s" })?;
    if args.strict && count > 0 {
        return Err(Failure::msg(crate::Exit::Data, format!("{count} warnings, and --strict was asked for")));
    }
    Ok(())
}

fn show(args: &ShowArgs) -> Result<(), Failure> {
    let place = args.place.load(&[])?;
    let prefix = args.prefix.as_deref().unwrap_or_default();
    let rows: Vec<Row> = rows(&place).into_iter().filter(|row| row.path.starts_with(prefix)).collect();
    let mut out = std::io::stdout().lock();
    if args.json {
        let list: Vec<Value> = rows.iter().map(Row::to_json).collect();
        writeln!(out, "{:#}", Value::Array(list))?;
        return Ok(());
    }
    for row in &rows {
        write!(out, "{} = {}", row.path, row.value)?;
        if args.origin {
            let live = if row.key.is_live() { ", live" } else { "" };
            write!(out, "  # {}; {}{live}: {}", row.origin, reader(row.key), effect(row.key))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// One key with the value that counts.
struct Row {
    path: String,
    key: &'static Key,
    value: Value,
    origin: Origin,
}

impl Row {
    fn to_json(&self) -> Value {
        json!({
            "key": self.path,
            "value": self.value,
            "origin": self.origin.to_string(),
            "reader": reader(self.key),
            "live": self.key.is_live(),
            "effect": effect(self.key),
        })
    }
}

/// Every key, lists by their entries.
fn rows(place: &Place) -> Vec<Row> {
    let mut rows = Vec::new();
    for key in KEYS {
        match key.path.split_once("[]") {
            None => rows.push(row(&place.layers, key.path.to_owned(), key)),
            Some((list, field)) => {
                for index in place.layers.indices(list) {
                    rows.push(row(&place.layers, format!("{list}[{index}]{field}"), key));
                }
            }
        }
    }
    rows
}

fn row(layers: &Layers, path: String, key: &'static Key) -> Row {
    let value =
        layers.get(&path).cloned().unwrap_or_else(|| serde_json::from_str(key.default).unwrap_or_default());
    let value = if key.is_secret() { masked(value) } else { value };
    let value = match value {
        Value::String(text) if key.path.ends_with(".broker") => {
            Value::String(corescope_core::config::mask_url(&text))
        }
        other => other,
    };
    Row { origin: layers.origin(&path), path, key, value }
}

/// The same shape with every text hidden.
fn masked(value: Value) -> Value {
    match value {
        Value::String(text) if !text.is_empty() => Value::String("••••".to_owned()),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(name, inner)| (name, masked(inner))).collect())
        }
        other => other,
    }
}

fn reader(key: &Key) -> &'static str {
    match key.reader {
        Reader::Ingestor => "ingestor",
        Reader::Server => "server",
        Reader::Both => "ingestor and server",
    }
}

fn effect(key: &Key) -> String {
    match key.effect {
        Effect::Honoured(what) => what.to_owned(),
        Effect::NotNeeded(why) => format!("not needed because {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_in_every_shape() {
        assert_eq!(masked(json!("x")), json!("••••"));
        assert_eq!(masked(json!({"#a": "00ff", "n": 1})), json!({"#a": "••••", "n": 1}));
        assert_eq!(masked(json!("")), json!(""));
    }
}
