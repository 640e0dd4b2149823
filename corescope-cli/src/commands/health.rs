//! `corescope-cli health`.

use crate::{Exit, Failure, Global};

/// Exit 0 when a running server is healthy.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: Args, _global: &Global) -> Result<(), Failure> {
    Err(Failure::msg(Exit::Failure, "not built yet"))
}
