//! `corescope-cli decrypt`.

use crate::{Exit, Failure, Global};

/// Decrypt a channel's messages from a database.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: Args, _global: &Global) -> Result<(), Failure> {
    Err(Failure::msg(Exit::Failure, "not built yet"))
}
