//! `analyze` as a process: it counts rightly, names every flaw, and touches nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn analyze(args: &[&str], input: Option<&str>) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_corescope-cli"))
        .arg("analyze")
        .args(args)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if let Some(text) = input {
        // A command that ends early closes its input; that is its right.
        let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    }
    child.wait_with_output().unwrap()
}

fn report(args: &[&str], input: Option<&str>) -> Value {
    let output = analyze(&[&["--json"], args].concat(), input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn counts(report: &Value) -> [u64; 4] {
    ["transmissions", "observations", "nodes", "observers"].map(|name| report[name].as_u64().unwrap())
}

fn reasons(report: &Value) -> BTreeMap<String, u64> {
    let bad = report["bad"].as_array().unwrap();
    bad.iter()
        .map(|bad| (bad["reason"].as_str().unwrap().to_owned(), bad["count"].as_u64().unwrap()))
        .collect()
}

/// Every file of a folder with its contents.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// A valid advert by flood, as hex.
const ADVERT: &str = include_str!("data/advert.hex");

#[test]
fn one_of_each_flaw_is_named() {
    let mut forged = hex::decode(ADVERT.trim()).unwrap();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let advert_with = |appdata: &str| format!("1100{}{appdata}", "ab".repeat(100));
    let frames: Vec<(String, &str)> = vec![
        ("0c11".into(), "truncated_transport_codes"),
        ("0d".into(), "truncated_path_len"),
        ("0dc0aabbccdd".into(), "reserved_hash_size"),
        ("0d61".into(), "path_too_long"),
        ("0d05aabb".into(), "truncated_path"),
        (format!("3d00{}", "00".repeat(185)), "payload_too_long"),
        ("0d00".into(), "empty_payload"),
        ("0d00aabb".into(), "payload_too_short"),
        ("0900aabbccdd".into(), "ciphertext_missing"),
        ("0900aabbccdd00".into(), "ciphertext_unaligned"),
        (hex::encode(&forged), "bad_signature"),
        (advert_with(""), "appdata_missing"),
        (advert_with(&format!("81{}", "41".repeat(40))), "appdata_too_long"),
        (advert_with("910102"), "appdata_truncated"),
        (advert_with("91ffffff7fffffff7f41"), "coordinate_out_of_range"),
        (advert_with("81c3"), "invalid_utf8"),
        ("2e00f0".into(), "unknown_control_type"),
        ("0d00aabbccdd01020304".into(), "trailing_bytes"),
        ("260001020304050607080101ffee".into(), "trace_unaligned"),
        ("250001020304050607080001".into(), "trace_not_direct"),
        ("26410102010203040506070800aa".into(), "trace_bad_path_len"),
        ("2d00800401020304".into(), "control_not_zero_hop"),
        ("4d00aabbccdd".into(), "unsupported_version"),
        ("3100aabbccdd".into(), "reserved_payload_type"),
    ];
    let mut text = String::from("# frames with a flaw each, and lines that hold no frame\n\n");
    for (frame, _) in &frames {
        text.push_str(frame);
        text.push('\n');
    }
    let message =
        |payload: &str| format!("{{\"topic\":\"meshcore/SJC/AA/packets\",\"payload\":{payload}}}\n");
    text.push_str("xyz\n{\"broken\":\n");
    text.push_str(&message("\"no object\""));
    text.push_str(&message("{\"raw\":\"123\"}"));
    text.push_str(&message("{\"raw\":5}"));
    text.push_str(&message("{\"raw\":\"0D00AABBCCEE\"}"));
    let report = report(&["-"], Some(&text));
    let found = reasons(&report);
    for (frame, reason) in &frames {
        assert!(found.contains_key(*reason), "{reason} of {frame} is missing in {found:?}");
    }
    for reason in ["line", "json", "hex", "raw_type"] {
        assert!(found.contains_key(reason), "{reason} is missing in {found:?}");
    }
    for bad in report["bad"].as_array().unwrap() {
        assert!(!bad["meaning"].as_str().unwrap().is_empty(), "{bad}");
        assert!(bad["examples"][0]["place"].as_str().unwrap().starts_with("line "), "{bad}");
    }
    // The first six are no packets; everything else is.
    assert_eq!(report["transmissions"].as_u64().unwrap(), frames.len() as u64 - 6 + 1);
}

#[test]
fn the_fixture_is_counted_and_stays_as_it_is() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures/mesh-sample.db");
    if !fixture.exists() {
        println!("skipped: {} is not there", fixture.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("odd name?.db");
    fs::copy(&fixture, &copy).unwrap();
    let before = contents(folder.path());
    let report = report(&[copy.to_str().unwrap()], None);
    assert_eq!(counts(&report), [250, 251, 200, 31]);
    assert_eq!(contents(folder.path()), before);
    // One frame is damaged, and is named.
    assert_eq!(reasons(&report)["path_too_long"], 1);
    let text = String::from_utf8(analyze(&[copy.to_str().unwrap()], None).stdout).unwrap();
    assert!(text.contains("250 transmissions · 251 observations · 200 nodes · 31 observers"), "{text}");
}

/// The present layout: a signed advert heard by two observers, a row that holds nonsense, and an
/// observation of nothing.
fn build(path: &Path) -> rusqlite::Connection {
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute_batch(
        "CREATE TABLE nodes (public_key TEXT PRIMARY KEY, name TEXT, role TEXT);
         CREATE TABLE observers (id TEXT PRIMARY KEY, name TEXT, iata TEXT);
         CREATE TABLE transmissions (id INTEGER PRIMARY KEY, raw_hex TEXT NOT NULL, hash TEXT NOT NULL,
           first_seen TEXT, route_type INTEGER, payload_type INTEGER, decoded_json TEXT, channel_hash TEXT);
         CREATE TABLE observations (id INTEGER PRIMARY KEY, transmission_id INTEGER, observer_idx INTEGER, snr REAL,
           rssi REAL, path_json TEXT, timestamp INTEGER);
         INSERT INTO nodes VALUES ('aa', 'Hill', 'repeater'), ('bb', NULL, NULL);
         INSERT INTO observers VALUES ('O1', 'One', 'SJC'), ('O2', 'Two', 'SFO');
         INSERT INTO transmissions VALUES (2, 'zz', 'h2', '2026-01-01T00:00:01Z', 1, 5, 'nonsense', '#x');
         INSERT INTO observations VALUES (1, 1, 1, 5.5, -90, '[\"AA\"]', 1767225600),
           (2, 1, 2, -3, -101, '[]', 1767225602), (3, 99, 2, NULL, NULL, NULL, 1767225602);",
    )
    .unwrap();
    let advert = "INSERT INTO transmissions VALUES (1, ?1, 'h1', '2026-01-01T00:00:00Z', 1, 4, NULL, NULL)";
    db.execute(advert, [ADVERT.trim()]).unwrap();
    db
}

#[test]
fn a_wal_beside_the_file_is_honoured_from_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (live, copy) = (folder.path().join("live.db"), folder.path().join("copy"));
    fs::create_dir(&copy).unwrap();
    let db = build(&live);
    db.pragma_update(None, "journal_mode", "wal").unwrap();
    db.execute("INSERT INTO observers VALUES ('O3', 'Three', 'OAK')", []).unwrap();
    for end in ["", "-wal"] {
        fs::copy(format!("{}{end}", live.display()), copy.join(format!("copy.db{end}"))).unwrap();
    }
    let before = contents(&copy);
    assert!(!before[&copy.join("copy.db-wal")].is_empty());
    let output = analyze(&["--json", copy.join("copy.db").to_str().unwrap()], None);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(counts(&report), [2, 2, 2, 3]);
    assert!(report["sources"][0]["note"].as_str().unwrap().contains("temporary copy"), "{report}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("temporary copy"));
    assert_eq!(contents(&copy), before);
    let found = reasons(&report);
    for reason in ["raw_hex", "decoded_json", "dangling_observation"] {
        assert_eq!(found.get(reason), Some(&1), "{reason}: {found:?}");
    }
    drop(db);
}

#[test]
fn older_layouts_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let by_name = folder.path().join("v2.db");
    rusqlite::Connection::open(&by_name)
        .unwrap()
        .execute_batch(
            "CREATE TABLE transmissions (id INTEGER PRIMARY KEY, raw_hex TEXT, hash TEXT, first_seen TEXT,
               payload_type INTEGER);
             CREATE TABLE observations (id INTEGER PRIMARY KEY, transmission_id INTEGER, hash TEXT, observer_id TEXT,
               observer_name TEXT, snr REAL, path_json TEXT, timestamp TEXT);
             INSERT INTO transmissions VALUES (1, '0D00AABBCCDD', 'h1', '2025-11-01T10:00:00.123Z', 3);
             INSERT INTO observations VALUES
               (1, 1, 'h1', 'OBS-A', 'Anna', 2.5, '[]', '2025-11-01T10:00:00.500Z'),
               (2, 1, 'h1', 'OBS-B', NULL, NULL, '[\"7E\"]', '2025-11-01 10:00:02');",
        )
        .unwrap();
    let second = report(&[by_name.to_str().unwrap()], None);
    assert_eq!(counts(&second), [1, 2, 0, 2]);
    assert_eq!(second["span"]["seconds"], 1);
    let single = folder.path().join("v1.db");
    rusqlite::Connection::open(&single)
        .unwrap()
        .execute_batch(
            "CREATE TABLE packets (id INTEGER PRIMARY KEY, raw_hex TEXT, timestamp TEXT, observer_id TEXT,
               observer_name TEXT, snr REAL, rssi REAL, hash TEXT, payload_type INTEGER, path_json TEXT,
               decoded_json TEXT);
             INSERT INTO packets VALUES
               (1, '0D00AABBCCDD', '2025-10-01T10:00:00Z', 'A', 'Anna', 1, -90, 'h', 3, '[]', NULL),
               (2, '0D01AAAABBCCDD', '2025-10-01T10:00:01Z', 'B', NULL, 1, -90, 'h', 3, '[\"AA\"]', NULL);",
        )
        .unwrap();
    assert_eq!(counts(&report(&[single.to_str().unwrap()], None)), [1, 2, 0, 2]);
}

#[test]
fn a_filter_counts_only_its_matches() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    drop(build(&path));
    let file = path.to_str().unwrap();
    assert_eq!(counts(&report(&["--filter", "type == ADVERT && iata == sfo", file], None))[..2], [1, 1]);
    assert_eq!(counts(&report(&["--filter", "snr > 0", file], None)), [1, 1, 1, 1]);
    assert_eq!(counts(&report(&["--filter", "observations == 2", file], None))[..2], [1, 2]);
    let wrong = analyze(&["--filter", "hash == 2f0b", file], None);
    assert_eq!(wrong.status.code(), Some(64));
    let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(told.contains("column 9") && told.contains("^^^^"), "{told}");
}

#[test]
fn the_page_stands_alone_and_cannot_be_broken_out_of() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("r.html");
    let message = json!({"topic": "meshcore/SJC/AA/packets", "payload": {
        "raw": "0D00AABBCCDD", "origin": "<script>alert(1)</script>", "SNR": "5", "timestamp": "2026-06-01T12:00:00Z",
    }});
    let output = analyze(&["-", "--html", page.to_str().unwrap()], Some(&message.to_string()));
    assert!(output.status.success());
    let html = fs::read_to_string(page).unwrap();
    assert!(html.starts_with("<!doctype html>") && html.contains("<svg") && html.contains("&lt;script&gt;"));
    for outside in ["<script", "src=", "href=", "@import", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_the_right_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let damaged = [b"SQLite format 3\0".as_slice(), &[7; 5000]].concat();
    let cases = [
        ("/nowhere/at/all.db".to_owned(), 74, "cannot read"),
        (file("picture", &[0x89, 0x50, 0, 0]), 65, "neither"),
        (file("readme", b"hello\nworld\n"), 65, "none of its 2 lines"),
        (file("damaged.db", &damaged), 65, "cannot read the database"),
        (folder.path().to_str().unwrap().to_owned(), 65, "is a folder"),
    ];
    for (path, code, told) in &cases {
        let output = analyze(&[path], None);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(*code), "{path}: {stderr}");
        assert!(stderr.contains(told), "{path}: {stderr}");
        assert!(output.stdout.is_empty(), "{path}");
    }
    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE birds (name TEXT)").unwrap();
    let output = analyze(&[other.to_str().unwrap()], None);
    assert_eq!(output.status.code(), Some(65));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no CoreScope database"));
}

#[test]
fn a_simulated_mesh_is_reported_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (capture, truth) = (folder.path().join("c.jsonl"), folder.path().join("t.jsonl"));
    let status = Command::new(env!("CARGO_BIN_EXE_corescope-cli"))
        .args(["simulate", "--seed", "5", "--count", "1500", "--out", capture.to_str().unwrap()])
        .args(["--truth", truth.to_str().unwrap()])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let report = report(&[capture.to_str().unwrap(), "--channel", "#test"], None);
    assert_eq!(report["bad"], json!([]), "{}", report["bad"]);
    assert_eq!(report["observers"], 9);
    let truth = fs::read_to_string(truth).unwrap();
    let lines = truth.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let adverts = lines.filter(|line| line["content"]["kind"] == "advert");
    let senders: HashSet<String> =
        adverts.map(|line| line["origin_key"].as_str().unwrap().to_owned()).collect();
    let nodes = report["nodes"].as_u64().unwrap() as usize;
    // The last adverts may not have been published when the capture ended.
    assert!(nodes <= senders.len() && nodes + 3 >= senders.len(), "{nodes} of {}", senders.len());
}
