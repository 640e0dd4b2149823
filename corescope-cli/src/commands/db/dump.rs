//! `db dump`: everything as SQL.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use corescope_store::db::{has_pending_log, open_immutable, open_read};
use corescope_store::dump::dump;

use crate::place::PlaceArgs;
use crate::{Exit, Failure};

/// What `db dump` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// File to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let place = args.place.load(&[])?;
    let path = &place.paths.db;
    let db = open_read(path)
        .or_else(|error| if has_pending_log(path) { Err(error) } else { open_immutable(path) });
    let db = db.map_err(|error| Failure::new(Exit::Io, error))?;
    let rows = match &args.output {
        Some(file) => {
            let mut out = BufWriter::new(File::create(file)?);
            let rows = dump(&db, &mut out).map_err(|error| Failure::new(Exit::Io, error))?;
            out.flush()?;
            rows
        }
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            let rows = dump(&db, &mut out).map_err(|error| Failure::new(Exit::Io, error))?;
            out.flush()?;
            rows
        }
    };
    eprintln!("{rows} rows");
    Ok(())
}
