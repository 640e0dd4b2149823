//! Makes Rust types of `proto/`; no protoc is needed.

use std::path::Path;

/// Names in JSON that are not the field's own: the API's mixed spelling is kept on purpose.
const RENAMED: [(&str, &str); 16] = [
    ("PacketListResponse.next_cursor", "nextCursor"),
    ("GroupedPacketListResponse.next_cursor", "nextCursor"),
    ("NodeObserverStats.packet_count", "packetCount"),
    ("NodeObserverStats.avg_snr", "avgSnr"),
    ("NodeObserverStats.avg_rssi", "avgRssi"),
    ("NodeStats.total_transmissions", "totalTransmissions"),
    ("NodeStats.total_observations", "totalObservations"),
    ("NodeStats.total_packets", "totalPackets"),
    ("NodeStats.packets_today", "packetsToday"),
    ("NodeStats.avg_snr", "avgSnr"),
    ("NodeStats.last_heard", "lastHeard"),
    ("NodeStats.avg_hops", "avgHops"),
    ("NodeDetailResponse.recent_adverts", "recentAdverts"),
    ("NodeHealthResponse.recent_packets", "recentPackets"),
    ("NetworkStatusResponse.role_counts", "roleCounts"),
    ("Observer.node_role", "nodeRole"),
];

pub(crate) fn generate(manifest: &Path, out: &Path) -> Result<(), String> {
    let folder = manifest.join("proto");
    println!("cargo:rerun-if-changed={}", folder.display());
    let files = protox::compile(["meshcore.proto"], [&folder]).map_err(|error| format!("proto/: {error}"))?;
    let mut config = prost_build::Config::new();
    config.out_dir(out);
    config.type_attribute(".", "#[derive(serde::Deserialize)]");
    config.message_attribute(".", "#[serde(default)]");
    config.field_attribute("Observer.packets_last_hour", "#[serde(rename = \"packetsLastHour\")]");
    for (field, name) in RENAMED {
        config.field_attribute(field, format!("#[serde(rename = {name:?})]"));
    }
    config.compile_fds(files).map_err(|error| format!("proto/: {error}"))
}
