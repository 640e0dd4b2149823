//! Turns at what takes long: one at a time, and a bounded number waits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::WholeError;

/// Questions that wait for one turn, at most.
const MOST_WAITING: usize = 16;

/// A turn that one question has at a time.
#[derive(Debug, Default)]
pub(super) struct Turn {
    held: Mutex<()>,
    waiting: AtomicUsize,
}

impl Turn {
    /// Waits for the turn.
    pub(super) fn take(&self) -> Result<MutexGuard<'_, ()>, WholeError> {
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= MOST_WAITING {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(WholeError::Busy);
        }
        let turn = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        Ok(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_wait_and_no_more() {
        let turn = Turn::default();
        let held = turn.take().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..MOST_WAITING {
                scope.spawn(|| turn.take().map(drop).unwrap());
            }
            while turn.waiting.load(Ordering::Acquire) < MOST_WAITING {
                std::thread::yield_now();
            }
            assert!(matches!(turn.take(), Err(WholeError::Busy)));
            drop(held);
        });
        assert!(turn.take().is_ok());
    }
}
