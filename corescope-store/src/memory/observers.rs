//! The observers: rows of `observers`, by rowid and id.

use std::sync::Arc;

/// A row of `observers`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Observer {
    /// The implicit rowid that `observations.observer_idx` points at.
    pub rowid: i64,
    /// `id`, verbatim (mostly upper-case hex).
    pub id: String,
    /// `name`.
    pub name: Option<String>,
    /// `iata`: region code, upper case.
    pub iata: Option<String>,
    /// `last_seen`, RFC 3339.
    pub last_seen: Option<String>,
    /// `first_seen`, RFC 3339.
    pub first_seen: Option<String>,
    /// Messages, status included.
    pub packet_count: i64,
    /// `model`.
    pub model: Option<String>,
    /// `firmware`.
    pub firmware: Option<String>,
    /// `client_version`.
    pub client_version: Option<String>,
    /// `radio`: `freq,bw,sf,cr` as published.
    pub radio: Option<String>,
    /// Battery voltage in mV.
    pub battery_mv: Option<i64>,
    /// Uptime in seconds.
    pub uptime_secs: Option<i64>,
    /// Noise floor in dBm.
    pub noise_floor: Option<f64>,
    /// Soft-deleted.
    pub inactive: bool,
    /// `last_packet_at`, RFC 3339.
    pub last_packet_at: Option<String>,
    /// Signed offset of the last naive timestamp, seconds.
    pub clock_skew_seconds: Option<i64>,
    /// Clamps within the last day.
    pub clock_skew_count_24h: i64,
    /// `clock_last_naive_at`, RFC 3339.
    pub clock_last_naive_at: Option<String>,
    /// Firmware's repeat flag; `None` when it was never sent.
    pub can_relay: Option<bool>,
}

/// All observers at one moment.
#[derive(Clone, Debug, Default)]
pub struct Observers {
    /// Ascending by rowid.
    rows: Vec<Arc<Observer>>,
    /// Positions in `rows`, ascending by id.
    by_id: Vec<u32>,
}

impl Observers {
    /// A table of these rows.
    pub fn new(rows: impl IntoIterator<Item = Observer>) -> Self {
        let mut rows: Vec<Arc<Observer>> = rows.into_iter().map(Arc::new).collect();
        rows.sort_by_key(|o| o.rowid);
        rows.dedup_by_key(|o| o.rowid);
        let mut by_id: Vec<u32> = (0..rows.len() as u32).collect();
        by_id.sort_by(|a, b| rows[*a as usize].id.cmp(&rows[*b as usize].id));
        Self { rows, by_id }
    }

    /// All rows, soft-deleted ones included, ascending by rowid.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Observer>> + ExactSizeIterator + Clone {
        self.rows.iter()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The observer of an observation.
    pub fn by_rowid(&self, rowid: i64) -> Option<&Arc<Observer>> {
        let at = self.rows.binary_search_by_key(&rowid, |o| o.rowid).ok()?;
        self.rows.get(at)
    }

    /// The observer with this id, compared exactly.
    pub fn by_id(&self, id: &str) -> Option<&Arc<Observer>> {
        let at = self.by_id.binary_search_by(|row| self.rows[*row as usize].id.as_str().cmp(id)).ok()?;
        self.rows.get(self.by_id[at] as usize)
    }

    /// Rowids of the observers in any of these regions, compared without regard to case.
    pub fn in_regions<S: AsRef<str>>(&self, regions: &[S]) -> Vec<i64> {
        let matches = |o: &Observer| {
            o.iata
                .as_deref()
                .is_some_and(|i| regions.iter().any(|r| r.as_ref().trim().eq_ignore_ascii_case(i.trim())))
        };
        self.rows.iter().filter(|o| matches(o)).map(|o| o.rowid).collect()
    }

    /// Whether the rows are the same.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.rows == other.rows
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let texts = |o: &Observer| {
            [
                &o.name,
                &o.iata,
                &o.last_seen,
                &o.first_seen,
                &o.model,
                &o.firmware,
                &o.client_version,
                &o.radio,
            ]
            .into_iter()
            .chain([&o.last_packet_at, &o.clock_last_naive_at])
            .flatten()
            .map(String::capacity)
            .sum::<usize>()
                + o.id.capacity()
        };
        self.rows.iter().map(|o| 12 + 16 + size_of::<Observer>() + texts(o)).sum()
    }
}
