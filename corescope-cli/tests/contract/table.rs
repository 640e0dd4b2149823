//! The contract as a table: every route, its parameters, the shape of its answer.

use serde_json::{Value, json};

use super::server::{HIDDEN, NODE, OBSERVER};

fn node() -> Value {
    json!({
        "public_key": "s", "name": "s?", "role": "s?", "lat": "f?", "lon": "f?", "last_seen": "s?", "last_heard": "s?",
        "first_seen": "s?", "advert_count": "i", "battery_mv": "i?", "temperature_c": "f?", "foreign": "b",
        "default_scope": "s?", "hash_size": "i?", "hash_size_inconsistent": "b", "hash_sizes_seen?": ["i"],
        "flood_advert_count_7d?": "i"
    })
}

fn packet() -> Value {
    json!({
        "id": "i", "raw_hex": "s?", "hash": "s", "first_seen": "s", "timestamp": "s", "route_type": "i?",
        "payload_type": "i?", "decoded_json": "s?", "observation_count": "i", "observer_id": "s?", "observer_name": "s?",
        "observer_iata": "s?", "snr": "f?", "rssi": "f?", "path_json": "s?", "direction": "s?", "_parsedPath": "any",
        "resolved_path?": ["s?"], "scope_name": "s?"
    })
}

fn observer() -> Value {
    json!({
        "id": "s", "name": "s?", "iata": "s?", "last_seen": "s?", "first_seen": "s?", "packet_count": "i", "model": "s?",
        "firmware": "s?", "client_version": "s?", "radio": "s?", "battery_mv": "i?", "uptime_secs": "i?",
        "noise_floor": "f?", "last_packet_at": "s?", "packetsLastHour": "i", "lat": "f?", "lon": "f?", "nodeRole": "s?",
        "clock_naive": "b", "clock_skew_seconds": "i?", "clock_skew_count_24h": "i", "clock_last_naive_at": "s?",
        "can_relay?": "b"
    })
}

fn health_stats() -> Value {
    json!({
        "totalTransmissions": "i", "totalObservations": "i", "totalPackets": "i", "packetsToday": "i", "avgSnr": "f?",
        "avgHops?": "i", "lastHeard": "s?"
    })
}

fn health_observer() -> Value {
    json!({"observer_id": "s", "observer_name": "s", "packetCount": "i", "avgSnr": "f?", "avgRssi": "f?", "can_relay?": "b?"})
}

fn role_counts() -> Value {
    json!({"repeaters": "i", "rooms": "i", "companions": "i", "sensors": "i"})
}

fn with(mut shape: Value, key: &str, value: Value) -> Value {
    shape[key] = value;
    shape
}

fn coverage() -> Value {
    json!({
        "type": "=FeatureCollection", "truncated?": "b", "mobile_receptions?": "i", "mobile_clients?": "i",
        "features": [{
            "type": "=Feature", "geometry": {"type": "=Polygon", "coordinates": [[["f"]]]},
            "properties": {
                "cell": "s", "count": "i", "best_snr": "f?", "has_sig": "b", "nodes_truncated?": "b",
                "nodes": [{"prefix": "s", "name?": "s", "snr": "f?", "count": "i"}]
            }
        }]
    })
}

fn grouped() -> Value {
    json!({
        "hash": "s", "first_seen": "s", "raw_hex": "s?", "decoded_json": "s?", "path_json": "s?", "observer_id": "s?",
        "observer_name": "s?", "observer_iata": "s?", "snr": "f?", "rssi": "f?", "payload_type": "i?", "route_type": "i?",
        "count": "i", "observation_count": "i", "observer_count": "i", "latest": "s", "distinct_iatas": ["s"]
    })
}

/// An observation inside its packet.
fn short_observation() -> Value {
    json!({
        "id": "i", "observer_id": "s?", "observer_name": "s?", "observer_iata": "s?", "snr": "f?", "rssi": "f?",
        "path_json": "s?", "timestamp": "s", "direction": "s?", "resolved_path?": ["s?"]
    })
}

/// An observation by itself.
fn observation() -> Value {
    json!({
        "id": "i", "hash": "s", "observer_id": "s?", "observer_name": "s?", "observer_iata": "s?", "snr": "f?",
        "rssi": "f?", "path_json": "s?", "timestamp": "s", "transmission_id?": "i", "resolved_path?": ["s?"],
        "direction?": "s", "raw_hex?": "s"
    })
}

/// A page of packets.
fn page(of: Value) -> Value {
    json!({
        "packets": [of], "total": "i", "limit": "i", "offset": "i", "nextCursor?": "s", "filter?": {"unknown": ["s"]},
        "warnings?": [{"column": "i", "length": "i", "message": "s", "suggestion?": "s"}]
    })
}

/// What a list of packets may be limited by.
const PACKET_FILTERS: [&str; 18] = [
    "limit",
    "offset",
    "order",
    "hash",
    "type",
    "route",
    "observer",
    "node",
    "nodes",
    "region",
    "area",
    "channel",
    "since",
    "until",
    "filter",
    "before_id",
    "after_id",
    "cursor",
];

/// A route that answers a GET with JSON.
pub struct Route {
    /// With what it must be given.
    pub path: String,
    /// Parameters it knows.
    pub parameters: &'static [&'static str],
    /// Whether it needs the key.
    pub key: bool,
    /// Shape of a 200.
    pub shape: Value,
}

/// Every one of ours.
pub fn routes() -> Vec<Route> {
    let filter = json!({"unknown": ["s"]});
    let all: Vec<(String, &[&str], bool, Value)> = vec![
        ("/api/config/cache".into(), &[], false, json!({"*": "any"})),
        ("/api/config/client".into(), &[], false, json!({"*": "any"})),
        ("/api/config/regions".into(), &[], false, json!({"*": "s"})),
        (
            "/api/config/theme".into(),
            &[],
            false,
            json!({
                "branding": {"*": "any"}, "theme": {"*": "s"}, "themeDark": {"*": "s"}, "nodeColors": {"*": "s"},
                "typeColors": {"*": "s"}, "home": {"*": "any"}, "markerStroke": {"*": "any"}
            }),
        ),
        ("/api/config/map".into(), &[], false, json!({"center": ["f"], "zoom": "f"})),
        (
            "/api/config/geo-filter".into(),
            &[],
            false,
            json!({"polygon": [["f"]], "bufferKm": "f", "writeEnabled": "b"}),
        ),
        ("/api/config/areas".into(), &[], false, json!([{"key": "s", "label": "s"}])),
        (
            "/api/config/areas/polygons".into(),
            &[],
            false,
            json!([{"key": "s", "label": "s", "polygon?": [["f"]], "latMin?": "f", "latMax?": "f", "lonMin?": "f", "lonMax?": "f"}]),
        ),
        ("/api/iata-coords".into(), &[], false, json!({"coords": {"*": {"lat": "f", "lon": "f"}}})),
        (
            "/api/healthz".into(),
            &[],
            false,
            json!({
                "ready": "b", "loadedTx": "i", "loadedObs": "i", "ingest_liveness?": "any", "reasons?": ["s"],
                "from_pubkey_backfill": {"total": "i", "processed": "i", "done": "b"}
            }),
        ),
        (
            "/api/health".into(),
            &[],
            false,
            json!({
                "status": "=ok", "engine": "=rust", "version": "s", "commit": "s", "buildTime": "s", "uptime": "i",
                "uptimeHuman": "s", "memory": {"rss": "i", "heapUsed": "i", "heapTotal": "i", "external": "i"},
                "eventLoop": {"currentLagMs": "f", "maxLagMs": "f", "p50Ms": "f", "p95Ms": "f", "p99Ms": "f"},
                "cache": {"entries": "i", "hits": "i", "misses": "i", "staleHits": "i", "recomputes": "i", "hitRate": "f"},
                "websocket": {"clients": "i"}, "packetStore": {"packets": "i", "estimatedMB": "i", "trackedMB": "f"},
                "perf": {"totalRequests": "i", "avgMs": "f", "slowQueries": "i",
                    "recentSlow": [{"path": "s", "ms": "f", "time": "s", "status": "i"}]}
            }),
        ),
        (
            "/api/stats".into(),
            &[],
            false,
            json!({
                "totalPackets": "i", "totalTransmissions": "i", "totalObservations": "i", "totalNodes": "i",
                "totalNodesAllTime": "i", "totalObservers": "i", "packetsLastHour": "i", "packetsLast24h": "i",
                "engine": "=rust", "version": "s", "commit": "s", "buildTime": "s", "counts": role_counts(),
                "signatureDrops?": "i", "hashMigrationComplete": "b", "trackedMB": "f", "storeDataMB": "f",
                "processRSSMB": "f", "goHeapInuseMB": "f", "goSysMB": "f", "neighborGraphCacheRebuildFailures": "i",
                "asOf": "s"
            }),
        ),
        (
            "/api/scope-stats".into(),
            &["window"],
            false,
            json!({
                "window": "s",
                "summary": {"transportTotal": "i", "scoped": "i", "unscoped": "i", "unknownScope": "i"},
                "byRegion": [{"name": "s", "count": "i"}], "timeSeries": [{"t": "s", "scoped": "i", "unscoped": "i"}]
            }),
        ),
        ("/api/perf".into(), &["mem"], false, json!({"*": "any"})),
        (
            "/api/perf/io".into(),
            &[],
            false,
            json!({"readBytesPerSec": "f", "writeBytesPerSec": "f", "cancelledWriteBytesPerSec": "f", "syscallsRead": "f", "syscallsWrite": "f"}),
        ),
        (
            "/api/perf/sqlite".into(),
            &[],
            false,
            json!({"walSizeMB": "f", "walSize": "i", "pageCount": "i", "pageSize": "i", "cacheSize": "i", "cacheHitRate": "f"}),
        ),
        ("/api/perf/write-sources".into(), &[], false, json!({"sampleAt": "s", "sources": {"*": "i"}})),
        ("/api/mqtt/status".into(), &[], false, json!({"sources": [{"*": "any"}], "sampleAt": "s"})),
        (
            "/api/audio-lab/buckets".into(),
            &[],
            false,
            json!({"buckets": {"*": [{
                "hash": "s", "raw_hex": "s?", "decoded_json": "s?", "observation_count": "i", "payload_type": "i?",
                "path_json": "s?", "observer_id": "s?", "timestamp": "s"
            }]}}),
        ),
        (
            "/api/nodes".into(),
            &["limit", "offset", "role", "search", "before", "lastHeard", "sortBy", "region", "area"],
            false,
            json!({"nodes": [node()], "total": "i", "counts": role_counts(), "filter?": filter}),
        ),
        ("/api/nodes/search".into(), &["q"], false, json!({"nodes": [node()]})),
        (
            "/api/nodes/resolve?prefix=1111aa".into(),
            &["prefix"],
            false,
            json!({"prefix": "s", "pubkey?": "s", "name?": "s", "ambiguous": "b"}),
        ),
        (
            "/api/nodes/bulk-health".into(),
            &["limit", "region", "area"],
            false,
            json!([{
                "public_key": "s", "name": "s?", "role": "s?", "lat": "f?", "lon": "f?", "stats": health_stats(),
                "observers": [health_observer()]
            }]),
        ),
        (
            "/api/nodes/network-status".into(),
            &[],
            false,
            json!({"total": "i", "active": "i", "degraded": "i", "silent": "i", "roleCounts": {"*": "i"}}),
        ),
        (
            format!("/api/nodes/{NODE}"),
            &[],
            false,
            json!({"node": node(), "recentAdverts": [with(packet(), "observations", json!([{
                "id": "i", "transmission_id": "i", "observer_id": "s?", "observer_name": "s?", "observer_iata": "s",
                "snr": "f?", "rssi": "f?", "path_json": "s?", "timestamp": "s"
            }]))]}),
        ),
        (
            format!("/api/nodes/{NODE}/health"),
            &[],
            false,
            json!({"node": node(), "stats": health_stats(), "observers": [health_observer()], "recentPackets": [packet()]}),
        ),
        (
            format!("/api/nodes/{NODE}/battery"),
            &["days"],
            false,
            json!({
                "public_key": "s", "days": "i", "samples": [{"timestamp": "s", "battery_mv": "i"}], "latest_mv": "i?",
                "latest_ts": "s?", "status": "s", "thresholds": {"low_mv": "i", "critical_mv": "i"}
            }),
        ),
        ("/api/observers".into(), &["_"], false, json!({"observers": [observer()], "server_time": "s"})),
        (format!("/api/observers/{OBSERVER}"), &[], false, observer()),
        (
            format!("/api/observers/{OBSERVER}/metrics"),
            &["since", "until", "resolution"],
            false,
            json!({
                "observer_id": "s", "observer_name": "s?", "reboots": ["s"],
                "metrics": [{
                    "timestamp": "s", "noise_floor": "f?", "battery_mv": "i?", "tx_airtime_pct": "f?",
                    "rx_airtime_pct": "f?", "recv_error_rate": "f?", "tx_air_secs?": "i", "rx_air_secs?": "i",
                    "recv_errors?": "i", "packets_sent?": "i", "packets_recv?": "i", "is_reboot_sample?": "b"
                }]
            }),
        ),
        (
            "/api/observers/metrics/summary".into(),
            &["window", "region"],
            false,
            json!({"window": "s", "observers": [{
                "observer_id": "s", "observer_name": "s?", "iata?": "s", "current_noise_floor": "f?",
                "avg_noise_floor_24h": "f?", "max_noise_floor_24h": "f?", "battery_mv": "i?", "sample_count": "i",
                "sparkline": ["f?"]
            }]}),
        ),
        (
            "/api/channels".into(),
            &["region", "includeEncrypted"],
            false,
            json!({"channels": [{
                "hash": "s", "name": "s", "lastMessage": "s?", "lastSender": "s?", "messageCount": "i",
                "lastActivity": "s?", "encrypted?": "b"
            }]}),
        ),
        (
            "/api/channels/%23test/messages".into(),
            &["limit", "offset", "region"],
            false,
            json!({"total": "i", "messages": [{
                "sender": "s", "text": "s", "timestamp": "s", "first_seen": "s", "sender_timestamp": "i?", "packetId": "i",
                "packetHash": "s", "repeats": "i", "observers": ["s"], "hops": "i", "snr": "f?", "transmissionId": "i",
                "observationIds": ["i"]
            }]}),
        ),
        (
            "/api/known-channels".into(),
            &["region"],
            false,
            json!({"fetchedAt": "s", "source": "s", "entries": [{"*": "any"}]}),
        ),
        ("/api/rx-coverage?bbox=50,6,53,9".into(), &["bbox", "z", "node", "rx", "days"], false, coverage()),
        (format!("/api/nodes/{NODE}/rx-coverage?bbox=50,6,53,9"), &["bbox", "z"], false, coverage()),
        (
            "/api/rx-leaderboard".into(),
            &["days", "limit"],
            false,
            json!({"days": "i", "observers": [{"pubkey": "s", "name": "s", "receptions": "i", "nodes": "i", "cells": "i", "score": "f"}]}),
        ),
        (
            "/api/v2/ledger".into(),
            &["since", "until", "step", "source", "observer"],
            false,
            json!({
                "since": "s", "until": "s", "step": "i", "total": {"*": "any"}, "lines": [{"*": "any"}],
                "completeness": [{"*": "any"}], "sources": [{"*": "any"}], "balanced": "b"
            }),
        ),
        (
            "/api/dropped-packets".into(),
            &["limit", "observer", "pubkey"],
            true,
            json!([{
                "id": "i", "hash": "s?", "reason": "s", "observer_id": "s?", "observer_name": "s?", "node_pubkey": "s?",
                "node_name": "s?", "dropped_at": "s?", "raw_hex?": "s"
            }]),
        ),
        (
            "/api/admin/prune-geo-filter/status?id=00ff".into(),
            &["id"],
            true,
            json!({"requestId": "s", "status": "s"}),
        ),
        ("/api/packets".into(), &PACKET_FILTERS, false, page(packet())),
        ("/api/packets?groupByHash=true".into(), &[], false, page(grouped())),
        (
            "/api/packets?expand=observations".into(),
            &[],
            false,
            page(with(packet(), "observations", json!([short_observation()]))),
        ),
        (format!("/api/packets?nodes={NODE},{HIDDEN}"), &[], false, page(packet())),
        (
            "/api/packets/00000000000000a1".into(),
            &[],
            false,
            json!({
                "packet": with(packet(), "observations", json!([short_observation()])), "path": ["s"],
                "observation_count": "i", "observations?": [observation()]
            }),
        ),
        ("/api/packets/timestamps?since=2026-01-01T00:00:00Z".into(), &["since"], false, json!(["s"])),
        (
            "/api/traces/00000000000000a1".into(),
            &[],
            false,
            json!({"traces": [{
                "observer": "s?", "observer_name": "s?", "time": "s", "snr": "f?", "rssi": "f?", "path_json": "s?"
            }]}),
        ),
    ];
    let route = |(path, parameters, key, shape)| Route { path, parameters, key, shape };
    all.into_iter().map(route).collect()
}

/// Values that a parameter may be given by chance, by mistake or by malice.
const VALUES: [&str; 20] = [
    "",
    "0",
    "1",
    "-1",
    "3",
    "99999999999999999999",
    "1.5",
    "NaN",
    "abc",
    "true",
    "All",
    "QQQ",
    "%00",
    "%FF%FE",
    "%25_%25",
    "'%20OR%201%3D1%20--",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "..%2F..%2Fetc%2Fpasswd",
    "%F0%9F%A6%91",
    "2026-02-01T11:00:00Z",
];

/// The routes with their parameters, as one request after another.
pub fn requests() -> impl Iterator<Item = (String, bool, Value)> {
    routes().into_iter().flat_map(|Route { path, parameters, key, shape }| {
        let base = path.split('?').next().unwrap_or_default().to_owned();
        let first = std::iter::once(path);
        let huge = format!("x{}", "0".repeat(5_000));
        let given = parameters.iter().flat_map(move |name| {
            let base = base.clone();
            VALUES
                .iter()
                .map(|v| (*v).to_owned())
                .chain([huge.clone()])
                .map(move |value| format!("{base}?{name}={value}"))
        });
        let all: Vec<String> = first.chain(given).collect();
        all.into_iter().map(move |path| (path, key, shape.clone()))
    })
}
