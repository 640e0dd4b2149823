//! Opening a database so that neither it nor its folder changes.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rusqlite::{Connection, OpenFlags};

use crate::Failure;

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
        for end in ["", "-wal", "-journal"] {
            let from = beside(path, end);
            if from.exists() {
                fs::copy(&from, beside(&copy.database, end)).with_context(|| {
                    format!("cannot copy {} to {}", from.display(), copy.folder.display())
                })?;
            }
        }
        Ok(copy)
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
