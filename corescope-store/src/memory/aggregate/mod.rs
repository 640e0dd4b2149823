//! The seam for analyses that move with the data.
//!
//! Whatever enters, leaves or changes in the store is announced once, in order, to the registered aggregates:
//! a changed transmission first enters in its new form and then leaves in its old one. So an aggregate that adds
//! and subtracts has at every moment the state that a rebuild from the columns would give, and the tests hold it
//! to that.

mod activity;
mod counters;
mod registered;

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

pub(super) use activity::Watching;
pub use activity::{Activity, NodeActivity, ObserverActivity};
pub use counters::Counters;
pub(super) use counters::Counting;
pub(super) use registered::Aggregates;
pub use registered::Published;

use super::snapshot::Snapshot;
use super::view::Transmission;

/// Something that is kept up to date with the rows of a store.
///
/// The methods are called by the appender, one after another, before the snapshot they belong to is published.
pub trait Aggregate: Debug + Send {
    /// A transmission with its observations is there now. One with its id that is there already leaves later, before
    /// [`publish`](Self::publish).
    fn add(&mut self, row: &Transmission<'_>);

    /// A transmission with its observations, as it was added, is there no longer.
    fn remove(&mut self, row: &Transmission<'_>);

    /// Forget everything: the rows there are follow, each by [`add`](Self::add). Happens after an appender panicked,
    /// whose announcements never came true.
    fn clear(&mut self);

    /// Everything of one append was announced; `snapshot` is what readers are about to see. Returns what they
    /// see of the aggregate: the same pointer as long as nothing changed.
    fn publish(&mut self, snapshot: &Snapshot) -> Arc<dyn Any + Send + Sync>;
}

/// The two aggregates of the store itself, counted anew from the rows: what the incremental form is checked against.
pub fn recount(snapshot: &Snapshot) -> (Counters, Activity) {
    let (mut counting, mut watching) = (Counting::default(), Watching::default());
    for row in snapshot.transmissions() {
        counting.add(&row);
        watching.add(&row);
    }
    (counting.counted(), watching.watched())
}
