//! `corescope-cli status`.

use crate::{Exit, Failure, Global};

/// Tell how a running CoreScope is doing.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: Args, _global: &Global) -> Result<(), Failure> {
    Err(Failure::msg(Exit::Failure, "not built yet"))
}
