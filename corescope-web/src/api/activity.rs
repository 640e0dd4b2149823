//! Receptions of the last hour and the last day, in all and per observer.

use std::collections::{BTreeMap, HashMap};

use corescope_store::memory::{Order, Query, Snapshot};

use super::moment::Moment;
use crate::AppState;

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
/// Seconds before the newest reception over which the store's counters are exact.
const COUNTED: i64 = 25 * HOUR;

/// How many receptions there were lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Activity {
    /// In the last hour.
    pub(crate) last_hour: u64,
    /// In the last 24 hours.
    pub(crate) last_day: u64,
    /// In the last hour, by rowid of the observer.
    pub(crate) by_observer: HashMap<i64, u64>,
}

impl Activity {
    /// Counts what lies within the last day, in memory and outside; in memory alone while the database does not answer.
    pub(crate) async fn now(app: &AppState, moment: &Moment) -> Self {
        let mut counted = Self::of_last_hour(app, moment).await;
        counted.last_day += older(app, moment, DAY).await.values().sum::<u64>();
        counted
    }

    /// The same without the older hours of the day, which take longer to count outside memory.
    pub(crate) async fn of_last_hour(app: &AppState, moment: &Moment) -> Self {
        let mut counted = Self::of(&moment.data, moment.now);
        for (observer, count) in older(app, moment, HOUR).await {
            counted.last_hour += count;
            if let Some(observer) = observer {
                *counted.by_observer.entry(observer).or_default() += count;
            }
        }
        counted
    }

    /// Counts what lies within the last day of `now` (unix seconds) in memory.
    pub(crate) fn of(data: &Snapshot, now: i64) -> Self {
        let (hour, day) = (now - HOUR, now - DAY);
        // The counters know the day by the second, unless the clock stands far before the newest reception.
        let counted = data.newest().saturating_sub(day) <= COUNTED;
        let last_day = if counted { data.counters().observations_since(day - 1) } else { 0 };
        let mut out = Self { last_day, ..Self::default() };
        let since = if counted { hour } else { day };
        let query =
            Query { since: Some(since - 1), order: Order::OldestId, limit: usize::MAX, ..Query::default() };
        for packet in data.query(&query).rows {
            for seen in packet.observations() {
                let at = seen.timestamp();
                out.last_day += u64::from(!counted && at >= day);
                if at >= hour {
                    out.last_hour += 1;
                    if let Some(observer) = seen.observer() {
                        *out.by_observer.entry(observer).or_default() += 1;
                    }
                }
            }
        }
        out
    }
}

/// Receptions outside memory of so many seconds up to now, by rowid of the observer.
async fn older(app: &AppState, moment: &Moment, seconds: i64) -> BTreeMap<Option<i64>, u64> {
    if !moment.data.lacks_rows() {
        return BTreeMap::new();
    }
    let (app, data, since) = (app.clone(), moment.data.clone(), moment.now - seconds);
    match tokio::task::spawn_blocking(move || app.rest.whole.older_receptions(&data, since)).await {
        Ok(Ok(counts)) => return counts,
        Ok(Err(error)) => tracing::debug!(%error, "receptions outside memory are not counted"),
        Err(error) => tracing::error!(%error, "receptions outside memory are not counted"),
    }
    BTreeMap::new()
}
