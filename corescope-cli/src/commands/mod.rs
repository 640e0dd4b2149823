//! The subcommands, one file (or folder) each.

pub mod analyze;
pub mod backup;
pub mod bench;
pub mod completions;
pub mod config;
pub mod crack_channel;
pub mod db;
pub mod decode;
pub mod decrypt;
pub mod doctor;
pub mod health;
pub mod ingest;
pub mod maintain;
pub mod man;
pub mod replay;
pub mod restore;
pub mod serve;
pub mod simulate;
pub mod status;
pub mod up;

use crate::{Failure, Global};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// MQTT endpoint, ingestor, server and page in one process
    Up(up::Args),
    /// Receive from MQTT brokers and write the database
    Ingest(ingest::Args),
    /// Serve the API and the page from a database
    Serve(serve::Args),
    /// Report on a database or a capture
    Analyze(analyze::Args),
    /// Take packets apart
    Decode(decode::Args),
    /// Search channel names for captured group messages
    CrackChannel(crack_channel::Args),
    /// Emit a synthetic mesh
    Simulate(simulate::Args),
    /// Publish a capture or a database again
    Replay(replay::Args),
    /// Check, migrate, compact, repair, import, dump a database
    Db(db::Args),
    /// Copy a running database safely
    Backup(backup::Args),
    /// Put a backup in place
    Restore(restore::Args),
    /// Run one of the ingestor's jobs now
    Maintain(maintain::Args),
    /// Check a configuration and show where each value comes from
    Config(config::Args),
    /// Diagnose an installation
    Doctor(doctor::Args),
    /// Tell how a running CoreScope is doing
    Status(status::Args),
    /// Exit 0 when a running server is healthy
    Health(health::Args),
    /// Decrypt a channel's messages from a database
    Decrypt(decrypt::Args),
    /// Measure this machine
    Bench(bench::Args),
    /// Print shell completions
    Completions(completions::Args),
    /// Print or write the manual pages
    Man(man::Args),
}

impl Command {
    /// Runs it.
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        match self {
            Self::Up(args) => up::run(args, global),
            Self::Ingest(args) => ingest::run(args, global),
            Self::Serve(args) => serve::run(args, global),
            Self::Analyze(args) => analyze::run(args, global),
            Self::Decode(args) => decode::run(args, global),
            Self::CrackChannel(args) => crack_channel::run(args, global),
            Self::Simulate(args) => simulate::run(args, global),
            Self::Replay(args) => replay::run(args, global),
            Self::Db(args) => db::run(args, global),
            Self::Backup(args) => backup::run(args, global),
            Self::Restore(args) => restore::run(args, global),
            Self::Maintain(args) => maintain::run(args, global),
            Self::Config(args) => config::run(args, global),
            Self::Doctor(args) => doctor::run(args, global),
            Self::Status(args) => status::run(args, global),
            Self::Health(args) => health::run(args, global),
            Self::Decrypt(args) => decrypt::run(args, global),
            Self::Bench(args) => bench::run(args, global),
            Self::Completions(args) => completions::run(args, global),
            Self::Man(args) => man::run(args, global),
        }
    }
}
