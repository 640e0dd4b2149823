//! Opening a database to read it, and saying in a sentence why that failed.
//!
//! Readers never write: the file is opened `SQLITE_OPEN_READ_ONLY` and every
//! connection is `query_only`. How one file is shared by a writer and readers: the
//! write-ahead log and its index lie beside it as `-wal` and `-shm`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

/// How long a connection waits for a lock before SQLite answers "database is locked".
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens a database to read it while another process writes it.
///
/// # Errors
///
/// [`OpenError`], which tells what was expected and what to do.
pub fn open_read(path: &Path) -> Result<Connection, OpenError> {
    if !path.exists() {
        return Err(OpenError::Missing { path: path.to_owned() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| OpenError::of(path, e))?;
    prepare_reader(&connection).map_err(|e| OpenError::of(path, e))?;
    Ok(connection)
}

/// Opens a file that nobody writes: no lock is taken, and nothing is left beside it.
///
/// SQLite does not look at a `-wal` file then: what is only in the log is not seen. Ask
/// [`has_pending_log`] first.
///
/// # Errors
///
/// [`OpenError`], as for [`open_read`].
pub fn open_immutable(path: &Path) -> Result<Connection, OpenError> {
    if !path.exists() {
        return Err(OpenError::Missing { path: path.to_owned() });
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection =
        Connection::open_with_flags(immutable_uri(path), flags).map_err(|e| OpenError::of(path, e))?;
    prepare_reader(&connection).map_err(|e| OpenError::of(path, e))?;
    Ok(connection)
}

/// Whether a write-ahead log with content lies beside the file.
pub fn has_pending_log(path: &Path) -> bool {
    std::fs::metadata(beside(path, "-wal")).is_ok_and(|m| m.len() > 0)
}

/// The file's name with something appended (`-wal`, `-shm`, `.writer.lock`).
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn prepare_reader(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    // The first read of the header is where "not a database" and a missing -shm show.
    connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))
}

/// `file:` URI of a path, with everything escaped that a URI would read as its own.
fn immutable_uri(path: &Path) -> String {
    use std::fmt::Write as _;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                uri.push(*byte as char);
            }
            other => {
                let _ = write!(uri, "%{other:02X}");
            }
        }
    }
    uri.push_str("?immutable=1");
    uri
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such file.
    #[error("no database at {path}: start the ingestor first, or name the file with --db")]
    Missing {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// The file exists and holds something else.
    #[error("{path} is not an SQLite database")]
    NotADatabase {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// The log's index can neither be read nor made.
    #[error(
        "{path} cannot be opened: SQLite needs the file {path}-shm, or the right to create it in the same folder. \
         Start the ingestor first, make the folder writable for this user, or copy the file together with its -wal"
    )]
    NoLogIndex {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// This user may not read it.
    #[error("{path} cannot be read by this user: check its owner and mode")]
    Denied {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// It can be read and must be written.
    #[error("{path} cannot be written by this user: check owner and mode of the file and of its folder")]
    ReadOnly {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// Another process holds the file longer than we waited.
    #[error("{path} is locked by another process for longer than {}s", BUSY_TIMEOUT.as_secs())]
    Locked {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// Anything else that SQLite says.
    #[error("cannot open {path}")]
    Sqlite {
        /// The file that was asked for.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

impl OpenError {
    pub(crate) fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            Some(ErrorCode::PermissionDenied) => Self::Denied { path },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
            Some(ErrorCode::CannotOpen) => match std::fs::File::open(&path) {
                Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => Self::Denied { path },
                Err(_) => Self::Sqlite { path, source },
                Ok(_) => Self::NoLogIndex { path },
            },
            _ => Self::Sqlite { path, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_names_the_cure() {
        let error = open_read(Path::new("/nowhere/meshcore.db")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no database at /nowhere/meshcore.db: start the ingestor first, or name the file with --db"
        );
    }

    #[test]
    fn a_text_file_is_not_a_database() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.db");
        std::fs::write(&path, "hello ".repeat(400)).unwrap();
        assert!(matches!(open_read(&path), Err(OpenError::NotADatabase { .. })));
        assert!(matches!(open_immutable(&path), Err(OpenError::NotADatabase { .. })));
    }

    #[test]
    fn readers_cannot_write_and_immutable_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a b%?#.db");
        let writer = Connection::open(&path).unwrap();
        writer.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1)").unwrap();
        assert!(has_pending_log(&path));
        let reader = open_read(&path).unwrap();
        assert!(reader.execute("INSERT INTO t VALUES (2)", []).is_err());
        drop(reader);
        drop(writer);
        assert!(!has_pending_log(&path));
        let reader = open_immutable(&path).unwrap();
        let rows: i64 = reader.query_row("SELECT count(*) FROM t", [], |r| r.get(0)).unwrap();
        assert_eq!(rows, 1);
        let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["a b%?#.db"]);
    }
}
