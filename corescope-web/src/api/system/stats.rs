//! `GET /api/stats`: totals.

use axum::extract::State;
use axum::response::Response;
use corescope_core::time::rfc3339;
use corescope_store::lookup;
use corescope_store::memory::Snapshot;
use serde::Serialize;
use utoipa::ToSchema;

use super::build::{BUILD_TIME, COMMIT, ENGINE, VERSION};
use super::process::Memory;
use crate::api::activity::Activity;
use crate::{AppState, json};

/// A node counts as present for so long.
const WEEK: i64 = 7 * 86_400;

/// Nodes per role. Other roles are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoleCounts {
    /// Role `repeater`.
    pub repeaters: u64,
    /// Role `room`.
    pub rooms: u64,
    /// Role `companion`.
    pub companions: u64,
    /// Role `sensor`.
    pub sensors: u64,
}

impl RoleCounts {
    /// Counts one node of this role.
    pub fn add(&mut self, role: &str) {
        match role {
            "repeater" => self.repeaters += 1,
            "room" => self.rooms += 1,
            "companion" => self.companions += 1,
            "sensor" => self.sensors += 1,
            _ => {}
        }
    }
}

/// Totals of the mesh and of this process.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Same as `totalTransmissions`.
    pub total_packets: u64,
    /// Distinct packets in memory.
    pub total_transmissions: u64,
    /// Receptions in memory.
    pub total_observations: u64,
    /// Nodes seen in the last seven days.
    pub total_nodes: u64,
    /// Nodes on record.
    pub total_nodes_all_time: u64,
    /// Observers on record, inactive ones too.
    pub total_observers: u64,
    /// Receptions of the last hour.
    pub packets_last_hour: u64,
    /// Receptions of the last 24 hours.
    #[serde(rename = "packetsLast24h")]
    pub packets_last_24h: u64,
    /// Always `rust`.
    pub engine: &'static str,
    /// Version of this program.
    pub version: &'static str,
    /// Commit it was built from, or `unknown`.
    pub commit: &'static str,
    /// When it was built, or `unknown`.
    pub build_time: &'static str,
    /// Nodes seen in the last seven days, by role.
    pub counts: RoleCounts,
    /// Adverts refused for their signature; absent when none was.
    #[serde(skip_serializing_if = "is_zero")]
    pub signature_drops: i64,
    /// Always true: no hash is made anew behind a running server. `corescope-cli db check` finds hashes of an older rule.
    pub hash_migration_complete: bool,
    /// Memory of the packet store, MB.
    #[serde(rename = "trackedMB")]
    pub tracked_mb: f64,
    /// Same as `trackedMB`.
    #[serde(rename = "storeDataMB")]
    pub store_data_mb: f64,
    /// Resident memory of the process, MB.
    #[serde(rename = "processRSSMB")]
    pub process_rss_mb: f64,
    /// Resident anonymous memory, MB: what the allocator holds.
    #[serde(rename = "goHeapInuseMB")]
    pub go_heap_inuse_mb: f64,
    /// Resident memory of the process, MB.
    #[serde(rename = "goSysMB")]
    pub go_sys_mb: f64,
    /// Times the neighbour graph could not be read.
    pub neighbor_graph_cache_rebuild_failures: u64,
    /// The moment these figures are of, RFC 3339.
    pub as_of: String,
}

/// Totals of the mesh and of this process.
#[utoipa::path(get, path = "/api/stats", tag = "system", responses((status = 200, body = Stats)))]
pub(crate) async fn stats(State(app): State<AppState>) -> Response {
    let signature_drops = app.rest.dropped.ask(&app, lookup::dropped_count).await;
    let moment = app.moment();
    let data = &moment.data;
    let activity = Activity::now(&app, &moment).await;
    let week_ago = rfc3339(moment.now - WEEK);
    let (mut counts, mut present, mut all) = (RoleCounts::default(), 0, 0);
    for node in data.nodes().active() {
        all += 1;
        if node.last_seen.as_ref().is_some_and(|seen| *seen > week_ago) {
            present += 1;
            counts.add(node.role.as_deref().unwrap_or_default());
        }
    }
    let memory = Memory::read();
    let store = megabytes(store_bytes(data));
    json::response(&Stats {
        total_packets: data.transmission_count(),
        total_transmissions: data.transmission_count(),
        total_observations: data.observation_count(),
        total_nodes: present,
        total_nodes_all_time: all,
        total_observers: data.observers().len() as u64,
        packets_last_hour: activity.last_hour,
        packets_last_24h: activity.last_day,
        engine: ENGINE,
        version: VERSION,
        commit: COMMIT,
        build_time: BUILD_TIME,
        counts,
        signature_drops,
        hash_migration_complete: true,
        tracked_mb: store,
        store_data_mb: store,
        process_rss_mb: megabytes(memory.resident),
        go_heap_inuse_mb: megabytes(memory.anonymous),
        go_sys_mb: megabytes(memory.resident),
        neighbor_graph_cache_rebuild_failures: 0,
        as_of: rfc3339(moment.now),
    })
}

/// Bytes held by the store.
pub(super) fn store_bytes(data: &Snapshot) -> u64 {
    data.held_bytes() as u64
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(n: &i64) -> bool {
    *n == 0
}

/// Bytes as MB (2^20) with one decimal.
pub fn megabytes(bytes: u64) -> f64 {
    (bytes as f64 / 1_048_576.0 * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_four_roles_count() {
        let mut c = RoleCounts::default();
        for role in ["repeater", "room", "companion", "sensor", "none", "type-7", "Repeater"] {
            c.add(role);
        }
        assert_eq!(c, RoleCounts { repeaters: 1, rooms: 1, companions: 1, sensors: 1 });
    }
}
