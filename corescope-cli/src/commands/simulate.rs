//! `corescope-cli simulate`.

use crate::{Exit, Failure, Global};

/// Emit a synthetic mesh.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: Args, _global: &Global) -> Result<(), Failure> {
    Err(Failure::msg(Exit::Failure, "not built yet"))
}
