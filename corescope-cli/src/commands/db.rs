//! `corescope-cli db`.

use crate::{Exit, Failure, Global};

/// Check, migrate, compact, repair, import, dump a database.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: Args, _global: &Global) -> Result<(), Failure> {
    Err(Failure::msg(Exit::Failure, "not built yet"))
}
