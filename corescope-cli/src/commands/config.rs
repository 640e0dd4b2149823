//! `corescope-cli config`.

use crate::{Exit, Failure, Global};

/// Check a configuration and show where each value comes from.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: Args, _global: &Global) -> Result<(), Failure> {
    Err(Failure::msg(Exit::Failure, "not built yet"))
}
