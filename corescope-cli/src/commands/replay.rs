//! `corescope-cli replay`.

use crate::{Exit, Failure, Global};

/// Publish a capture or a database again.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: Args, _global: &Global) -> Result<(), Failure> {
    Err(Failure::msg(Exit::Failure, "not built yet"))
}
