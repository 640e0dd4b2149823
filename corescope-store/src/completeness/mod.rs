//! How much of what an observer heard reached us: estimated for each observer and hour from four kinds of evidence,
//! each of which can be explained in a sentence.
//!
//! | evidence | says |
//! |---|---|
//! | `counters` | the observer's own counter grew by more than what arrived |
//! | `neighbours` | of the packets that its peers heard, it usually hears so much, and in this hour heard less |
//! | `reconnects` | its sources were not connected for so long, and it usually hears so much in that time |
//! | `gaps` | it was silent for longer than chance explains while a source of it was connected |
//!
//! Where there are counters they decide alone: they are the only evidence that counts packets instead of comparing
//! with what is usual. Plain functions over numbers; the job that gathers the numbers is `jobs::completeness`.

mod counters;
mod estimate;
mod outages;
mod peers;
mod silence;

pub(crate) use counters::{Counted, Sample, counted};
pub(crate) use estimate::{Estimate, Facts, estimate};
pub(crate) use outages::{Span, common, overlap, within, without};
pub(crate) use peers::{Candidates, MOST_PEERS, Peer, Shared, shared};
pub(crate) use silence::{Listener, limit};

/// An hour, seconds.
pub(crate) const HOUR: i64 = 3_600;
