//! `corescope-cli`: every part of CoreScope in one binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    corescope_cli::main(std::env::args_os())
}
