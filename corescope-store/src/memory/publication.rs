//! The publication step: how the next moment takes the place of the last one.
//!
//! One appender at a time makes the next moment from the current one and puts it in place; readers take what is
//! there and never wait for it. The step is generic over its two shared cells, so that the tests can run every
//! interleaving of it.

use std::ops::DerefMut;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

/// Where readers find the current moment.
pub(super) trait Slot<T> {
    /// What is there. Never waits.
    fn take(&self) -> Arc<T>;

    /// Puts the next one there.
    fn put(&self, next: Arc<T>);
}

/// Whose turn it is to append.
pub(super) trait Turn<A> {
    /// The turn, for as long as it is held.
    type Held<'t>: DerefMut<Target = A>
    where
        Self: 't;

    /// Waits for the turn.
    fn wait(&self) -> Self::Held<'_>;
}

impl<T> Slot<T> for ArcSwap<T> {
    fn take(&self) -> Arc<T> {
        self.load_full()
    }

    fn put(&self, next: Arc<T>) {
        self.store(next);
    }
}

impl<A: 'static> Turn<A> for Mutex<A> {
    type Held<'t> = MutexGuard<'t, A>;

    fn wait(&self) -> MutexGuard<'_, A> {
        // A panicking appender published nothing: the state it leaves is the last published one.
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The current moment, and the turn to make the next.
#[derive(Debug, Default)]
pub(super) struct Publication<S, M> {
    slot: S,
    turn: M,
}

impl<S, M> Publication<S, M> {
    #[cfg(test)]
    fn new(slot: S, turn: M) -> Self {
        Self { slot, turn }
    }

    /// What readers see.
    pub(super) fn current<T>(&self) -> Arc<T>
    where
        S: Slot<T>,
    {
        self.slot.take()
    }

    /// The turn to append.
    pub(super) fn turn<A>(&self) -> M::Held<'_>
    where
        M: Turn<A>,
    {
        self.turn.wait()
    }

    /// Shows readers the next moment. Whoever calls it holds the turn, and made `next` from what was current while
    /// holding it.
    pub(super) fn publish<T, A>(&self, _held: &mut A, next: T) -> Arc<T>
    where
        S: Slot<T>,
        M: Turn<A>,
    {
        let next = Arc::new(next);
        self.slot.put(Arc::clone(&next));
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pointer that is swapped in one step, as loom sees it.
    struct LoomSlot(loom::sync::Mutex<Arc<Moment>>);

    struct LoomTurn(loom::sync::Mutex<u32>);

    #[derive(Clone)]
    struct Moment {
        version: u32,
        transmissions: u32,
        observations: u32,
    }

    impl Slot<Moment> for LoomSlot {
        fn take(&self) -> Arc<Moment> {
            Arc::clone(&self.0.lock().expect("no panic"))
        }

        fn put(&self, next: Arc<Moment>) {
            *self.0.lock().expect("no panic") = next;
        }
    }

    impl Turn<u32> for LoomTurn {
        type Held<'t> = loom::sync::MutexGuard<'t, u32>;

        fn wait(&self) -> Self::Held<'_> {
            self.0.lock().expect("no panic")
        }
    }

    type Shared = Publication<LoomSlot, LoomTurn>;

    fn append(shared: &Shared) {
        let mut held = shared.turn();
        let now = shared.current();
        let next = Moment {
            version: now.version + 1,
            transmissions: now.transmissions + 1,
            observations: now.observations + 3,
        };
        *held += 1;
        shared.publish(&mut *held, next);
    }

    #[test]
    fn in_every_interleaving_moments_are_whole_in_order_and_none_is_lost() {
        loom::model(|| {
            let first = Moment { version: 0, transmissions: 0, observations: 0 };
            let shared = loom::sync::Arc::new(Shared::new(
                LoomSlot(loom::sync::Mutex::new(Arc::new(first))),
                LoomTurn(loom::sync::Mutex::new(0)),
            ));
            let appenders: Vec<_> = (0..2)
                .map(|_| {
                    let shared = loom::sync::Arc::clone(&shared);
                    loom::thread::spawn(move || append(&shared))
                })
                .collect();
            let mut last = 0;
            for _ in 0..2 {
                let seen = shared.current();
                assert_eq!(seen.observations, seen.transmissions * 3, "half a moment");
                assert_eq!(seen.version, seen.transmissions);
                assert!(seen.version >= last, "time went back");
                last = seen.version;
            }
            for appender in appenders {
                appender.join().expect("no panic");
            }
            let end = shared.current();
            assert_eq!((end.version, *shared.turn()), (2, 2), "an append was lost");
        });
    }
}
