//! `db vacuum`: the file without its free pages.

use super::JustPlace;
use crate::Failure;
use crate::owner::{bytes, failure, open_writer};

pub(super) fn run(args: &JustPlace) -> Result<(), Failure> {
    let place = args.place.load(&[])?;
    let mut writer = open_writer(&place)?;
    let done = writer.vacuum().map_err(failure)?;
    writer.close().map_err(failure)?;
    if args.json {
        println!("{}", serde_json::json!({ "bytes_before": done.before, "bytes_after": done.after }));
    } else {
        println!("{}: {} → {}", place.paths.db.display(), bytes(done.before), bytes(done.after));
    }
    Ok(())
}
