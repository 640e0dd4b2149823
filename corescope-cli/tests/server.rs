//! The server as a process: it never writes the database, and counts each address for itself.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

mod support;

use std::path::Path;

use rusqlite::Connection;
use support::served::{Served, database, serve};
use support::{Process, corescope, network};

#[test]
fn a_walk_over_all_routes_leaves_the_database_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    database(dir.path());
    let path = dir.path().join("meshcore.db");
    let before = std::fs::read(&path).unwrap();
    let mut served = serve(dir.path());
    let watcher = Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let version =
        |c: &Connection| c.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0)).unwrap();
    let version_before = version(&watcher);
    let document = corescope_web::openapi::document();
    let mut asked = 0;
    for (route, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let route = route
                .replace("{id}", "1")
                .replace("{hash}", "aaaaaaaaaaaaaaaa")
                .replace("{pubkey}", &"ab".repeat(32));
            let body = r#"{"hex":"0600aabb","hashes":["aaaaaaaaaaaaaaaa"]}"#;
            let (status, _) =
                network::request(&method.to_uppercase(), served.port, &route, "", body).unwrap();
            assert_ne!(status, 500, "{method} {route}");
            asked += 1;
        }
    }
    assert!(asked > 60, "only {asked} operations");
    assert_eq!(version(&watcher), version_before);
    drop(watcher);
    assert_eq!(served.process.stop(), Some(0));
    assert!(before == std::fs::read(&path).unwrap(), "the database changed");
}

#[test]
fn a_database_that_is_not_there_or_not_ready_ends_with_75() {
    let dir = tempfile::tempdir().unwrap();
    let mut missing =
        Process::start(corescope().args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(dir.path()));
    assert_eq!(missing.ended(), Some(75));
    Connection::open(dir.path().join("meshcore.db")).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    let mut unready =
        Process::start(corescope().args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(dir.path()));
    assert_eq!(unready.ended(), Some(75));
    assert!(unready.said("db migrate"), "the cure is not named");
}

/// Sends requests until one is refused; how many were served before, and the refusal.
fn served_until_refused(port: u16, headers: &str) -> (usize, serde_json::Value) {
    for served in 0..100 {
        let (status, body) = network::request("GET", port, "/api/healthz", headers, "").unwrap();
        if status == 429 {
            return (served, serde_json::from_str(&body).unwrap());
        }
    }
    panic!("100 requests were served in spite of the limit");
}

/// Starts the server with these settings of `http`, without asking it anything: that would count.
fn limited(folder: &Path, http: &str) -> Served {
    database(folder);
    std::fs::write(folder.join("config.json"), format!(r#"{{"http":{http}}}"#)).unwrap();
    let process =
        Process::start(corescope().args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder));
    let line = process.line("CoreScope serves");
    let port = line.split(' ').nth(2).unwrap().rsplit(':').next().unwrap().parse().unwrap();
    Served { process, port }
}

// A request per day comes back: however slow the machine is, none does within the test.
#[test]
fn each_address_has_its_own_limit_and_only_a_trusted_proxy_names_addresses() {
    let limits = r#""limits":{"loopback":true,"requestBurst":5,"requestsPerSecond":0.00001}"#;
    let direct = tempfile::tempdir().unwrap();
    let mut served = limited(direct.path(), &format!("{{{limits}}}"));
    let (count, refusal) = served_until_refused(served.port, "");
    assert_eq!((count, refusal["code"].as_str()), (5, Some("rate_limited")), "{refusal}");
    assert!(refusal["hint"].is_string() && refusal["retry_after_s"].as_u64() > Some(0), "{refusal}");
    // Nobody is believed who is no trusted proxy.
    assert_eq!(served_until_refused(served.port, "X-Forwarded-For: 198.51.100.7\r\n").0, 0);
    assert_eq!(served.process.stop(), Some(0));

    let behind = tempfile::tempdir().unwrap();
    let mut served = limited(behind.path(), &format!(r#"{{"trustedProxies":["127.0.0.1/32"],{limits}}}"#));
    assert_eq!(served_until_refused(served.port, "X-Forwarded-For: 198.51.100.7\r\n").0, 5);
    assert_eq!(served_until_refused(served.port, "X-Forwarded-For: 198.51.100.8\r\n").0, 5);
    // What a client wrote itself stands to the left of what the proxy adds.
    let claimed = "X-Forwarded-For: 203.0.113.9, 198.51.100.7\r\n";
    assert_eq!(served_until_refused(served.port, claimed).0, 0);
    assert_eq!(served.process.stop(), Some(0));
}

#[test]
fn channel_keys_of_a_request_are_used_once_and_told_to_nobody() {
    const KEY: &str = "5ec2e7a11b0d4c3f98a76b5c4d3e2f10";
    let key = corescope_decode::ChannelKey::from_hex(KEY).unwrap();
    let frame =
        hex::encode([&[0x15, 0x00, key.hash()][..], &key.seal(b"\x01\x02\x03\x04\x00Ann: hi")].concat());
    let dir = tempfile::tempdir().unwrap();
    database(dir.path());
    let mut command = corescope();
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-level", "trace", "--data"]).arg(dir.path());
    let mut process = Process::start(&mut command);
    let port = support::port_of(&process.line("CoreScope serves"));
    let decode = |keys: &str| {
        let body = format!(r#"{{"packets":["{frame}"],"keys":[{keys}]}}"#);
        network::request("POST", port, "/api/v2/decode", "", &body).unwrap()
    };
    let opened = |(status, body): &(u16, String)| {
        assert_eq!(*status, 200, "{body}");
        body.contains("\"plaintext\"")
    };
    let own = format!(r#"{{"name":"mine","key":"{KEY}"}}"#);
    let answer = decode(&own);
    assert!(opened(&answer), "{}", answer.1);
    assert!(answer.1.contains("mine"), "{}", answer.1);
    assert!(!answer.1.to_lowercase().contains(KEY), "the answer repeats the key");
    assert!(!opened(&decode("")), "the key was kept");
    // Neither do mistakes repeat it.
    for wrong in [format!(r#"{{"key":"{KEY}0"}}"#), format!(r#"{{"key":["{KEY}"]}}"#), format!(r#""{KEY}""#)]
    {
        let (status, body) = decode(&wrong);
        assert_eq!(status, 400, "{body}");
        assert!(!body.to_lowercase().contains(KEY), "{body}");
    }
    let (_, perf) = network::get(port, "/api/perf").unwrap();
    assert!(!perf.contains(KEY));
    assert_eq!(process.stop(), Some(0));
    let lines = process.lines.lock().unwrap();
    assert!(lines.len() > 1, "at this level something is logged");
    assert!(!lines.iter().any(|line| line.to_lowercase().contains(KEY)), "the log names the key: {lines:#?}");
}
