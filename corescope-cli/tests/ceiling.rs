//! A server whose memory holds a part of the packets answers as one that holds them all.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

mod support;

use std::fmt::Write;
use std::path::Path;

use rusqlite::{Connection, params};
use serde_json::Value;
use support::{Process, corescope, network, wait_for};

const TRANSMISSIONS: i64 = 8000;
/// First reception of the first packet: 2026-06-01T12:00:00Z.
const BEGIN: i64 = 1_780_315_200;
const NODE: &str = "abababababababababababababababababababababababababababababababab";
/// It sent adverts long ago only.
const SILENT: &str = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";
/// The only relay whose key begins with 05.
const RELAY: &str = "0505050505050505050505050505050505050505050505050505050505050505";
/// Not on record, but it relays.
const STRANGER: &str = "efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef";

/// Content hash of a packet.
fn hash(id: i64) -> String {
    format!("{:016x}", id.wrapping_mul(0x09E3_779B_97F4_A7C1))
}

/// Packets of several kinds, a minute apart, heard by one to three observers; the oldest once more at the end.
fn database(path: &Path) {
    std::fs::write(path, "").unwrap();
    let migrated = corescope().args(["db", "migrate", "--db"]).arg(path).output().unwrap();
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    let mut connection = Connection::open(path).unwrap();
    connection
        .execute_batch(&format!(
            "INSERT INTO observers (rowid, id, name, iata) VALUES (1, 'AA11', 'one', 'SFO'), (2, 'BB22', 'two', 'AMS'),
               (3, 'CC33', 'three', 'AMS'), (4, 'DD44', 'four', 'OLD');
             INSERT INTO nodes (public_key, name, role, last_seen) VALUES ('{NODE}', 'n', 'repeater', '2026-06-01T12:00:00Z'),
               ('{SILENT}', 's', 'companion', '2026-06-02T12:00:00Z'), ('{RELAY}', 'r', 'repeater', '2026-06-03T12:00:00Z');"
        ))
        .unwrap();
    let all = connection.transaction().unwrap();
    let mut noise = 1_u64;
    for id in 1..=TRANSMISSIONS {
        let seconds = BEGIN + id * 60;
        let mut payload = String::new();
        for _ in 0..14 {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            write!(payload, "{noise:016X}").unwrap();
        }
        let kind = [4, 5, 1, 2][id as usize % 4];
        let json = if kind == 5 {
            format!(r#"{{"type":"CHAN","channel":"Public","text":"Ann: number {id}"}}"#)
        } else {
            format!(r#"{{"type":"RESPONSE","mac":"{}"}}"#, &payload[..4])
        };
        all.prepare_cached(
            "INSERT INTO transmissions (id, raw_hex, hash, first_seen, last_seen, route_type, payload_type, payload_version,
               decoded_json, from_pubkey, channel_hash, scope_name)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, ?10, ?11)",
        )
        .unwrap()
        .execute(params![
            id,
            format!("1501AB{payload}"),
            hash(id),
            corescope_core::time::rfc3339(seconds),
            seconds,
            id % 3,
            kind,
            json,
            match (kind, id % 8) {
                (4, 0) => Some(NODE),
                (4, _) if id < 400 => Some(SILENT),
                _ => None,
            },
            (kind == 5).then(|| channel(id)),
            (id % 3 == 0 && id % 5 < 2).then_some(["#here", ""][(id % 5 % 2) as usize]),
        ])
        .unwrap();
        for observer in 1..=1 + id % 3 {
            observe(&all, id, observer, seconds + observer, (seconds / 60) % 7, &payload);
        }
        if (5..50).contains(&id) {
            observe(&all, id, 4, seconds + 9, 3, &payload);
        }
    }
    // Heard again after everything else: the newest rows by reception are the oldest by id.
    for id in 1..=3 {
        observe(&all, id, 3, BEGIN + TRANSMISSIONS * 60 + 1000 + id, 0xF0, "00");
    }
    all.execute(
        &format!("UPDATE observations SET resolved_path = '[\"{STRANGER}\"]' WHERE transmission_id % 13 = 0"),
        [],
    )
    .unwrap();
    all.commit().unwrap();
}

/// Channel of a message; one of them fell silent.
fn channel(id: i64) -> &'static str {
    if id < 500 && id % 3 == 0 { "#old" } else { ["Public", "#test", "enc_AC"][(id % 3) as usize] }
}

fn observe(connection: &Connection, id: i64, observer: i64, seconds: i64, hop: i64, payload: &str) {
    connection
        .prepare_cached(
            "INSERT INTO observations (transmission_id, observer_idx, direction, snr, rssi, path_json, timestamp, raw_hex)
             VALUES (?1, ?2, 'rx', ?3, -90, ?4, ?5, ?6)",
        )
        .unwrap()
        .execute(params![
            id,
            observer,
            (id % 40) as f64 / 4.0 - 5.0,
            format!("[\"{hop:02X}\"]"),
            seconds,
            format!("1501{hop:02X}{payload}"),
        ])
        .unwrap();
}

/// A server on a copy of the database, with this configuration; the port.
fn serve(database: &Path, folder: &Path, config: &str) -> (Process, u16) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::copy(database, folder.join("meshcore.db")).unwrap();
    std::fs::write(folder.join("config.json"), config).unwrap();
    serve_what_is_there(folder)
}

/// A ceiling that is less than the database takes.
const SMALL: &str = r#"{"packetStore": {"maxMemoryMB": 1}}"#;

/// Makes the database; a server that holds all of it and one with a ceiling.
fn with_and_without(database_path: &Path, folder: &Path) -> [(Process, u16); 2] {
    database(database_path);
    [("whole", "{}"), ("part", SMALL)].map(|(name, config)| serve(database_path, &folder.join(name), config))
}

fn serve_what_is_there(folder: &Path) -> (Process, u16) {
    let process = Process::start(
        corescope()
            .args(["serve", "--listen", "127.0.0.1:0", "--at", "2026-06-07T12:00:00Z", "--data"])
            .arg(folder),
    );
    let line = process.line("CoreScope serves");
    let port = support::port_of(&line);
    wait_for("the load", || perf(port)["packetStore"]["backgroundLoadComplete"] == true);
    (process, port)
}

fn perf(port: u16) -> Value {
    let answer = network::get(port, "/api/perf").map(|(_, body)| body).unwrap_or_default();
    serde_json::from_str(&answer).unwrap_or_default()
}

#[test]
fn a_small_memory_gives_the_same_answers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made.db");
    let [(_all, whole), (_some, part)] = with_and_without(&path, dir.path());
    let days = r#"{"packetStore": {"retentionHours": 30}}"#;
    let (_newest, recent) = serve(&path, &dir.path().join("recent"), days);
    let held = |port: u16| perf(port)["packetStore"]["inMemory"].as_i64().unwrap();
    assert_eq!(held(whole), TRANSMISSIONS);
    for port in [part, recent] {
        assert!((1..TRANSMISSIONS * 3 / 4).contains(&held(port)), "{}", held(port));
    }

    let mut asked: Vec<String> = ["1", "2", "7999", "7", "15500", "999999", "nothing"]
        .into_iter()
        .map(|id| format!("/api/packets/{id}"))
        .collect();
    for id in [1, 2, 4000, TRANSMISSIONS] {
        asked.push(format!("/api/packets/{}", hash(id)));
        asked.push(format!("/api/packets?hash={}&groupByHash=true", hash(id)));
        asked.push(format!("/api/traces/{}", hash(id)));
    }
    let by_columns = ["", "type=4", "type=5&channel=Public", "route=1,2", "since=2026-06-06T11:00:00Z"];
    let by_everything = [
        "observer=CC33",
        "region=ams",
        &format!("node={NODE}"),
        &format!("nodes={NODE}"),
        "since=2026-06-03T00:00:00Z",
        "until=2026-06-03T00:00:00Z",
        "since=2026-06-02T00:00:00Z&until=2026-06-02T01:00:00Z&type=5",
        "filter=snr%20%3E%203%20%26%26%20type%20%3D%3D%20ADVERT",
        "filter=payload.text%20contains%20%22number%201%22",
    ];
    let pages =
        ["limit=7", "limit=50&offset=40", "limit=3&offset=7990", "limit=20&offset=5432", "order=asc&limit=9"];
    for page in pages {
        for filter in by_columns {
            asked.push(format!("/api/packets?{page}&{filter}"));
        }
        asked.push(format!("/api/packets?{page}&expand=observations"));
        asked.push(format!("/api/packets?{page}&groupByHash=true"));
    }
    for (at, filter) in by_everything.into_iter().enumerate() {
        asked.push(format!("/api/packets?{}&{filter}", pages[at % pages.len()]));
        if at % 3 == 0 {
            asked.push(format!("/api/packets?limit=30&{filter}&groupByHash=true"));
        }
    }
    asked.extend(
        [
            "before_id=500&limit=5",
            "before_id=7500",
            "after_id=3&limit=4",
            "after_id=7990",
            "after_id=3&order=asc",
        ]
        .map(|page| format!("/api/packets?{page}")),
    );
    asked.push("/api/packets/timestamps?since=2026-06-06T00:00:00Z".to_owned());
    asked.push("/api/packets/timestamps?since=2026-06-01T00:00:00Z".to_owned());
    let mut at = 0;
    while let Some(route) = asked.get(at).cloned() {
        at += 1;
        let expected = network::get(whole, &route).unwrap();
        for port in [part, recent] {
            let found = network::get(port, &route).unwrap();
            assert_eq!(found.0, expected.0, "{route}");
            assert!(found.1 == expected.1, "{route}\n{}\n{}", found.1, expected.1);
        }
        // The page behind this one.
        let next = serde_json::from_str::<Value>(&expected.1).unwrap_or_default();
        if let Some(cursor) = next["nextCursor"].as_str()
            && route.matches("cursor").count() == 0
        {
            asked.push(format!("{}&cursor={cursor}", route.replace("offset=", "ignored=")));
        }
    }
    assert!(at > 80, "only {at} questions");
    let body = format!(r#"{{"hashes":["{}","{}","{}","0000"]}}"#, hash(1), hash(3000), hash(TRANSMISSIONS));
    let observations =
        |port: u16| network::request("POST", port, "/api/packets/observations", "", &body).unwrap();
    assert_eq!(observations(part), observations(whole));
    assert_eq!(observations(recent), observations(whole));
}

/// Answers that are of the process or of its memory, not of the mesh; and one that is the file itself.
const OWN: [&str; 10] = [
    "/api/backup",
    "/api/health",
    "/api/healthz",
    "/api/mqtt/status",
    "/api/perf",
    "/api/perf/io",
    "/api/perf/sqlite",
    "/api/perf/write-sources",
    "/livez",
    "/readyz",
];
/// Figures of `/api/stats` that are of memory, as in the original.
const OF_MEMORY: [&str; 8] = [
    "totalPackets",
    "totalTransmissions",
    "totalObservations",
    "trackedMB",
    "storeDataMB",
    "processRSSMB",
    "goHeapInuseMB",
    "goSysMB",
];

/// Every GET route that answers something of the mesh, with real parameters.
fn every_route(port: u16) -> Vec<String> {
    let document: Value = serde_json::from_str(&network::get(port, "/api/spec").unwrap().1).unwrap();
    let mut asked = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        if operations["get"].is_null()
            || operations["get"]["x-planned"] == true
            || OWN.contains(&path.as_str())
        {
            continue;
        }
        let hash = hash(2);
        let names: &[&str] = match path.as_str() {
            "/api/channels/{hash}/messages" => &["Public", "%23test", "%23old", "enc_AC", "nobody"],
            "/api/traces/{hash}" => &[&hash],
            "/api/packets/{id}" => &["2", "7999", "nothing"],
            path if path.starts_with("/api/nodes/{pubkey}") => &[NODE, SILENT, RELAY, STRANGER, "cdcdcdcd"],
            path if path.starts_with("/api/observers/{id}") => &["AA11", "DD44", "nobody"],
            path => {
                assert!(!path.contains('{'), "what stands for the parameter of {path}?");
                &[""]
            }
        };
        let queries: &[&str] = match path.as_str() {
            "/api/channels" => {
                &["", "includeEncrypted=true", "region=AMS&includeEncrypted=true", "region=old"]
            }
            "/api/channels/{hash}/messages" => &[
                "",
                "limit=5&offset=3",
                "limit=40&offset=300",
                "region=AMS&limit=30",
                "region=OLD",
                "region=nowhere",
                "offset=18446744073709551615",
            ],
            "/api/nodes" => &["", "region=OLD", "region=AMS&limit=2", "sortBy=name&offset=1"],
            "/api/nodes/bulk-health" => &["", "region=OLD", "region=AMS&limit=2", "region=nowhere"],
            "/api/nodes/search" => &["q=n", "q=cd"],
            "/api/nodes/resolve" => &["name=n", "prefix=cd"],
            "/api/scope-stats" => &["window=1h", "window=24h", "window=7d"],
            "/api/packets" => &["", "offset=18446744073709551615", "groupByHash=true&limit=4000"],
            "/api/packets/timestamps" => {
                &["since=2026-06-01T00:00:00Z", "since=2026-06-06T10:30:00Z", "since=2026-06-06", "since=x"]
            }
            "/api/observers/metrics/summary" => &["window=7d"],
            "/api/v2/ledger" => &["since=2026-06-01T00:00:00Z&until=2026-06-02T00:00:00Z"],
            _ => &["", "region=AMS"],
        };
        for name in names {
            let from = path.find('{').unwrap_or(path.len());
            let to = path.find('}').map_or(path.len(), |at| at + 1);
            let route = format!("{}{name}{}", &path[..from], &path[to..]);
            asked.extend(queries.iter().map(|query| format!("{route}?{query}")));
        }
    }
    asked
}

#[test]
fn every_route_answers_the_same_whatever_memory_holds() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made.db");
    let [(_all, whole), (_some, part)] = with_and_without(&path, dir.path());
    let hours = r#"{"packetStore": {"retentionHours": 5}}"#;
    let (_newest, recent) = serve(&path, &dir.path().join("recent"), hours);
    let folder = dir.path().join("again");
    let (mut first, _) = serve(&path, &folder, SMALL);
    assert_eq!(first.stop(), Some(0));
    assert!(folder.join("corescope.snapshot").exists());
    let (_second, again) = serve_what_is_there(&folder);
    let told = |port: u16, route: &str| {
        let (status, body) = network::get(port, route).unwrap();
        let mut body: Value = serde_json::from_str(&body).unwrap_or(Value::String(body));
        if route.starts_with("/api/stats") {
            let figures = body.as_object_mut().unwrap();
            for name in OF_MEMORY {
                figures.remove(name).unwrap();
            }
        }
        (status, body)
    };
    let asked = every_route(whole);
    assert!(asked.len() > 100, "only {} questions", asked.len());
    let mut differ = Vec::new();
    for route in &asked {
        let expected = told(whole, route);
        for (port, which) in [(part, "ceiling"), (recent, "retention"), (again, "ceiling, restarted")] {
            let found = told(port, route);
            if found != expected {
                let start = |(status, body): &(u16, Value)| format!("{status} {body:.400}");
                differ.push(format!("{route} ({which})\n  {}\n  {}", start(&found), start(&expected)));
            }
        }
    }
    assert!(differ.is_empty(), "{} of {}:\n{}", differ.len(), asked.len() * 3, differ.join("\n"));
    // What is compared is something.
    let count = |route: &str, list: &str| told(part, route).1[list].as_array().unwrap().len();
    assert_eq!(count("/api/channels/%23old/messages?limit=500", "messages"), 41);
    assert_eq!(count(&format!("/api/nodes/{SILENT}"), "recentAdverts"), 20);
    assert_eq!(told(part, &format!("/api/nodes/{RELAY}/health")).1["stats"]["totalPackets"], 1055);
    assert!(told(part, "/api/stats").1["packetsLast24h"].as_i64().unwrap() > 1000);
}

#[test]
fn figures_are_told_while_the_file_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("data");
    std::fs::create_dir_all(&folder).unwrap();
    support::served::database(&folder);
    let served = support::served::serve(&folder);
    let before = perf(served.port);
    assert!(before["packetStore"]["maxMB"].as_u64().unwrap() > 0, "half of the memory is the ceiling");
    let (here, away) = (folder.join("meshcore.db"), folder.join("away.db"));
    std::fs::rename(&here, &away).unwrap();
    wait_for("the loss to be told", || perf(served.port)["packetStore"]["backgroundLoadError"].is_string());
    let now = perf(served.port);
    assert_eq!(now["sqlite"]["dbSizeMB"], before["sqlite"]["dbSizeMB"], "what was known last");
    assert_eq!(now["packetStore"]["inMemory"], before["packetStore"]["inMemory"]);
    for route in ["/api/stats", "/api/perf/sqlite", "/api/health", "/api/healthz"] {
        assert_eq!(network::get(served.port, route).unwrap().0, 200, "{route}");
    }
    std::fs::rename(&away, &here).unwrap();
    wait_for("the file to be followed again", || {
        let store = &perf(served.port)["packetStore"];
        store.is_object() && store["backgroundLoadError"].is_null()
    });
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made.db");
    database(&path);
    let folder = dir.path().join("part");
    let (_process, port) = serve(&path, &folder, SMALL);
    assert!(perf(port)["packetStore"]["inMemory"].as_i64().unwrap() < TRANSMISSIONS);
    let asked = every_route(port);
    let scopes = network::get(port, "/api/scope-stats?window=7d").unwrap();
    assert_eq!(scopes.0, 200);
    let (here, away) = (folder.join("meshcore.db"), folder.join("away.db"));
    std::fs::rename(&here, &away).unwrap();
    wait_for("the loss to be told", || perf(port)["packetStore"]["backgroundLoadError"].is_string());
    assert_eq!(network::get(port, "/api/scope-stats?window=7d").unwrap(), scopes, "what was counted last");
    let mut unavailable = 0;
    for route in &asked {
        let (status, body) = network::get(port, route).unwrap();
        assert!(matches!(status, 200 | 400 | 403 | 404 | 503), "{route}: {status} {body}");
        if status == 503 {
            unavailable += 1;
            let told: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(told["code"], "unavailable", "{route}: {body}");
            assert!(told["retry_after_s"].as_u64().unwrap() > 0, "{route}: {body}");
        }
    }
    assert!((1..asked.len() * 3 / 4).contains(&unavailable), "{unavailable} of {}", asked.len());
    for route in ["/api/observers", "/api/observers/AA11", "/api/stats"] {
        assert_eq!(network::get(port, route).unwrap().0, 200, "{route}");
    }
    std::fs::rename(&away, &here).unwrap();
    for route in &asked {
        wait_for("the file to be read again", || network::get(port, route).unwrap().0 != 503);
    }
}

#[test]
fn the_health_of_nodes_is_known_before_somebody_asks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made.db");
    database(&path);
    let folder = dir.path().join("part");
    let (_process, port) = serve(&path, &folder, SMALL);
    let (here, away) = (folder.join("meshcore.db"), folder.join("away.db"));
    // Asked while the file is away only: what is not known then is not found out by asking.
    let asked = |key: &str| {
        std::fs::rename(&here, &away).unwrap();
        let (status, _) = network::get(port, &format!("/api/nodes/{key}/health")).unwrap();
        std::fs::rename(&away, &here).unwrap();
        status
    };
    let invented = "12".repeat(32);
    wait_for("the health of nodes", || {
        std::thread::sleep(std::time::Duration::from_secs(1));
        asked(&invented) == 404
    });
}
