//! How much to do in one transaction: as much as this machine does in about 60 ms.

use std::time::Duration;

/// A step should hold the write lock about this long.
const STEP: Duration = Duration::from_millis(60);

/// Rows of the next step; adapts to the machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace(i64);

impl Pace {
    pub(super) fn new(rows: i64) -> Self {
        Self(rows)
    }

    pub(super) fn rows(self) -> i64 {
        self.0
    }

    /// A step took so long.
    pub(super) fn took(&mut self, took: Duration) {
        if took > STEP {
            self.0 = (self.0 / 2).max(50);
        } else if took < STEP / 4 {
            self.0 = (self.0 * 2).min(200_000);
        }
    }
}
