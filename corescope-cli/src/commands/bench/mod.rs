//! `corescope-cli bench`: what this machine can do.

mod decode;
mod http;
mod ingest;
mod process;
mod rows;
mod sockets;
mod store;
mod timing;

use crate::{Failure, Global};

const EXAMPLES: &str = "\
Examples:
  corescope-cli bench decode
  corescope-cli bench decode --json
  corescope-cli bench store --db meshcore.db
  corescope-cli bench ingest --json
  corescope-cli bench sockets --json";

/// Measure this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to measure
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Decoding, hashing, trial decryption, signatures
    Decode(decode::Args),
    /// Requests per second and latencies beside a bare server
    Http(http::Args),
    /// Memory per live socket, and time from a commit to the last of them
    Sockets(sockets::Args),
    /// Loading, memory and queries of the index store
    Store(store::Args),
    /// Intake from a broker through the commit
    Ingest(ingest::Args),
}

/// Runs it.
pub fn run(args: Args, global: &Global) -> Result<(), Failure> {
    match args.what {
        What::Decode(args) => decode::run(args, global),
        What::Http(args) => http::run(args, global),
        What::Sockets(args) => sockets::run(args, global),
        What::Store(args) => store::run(args, global),
        What::Ingest(args) => ingest::run(args, global),
    }
}
