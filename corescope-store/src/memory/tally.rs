//! What a store counts beside its rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::checks::Defect;

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

/// What the budget dropped.
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
