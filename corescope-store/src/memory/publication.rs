//! The publication step: how the next moment takes the place of the last one.
//!
//! One appender at a time makes the next moment from the current one and puts it in place; readers take what is
//! there and never wait for it. The step is generic over its two shared cells, so that the tests can run every
//! interleaving of it.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

/// Where readers find the current moment.
pub(super) trait Slot {
    type Moment: Clone;

    /// What is there. Never waits.
    fn take(&self) -> Arc<Self::Moment>;

    /// Puts the next one there.
    fn put(&self, next: Arc<Self::Moment>);
}

/// Whose turn it is to append.
pub(super) trait Turn {
    type Maker;

    /// The turn, for as long as it is held.
    type Held<'t>: DerefMut<Target = Self::Maker>
    where
        Self: 't;

    /// Waits for the turn.
    fn wait(&self) -> Self::Held<'_>;
}

/// What only whoever has the turn needs: state that moves along with the moments.
pub(super) trait Maker<T> {
    /// Begins with what is current. State that ran ahead of it, for a moment that was never published, goes back.
    fn begin(&mut self, current: &T);

    /// The moment is made: what follows from it is put into it.
    fn complete(&mut self, next: &mut T);

    /// Readers see the moment: what follows from it is shown where they see that apart from it.
    fn published(&mut self);
}

impl<T: Clone> Slot for ArcSwap<T> {
    type Moment = T;

    fn take(&self) -> Arc<T> {
        self.load_full()
    }

    fn put(&self, next: Arc<T>) {
        self.store(next);
    }
}

impl<A: 'static> Turn for Mutex<A> {
    type Maker = A;
    type Held<'t> = MutexGuard<'t, A>;

    fn wait(&self) -> MutexGuard<'_, A> {
        // Readers never saw what a panicking appender was at; what it left in the maker `Maker::begin` puts right.
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The current moment, and the turn to make the next.
#[derive(Debug, Default)]
pub(super) struct Publication<S, M> {
    slot: S,
    turn: M,
}

impl<S: Slot, M: Turn<Maker: Maker<S::Moment>>> Publication<S, M> {
    pub(super) fn new(slot: S, turn: M) -> Self {
        Self { slot, turn }
    }

    /// What readers see.
    pub(super) fn current(&self) -> Arc<S::Moment> {
        self.slot.take()
    }

    /// Waits for the turn, then copies what is current: in this order, or an append that ended in between would be lost.
    pub(super) fn begin(&self) -> Making<'_, S, M> {
        let mut maker = self.turn.wait();
        let current = self.slot.take();
        maker.begin(&current);
        Making { slot: &self.slot, maker, next: S::Moment::clone(&current) }
    }
}

/// The next moment in the making, and the turn to make it. Dropped, it leaves readers what they have.
pub(super) struct Making<'p, S: Slot, M: Turn + 'p> {
    slot: &'p S,
    pub(super) maker: M::Held<'p>,
    next: S::Moment,
}

impl<S: Slot, M: Turn<Maker: Maker<S::Moment>>> Making<'_, S, M> {
    /// The maker and the moment.
    pub(super) fn both(&mut self) -> (&mut M::Maker, &mut S::Moment) {
        (&mut self.maker, &mut self.next)
    }

    /// Shows readers the moment, and ends the turn.
    pub(super) fn publish(self) -> Arc<S::Moment> {
        self.publish_and(|_| ())
    }

    /// Shows readers the moment; then does what must be done before somebody else's turn.
    pub(super) fn publish_and(mut self, then: impl FnOnce(&Arc<S::Moment>)) -> Arc<S::Moment> {
        self.maker.complete(&mut self.next);
        let next = Arc::new(self.next);
        self.slot.put(Arc::clone(&next));
        self.maker.published();
        then(&next);
        next
    }
}

impl<S: Slot, M: Turn> Deref for Making<'_, S, M> {
    type Target = S::Moment;

    fn deref(&self) -> &S::Moment {
        &self.next
    }
}

impl<S: Slot, M: Turn> DerefMut for Making<'_, S, M> {
    fn deref_mut(&mut self) -> &mut S::Moment {
        &mut self.next
    }
}

impl<S: Slot<Moment: fmt::Debug>, M: Turn> fmt::Debug for Making<'_, S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Making").field("next", &self.next).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pointer that is swapped in one step, as loom sees it.
    struct LoomSlot(loom::sync::Mutex<Arc<Moment>>);

    struct LoomTurn(loom::sync::Mutex<Count>);

    /// Observations so far, which are put into each moment, and the version that readers are told of apart from it.
    struct Count(u32, Told);

    type Told = loom::sync::Arc<loom::sync::atomic::AtomicU32>;

    impl Maker<Moment> for Count {
        fn begin(&mut self, current: &Moment) {
            assert_eq!(self.0, current.observations, "the turn began with an older moment");
        }

        fn complete(&mut self, next: &mut Moment) {
            next.observations = self.0;
            next.version += 1;
        }

        fn published(&mut self) {
            self.1.fetch_add(1, loom::sync::atomic::Ordering::AcqRel);
        }
    }

    #[derive(Clone)]
    struct Moment {
        version: u32,
        transmissions: u32,
        observations: u32,
    }

    impl Slot for LoomSlot {
        type Moment = Moment;

        fn take(&self) -> Arc<Moment> {
            Arc::clone(&self.0.lock().expect("no panic"))
        }

        fn put(&self, next: Arc<Moment>) {
            *self.0.lock().expect("no panic") = next;
        }
    }

    impl Turn for LoomTurn {
        type Maker = Count;
        type Held<'t> = loom::sync::MutexGuard<'t, Count>;

        fn wait(&self) -> Self::Held<'_> {
            self.0.lock().expect("no panic")
        }
    }

    type Shared = Publication<LoomSlot, LoomTurn>;

    fn append(shared: &Shared) {
        let mut next = shared.begin();
        next.transmissions += 1;
        next.maker.0 += 3;
        next.publish();
    }

    #[test]
    fn in_every_interleaving_moments_are_whole_in_order_and_none_is_lost() {
        loom::model(|| {
            let first = Moment { version: 0, transmissions: 0, observations: 0 };
            let told = Told::default();
            let shared = loom::sync::Arc::new(Shared::new(
                LoomSlot(loom::sync::Mutex::new(Arc::new(first))),
                LoomTurn(loom::sync::Mutex::new(Count(0, Told::clone(&told)))),
            ));
            let appenders: Vec<_> = (0..2)
                .map(|_| {
                    let shared = loom::sync::Arc::clone(&shared);
                    loom::thread::spawn(move || append(&shared))
                })
                .collect();
            let mut last = 0;
            for _ in 0..2 {
                let told = told.load(loom::sync::atomic::Ordering::Acquire);
                let seen = shared.current();
                assert!(told <= seen.version, "readers were told of a moment that they cannot see");
                assert_eq!(seen.observations, seen.transmissions * 3, "half a moment");
                assert_eq!(seen.version, seen.transmissions);
                assert!(seen.version >= last, "time went back");
                last = seen.version;
            }
            for appender in appenders {
                appender.join().expect("no panic");
            }
            let end = shared.current();
            assert_eq!(
                (end.version, end.transmissions, shared.begin().maker.0),
                (2, 2, 6),
                "an append was lost"
            );
        });
    }
}
