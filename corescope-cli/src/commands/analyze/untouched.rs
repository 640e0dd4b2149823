//! Opening a database so that neither it nor its folder changes.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use rusqlite::{Connection, OpenFlags};

use crate::{Exit, Failure};

/// An open database, and the copy that is read in its place, if one had to be made.
pub(crate) struct Untouched {
    /// Reads it.
    pub(crate) connection: Connection,
    /// What to say about how it was opened.
    pub(crate) note: &'static str,
    // Dropped, and with it removed, after the connection.
    _copy: Option<Copy>,
}

/// Opens a database immutable. A non-empty `-wal` or `-journal` beside it holds a part of the data,
/// which SQLite can only read by writing: then a temporary copy of all is opened.
///
/// # Errors
///
/// When it cannot be read or copied.
pub(crate) fn open(path: &Path) -> Result<Untouched, Failure> {
    let unfinished = ["-wal", "-journal"]
        .into_iter()
        .any(|end| fs::metadata(beside(path, end)).is_ok_and(|m| m.len() > 0));
    let opening = || format!("cannot open {}", path.display());
    if !unfinished {
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(uri(path), flags).with_context(opening)?;
        return Ok(Untouched { connection, note: "", _copy: None });
    }
    let copy = Copy::of(path)?;
    let connection = Connection::open(&copy.database).with_context(opening)?;
    let note = "with the changes in its -wal, read from a temporary copy";
    Ok(Untouched { connection, note, _copy: Some(copy) })
}

/// `file:…?immutable=1`, with every unusual byte escaped.
fn uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte))
            }
            other => {
                let _ = write!(uri, "%{other:02X}");
            }
        }
    }
    uri.push_str("?mode=ro&immutable=1");
    uri
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// A copy of a database in a folder of its own, which goes when it is dropped.
struct Copy {
    folder: PathBuf,
    database: PathBuf,
}

impl Copy {
    fn of(path: &Path) -> Result<Self, Failure> {
        let folder = (0..1000)
            .map(|n| std::env::temp_dir().join(format!("corescope-analyze-{}-{n}", std::process::id())))
            .find(|folder| fs::create_dir(folder).is_ok())
            .with_context(|| {
                format!("cannot make a folder in {} for a copy", std::env::temp_dir().display())
            })?;
        let copy = Self { database: folder.join("copy.db"), folder };
        for _ in 0..ATTEMPTS {
            let before = Generation::of(path);
            copy.take(path)?;
            if Generation::of(path) == before {
                return Ok(copy);
            }
        }
        let what =
            "it is being written faster than it can be copied; make a copy with `corescope-cli backup`";
        Err(Failure::msg(Exit::Io, format_args!("cannot read {}: {what}", path.display())))
    }

    fn take(&self, path: &Path) -> Result<(), Failure> {
        for end in ["", "-wal", "-journal"] {
            let (from, to) = (beside(path, end), beside(&self.database, end));
            if from.exists() {
                fs::copy(&from, &to).with_context(|| {
                    format!("cannot copy {} to {}", from.display(), self.folder.display())
                })?;
            }
        }
        Ok(())
    }
}

/// How often a copy is tried while the database is being written.
const ATTEMPTS: usize = 5;

/// What changes when a writer moves its -wal into the database: then a copy of the one does not
/// fit a copy of the other. Mere additions to the -wal do no harm.
#[derive(PartialEq, Eq)]
struct Generation {
    database: Option<(SystemTime, u64)>,
    wal_header: Vec<u8>,
}

impl Generation {
    fn of(path: &Path) -> Self {
        let about = fs::metadata(path).ok();
        let database = about.and_then(|about| Some((about.modified().ok()?, about.len())));
        let mut wal_header = Vec::new();
        if let Ok(wal) = fs::File::open(beside(path, "-wal")) {
            let _ = wal.take(32).read_to_end(&mut wal_header);
        }
        Self { database, wal_header }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_file_names_are_escaped() {
        assert_eq!(uri(Path::new("a b?c#d%.db")), "file:a%20b%3Fc%23d%25.db?mode=ro&immutable=1");
    }
}
