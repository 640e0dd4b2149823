//! Answers that take long to make: one caller makes the next, and the others get the last one meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use corescope_store::tail::WholeError;

/// Callers that wait for the first answer, at most.
const MOST_WAITING: usize = 16;

/// How long an answer is used although the data changed, so that a twentieth of all time goes into making it.
pub(crate) fn in_proportion(took: Duration) -> Duration {
    took.saturating_mul(20)
}

/// The last answer.
#[derive(Debug)]
pub(crate) struct Aged<T> {
    made: ArcSwapOption<Made<T>>,
    making: Mutex<()>,
    waiting: AtomicUsize,
}

/// An answer, and what it was made of.
#[derive(Debug)]
struct Made<T> {
    version: u64,
    at: Instant,
    took: Duration,
    answer: Arc<T>,
}

impl<T> Default for Aged<T> {
    fn default() -> Self {
        Self { made: ArcSwapOption::empty(), making: Mutex::default(), waiting: AtomicUsize::new(0) }
    }
}

impl<T> Aged<T> {
    /// The last answer, whatever became of the data.
    pub(crate) fn last(&self) -> Option<Arc<T>> {
        self.made.load().as_ref().map(|made| Arc::clone(&made.answer))
    }

    /// The answer for this version of the data. `believed` tells how long one is used although the data changed, from how
    /// long it took to make. When the next cannot be made the last one stays, for that long again. It blocks.
    ///
    /// # Errors
    ///
    /// There is no answer yet, and `make` failed or too many wait for it.
    pub(crate) fn get(
        &self,
        version: u64,
        believed: impl Fn(Duration) -> Duration,
        make: impl FnOnce() -> Result<T, WholeError>,
    ) -> Result<Arc<T>, WholeError> {
        let fresh = || {
            let made = self.made.load();
            let holds =
                |made: &&Arc<Made<T>>| made.version >= version || made.at.elapsed() < believed(made.took);
            made.as_ref().filter(holds).map(|made| Arc::clone(&made.answer))
        };
        if let Some(answer) = fresh() {
            return Ok(answer);
        }
        let making = match (self.last(), self.making.try_lock()) {
            (_, Ok(making)) => making,
            (_, Err(TryLockError::Poisoned(making))) => making.into_inner(),
            (Some(last), Err(TryLockError::WouldBlock)) => return Ok(last),
            (None, Err(TryLockError::WouldBlock)) => self.wait()?,
        };
        if let Some(answer) = fresh() {
            return Ok(answer); // another caller made it meanwhile
        }
        let begun = Instant::now();
        let made = match (make(), self.made.load_full()) {
            (Ok(answer), _) => Made { version, at: begun, took: begun.elapsed(), answer: Arc::new(answer) },
            (Err(error), None) => return Err(error),
            (Err(error), Some(last)) => {
                tracing::warn!(%error, "an older answer is given");
                let answer = Arc::clone(&last.answer);
                Made { version: last.version, at: Instant::now(), took: last.took, answer }
            }
        };
        let answer = Arc::clone(&made.answer);
        self.made.store(Some(Arc::new(made)));
        drop(making);
        Ok(answer)
    }

    fn wait(&self) -> Result<MutexGuard<'_, ()>, WholeError> {
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= MOST_WAITING {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(WholeError::Busy);
        }
        let making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        Ok(making)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const NEVER: fn(Duration) -> Duration = |_| Duration::ZERO;

    #[test]
    fn an_answer_is_used_for_its_version_and_for_a_while() {
        let aged = Aged::default();
        let get = |version, seconds, value| {
            *aged.get(version, |_| Duration::from_secs(seconds), || Ok(value)).unwrap()
        };
        assert_eq!(get(2, 0, "a"), "a");
        assert_eq!(get(2, 0, "b"), "a");
        assert_eq!(get(1, 0, "b"), "a", "of an older moment");
        assert_eq!(get(3, 60, "b"), "a");
        assert_eq!(get(3, 0, "b"), "b");
    }

    #[test]
    fn the_last_answer_stays_when_there_is_no_next() {
        let aged = Aged::default();
        let failed = || Err(WholeError::Busy);
        assert!(aged.get(1, NEVER, failed).is_err());
        assert_eq!(*aged.get(1, NEVER, || Ok(1)).unwrap(), 1);
        assert_eq!(*aged.get(2, NEVER, failed).unwrap(), 1);
        assert_eq!(*aged.get(2, |_| Duration::from_mins(1), || panic!("at once")).unwrap(), 1);
        assert_eq!(*aged.get(2, NEVER, || Ok(2)).unwrap(), 2);
    }

    #[test]
    fn nobody_waits_while_another_makes_the_next() {
        let aged = &Aged::default();
        aged.get(1, NEVER, || Ok(1)).unwrap();
        let ((begun, begins), (let_go, held), (told, answers)) = (channel(), channel::<()>(), channel());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let make = || {
                    begun.send(()).unwrap();
                    held.recv().unwrap();
                    Ok(2)
                };
                aged.get(2, NEVER, make).unwrap();
            });
            begins.recv().unwrap();
            scope.spawn(move || told.send(*aged.get(2, NEVER, || Ok(3)).unwrap()).unwrap());
            let answer = answers.recv_timeout(Duration::from_secs(20));
            let_go.send(()).unwrap();
            assert_eq!(answer, Ok(1));
        });
        assert_eq!(aged.last().as_deref(), Some(&2));
    }

    #[test]
    fn so_many_wait_for_the_first_and_no_more() {
        let aged = &Aged::default();
        let ((begun, begins), (let_go, held)) = (channel(), channel::<()>());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let make = || {
                    begun.send(()).unwrap();
                    held.recv().unwrap();
                    Ok(1)
                };
                aged.get(1, NEVER, make).unwrap();
            });
            begins.recv().unwrap();
            for _ in 0..MOST_WAITING {
                scope.spawn(|| assert_eq!(*aged.get(1, NEVER, || Ok(2)).unwrap(), 1));
            }
            while aged.waiting.load(Ordering::Acquire) < MOST_WAITING {
                std::thread::yield_now();
            }
            assert!(matches!(aged.get(1, NEVER, || Ok(2)), Err(WholeError::Busy)));
            let_go.send(()).unwrap();
        });
    }
}
