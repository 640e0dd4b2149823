//! The command line of CoreScope.
//!
//! Each subcommand is one file in [`commands`]: its arguments, and a `run` that
//! returns a [`Failure`] with the exit code that supervisors and scripts rely on.

pub mod ask;
pub mod commands;
mod demo;
pub mod endpoint;
mod failure;
pub mod ingest;
mod logging;
mod owner;
pub mod place;
mod probe;
pub mod publish;
pub mod serving;
mod signals;

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

pub use failure::{Exit, Failure};

/// The analyzer of MeshCore meshes: ingest, store, serve, analyse, decode.
#[derive(Debug, Parser)]
#[command(name = "corescope-cli", version, about, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What every subcommand takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: commands::Command,
}

/// Options that every subcommand takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// How log lines are written to standard error
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, env = "CORESCOPE_LOG_FORMAT")]
    pub log_format: LogFormat,
    /// Least important level that is logged: error, warn, info, debug, trace
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One line a human reads.
    Text,
    /// One JSON object a line.
    Json,
}

/// Runs the program with these arguments (the first is the program's name).
pub fn main<I: IntoIterator<Item = OsString>>(args: I) -> ExitCode {
    let parsed = Cli::command().try_get_matches_from(args).and_then(|m| Cli::from_arg_matches(&m));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help and version to standard output with success, mistakes to standard error.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    logging::init(&cli.global);
    match cli.command.run(&cli.global) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Runs one subcommand under a name of its own (`corescope-server` is `corescope-cli serve`).
///
/// The Go programs take long flags with a single dash (`-config PATH`); those are accepted too.
pub fn main_as<I: IntoIterator<Item = OsString>>(subcommand: &str, args: I) -> ExitCode {
    let mut args = args.into_iter();
    let name = args.next().unwrap_or_else(|| subcommand.into());
    let mut line = vec![name];
    let rest: Vec<OsString> = args.map(two_dashes).collect();
    if rest.first().is_some_and(|a| a == "--version") {
        line.extend(rest);
    } else {
        line.push(subcommand.into());
        line.extend(rest);
    }
    main(line)
}

/// `-config` → `--config`; `-h`, `--x` and values stay as they are.
fn two_dashes(arg: OsString) -> OsString {
    let Some(text) = arg.to_str() else { return arg };
    let long = text.len() > 2
        && text.starts_with('-')
        && !text.starts_with("--")
        && text[1..].starts_with(|c: char| c.is_ascii_lowercase());
    if long { format!("-{text}").into() } else { <str as AsRef<OsStr>>::as_ref(text).to_owned() }
}
