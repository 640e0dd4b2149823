//! `corescope-cli doctor`.

use crate::{Exit, Failure, Global};

/// Diagnose an installation.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: Args, _global: &Global) -> Result<(), Failure> {
    Err(Failure::msg(Exit::Failure, "not built yet"))
}
