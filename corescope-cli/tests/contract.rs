//! The contract, on data of our own: every route, its shape, and parameters at and beyond their edges.

#[path = "contract/described.rs"]
mod described;
#[path = "contract/fixes.rs"]
mod fixes;
#[path = "contract/schema.rs"]
mod schema;
#[path = "contract/server.rs"]
mod server;
#[path = "contract/shape.rs"]
mod shape;
#[path = "contract/table.rs"]
mod table;

use serde_json::json;
use server::{HIDDEN, HIDDEN_NAME, KEY, NODE, OBSERVER, Server};
use shape::misfits;
use table::{requests, routes};

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
    let mut paths: Vec<(String, bool)> = routes().into_iter().map(|route| (route.path, route.key)).collect();
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
