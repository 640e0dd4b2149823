//! `corescope-server`: `corescope-cli serve` under the name that service files know.

use std::process::ExitCode;

fn main() -> ExitCode {
    corescope_cli::main_as("serve", std::env::args_os())
}
