//! `corescope-cli up`.

use crate::{Exit, Failure, Global};

/// MQTT endpoint, ingestor, server and page in one process.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: Args, _global: &Global) -> Result<(), Failure> {
    Err(Failure::msg(Exit::Failure, "not built yet"))
}
