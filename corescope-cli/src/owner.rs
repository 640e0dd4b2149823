//! Commands that write a database on their own: they take the writer's lock, or say who
//! has it.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use corescope_store::write::{Options, Progress, WriteError, Writer};
use indicatif::{ProgressBar, ProgressStyle};

use crate::place::Place;
use crate::{Exit, Failure};

/// Opens the writer of an installation's database, with the rules of its configuration,
/// migrating what must be migrated first.
///
/// # Errors
///
/// [`Exit::OtherWriter`] names the holder of the lock; [`Exit::Io`] for everything else.
pub fn open_writer(place: &Place) -> Result<Writer, Failure> {
    if !place.paths.db.exists() {
        return Err(missing(&place.paths.db));
    }
    let keys = crate::ingest::gather(&place.config, place.paths.config.as_deref());
    let mut options = Options::default();
    options.rules = crate::ingest::rules(&place.config, &keys);
    let bar = Bar::new();
    let writer = Writer::open_telling(&place.paths.db, options, &mut |progress| bar.tell(&progress));
    bar.clear();
    writer.map_err(failure)
}

/// The exit code that belongs to an error of the writer.
pub fn failure(error: WriteError) -> Failure {
    let exit = match &error {
        WriteError::OtherWriter { .. } => Exit::OtherWriter,
        WriteError::Migration { .. } | WriteError::RowidsMoved => Exit::Data,
        _ => Exit::Io,
    };
    Failure::new(exit, error)
}

/// There is no such database.
pub fn missing(path: &Path) -> Failure {
    Failure::msg(
        Exit::Io,
        format_args!("no database at {}: name it with --db FILE or --data DIR", path.display()),
    )
}

/// Now, unix seconds.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}

/// Progress on a terminal; nothing in a pipe.
pub struct Bar(ProgressBar);

impl Bar {
    /// An empty one.
    pub fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {eta}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Shows how far a migration has come.
    pub fn tell(&self, progress: &Progress) {
        self.set(progress.name, progress.done, progress.total);
    }

    /// Shows how far something has come.
    pub fn set(&self, what: &'static str, done: u64, total: u64) {
        self.0.set_message(what);
        self.0.set_length(total.max(done));
        self.0.set_position(done);
    }

    /// Takes it away.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Default for Bar {
    fn default() -> Self {
        Self::new()
    }
}

/// `1.5 MB` for people.
pub fn bytes(count: u64) -> String {
    let units = ["B", "KB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_short() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_540_000), "1.5 MB");
        assert_eq!(bytes(u64::MAX), "18446744.1 TB");
    }
}
