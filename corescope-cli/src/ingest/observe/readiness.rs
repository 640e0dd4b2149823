//! Whether intake does its work.

use std::time::Duration;

use super::Observed;
use crate::ingest::clock::{now_ms, steady_ms};

/// Whether intake does its work, and why not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Empty: it does.
    pub reasons: Vec<String>,
}

/// A writer that has something to do and commits nothing for so long is stuck.
const STUCK: Duration = Duration::from_mins(1);

/// Looks at sources, writer and disk.
pub fn readiness(observed: &Observed) -> Readiness {
    let mut reasons = Vec::new();
    if let Some((stuck, why)) = observed.desk.trouble() {
        reasons.push(format!("nothing can be committed for {} s: {why}", stuck.as_secs()));
    } else if observed.level.messages() > 0 && observed.desk.lag() > STUCK {
        let lag = observed.desk.lag().as_secs();
        reasons.push(format!(
            "{} messages wait and nothing was committed for {lag} s",
            observed.level.messages()
        ));
    }
    let statuses = observed.roster.statuses();
    if let (Some(limit), false) = (observed.limits.max_silence_secs, statuses.is_empty()) {
        let last = statuses.iter().filter_map(|status| status.figures(now_ms()).spoke_ms).max();
        let silent = (steady_ms() - last.unwrap_or(0)) / 1000;
        if silent > i64::try_from(limit).unwrap_or(i64::MAX) {
            reasons.push(format!("no source has delivered for {silent} s"));
        }
    }
    let free = free_disk_mb(&observed.database);
    if free.is_some_and(|mb| mb < observed.limits.min_free_disk_mb) {
        reasons.push(format!("{} MB left on the database's disk", free.unwrap_or_default()));
    }
    Readiness { reasons }
}

/// Space left for the database, MB.
pub(super) fn free_disk_mb(database: &std::path::Path) -> Option<u64> {
    let folder = database.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let about = rustix::fs::statvfs(folder).ok()?;
    Some(about.f_bavail.saturating_mul(about.f_frsize) >> 20)
}
