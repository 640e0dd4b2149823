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
               (3, 'CC33', 'three', 'AMS');
             INSERT INTO nodes (public_key, name, role, last_seen) VALUES ('{NODE}', 'n', 'repeater', '2026-06-01T12:00:00Z');"
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
            format!(r#"{{"type":"CHAN","channel":"Public","text":"number {id}"}}"#)
        } else {
            format!(r#"{{"type":"RESPONSE","mac":"{}"}}"#, &payload[..4])
        };
        all.prepare_cached(
            "INSERT INTO transmissions (id, raw_hex, hash, first_seen, last_seen, route_type, payload_type, payload_version,
               decoded_json, from_pubkey, channel_hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, ?10)",
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
            (kind == 4 && id % 8 == 0).then_some(NODE),
            (kind == 5).then_some("Public"),
        ])
        .unwrap();
        for observer in 1..=1 + id % 3 {
            observe(&all, id, observer, seconds + observer, seconds % 7, &payload);
        }
    }
    // Heard again after everything else: the newest rows by reception are the oldest by id.
    for id in 1..=3 {
        observe(&all, id, 3, BEGIN + TRANSMISSIONS * 60 + 1000 + id, 0xF0, "00");
    }
    all.commit().unwrap();
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
    database(&path);
    let (_all, whole) = serve(&path, &dir.path().join("whole"), "{}");
    let small = r#"{"packetStore": {"maxMemoryMB": 1}}"#;
    let (_some, part) = serve(&path, &dir.path().join("part"), small);
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
        perf(served.port)["packetStore"]["backgroundLoadError"].is_null()
    });
}
