//! What earlier questions found out about the rows outside memory.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::memory::{Query, Snapshot};

/// Totals that are remembered, at most.
const MOST_TOTALS: usize = 64;

/// How long a total is believed. A writer of ours tells at once what changes outside memory; the Go program does not.
const BELIEVED: Duration = Duration::from_mins(1);

/// Totals by filter, and how new the newest row is.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Where the floor was, and how often something had changed below it.
    moment: (i64, u64),
    totals: BTreeMap<String, (u64, Instant)>,
    /// With the epoch it was found in.
    newest: Option<(u64, i64)>,
}

impl Known {
    /// The total of a filter below the floor.
    pub(super) fn total(&mut self, snapshot: &Snapshot, key: &str) -> Option<u64> {
        self.forget_others(snapshot);
        self.totals.get(key).filter(|(_, at)| at.elapsed() < BELIEVED).map(|(total, _)| *total)
    }

    pub(super) fn note_total(&mut self, snapshot: &Snapshot, key: String, total: u64) {
        self.forget_others(snapshot);
        if self.totals.len() >= MOST_TOTALS {
            self.totals.clear();
        }
        self.totals.insert(key, (total, Instant::now()));
    }

    /// No row below the floor has a later reception than this, but for those that were heard again.
    pub(super) fn newest(&self, snapshot: &Snapshot) -> Option<i64> {
        // Later ones came through the store, which noted them.
        let (epoch, newest) = self.newest?;
        (epoch == snapshot.outside.epoch).then(|| newest.max(snapshot.outside.latest))
    }

    pub(super) fn note_newest(&mut self, snapshot: &Snapshot, newest: i64) {
        self.newest = self.newest.max(Some((snapshot.outside.epoch, newest)));
    }

    fn forget_others(&mut self, snapshot: &Snapshot) {
        let moment = (snapshot.floor, snapshot.outside.changes);
        if self.moment != moment {
            self.moment = moment;
            self.totals.clear();
        }
    }
}

/// What a total depends on, for filters that look at columns of `transmissions` alone; `None` for others.
pub(super) fn key(query: &Query) -> Option<String> {
    let Query {
        hash,
        payload_types,
        route_types,
        observers,
        regions,
        nodes,
        originators,
        channel,
        with_damaged,
        scope,
        since,
        until,
        filter,
        after_id,
        // The page, not the filter.
        order: _,
        offset: _,
        limit: _,
        after: _,
    } = query;
    let alone = observers.is_none() && regions.is_none() && nodes.is_none() && filter.is_none();
    (alone && since.is_none() && until.is_none() && hash.is_none()).then(|| {
        format!("{:?}", (payload_types, route_types, originators, channel, with_damaged, scope, after_id))
    })
}
