//! The contract, on data of our own: every route, its shape, and parameters at and beyond their edges.

#[path = "contract/server.rs"]
mod server;
#[path = "contract/shape.rs"]
mod shape;

use serde_json::{Value, json};
use server::{HIDDEN, HIDDEN_NAME, KEY, NODE, OBSERVER, Server};
use shape::misfits;

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

/// Every route of ours that answers with JSON: path, parameters it knows, whether it needs the key, shape of a 200.
fn routes() -> Vec<(String, &'static [&'static str], bool, Value)> {
    let filter = json!({"unknown": ["s"]});
    let prune_node = json!({"pubkey": "s", "name": "s?", "lat": "f", "lon": "f"});
    let _ = prune_node;
    vec![
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
    ]
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
fn requests() -> impl Iterator<Item = (String, bool, Value)> {
    routes().into_iter().flat_map(|(path, parameters, key, shape)| {
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

#[test]
fn every_route_keeps_its_shape_whatever_it_is_given() {
    let server = Server::start();
    let mut wrong = Vec::new();
    let mut asked = 0;
    for (path, key, shape) in requests() {
        asked += 1;
        let answer = if key { server.get_with_key(&path) } else { server.get(&path) };
        let shown: String = path.chars().take(100).collect();
        match answer.status {
            200 => wrong.extend(misfits(&shape, &answer.json()).into_iter().map(|m| format!("{shown}: {m}"))),
            400 | 404 => {
                let body = answer.json();
                if !body["error"].is_string() || !body["code"].is_string() {
                    wrong.push(format!("{shown}: {} without error and code: {body}", answer.status));
                }
            }
            status => wrong.push(format!("{shown}: {status}")),
        }
        if !path.starts_with("/api/known-channels") && answer.header("cache-control") != Some("no-store") {
            wrong.push(format!("{shown}: Cache-Control is {:?}", answer.header("cache-control")));
        }
    }
    assert!(asked > 700, "{asked}");
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_hidden_node_is_named_nowhere() {
    let server = Server::start();
    let mut paths: Vec<(String, bool)> = routes().into_iter().map(|(path, _, key, _)| (path, key)).collect();
    paths.extend(
        [
            "/api/packets?limit=50".to_owned(),
            "/api/packets?limit=50&expand=observations".to_owned(),
            "/api/packets?groupByHash=true".to_owned(),
            "/api/packets/00000000000000a2".to_owned(),
            "/api/packets/00000000000000a3".to_owned(),
            "/api/traces/00000000000000a2".to_owned(),
            "/api/channels?includeEncrypted=true".to_owned(),
            "/api/channels/enc_7F/messages".to_owned(),
            "/api/nodes?limit=2000&sortBy=name".to_owned(),
        ]
        .map(|path| (path, false)),
    );
    for (path, key) in paths {
        let answer = if key { server.get_with_key(&path) } else { server.get(&path) };
        let body = String::from_utf8_lossy(&answer.body).to_lowercase();
        assert!(!body.contains(HIDDEN), "{path} tells the hidden key: {body}");
        assert!(!body.contains(&HIDDEN_NAME.to_lowercase()), "{path} tells the hidden name: {body}");
        assert!(
            !body.contains("under the prefix"),
            "{path} tells a name that is hidden by its prefix: {body}"
        );
    }
    for gone in ["", "/health", "/battery", "/rx-coverage?bbox=50,6,53,9"] {
        assert_eq!(server.get(&format!("/api/nodes/{HIDDEN}{gone}")).status, 404, "{gone}");
    }
    assert_eq!(server.get("/api/observers/secret-station").status, 404);
    let found = |path: &str, list: &str| server.get(path).json()[list].as_array().map_or(0, Vec::len);
    assert_eq!(found("/api/nodes/search?q=nobody", "nodes"), 0);
    assert_eq!(found("/api/nodes/search?q=2222bb", "nodes"), 0);
    assert_eq!(found("/api/nodes?search=nobody", "nodes"), 0);
}

#[test]
fn lists_are_ordered_paged_and_filtered() {
    let server = Server::start();
    let names = |path: &str| -> Vec<String> {
        let body = server.get(path).json();
        let nodes = body["nodes"].as_array().expect("a list").clone();
        nodes.iter().map(|n| n["name"].as_str().unwrap_or("-").to_owned()).collect()
    };
    // outside the geo filter and hidden ones are left out before the page is cut, and out of the total
    assert_eq!(names("/api/nodes"), ["Hill 50%", "Valley", "-"]);
    assert_eq!(server.get("/api/nodes?limit=1").json()["total"], 3);
    assert_eq!(names("/api/nodes?limit=1&offset=1"), ["Valley"]);
    assert_eq!(names("/api/nodes?limit=1&offset=-7"), ["Hill 50%"]);
    assert_eq!(names("/api/nodes?sortBy=name"), ["-", "Hill 50%", "Valley"]);
    assert_eq!(names("/api/nodes?search=50%25"), ["Hill 50%"]);
    assert!(names("/api/nodes?search=5_%25").is_empty());
    assert_eq!(names("/api/nodes?role=repeater"), ["Hill 50%"]);
    assert!(names("/api/nodes?role=REPEATER").is_empty());
    assert_eq!(names("/api/nodes?region=muc,QQQ"), ["Hill 50%"]);
    assert_eq!(names("/api/nodes?region=All").len(), 3);
    assert_eq!(names("/api/nodes?area=north"), ["Hill 50%"]);
    assert_eq!(names("/api/nodes?lastHeard=1h"), Vec::<String>::new());
    assert_eq!(names("/api/nodes?lastHeard=6h"), ["Hill 50%", "Valley"]);
    assert_eq!(names("/api/nodes?before=2026-01-02T00:00:00.500Z"), ["Hill 50%"]);
    let unknown = server.get("/api/nodes?area=nowhere&region=QQQ").json();
    assert_eq!((&unknown["total"], &unknown["filter"]), (&json!(0), &json!({"unknown": ["QQQ", "nowhere"]})));
    assert_eq!(
        server.get("/api/nodes").json()["counts"],
        json!({"repeaters": 1, "rooms": 1, "companions": 2, "sensors": 1})
    );
}

#[test]
fn figures_are_those_of_the_rows() {
    let server = Server::start();
    let stats = server.get("/api/stats").json();
    assert_eq!((&stats["totalTransmissions"], &stats["totalObservations"]), (&json!(5), &json!(7)));
    assert_eq!((&stats["packetsLastHour"], &stats["packetsLast24h"]), (&json!(6), &json!(6)));
    assert_eq!(
        (&stats["totalNodes"], &stats["totalNodesAllTime"], &stats["signatureDrops"]),
        (&json!(5), &json!(6), &json!(2))
    );
    let health = server.get(&format!("/api/nodes/{}/health", NODE.to_uppercase())).json();
    // Its advert, the message it relayed, and the packet whose hop 11 no other repeater answers to.
    assert_eq!(health["stats"]["totalPackets"], 3);
    assert_eq!(health["observers"][0]["observer_id"], OBSERVER);
    let battery = server.get(&format!("/api/nodes/{NODE}/battery")).json();
    assert_eq!(
        (&battery["latest_mv"], &battery["status"], &battery["samples"][0]["battery_mv"]),
        (&json!(3890), &json!("ok"), &json!(3900))
    );
    let metrics = server.get(&format!("/api/observers/{}/metrics", OBSERVER.to_lowercase())).json();
    assert_eq!(metrics["metrics"][1]["tx_airtime_pct"], 1);
    assert_eq!(metrics["metrics"][1]["recv_error_rate"], 10);
    assert_eq!(metrics["reboots"], json!(["2026-02-01T11:10:00Z"]));
    let summary = server.get("/api/observers/metrics/summary").json();
    assert_eq!(summary["observers"].as_array().map(Vec::len), Some(1));
    let messages = server.get("/api/channels/%23test/messages").json();
    let message = &messages["messages"][0];
    assert_eq!(
        (&message["sender"], &message["text"], &message["hops"]),
        (&json!("Ann"), &json!("hi: there"), &json!(2))
    );
    assert_eq!((&message["repeats"], &message["observers"]), (&json!(2), &json!(["Hill station"])));
    assert_eq!(message["observationIds"], json!([4, 5]));
    let channels = server.get("/api/channels?includeEncrypted=true").json();
    assert_eq!(channels["channels"][0]["lastMessage"], "hi: there");
    assert_eq!(channels["channels"][1]["name"], "Encrypted (0x7F)");
    assert_eq!(
        server.get("/api/channels?includeEncrypted=1").json()["channels"].as_array().map(Vec::len),
        Some(1)
    );
    let scopes = server.get("/api/scope-stats?window=1h").json();
    assert_eq!(scopes["byRegion"], json!([{"name": "#area", "count": 1}]));
    let cells = server.get("/api/rx-coverage?bbox=50,6,53,9&z=12").json();
    assert_eq!(
        cells["features"][0]["properties"]["nodes"][0],
        json!({"prefix": NODE, "name": "Hill 50%", "snr": null, "count": 2})
    );
    let board = server.get("/api/rx-leaderboard").json();
    assert_eq!(board["observers"][0]["name"], "Walker");
    let detail = server.get("/api/nodes/1111AAAA").json();
    assert_eq!(
        (&detail["node"]["hash_size"], &detail["node"]["flood_advert_count_7d"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(detail["recentAdverts"][0]["observations"][1]["observer_iata"], "MUC");
}

#[test]
fn the_key_is_asked_for_in_the_order_of_the_contract() {
    let server = Server::start();
    let with = |path: &str, method: &str, key: &str| {
        let headers: &[(&str, &str)] = if key.is_empty() { &[] } else { &[("X-API-Key", key)] };
        server.ask(method, path, headers, "{}").status
    };
    for (method, path) in [
        ("GET", "/api/dropped-packets"),
        ("GET", "/api/backup"),
        ("GET", "/api/admin/prune-geo-filter/status?id=1"),
        ("POST", "/api/admin/prune-geo-filter"),
        ("POST", "/api/perf/reset"),
        ("PUT", "/api/config/geo-filter"),
    ] {
        assert_eq!(with(path, method, ""), 401, "{method} {path}");
        assert_eq!(with(path, method, "wrong"), 401, "{method} {path}");
        assert!(matches!(with(path, method, KEY), 200 | 404), "{method} {path}");
    }
}

#[test]
fn the_area_is_set_kept_and_removed() {
    let server = Server::start();
    let put = |body: &str| server.ask("PUT", "/api/config/geo-filter", &[("X-API-Key", KEY)], body);
    for bad in [
        "",
        "{",
        "[]",
        "{\"polygon\": [[1, 2]]}",
        "{\"polygon\": [[1, 2], [3, 4], [500, 6]]}",
        "{\"bufferKm\": -1}",
    ] {
        assert_eq!(put(bad).status, 400, "{bad}");
    }
    let outside =
        |server: &Server| server.ask("POST", "/api/admin/prune-geo-filter", &[("X-API-Key", KEY)], "").json();
    assert_eq!(outside(&server)["nodes"][0]["name"], "Elsewhere");
    let around_nothing = "{\"polygon\": [[-10, -10], [-10, -11], [-11, -11]], \"bufferKm\": 0}";
    assert_eq!(put(around_nothing).status, 200);
    assert_eq!(server.get("/api/nodes").json()["total"], 1); // the one without a position
    assert!(outside(&server)["count"].as_u64() > Some(3));
    let confirm = "/api/admin/prune-geo-filter?confirm=true";
    assert_eq!(server.ask("POST", confirm, &[("X-API-Key", KEY)], "{}").status, 400);
    let asked = server.ask(
        "POST",
        confirm,
        &[("X-API-Key", KEY)],
        &format!("{{\"pubkeys\": [\"{NODE}\", \"nobody\"]}}"),
    );
    assert_eq!((asked.status, &asked.json()["count"]), (202, &json!(1)));
    let url = asked.json()["statusUrl"].as_str().expect("an address").to_owned();
    assert_eq!(server.get_with_key(&url).json()["status"], "pending");
    assert_eq!(put("{\"polygon\": null}").status, 200);
    assert_eq!(
        server.get("/api/config/geo-filter").json(),
        json!({"polygon": null, "bufferKm": 0, "writeEnabled": true})
    );
    assert_eq!(
        server.ask("POST", confirm, &[("X-API-Key", KEY)], "{}").json()["error"],
        "no geo_filter configured"
    );
}

#[test]
fn a_backup_is_a_whole_database() {
    let server = Server::start();
    let answer = server.get_with_key("/api/backup");
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-disposition").is_some_and(|v| v.contains("corescope-backup-")));
    assert_eq!(answer.header("content-length").and_then(|n| n.parse().ok()), Some(answer.body.len()));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("copy.db");
    std::fs::write(&path, &answer.body).expect("the copy");
    let copy = rusqlite::Connection::open(path).expect("it opens");
    let sound: String = copy.query_row("PRAGMA integrity_check", [], |r| r.get(0)).expect("a check");
    let rows: i64 = copy.query_row("SELECT COUNT(*) FROM observations", [], |r| r.get(0)).expect("a count");
    assert_eq!((sound.as_str(), rows), ("ok", 7));
}

#[test]
fn what_is_not_built_says_so() {
    let server = Server::start();
    for (method, path) in [
        ("GET", "/api/analytics/rf"),
        ("GET", "/api/analytics/neighbor-graph?min_count=1"),
        ("GET", "/api/nodes/clock-skew"),
        ("GET", &format!("/api/nodes/{NODE}/paths")),
        ("GET", &format!("/api/nodes/{NODE}/reach")),
        ("GET", "/api/observers/clock-skew"),
        ("GET", &format!("/api/observers/{OBSERVER}/analytics")),
        ("GET", "/api/resolve-hops?hops=AA"),
        ("POST", "/api/paths/inspect"),
        ("GET", "/api/debug/affinity"),
    ] {
        let answer = server.ask(method, path, &[], "");
        assert_eq!(answer.status, 501, "{path}");
        let body = answer.json();
        assert_eq!(body["code"], "not_implemented");
        assert!(body["error"].as_str().is_some_and(|e| e.contains("not implemented")), "{body}");
    }
    assert_eq!(server.get("/api/nothing").status, 404);
    assert_eq!(server.ask("DELETE", "/api/nodes", &[], "").status, 405);
}
