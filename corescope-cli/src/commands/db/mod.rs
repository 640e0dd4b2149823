//! `corescope-cli db`: check, migrate, compact, repair, import and dump a database.
//!
//! What writes takes the writer's lock, or exits 73 naming its holder; `check` and `dump`
//! read, and can run at any time.

mod check;
mod dump;
mod import;
mod migrate;
mod rehash;
mod vacuum;

use crate::place::PlaceArgs;
use crate::{Failure, Global};

/// Check, migrate, compact, repair, import, dump a database.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  corescope-cli db check --data /srv/corescope
  corescope-cli db check --quick --json --db meshcore.db
  corescope-cli db migrate --db old/meshcore.db
  corescope-cli db vacuum --data /srv/corescope
  corescope-cli db import --data /srv/corescope other/meshcore.db
  corescope-cli db dump --db meshcore.db | zstd > meshcore.sql.zst")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

/// What to do with it.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Report what is damaged, missing or untidy; exit 65 when something is at fault
    Check(check::Args),
    /// Bring a database of any age up to date, to the last step
    Migrate(JustPlace),
    /// Rewrite the file without free pages (needs free space of twice the file)
    Vacuum(JustPlace),
    /// Make packet hashes of an older rule anew, and merge what turns out to be one packet
    Rehash(JustPlace),
    /// Store all packets and nodes of another database, without doubles
    Import(import::Args),
    /// Write everything as SQL, row numbers included
    Dump(dump::Args),
}

/// Actions that need to know only where the database is.
#[derive(Debug, clap::Args)]
pub(super) struct JustPlace {
    #[command(flatten)]
    pub place: PlaceArgs,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    match args.action {
        Action::Check(args) => check::run(&args),
        Action::Migrate(args) => migrate::run(&args),
        Action::Vacuum(args) => vacuum::run(&args),
        Action::Rehash(args) => rehash::run(&args),
        Action::Import(args) => import::run(&args),
        Action::Dump(args) => dump::run(&args),
    }
}
