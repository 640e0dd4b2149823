//! `GET /api/stats`: totals.

use serde::Serialize;
use utoipa::ToSchema;

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
    /// Whether all content hashes are of the present kind.
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
