//! Why the writer could not do something.

use std::path::PathBuf;

/// Why the writer could not do something. After any of these the database is as it was
/// before the call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Another process writes this database.
    #[error("{path} is written by process {pid} (since {since}): stop it first, or hand it the request")]
    OtherWriter {
        /// The database.
        path: PathBuf,
        /// Process id of the holder, 0 when it could not be read.
        pid: u32,
        /// When it took the lock, RFC 3339, or `unknown`.
        since: String,
    },
    /// The file cannot be opened.
    #[error(transparent)]
    Open(#[from] crate::db::OpenError),
    /// A statement failed.
    #[error("{doing}")]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A file beside the database could not be read or written.
    #[error("{path}: {doing}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// The schema cannot be brought up to date.
    #[error("migration {name} stopped: {why}")]
    Migration {
        /// The migration.
        name: &'static str,
        /// What it found.
        why: &'static str,
    },
    /// After `VACUUM` the observers had other row numbers; the old file was kept.
    #[error("the compacted copy renumbered the observers: it was thrown away, the file is as it was")]
    RowidsMoved,
}

impl WriteError {
    /// Whether trying again later can help: a lock, a full disk, an I/O error.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Sqlite { source, .. } => source.sqlite_error_code().is_some_and(|code| {
                use rusqlite::ErrorCode as C;
                matches!(
                    code,
                    C::DatabaseBusy
                        | C::DatabaseLocked
                        | C::DiskFull
                        | C::SystemIoFailure
                        | C::CannotOpen
                        | C::OutOfMemory
                        | C::ReadOnly
                        | C::FileLockingProtocolFailed
                )
            }),
            Self::File { .. } | Self::OtherWriter { .. } => true,
            _ => false,
        }
    }

    /// Whether the data of one message is to blame, so that trying the same batch again
    /// would fail in the same way for ever.
    pub(crate) fn blames_data(&self) -> bool {
        match self {
            Self::Sqlite { source, .. } => source.sqlite_error_code().is_some_and(|code| {
                use rusqlite::ErrorCode as C;
                matches!(code, C::ConstraintViolation | C::TypeMismatch | C::TooBig)
            }),
            _ => false,
        }
    }
}

/// Names what was being done when SQLite failed.
pub(crate) trait Doing<T> {
    /// Attaches the words.
    fn doing(self, doing: &'static str) -> Result<T, WriteError>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, WriteError> {
        self.map_err(|source| WriteError::Sqlite { doing, source })
    }
}
