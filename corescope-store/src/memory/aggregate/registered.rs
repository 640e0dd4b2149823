//! The aggregates of a store: its own two, and those that were registered.

use std::any::Any;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Activity, Aggregate, Counters, Counting, Watching};
use crate::memory::part::Part;
use crate::memory::snapshot::Snapshot;
use crate::memory::view::Transmission;

/// What readers see of an aggregate that was registered.
pub type Published = Arc<dyn Any + Send + Sync>;

/// All of them, which are told the same in the same order.
#[derive(Debug, Default)]
pub(crate) struct Aggregates {
    own: Own,
    others: Vec<(Box<dyn Aggregate>, Arc<ArcSwap<Published>>)>,
    /// Results of those, for readers who see the snapshot they belong to.
    unseen: Vec<Published>,
    /// Rows were announced whose snapshot is not published.
    ahead: bool,
}

/// The store's own two.
#[derive(Clone, Debug, Default)]
pub(crate) struct Own {
    counting: Counting,
    watching: Watching,
}

impl Aggregates {
    pub(crate) fn add(&mut self, row: &Transmission<'_>) {
        self.ahead = true;
        self.own.counting.add(row);
        self.own.watching.add(row);
        self.others.iter_mut().for_each(|(aggregate, _)| aggregate.add(row));
    }

    pub(crate) fn remove(&mut self, row: &Transmission<'_>) {
        self.ahead = true;
        self.own.counting.remove(row);
        self.own.watching.remove(row);
        self.others.iter_mut().for_each(|(aggregate, _)| aggregate.remove(row));
    }

    /// Announces every row of a part.
    pub(crate) fn add_part(&mut self, part: &Part) {
        self.ahead = true;
        self.own.add_part(part);
        for (aggregate, _) in &mut self.others {
            part.transmissions().for_each(|row| aggregate.add(&row));
        }
    }

    /// Announces that a part is gone.
    pub(crate) fn remove_part(&mut self, part: &Part) {
        self.ahead = true;
        let Own { counting, watching } = &mut self.own;
        if !watching.add_segment(part, false) {
            part.transmissions().for_each(|row| watching.remove(&row));
        }
        part.transmissions().for_each(|row| counting.remove(&row));
        for (aggregate, _) in &mut self.others {
            part.transmissions().for_each(|row| aggregate.remove(&row));
        }
    }

    /// Announces that the rows of another store take the place of all there are; its own two are taken over.
    pub(crate) fn replace(&mut self, own: Own, ours: &Snapshot, theirs: &Snapshot) {
        self.ahead = true;
        self.own = own;
        for (aggregate, _) in &mut self.others {
            theirs.transmissions().for_each(|row| aggregate.add(&row));
            ours.transmissions().for_each(|row| aggregate.remove(&row));
        }
    }

    /// The store's own two, for another store that takes over its rows.
    pub(crate) fn own(&self) -> Own {
        self.own.clone()
    }

    /// Takes one more, which knows every row of the current snapshot.
    pub(crate) fn register(&mut self, aggregate: Box<dyn Aggregate>, seen: Arc<ArcSwap<Published>>) {
        self.others.push((aggregate, seen));
    }

    /// Counts everything anew when something was announced that never came: an appender panicked.
    pub(crate) fn catch_up(&mut self, current: &Snapshot) {
        if !self.ahead {
            return;
        }
        self.own = Own::default();
        current.parts.iter().for_each(|part| self.own.add_part(part));
        for row in current.recent_transmissions() {
            self.own.counting.add(&row);
            self.own.watching.add(&row);
        }
        for (aggregate, _) in &mut self.others {
            aggregate.clear();
            current.transmissions().for_each(|row| aggregate.add(&row));
        }
        self.ahead = false;
    }

    /// Puts what readers see of them into the snapshot that is about to be published, or keeps it until
    /// [`show`](Self::show).
    pub(crate) fn publish(&mut self, next: &mut Snapshot) {
        self.ahead = true;
        self.unseen.clear();
        if let Ok(counters) = self.own.counting.publish(next).downcast::<Counters>() {
            next.counters = counters;
        }
        if let Ok(activity) = self.own.watching.publish(next).downcast::<Activity>() {
            next.activity = activity;
        }
        self.unseen.extend(self.others.iter_mut().map(|(aggregate, _)| aggregate.publish(next)));
        self.ahead = false;
    }

    /// Shows readers the results that belong to the snapshot that was published.
    pub(crate) fn show(&mut self) {
        for ((_, seen), result) in self.others.iter().zip(self.unseen.drain(..)) {
            seen.store(Arc::new(result));
        }
    }
}

impl Own {
    fn add_part(&mut self, part: &Part) {
        if !self.watching.add_segment(part, true) {
            part.transmissions().for_each(|row| self.watching.add(&row));
        }
        part.transmissions().for_each(|row| self.counting.add(&row));
    }
}
