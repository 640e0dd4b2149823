//! `db import`: all packets and nodes of another database, without doubles.

use std::path::PathBuf;

use corescope_store::db::{has_pending_log, open_immutable, open_read};
use corescope_store::write::{Background, Options, Writer};

use crate::owner::{Bar, failure, open_writer};
use crate::place::PlaceArgs;
use crate::{Exit, Failure};

/// What `db import` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// Database to import: of the Go program, of any Node edition, or of CoreScope
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// One JSON object on standard output
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let place = args.place.load(&[])?;
    let source = if has_pending_log(&args.file) { open_read(&args.file) } else { open_immutable(&args.file) };
    let source = source.map_err(|error| Failure::new(Exit::Io, error))?;
    let mut writer = if place.paths.db.exists() {
        open_writer(&place)?
    } else {
        Writer::open(&place.paths.db, Options::default()).map_err(failure)?
    };
    let bar = Bar::new();
    while let Background::Worked(progress) = writer.step_background().map_err(failure)? {
        bar.tell(&progress);
    }
    let done = writer.import(&source, &mut |read, total| bar.set("rows", read, total)).map_err(failure)?;
    bar.clear();
    writer.close().map_err(failure)?;
    if args.json {
        println!(
            "{}",
            serde_json::json!({
                "read": done.read, "transmissions": done.transmissions, "observations": done.observations,
                "duplicates": done.duplicates, "refused": done.refused, "without_frame": done.without_frame,
                "nodes": done.nodes,
            })
        );
    } else {
        println!(
            "{} rows read: {} transmissions, {} observations and {} nodes added, {} were here, {} refused, {} have no frame",
            done.read,
            done.transmissions,
            done.observations,
            done.nodes,
            done.duplicates,
            done.refused,
            done.without_frame
        );
    }
    Ok(())
}
