//! Where the store's memory is: `GET /api/perf?mem=1`.

use corescope_store::memory::Snapshot;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::system::stats::store_bytes;

/// What the breakdown leaves out.
pub(super) const BREAKDOWN_NOTE: &str = "bytes of the store as it counts them; payloads are decoded when asked for and take none. The figures of \
     paths are the remainder after frames and names. processRSSMB of /api/stats is what the process holds in all.";

/// Where the store's memory is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemoryBreakdown {
    /// Packets.
    pub total_tx: u64,
    /// Of these, floods.
    pub flood_tx: u64,
    /// The same, per cent.
    pub flood_tx_share_pct: f64,
    /// Receptions.
    pub observations: u64,
    /// Receptions per packet.
    pub obs_per_tx: f64,
    /// Frames, MB.
    #[serde(rename = "txRawHexMB")]
    pub tx_raw_hex_mb: f64,
    /// Decoded payloads, MB; 0: they are made when asked for.
    #[serde(rename = "txDecodedJsonMB")]
    pub tx_decoded_json_mb: f64,
    /// Paths of packets, MB; 0: they are those of receptions.
    #[serde(rename = "txPathJsonMB")]
    pub tx_path_json_mb: f64,
    /// Paths of receptions, MB: what is left of the store.
    #[serde(rename = "obsPathJsonMB")]
    pub obs_path_json_mb: f64,
    /// Names of observers, MB.
    #[serde(rename = "obsStringsMB")]
    pub obs_strings_mb: f64,
    /// Share of the floods, MB.
    #[serde(rename = "floodTxEstimatedMB")]
    pub flood_tx_estimated_mb: f64,
    /// The store, MB.
    #[serde(rename = "totalTxEstimatedMB")]
    pub total_tx_estimated_mb: f64,
}

/// Counts and sizes of what is in memory now.
pub(super) fn breakdown(data: &Snapshot) -> MemoryBreakdown {
    let two = |x: f64| (x * 100.0).round() / 100.0;
    let mb = |bytes: u64| two(bytes as f64 / 1_048_576.0);
    let (mut floods, mut frames) = (0_u64, 0_u64);
    for packet in data.transmissions() {
        floods += u64::from(matches!(packet.route_type(), Some(0 | 1)));
        frames += packet.raw().len() as u64;
    }
    let (packets, observations) = (data.transmission_count(), data.observation_count());
    let share = |part: u64| if packets == 0 { 0.0 } else { part as f64 / packets as f64 };
    let (all, tables) = (store_bytes(data), data.table_bytes() as u64);
    MemoryBreakdown {
        total_tx: packets,
        flood_tx: floods,
        flood_tx_share_pct: (share(floods) * 1000.0).round() / 10.0,
        observations,
        obs_per_tx: (share(observations) * 10.0).round() / 10.0,
        tx_raw_hex_mb: mb(frames),
        tx_decoded_json_mb: 0.0,
        tx_path_json_mb: 0.0,
        obs_path_json_mb: mb(all.saturating_sub(frames + tables)),
        obs_strings_mb: mb(tables),
        flood_tx_estimated_mb: two(mb(all) * share(floods)),
        total_tx_estimated_mb: mb(all),
    }
}
