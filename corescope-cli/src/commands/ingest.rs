//! `corescope-cli ingest`.

use crate::{Exit, Failure, Global};

/// Receive from MQTT brokers and write the database.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: Args, _global: &Global) -> Result<(), Failure> {
    Err(Failure::msg(Exit::Failure, "not built yet"))
}
