//! One writer at a time: an advisory lock on `<db>.writer.lock`.
//!
//! The system releases it when the process ends, however it ends. The file holds the
//! process id and the time, for the message that the second one prints.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::WriteError;
use crate::db::beside;

/// How often a busy lock is asked again before its holder counts as a writer.
const LOOKS: u32 = 25;
/// Time between two of these.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// The right to write a database, held until dropped.
#[derive(Debug)]
pub struct WriterLock {
    file: File,
}

/// Who holds the right to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockHolder {
    /// Its process id, 0 when it could not be read.
    pub pid: u32,
    /// When it took the lock, RFC 3339, or `unknown`.
    pub since: String,
}

impl WriterLock {
    /// Takes the lock, or says who holds it. `now` is written into the file (RFC 3339).
    ///
    /// # Errors
    ///
    /// [`WriteError::OtherWriter`] with the holder's process id, or [`WriteError::File`]
    /// when the lock file cannot be made.
    pub fn acquire(database: &Path, now: &str) -> Result<Self, WriteError> {
        let path = lock_path(database);
        let file_error = |doing, source| WriteError::File { path: path.clone(), doing, source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| file_error("cannot make the writer's lock", e))?;
        let mut looks = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                // Whoever asks for the holder has the lock for an instant: what is busy is asked again.
                Err(TryLockError::WouldBlock) if looks < LOOKS => {
                    looks += 1;
                    std::thread::sleep(BETWEEN_LOOKS);
                }
                Err(TryLockError::WouldBlock) => {
                    let LockHolder { pid, since } = read_holder(&mut file);
                    return Err(WriteError::OtherWriter { path: database.to_owned(), pid, since });
                }
                Err(TryLockError::Error(e)) => return Err(file_error("cannot lock it", e)),
            }
        }
        let line = format!("{} {now}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(line.as_bytes()))
            .map_err(|e| file_error("cannot write the writer's lock", e))?;
        Ok(Self { file })
    }

    /// Who holds the lock now, without taking it.
    pub fn holder(database: &Path) -> Option<LockHolder> {
        let mut file = OpenOptions::new().read(true).open(lock_path(database)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(read_holder(&mut file)),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // The file stays: removing it would let two processes lock two files of one name.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

fn lock_path(database: &Path) -> PathBuf {
    beside(database, ".writer.lock")
}

fn read_holder(file: &mut File) -> LockHolder {
    let mut text = String::new();
    let _ = file.seek(SeekFrom::Start(0)).and_then(|_| Read::take(&*file, 100).read_to_string(&mut text));
    let mut words = text.split_whitespace();
    let pid = words.next().and_then(|w| w.parse().ok()).unwrap_or(0);
    let since = words.next().unwrap_or("unknown").to_owned();
    LockHolder { pid, since }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_the_first_is() {
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("meshcore.db");
        assert_eq!(WriterLock::holder(&db), None);
        let first = WriterLock::acquire(&db, "2026-06-01T12:00:00Z").unwrap();
        let error = WriterLock::acquire(&db, "2026-06-01T12:00:01Z").unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&format!("process {} (since 2026-06-01T12:00:00Z)", std::process::id())),
            "{text}"
        );
        assert_eq!(WriterLock::holder(&db).unwrap().pid, std::process::id());
        drop(first);
        assert_eq!(WriterLock::holder(&db), None);
        WriterLock::acquire(&db, "2026-06-01T12:00:02Z").unwrap();
    }

    #[test]
    fn a_look_at_the_holder_does_not_keep_a_writer_out() {
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("meshcore.db");
        WriterLock::acquire(&db, "2026-06-01T12:00:00Z").unwrap();
        // What `holder` does for an instant, held while the writer comes.
        let looking = File::open(lock_path(&db)).unwrap();
        looking.lock_shared().unwrap();
        let look = std::thread::spawn(move || {
            std::thread::sleep(BETWEEN_LOOKS);
            drop(looking);
        });
        WriterLock::acquire(&db, "2026-06-01T12:00:01Z").unwrap();
        look.join().unwrap();
    }
}
