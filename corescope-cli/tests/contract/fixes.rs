//! Where we answer otherwise than the original on purpose: what it got wrong, and what a client gets instead.

use serde_json::json;

use super::server::{HIDDEN, KEY, NODE, OBSERVER, Server};

/// Hashes of a list of packets.
fn hashes(server: &Server, query: &str) -> Vec<String> {
    let body = server.get(&format!("/api/packets?{query}")).json();
    let packets = body["packets"].as_array().unwrap_or_else(|| panic!("{query}: {body}")).clone();
    packets.iter().map(|p| p["hash"].as_str().unwrap_or_default().to_owned()).collect()
}

/// How many entries a list in an answer has.
fn count(server: &Server, path: &str, list: &str) -> usize {
    let body = server.get(path).json();
    let list = if list.is_empty() { body.as_array() } else { body[list].as_array() };
    list.unwrap_or_else(|| panic!("{path}: {body}")).len()
}

#[test]
fn a_negative_offset_is_refused_and_closes_no_connection() {
    let server = Server::start();
    let answer = server.get("/api/packets?offset=-1");
    assert_eq!((answer.status, answer.json()["error"].clone()), (400, json!("offset must be ≥ 0")));
}

#[test]
fn unknown_paths_and_methods_are_json_errors_and_head_is_answered() {
    let server = Server::start();
    let unknown = server.get("/api/no-such-route");
    assert_eq!((unknown.status, unknown.header("content-type")), (404, Some("application/json")));
    let method = server.ask("DELETE", "/api/nodes", &[], "");
    assert_eq!((method.status, method.header("content-type")), (405, Some("application/json")));
    assert!(method.header("allow").is_some_and(|allow| allow.contains("GET")), "{method:?}");
    let head = server.ask("HEAD", "/api/nodes", &[], "");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-type"), Some("application/json"));
    assert_eq!(server.get("/api/nodes/").status, 200, "one slash at the end is no other path");
}

#[test]
fn times_are_parsed_and_types_are_numbers_or_names() {
    let server = Server::start();
    // As text, the half second would sort before the whole one and let the packet of 11:50:00 in.
    assert!(hashes(&server, "since=2026-02-01T11:50:00.500Z").is_empty());
    assert_eq!(hashes(&server, "since=2026-02-01T11:49:59.500Z"), ["00000000000000a4"]);
    assert_eq!(server.get("/api/packets?type=abc").status, 400);
    assert_eq!(server.get("/api/packets?route=abc").status, 400);
    assert_eq!(hashes(&server, "type=2"), ["00000000000000a5"]);
    assert_eq!(hashes(&server, "type=GRP_TXT,2").len(), 3);
}

#[test]
fn all_regions_are_no_filter_and_an_unknown_one_is_told() {
    let server = Server::start();
    assert_eq!(hashes(&server, "region=All"), hashes(&server, ""));
    assert_eq!(hashes(&server, "region="), hashes(&server, ""));
    for path in ["/api/packets?region=QQQ", "/api/nodes?region=QQQ"] {
        let body = server.get(path).json();
        assert_eq!((&body["total"], &body["filter"]["unknown"]), (&json!(0), &json!(["QQQ"])), "{path}");
    }
    assert_eq!(count(&server, "/api/channels?region=QQQ", "channels"), 0);
    assert_eq!(count(&server, "/api/nodes/bulk-health?region=QQQ", ""), 0);
}

#[test]
fn empty_lists_are_lists() {
    let server = Server::start();
    assert_eq!(server.get("/api/packets/timestamps?since=2027-01-01T00:00:00Z").json(), json!([]));
    let prune = server.ask("POST", "/api/admin/prune-geo-filter", &[("X-API-Key", KEY)], "{}").json();
    assert!(prune["nodes"].is_array(), "{prune}");
}

#[test]
fn keys_and_observers_are_found_in_any_case() {
    let server = Server::start();
    for key in [NODE.to_uppercase(), NODE.to_lowercase()] {
        for route in ["", "/health", "/battery", "/rx-coverage?bbox=50,6,53,9"] {
            assert_eq!(server.get(&format!("/api/nodes/{key}{route}")).status, 200, "{key}{route}");
        }
        assert_eq!(hashes(&server, &format!("node={key}")).len(), 3, "{key}");
    }
    for id in [OBSERVER.to_uppercase(), OBSERVER.to_lowercase()] {
        assert_eq!(
            server.get(&format!("/api/observers/{id}")).json()["id"],
            OBSERVER,
            "output keeps its case"
        );
        assert_eq!(count(&server, &format!("/api/observers/{id}/metrics"), "metrics"), 3, "{id}");
        assert_eq!(hashes(&server, &format!("observer={id}")).len(), 3, "{id}");
    }
    assert_eq!(server.get("/api/packets/00000000000000A1").status, 200);
    assert_eq!(count(&server, "/api/traces/00000000000000A1", "traces"), 2);
}

#[test]
fn errors_are_json_on_every_route() {
    let server = Server::start();
    for path in ["/api/nodes/resolve", "/api/rx-coverage?bbox=x", "/api/rx-coverage"] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/json")), "{path}");
        assert!(answer.json()["error"].is_string(), "{path}");
    }
}

#[test]
fn a_channel_in_a_region_counts_messages_not_receptions() {
    let server = Server::start();
    for query in ["?region=MUC", ""] {
        let channels = server.get(&format!("/api/channels{query}")).json();
        // Heard twice, once by an observer that is hidden.
        assert_eq!(channels["channels"][0]["messageCount"], 1, "{query}: {channels}");
    }
}

#[test]
fn observers_have_a_place_and_counters_and_windows_are_told() {
    let server = Server::start();
    let observer = server.get(&format!("/api/observers/{OBSERVER}")).json();
    assert_eq!(
        (&observer["lat"], &observer["lon"]),
        (&json!(51.5), &json!(7.5)),
        "that of the node with its key"
    );
    let metrics = server.get(&format!("/api/observers/{OBSERVER}/metrics")).json();
    let first = &metrics["metrics"][0];
    assert_eq!((&first["tx_air_secs"], &first["packets_recv"]), (&json!(10), &json!(50)), "{first}");
    assert_eq!(server.get("/api/observers/metrics/summary?window=3d").json()["window"], "3d");
}

#[test]
fn bodies_and_values_have_a_limit() {
    let server = Server::start();
    let large = json!({"hex": "00".repeat(40_000)}).to_string();
    for path in ["/api/decode", "/api/packets/observations"] {
        let answer = server.ask("POST", path, &[], &large);
        assert_eq!((answer.status, answer.json()["code"].clone()), (413, json!("too_large")), "{path}");
    }
    let answer = server.get(&format!("/api/nodes?search={}", "x".repeat(40_000)));
    assert_eq!((answer.status, answer.json()["code"].clone()), (431, json!("headers_too_large")));
    let hashes: Vec<String> = (0..201).map(|n| format!("{n:016x}")).collect();
    let answer =
        server.ask("POST", "/api/packets/observations", &[], &json!({ "hashes": hashes }).to_string());
    assert_eq!((answer.status, answer.json()["error"].clone()), (400, json!("too many hashes (max 200)")));
}

#[test]
fn an_answer_that_did_not_change_is_not_sent_again() {
    let server = Server::start();
    for path in ["/api/packets", "/api/nodes", "/api/observers"] {
        let ask_again = || {
            let first = server.get(path);
            let tag = first.header("etag").unwrap_or_else(|| panic!("{path}: no tag")).to_owned();
            server.ask("GET", path, &[("If-None-Match", &tag)], "")
        };
        // The end of the load, which is a change, may come between the two.
        let again = (0..100).map(|_| ask_again()).find(|again| again.status != 200).expect("no 304");
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("cache-control"), Some("no-store"), "{path}");
    }
}

#[test]
fn pages_by_cursor_and_by_id_meet_without_gap() {
    let server = Server::start();
    for grouped in ["", "&groupByHash=true"] {
        let all = hashes(&server, &format!("limit=50{grouped}"));
        let mut paged = Vec::new();
        let mut cursor = String::new();
        loop {
            let body = server.get(&format!("/api/packets?limit=2{grouped}{cursor}")).json();
            assert_eq!(body["total"], 5);
            let rows = body["packets"].as_array().expect("a list");
            paged.extend(rows.iter().map(|p| p["hash"].as_str().unwrap_or_default().to_owned()));
            let Some(next) = body["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(paged, all, "{grouped}");
    }
    assert_eq!(hashes(&server, "before_id=3").len(), 2);
    assert_eq!(hashes(&server, "after_id=3").len(), 2);
}

#[test]
fn large_bodies_are_compressed_as_the_client_can_read_them() {
    let server = Server::start();
    for encoding in ["gzip", "br", "zstd"] {
        let large = server.ask("GET", "/api/iata-coords", &[("Accept-Encoding", encoding)], "");
        assert_eq!(large.header("content-encoding"), Some(encoding));
        assert!(large.header("vary").is_some_and(|v| v.to_ascii_lowercase().contains("accept-encoding")));
        let small = server.ask("GET", "/api/config/map", &[("Accept-Encoding", encoding)], "");
        assert_eq!(small.header("content-encoding"), None, "too small to gain from {encoding}");
    }
}

#[test]
fn waiting_is_told_in_the_body_and_in_the_header() {
    let server = Server::start();
    // Nobody writes this database, so that a packet cannot be taken.
    let frame = r#"{"hex":"06001f5d97f8ed9eec25bdb2c1dfdb0250be49517647"}"#;
    let answer = server.ask("POST", "/api/packets", &[("X-API-Key", KEY)], frame);
    assert_eq!(answer.status, 503);
    let body = answer.json();
    assert_eq!(answer.header("retry-after"), Some(body["retry_after_s"].to_string().as_str()), "{body}");
    assert!(body["hint"].as_str().is_some_and(|hint| hint.contains("corescope-ingestor")), "{body}");
}

#[test]
fn the_list_of_observers_is_shared_whatever_query_comes_with_it() {
    let server = Server::start();
    let plain = server.get("/api/observers");
    let busted = server.get("/api/observers?_=123");
    assert_eq!(busted.body, plain.body);
    assert!(busted.header("x-cache-age-seconds").is_some(), "{:?}", busted.headers);
}

#[test]
fn bulk_health_leaves_hidden_nodes_out_before_it_cuts() {
    let server = Server::start();
    let all = server.get("/api/nodes/bulk-health?limit=200").json();
    let keys: Vec<&str> =
        all.as_array().expect("a list").iter().filter_map(|n| n["public_key"].as_str()).collect();
    assert!(!keys.contains(&HIDDEN) && keys.len() > 2, "{keys:?}");
    assert_eq!(count(&server, "/api/nodes/bulk-health?limit=2", ""), 2);
    assert_eq!(count(&server, "/api/nodes/bulk-health?limit=2&area=north", ""), 1);
}

#[test]
fn figures_say_when_they_are_from_and_a_backup_is_whole() {
    let server = Server::start();
    assert_eq!(server.get("/api/stats").json()["asOf"], super::server::NOW);
    let backup = server.ask("GET", "/api/backup", &[("X-API-Key", KEY), ("Range", "bytes=0-15")], "");
    assert_eq!((backup.status, backup.header("accept-ranges")), (200, None));
    assert!(backup.body.starts_with(b"SQLite format 3\0"));
}

#[test]
fn slow_requests_and_lag_are_measured_not_made_up() {
    let server = Server::start();
    assert_eq!(server.get("/api/no-such-route").status, 404);
    let perf = server.get("/api/perf").json();
    let rows = &perf["sqlite"]["rows"];
    assert_eq!((&rows["transmissions"], &rows["observations"]), (&json!(5), &json!(7)));
    let store = &perf["packetStore"];
    // Loaded, not inserted; two observers and the hidden one heard something.
    assert_eq!((&store["totalLoaded"], &store["inserts"]), (&json!(5), &json!(0)), "{store}");
    assert_eq!(store["indexes"]["byObserver"], 3, "{store}");
    assert_eq!(store["oldestLoaded"], "2026-01-20T00:00:00Z");
    let health = server.get("/api/health").json();
    assert!(health["eventLoop"]["maxLagMs"].is_number(), "{health}");
}
