//! `db rehash`: packet hashes of an older rule are made anew.

use super::JustPlace;
use crate::Failure;
use crate::owner::{Bar, failure, open_writer};

pub(super) fn run(args: &JustPlace) -> Result<(), Failure> {
    let place = args.place.load(&[])?;
    let mut writer = open_writer(&place)?;
    let bar = Bar::new();
    let done = writer.rehash(&mut |looked_at| bar.set("transmissions", looked_at, 0)).map_err(failure)?;
    bar.clear();
    writer.close().map_err(failure)?;
    if args.json {
        println!(
            "{}",
            serde_json::json!({ "looked_at": done.looked_at, "changed": done.changed, "merged": done.merged })
        );
    } else {
        println!(
            "{} transmissions: {} hashes made anew, {} merged with the packet they are",
            done.looked_at, done.changed, done.merged
        );
    }
    Ok(())
}
