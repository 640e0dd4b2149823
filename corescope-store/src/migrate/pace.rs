//! How much to do in one transaction: as much as this machine does in about 60 ms, busy as it is now.

use std::time::Duration;

/// A step should hold the write lock about this long.
const STEP: Duration = Duration::from_millis(60);

/// Rows of the next step; adapts to the machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    rows: i64,
    most: i64,
}

impl Pace {
    /// Begins with so many rows, and never does more than `most`.
    pub(crate) fn new(rows: i64, most: i64) -> Self {
        Self { rows, most }
    }

    pub(crate) fn rows(self) -> i64 {
        self.rows
    }

    /// A step took so long.
    pub(crate) fn took(&mut self, took: Duration) {
        if took > STEP {
            self.rows = (self.rows / 2).max(50);
        } else if took < STEP / 4 {
            self.rows = (self.rows * 2).min(self.most);
        }
    }
}
