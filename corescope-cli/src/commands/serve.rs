//! `corescope-cli serve`.

use crate::{Exit, Failure, Global};

/// Serve the API and the page from a database.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: Args, _global: &Global) -> Result<(), Failure> {
    Err(Failure::msg(Exit::Failure, "not built yet"))
}
