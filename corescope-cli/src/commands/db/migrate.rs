//! `db migrate`: a database of any age is brought up to date, to the last step.

use corescope_store::db::open_read;
use corescope_store::schema::ready;
use corescope_store::write::Background;

use super::JustPlace;
use crate::owner::{Bar, failure, open_writer};
use crate::{Exit, Failure};

pub(super) fn run(args: &JustPlace) -> Result<(), Failure> {
    let place = args.place.load(&[])?;
    let mut writer = open_writer(&place)?;
    let bar = Bar::new();
    let mut done = Vec::new();
    while let Background::Worked(progress) = writer.step_background().map_err(failure)? {
        bar.tell(&progress);
        if done.last() != Some(&progress.name) {
            done.push(progress.name);
        }
    }
    bar.clear();
    writer.close().map_err(failure)?;
    let db = open_read(&place.paths.db).map_err(|error| Failure::new(Exit::Io, error))?;
    ready(&db).map_err(|missing| Failure::new(Exit::NotReady, missing))?;
    if args.json {
        println!("{}", serde_json::json!({ "ready": true, "steps": done }));
    } else {
        println!("{}: up to date", place.paths.db.display());
    }
    Ok(())
}
