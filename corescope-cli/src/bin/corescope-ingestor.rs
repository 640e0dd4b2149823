//! `corescope-ingestor`: `corescope-cli ingest` under the name that service files know.

use std::process::ExitCode;

fn main() -> ExitCode {
    corescope_cli::main_as("ingest", std::env::args_os())
}
