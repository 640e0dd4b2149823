//! `POST /api/packets` with real processes: the server leaves the packet, the ingestor stores and answers it.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::{Heard, Process, corescope, ingestor, network, server, wait_for};

/// The configured key: long and unlike any example, because weak ones are refused.
const KEY: &str = "kx7-vq2-mm9-tr4-zw8-bd3";

const ONE: Heard = Heard { transmission: 41, observer: 1 };
const TWO: Heard = Heard { transmission: 42, observer: 1 };

fn configure(folder: &Path, text: &str) {
    std::fs::write(folder.join("config.json"), text).unwrap();
}

fn with_key(folder: &Path) {
    configure(folder, &format!(r#"{{"apiKey":"{KEY}"}}"#));
}

fn port_of(process: &Process) -> u16 {
    let line = process.line("http://127.0.0.1:");
    let rest = line.split("http://127.0.0.1:").nth(1).unwrap();
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

fn ready(port: u16) {
    wait_for("the server to be ready", || {
        network::get(port, "/api/healthz").is_some_and(|(status, _)| status == 200)
    });
}

fn body(packet: Heard) -> String {
    format!(r#"{{"hex":"{}","observer":"{}","snr":5.5,"rssi":-90}}"#, packet.raw(), packet.observer_id())
}

fn submit(port: u16, key: Option<&str>, body: &str) -> (u16, Value) {
    let header = key.map_or_else(String::new, |key| format!("X-API-Key: {key}\r\n"));
    let (status, text) = network::request("POST", port, "/api/packets", &header, body).unwrap();
    (status, serde_json::from_str(&text).unwrap())
}

/// Posts a packet until it is answered as stored or known: a loaded ingestor may take longer than the server
/// waits, and then the packet is queued, not lost.
fn submitted(port: u16, packet: Heard) -> Value {
    let mut answered = Value::Null;
    wait_for("the answer of the ingestor", || {
        let (status, answer) = submit(port, Some(KEY), &body(packet));
        match status {
            200 => answered = answer,
            202 => assert_eq!(answer["queued"], true, "{answer}"),
            _ => panic!("{status}: {answer}"),
        }
        status == 200
    });
    answered
}

/// How often the packet is stored, as a transmission and as an observation.
fn rows(database: &Path, packet: Heard) -> (i64, i64) {
    let connection = corescope_store::db::open_read(database).unwrap();
    connection
        .query_row(
            "SELECT COUNT(DISTINCT t.id), COUNT(o.id) FROM transmissions t
             LEFT JOIN observations o ON o.transmission_id = t.id WHERE t.raw_hex = ?1",
            [packet.raw()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap()
}

/// Stores one packet, twice, and finds it once in the answer, over HTTP and in the database.
fn stored_once_and_shown(port: u16, database: &Path, packet: Heard) {
    let first = submitted(port, packet);
    let id = first["id"].as_i64().unwrap();
    assert!(id > 0 && first["observation_id"].as_i64().unwrap() > 0, "{first}");
    assert!(first["decoded"].is_object(), "{first}");
    let again = submitted(port, packet);
    assert_eq!((again["id"].as_i64(), again["outcome"].as_str()), (Some(id), Some("duplicate")));
    assert_eq!(again["observation_id"], first["observation_id"]);
    wait_for("the packet over HTTP", || {
        network::get(port, &format!("/api/packets/{id}"))
            .is_some_and(|(status, body)| status == 200 && body.contains(&packet.raw()))
    });
    assert_eq!(rows(database, packet), (1, 1));
}

#[test]
fn two_processes_hand_a_packet_over_and_say_when_one_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    with_key(dir.path());
    let database = dir.path().join("meshcore.db");
    // A broker that nobody runs: the ingestor goes on trying and takes packets all the same.
    let broker = format!("mqtt://127.0.0.1:{}", network::free_port());
    let write =
        || Process::start(ingestor().arg("--data").arg(dir.path()).env("MQTT_BROKER", broker.as_str()));
    let mut writer = write();
    let mut reader =
        Process::start(server().args(["--listen", "127.0.0.1:0", "--wait", "60", "--data"]).arg(dir.path()));
    let port = port_of(&reader);
    ready(port);
    stored_once_and_shown(port, &database, ONE);

    assert_eq!(writer.stop(), Some(0));
    let (status, answer) = submit(port, Some(KEY), &body(TWO));
    assert_eq!((status, answer["code"].as_str()), (503, Some("no_ingestor")), "{answer}");
    assert!(answer["hint"].as_str().unwrap().contains("corescope-ingestor"), "{answer}");
    assert_eq!(rows(&database, TWO), (0, 0), "refused, so it must not be stored later");

    // The next one serves again.
    let mut next = write();
    let lock = dir.path().join("meshcore.db.writer.lock");
    wait_for("the next ingestor to hold the lock", || {
        std::fs::read_to_string(&lock).is_ok_and(|holder| holder.starts_with(&format!("{} ", next.pid())))
    });
    stored_once_and_shown(port, &database, TWO);
    assert_eq!(next.stop(), Some(0));
    assert_eq!(reader.stop(), Some(0));
}

fn up(folder: &Path) -> Process {
    let mut command = corescope();
    command.args(["up", "--listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0", "--data"]).arg(folder);
    Process::start(&mut command)
}

#[test]
fn one_process_takes_packets_only_with_the_key() {
    let dir = tempfile::tempdir().unwrap();
    with_key(dir.path());
    let mut process = up(dir.path());
    let port = port_of(&process);
    ready(port);
    for key in [None, Some("another-key-that-is-long-enough")] {
        let (status, answer) = submit(port, key, &body(ONE));
        assert_eq!(status, 401, "{answer}");
    }
    stored_once_and_shown(port, &dir.path().join("meshcore.db"), ONE);
    for wrong in [r#"{"hex":"zz"}"#, r#"{"hex":""}"#, "{", "[]"] {
        let (status, answer) = submit(port, Some(KEY), wrong);
        assert_eq!(status, 400, "{wrong}: {answer}");
        assert!(answer["error"].is_string(), "{answer}");
    }
    assert_eq!(process.stop(), Some(0));
}

#[test]
fn a_packet_is_stored_with_the_way_and_the_figures_it_came_with() {
    let dir = tempfile::tempdir().unwrap();
    with_key(dir.path());
    let mut process = up(dir.path());
    let port = port_of(&process);
    ready(port);
    let frame = ONE.raw();
    for (field, code) in [
        (r#""snr":1000"#, "out_of_range"),
        (r#""rssi":-1e300"#, "out_of_range"),
        (r#""path":["7D","A401"]"#, "bad_path"),
        (r#""path":["../../x"]"#, "bad_path"),
    ] {
        let (status, answer) = submit(port, Some(KEY), &format!(r#"{{"hex":"{frame}",{field}}}"#));
        assert_eq!((status, answer["code"].as_str()), (400, Some(code)), "{field}: {answer}");
    }
    for field in [r#""snr":"high""#, r#""path":"7D""#, r#""path":[7]"#, r#""observer":{}"#] {
        let (status, answer) = submit(port, Some(KEY), &format!(r#"{{"hex":"{frame}",{field}}}"#));
        assert_eq!(status, 400, "{field}: {answer}");
    }
    let request = format!(
        r#"{{"hex":"{}","observer":"attic","snr":-7.25,"rssi":-113,"path":["7D","A4"]}}"#,
        frame.to_lowercase()
    );
    let mut answered = Value::Null;
    wait_for("the packet to be stored", || {
        let (status, answer) = submit(port, Some(KEY), &request);
        answered = answer;
        status == 200
    });
    assert_eq!(answered["decoded"]["path"]["hops"], serde_json::json!(["7D", "A4"]), "{answered}");
    let connection = corescope_store::db::open_read(&dir.path().join("meshcore.db")).unwrap();
    let stored: (String, f64, f64, String) = connection
        .query_row(
            "SELECT o.path_json, o.snr, o.rssi, v.id FROM observations o JOIN observers v ON v.rowid = o.observer_idx
             WHERE o.transmission_id = ?1",
            [answered["id"].as_i64().unwrap()],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    assert_eq!(stored, (r#"["7D","A4"]"#.to_owned(), -7.25, -113.0, "attic".to_owned()));
    assert_eq!(process.stop(), Some(0));
}

#[test]
fn without_a_strong_key_nothing_is_taken() {
    for config in ["{}", r#"{"apiKey":"short"}"#] {
        let dir = tempfile::tempdir().unwrap();
        configure(dir.path(), config);
        let mut process = up(dir.path());
        let port = port_of(&process);
        ready(port);
        let (status, answer) = submit(port, Some("short"), &body(ONE));
        assert_eq!(status, 403, "{config}: {answer}");
        if config != "{}" {
            process.line("apiKey is weak");
        }
        assert_eq!(process.stop(), Some(0));
    }
}
