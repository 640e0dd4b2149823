//! What the writer has done since it was opened: the figures of the stats file.

/// Totals since the writer was opened. The names in the stats file are those of the
/// original (`tx_inserted`, `obs_inserted`, `tx_dupes` …).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Transmissions added.
    pub transmissions: u64,
    /// Observations added.
    pub observations: u64,
    /// Packets whose transmission was known already.
    pub known_transmissions: u64,
    /// Packets whose observation was known already.
    pub duplicates: u64,
    /// Rows of `nodes` written.
    pub node_writes: u64,
    /// Rows of `observers` written.
    pub observer_writes: u64,
    /// Adverts refused for their signature.
    pub bad_signatures: u64,
    /// Transactions that failed.
    pub write_errors: u64,
    /// Transactions committed.
    pub commits: u64,
    /// Time spent waiting for other processes to let go of the database, microseconds.
    pub lock_wait_us: u64,
}

impl Counters {
    /// Adds what one batch did.
    pub(crate) fn add(&mut self, batch: &Self) {
        self.transmissions += batch.transmissions;
        self.observations += batch.observations;
        self.known_transmissions += batch.known_transmissions;
        self.duplicates += batch.duplicates;
        self.node_writes += batch.node_writes;
        self.observer_writes += batch.observer_writes;
        self.bad_signatures += batch.bad_signatures;
        self.write_errors += batch.write_errors;
        self.commits += batch.commits;
        self.lock_wait_us += batch.lock_wait_us;
    }
}
