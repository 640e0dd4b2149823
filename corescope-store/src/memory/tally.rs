//! What a store counts beside its rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::checks::Defect;
use super::memory_use::MemoryUse;
use super::snapshot::Snapshot;

/// Figures of the store as of one snapshot: who asks for them waits for no append.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Rows left out, or kept with a damaged payload.
    pub(crate) defects: Arc<BTreeMap<Defect, u64>>,
    pub(crate) evicted: Evicted,
    /// Transmissions that came after the load.
    pub(crate) inserted: u64,
    /// Bytes that segments and recent rows may hold; `None` without a ceiling.
    pub(crate) budget: Option<usize>,
}

/// What left memory: the ceiling or the window had no room for it. It is in the database still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evicted {
    /// Transmissions.
    pub transmissions: u64,
    /// Observations.
    pub observations: u64,
}

impl Tally {
    pub(crate) fn note(&mut self, defect: Defect, count: u64) {
        *Arc::make_mut(&mut self.defects).entry(defect).or_default() += count;
    }
}

impl Snapshot {
    /// Rows that were left out until this moment, by reason; under [`Defect::Payload`] those kept with a text that is no
    /// JSON.
    pub fn defects(&self) -> &BTreeMap<Defect, u64> {
        &self.tally.defects
    }

    /// What left memory until this moment, by the ceiling or by the window.
    pub fn evicted(&self) -> Evicted {
        self.tally.evicted
    }

    /// Transmissions that were appended until this moment, history left out.
    pub fn inserted(&self) -> u64 {
        self.tally.inserted
    }

    /// Where the memory of this moment is.
    pub fn memory_use(&self) -> MemoryUse {
        MemoryUse::of(self)
    }
}
