//! `corescope-cli restore`: a backup takes the place of the database.
//!
//! Never a plain copy over an open file: the log of the old one would be replayed into
//! the new. The backup is checked, copied beside, and takes the name in one step.

use std::path::{Path, PathBuf};

use anyhow::Context;
use corescope_core::time::rfc3339;
use corescope_store::check::{Depth, check};
use corescope_store::db::{beside, has_pending_log, open_immutable, open_read};
use corescope_store::schema::ready;
use corescope_store::write::WriterLock;

use super::backup::{PACKED, PLAIN, Temporary, copy, private_file};
use crate::owner::{failure, now};
use crate::place::PlaceArgs;
use crate::{Exit, Failure, Global};

/// Put a backup in place.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Stop the ingestor first: it holds the writer's lock, and this command exits 73 while it does.
Stop or restart the server too. The database that was there is kept beside the new one.

Examples:
  corescope-cli restore --data /srv/corescope /srv/corescope/backups/corescope-20260601T120000Z
  corescope-cli restore --db meshcore.db copy.db
  corescope-cli restore --db meshcore.db copy.db.zst"
)]
pub struct Args {
    /// A backup's folder, or a database file, compressed (.zst) or not
    #[arg(value_name = "BACKUP")]
    from: PathBuf,
    #[command(flatten)]
    place: PlaceArgs,
    /// Also put config.json and theme.json of the backup's folder in place
    #[arg(long)]
    settings: bool,
    /// Do not keep the database that was there
    #[arg(long)]
    discard: bool,
}

/// Runs it.
pub fn run(args: Args, _global: &Global) -> Result<(), Failure> {
    let place = args.place.load(&[])?;
    let source = if !args.from.is_dir() {
        args.from.clone()
    } else if args.from.join(PLAIN).is_file() {
        args.from.join(PLAIN)
    } else if args.from.join(PACKED).is_file() {
        args.from.join(PACKED)
    } else {
        return Err(Failure::msg(
            Exit::Io,
            format_args!(
                "{} holds no {PLAIN}: name a backup, a folder that has one in it",
                args.from.display()
            ),
        ));
    };
    let is_packed = source.extension().is_some_and(|e| e == "zst");
    let target = &place.paths.db;
    if source.canonicalize().ok().is_some_and(|s| target.canonicalize().ok() == Some(s)) {
        return Err(Failure::msg(Exit::Usage, "that is the database itself"));
    }
    if !is_packed {
        is_sound(&source)?;
    }
    if let Some(folder) = target.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let _lock = WriterLock::acquire(target, &rfc3339(now())).map_err(failure)?;
    let fresh = beside(target, ".restoring");
    if is_packed {
        let unpacked = Temporary(beside(target, ".unpacked"));
        unpack(&source, &unpacked.0)?;
        is_sound(&unpacked.0)?;
        std::fs::rename(&unpacked.0, &fresh)?;
    } else {
        copy(&source, &fresh)?;
    }
    belong_like(&fresh, target)?;
    let kept = beside(target, &format!(".before-restore-{}", now()));
    let was_there = target.exists();
    if was_there && !args.discard {
        keep(target, &kept)?;
    }
    for suffix in ["-wal", "-shm"] {
        remove_if_there(&beside(target, suffix))?;
    }
    std::fs::rename(&fresh, target)?;
    if let Ok(folder) =
        std::fs::File::open(target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))
    {
        // The new name must survive a power cut as well.
        let _ = folder.sync_all();
    }
    if args.settings {
        settings(&args.from, &place.paths.data)?;
    }
    println!("{} restored from {}", target.display(), source.display());
    if was_there && !args.discard {
        println!("what was there is {}", kept.display());
    }
    let db = open_read(target).map_err(|error| Failure::new(Exit::Io, error))?;
    if ready(&db).is_err() {
        println!("it is of an older version: the ingestor brings it up to date when it starts");
    }
    Ok(())
}

fn unpack(source: &Path, to: &Path) -> Result<(), Failure> {
    let doing = || format!("cannot unpack {} to {}", source.display(), to.display());
    let unpacked = (|| -> anyhow::Result<()> {
        let packed = std::fs::File::open(source)?;
        let plain = private_file(to)?;
        zstd::stream::copy_decode(packed, &plain)?;
        Ok(plain.sync_all()?)
    })();
    unpacked.with_context(doing).map_err(|error| Failure::new(Exit::Io, error))
}

/// Owner and mode of the file that was there, or those of a new database: the server may be another user.
#[cfg(unix)]
fn belong_like(fresh: &Path, target: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let former = std::fs::metadata(target).ok();
    let mode = former.as_ref().map_or(0o640, |about| about.permissions().mode());
    std::fs::set_permissions(fresh, std::fs::Permissions::from_mode(mode))?;
    if let Some(former) = former {
        // Only root may give a file away; everybody else made it for himself.
        let _ = std::os::unix::fs::chown(fresh, Some(former.uid()), Some(former.gid()));
    }
    Ok(())
}

#[cfg(not(unix))]
fn belong_like(_: &Path, _: &Path) -> Result<(), Failure> {
    Ok(())
}

fn is_sound(source: &Path) -> Result<(), Failure> {
    let db = if has_pending_log(source) { open_read(source) } else { open_immutable(source) };
    let db = db.map_err(|error| Failure::new(Exit::Io, error))?;
    // What an old schema lacks is no damage; what SQLite says of the structure is.
    let damage =
        check(&db, Depth::Full)?.findings.into_iter().find(|f| f.cure.starts_with("restore a backup"));
    match damage {
        None => Ok(()),
        Some(finding) => Err(Failure::msg(
            Exit::Data,
            format_args!("{} is damaged ({}); nothing was changed", source.display(), finding.what),
        )),
    }
}

/// Moves the old database aside with what is only in its log.
fn keep(target: &Path, kept: &Path) -> Result<(), Failure> {
    if has_pending_log(target) {
        // A copy through SQLite holds the log's content; if that fails the files go as they are.
        if copy(target, kept).is_ok() {
            return Ok(());
        }
        let log = beside(target, "-wal");
        std::fs::rename(&log, beside(kept, "-wal"))?;
    }
    // A second name, so that at every moment a database stands under the first; not every file system has them.
    if std::fs::hard_link(target, kept).is_err() {
        std::fs::rename(target, kept)?;
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn settings(from: &Path, data: &Path) -> Result<(), Failure> {
    for name in ["config.json", "theme.json"] {
        let file = from.join(name);
        if file.is_file() {
            let temporary = data.join(format!("{name}.restoring"));
            std::fs::copy(&file, &temporary)?;
            std::fs::rename(&temporary, data.join(name))?;
            println!("{name} restored");
        }
    }
    Ok(())
}
