//! `corescope-cli decode`.

use crate::{Exit, Failure, Global};

/// Take packets apart.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: Args, _global: &Global) -> Result<(), Failure> {
    Err(Failure::msg(Exit::Failure, "not built yet"))
}
