//! `corescope-cli crack-channel`.

use crate::{Exit, Failure, Global};

/// Search channel names for captured group messages.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub fn run(_args: Args, _global: &Global) -> Result<(), Failure> {
    Err(Failure::msg(Exit::Failure, "not built yet"))
}
