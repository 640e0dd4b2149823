//! `corescope-cli backup`: a copy of a running database that is known to be good.

use std::path::{Path, PathBuf};

use anyhow::Context;
use corescope_core::time::rfc3339;
use corescope_store::copy::copy_database;

use crate::owner::{Bar, bytes, missing, now};
use crate::place::{Place, PlaceArgs};
use crate::{Exit, Failure, Global};

/// Copy a running database safely.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The copy is made while the ingestor writes, then checked. A folder gets a new folder in it,
with the database, config.json and theme.json, readable by you alone; a name that ends in .db
or .db.zst gets the database only.

Examples:
  corescope-cli backup --data /srv/corescope
  corescope-cli backup --data /srv/corescope --keep 7 --compress /mnt/backups
  corescope-cli backup --db meshcore.db copy.db"
)]
pub struct Args {
    /// Where to: a folder, or a file that ends in .db or .db.zst [default: backups in the data folder]
    #[arg(value_name = "TARGET")]
    target: Option<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
    /// Keep only so many backups in the folder; older ones are deleted
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    /// Compress the copy of the database (zstd)
    #[arg(long)]
    compress: bool,
    /// One JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    let place = args.place.load(&[])?;
    if !place.paths.db.exists() {
        return Err(missing(&place.paths.db));
    }
    let target = args.target.clone().unwrap_or_else(|| place.paths.data.join("backups"));
    let is_packed = target.to_str().is_some_and(|name| name.ends_with(PACKED_FILE));
    let is_file = is_packed || target.extension().is_some_and(|e| e == "db");
    if is_file && args.compress && !is_packed {
        return Err(Failure::msg(
            Exit::Usage,
            "--compress: expected a folder, or a name that ends in .db.zst",
        ));
    }
    let database = if is_file {
        refuse_existing(&target)?;
        target.clone()
    } else {
        let folder = target.join(folder_name(now()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        folder.join(if args.compress { PACKED } else { PLAIN })
    };
    if is_packed || args.compress {
        pack(&place.paths.db, &database)?;
    } else {
        copy(&place.paths.db, &database)?;
    }
    let mut removed = 0;
    if !is_file {
        if let Some(folder) = database.parent() {
            copy_settings(&place, folder)?;
        }
        if let Some(keep) = args.keep {
            removed = prune(&target, keep.max(1))?;
        }
    }
    let size = std::fs::metadata(&database)?.len();
    if args.json {
        println!("{}", serde_json::json!({ "file": database, "bytes": size, "removed": removed }));
    } else {
        println!("{} ({}, checked)", database.display(), bytes(size));
    }
    Ok(())
}

/// Copies and checks; the copy appears under its name only when it is good.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let temporary = corescope_store::db::beside(to, ".tmp");
    drop(private_file(&temporary)?);
    let bar = Bar::new();
    let copied = copy_database(from, &temporary, &mut |done, total| bar.set("pages", done, total));
    bar.clear();
    copied.map_err(|error| Failure::new(Exit::Io, error))?;
    std::fs::File::open(&temporary)?.sync_all()?;
    std::fs::rename(&temporary, to)?;
    Ok(())
}

/// The same, compressed.
fn pack(from: &Path, to: &Path) -> Result<(), Failure> {
    let plain = Temporary(corescope_store::db::beside(to, ".plain"));
    copy(from, &plain.0)?;
    let temporary = corescope_store::db::beside(to, ".tmp");
    let packed = private_file(&temporary)?;
    zstd::stream::copy_encode(std::fs::File::open(&plain.0)?, &packed, LEVEL)?;
    packed.sync_all()?;
    std::fs::rename(&temporary, to)?;
    Ok(())
}

/// A file that is gone when this is dropped.
pub(super) struct Temporary(pub(super) PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Name of the database in a backup's folder.
pub(super) const PLAIN: &str = "meshcore.db";
/// The same when it is compressed.
pub(super) const PACKED: &str = "meshcore.db.zst";
/// End of the name of a compressed database.
const PACKED_FILE: &str = ".db.zst";
/// Of zstd: as fast as most disks.
const LEVEL: i32 = 3;

fn refuse_existing(file: &Path) -> Result<(), Failure> {
    if file.exists() {
        return Err(Failure::msg(
            Exit::Usage,
            format_args!("{} exists already: name another file, or a folder", file.display()),
        ));
    }
    Ok(())
}

const PREFIX: &str = "corescope-";

/// `corescope-20260601T120000Z`.
fn folder_name(at: i64) -> String {
    format!("{PREFIX}{}", rfc3339(at).replace(['-', ':'], ""))
}

fn copy_settings(place: &Place, folder: &Path) -> Result<(), Failure> {
    let files =
        [(place.paths.config.as_deref(), "config.json"), (Some(place.paths.theme.as_path()), "theme.json")];
    for (file, name) in files {
        if let Some(file) = file.filter(|f| f.exists()) {
            let mut copy = private_file(&folder.join(name))?;
            std::io::copy(&mut std::fs::File::open(file)?, &mut copy)?;
        }
    }
    Ok(())
}

/// A new and empty file of mode 0600: keys and messages come into it.
pub(super) fn private_file(path: &Path) -> anyhow::Result<std::fs::File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot replace {}", path.display()));
        }
        _ => {}
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).with_context(|| format!("cannot write {}", path.display()))
}

/// Deletes the oldest folders that this command made, all but `keep`.
fn prune(target: &Path, keep: usize) -> Result<usize, Failure> {
    let mut backups: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(target)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let is_ours = name.strip_prefix(PREFIX).is_some_and(|rest| {
            rest.len() == 16
                && rest.ends_with('Z')
                && [PLAIN, PACKED].iter().any(|name| path.join(name).is_file())
        });
        if is_ours {
            backups.push(path);
        }
    }
    backups.sort();
    let surplus = backups.len().saturating_sub(keep);
    for path in backups.iter().take(surplus) {
        std::fs::remove_dir_all(path)?;
    }
    Ok(surplus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_oldest_of_our_own_folders_are_removed() {
        let dir = tempfile::tempdir().expect("a folder");
        for at in [1_780_000_000, 1_780_000_060, 1_780_000_120] {
            let folder = dir.path().join(folder_name(at));
            std::fs::create_dir(&folder).expect("a folder");
            std::fs::write(folder.join("meshcore.db"), "x").expect("a file");
        }
        std::fs::create_dir(dir.path().join("corescope-holiday-pics")).expect("a folder");
        assert_eq!(prune(dir.path(), 2).expect("pruned"), 1);
        let mut left: Vec<_> = std::fs::read_dir(dir.path())
            .expect("a listing")
            .map(|e| e.expect("an entry").file_name())
            .collect();
        left.sort();
        assert_eq!(
            left,
            ["corescope-20260528T202740Z", "corescope-20260528T202840Z", "corescope-holiday-pics"]
        );
    }
}
