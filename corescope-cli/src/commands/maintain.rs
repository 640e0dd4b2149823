//! `corescope-cli maintain`.

use crate::{Exit, Failure, Global};

/// Run one of the ingestor's jobs now.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: Args, _global: &Global) -> Result<(), Failure> {
    Err(Failure::msg(Exit::Failure, "not built yet"))
}
