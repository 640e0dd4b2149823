//! `corescope-cli backup`.

use crate::{Exit, Failure, Global};

/// Copy a running database safely.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: Args, _global: &Global) -> Result<(), Failure> {
    Err(Failure::msg(Exit::Failure, "not built yet"))
}
