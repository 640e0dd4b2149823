//! The whole road with real processes: a broker or the endpoint, the ingestor, the server, and what a client reads.

#![allow(clippy::unwrap_used, reason = "tests and their helpers")]

mod support;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use support::{Heard, Mosquitto, Process, corescope, ingestor, mqtt, network, port_of, server, wait_for};
use tokio_tungstenite::tungstenite::WebSocket;

const HEARD: Heard = Heard { transmission: 7, observer: 3 };

/// The live feed, as a page reads it; a reading gives up after a moment, to be tried again.
fn live_feed(port: u16) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let (socket, _) =
        tokio_tungstenite::tungstenite::client(format!("ws://127.0.0.1:{port}/ws"), stream).unwrap();
    socket.get_ref().set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    socket
}

#[test]
fn from_a_broker_to_http_in_two_processes() {
    let dir = tempfile::tempdir().unwrap();
    let Some(broker) = Mosquitto::start(dir.path()) else { return };
    let data = dir.path().join("data");
    let mut reader = Process::start(
        server().args(["-port", "0", "--listen", "127.0.0.1:0", "--wait", "60", "--data"]).arg(&data),
    );
    // `-port` beside `--listen` is a contradiction: the usage code.
    assert_eq!(reader.ended(), Some(64));
    let health = network::free_port();
    let mut reader = Process::start(
        server()
            .args([
                "--listen",
                "127.0.0.1:0",
                "--wait",
                "60",
                "--metrics-listen",
                &format!("127.0.0.1:{health}"),
                "--data",
            ])
            .arg(&data),
    );
    let mut writer = Process::start(ingestor().arg("--data").arg(&data).env("MQTT_BROKER", broker.url()));
    writer.line("subscribed");
    let port = port_of(&reader.line("http://"));
    wait_for("the server to be ready", || {
        network::get(port, "/api/healthz").is_some_and(|(status, _)| status == 200)
    });
    let mut live = live_feed(port);
    let mut publisher = mqtt::connect(broker.port, "publisher").unwrap();
    publisher.write_all(&mqtt::publish(&HEARD.topic(), HEARD.payload().as_bytes(), 1)).unwrap();
    // The feed begins a moment after the server is ready: what came before is in the list only. So again and again.
    let mut sent: Vec<Heard> = Vec::new();
    wait_for("a packet in the live feed", || {
        let next = Heard { transmission: 1000 + sent.len() as u64, observer: 3 };
        let id = sent.len() as u16 + 2;
        publisher.write_all(&mqtt::publish(&next.topic(), next.payload().as_bytes(), id)).unwrap();
        sent.push(next);
        let Ok(message) = live.read() else { return false };
        message.to_text().is_ok_and(|text| sent.iter().any(|heard| text.contains(&heard.raw())))
    });
    wait_for("the packet over HTTP", || {
        network::get(port, "/api/packets?limit=1000").is_some_and(|(_, body)| body.contains(&HEARD.raw()))
    });
    wait_for("the server's /readyz", || {
        network::get(health, "/readyz").is_some_and(|(status, _)| status == 200)
    });
    wait_for("the same on its own port", || {
        network::get(port, "/readyz")
            .is_some_and(|(status, body)| status == 200 && body == "{\"ready\":true,\"reasons\":[]}\n")
    });
    assert_eq!(network::get(port, "/livez"), Some((200, "ok\n".to_owned())));
    assert!(network::get(health, "/metrics").unwrap().1.contains("corescope_server_ready 1"));
    let (_, observers) = network::get(port, "/api/observers").unwrap();
    assert!(observers.contains(&HEARD.observer_id()) && observers.contains("Observer 3"), "{observers}");
    assert_eq!(writer.stop(), Some(0));
    assert_eq!(reader.stop(), Some(0));
}

#[test]
fn up_takes_both_versions_and_every_quality_and_shows_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut up = Process::start(
        corescope()
            .args(["up", "--listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0", "--data"])
            .arg(dir.path()),
    );
    let mqtt_port = port_of(&up.line("mqtt://"));
    let page = port_of(&up.line("http://"));
    if Command::new("mosquitto_pub").arg("--help").output().is_err() {
        println!("skipped: mosquitto_pub is not installed (apt-get install mosquitto-clients)");
        return;
    }
    let mut number = 100;
    for version in ["mqttv311", "mqttv5"] {
        for quality in ["0", "1", "2"] {
            number += 1;
            let heard = Heard { transmission: number, observer: 1 };
            let published = Command::new("mosquitto_pub")
                .args([
                    "-V",
                    version,
                    "-q",
                    quality,
                    "-p",
                    &mqtt_port.to_string(),
                    "-t",
                    &heard.topic(),
                    "-m",
                    &heard.payload(),
                ])
                .output()
                .unwrap();
            assert!(published.status.success(), "{version} {quality}: {published:?}");
            wait_for(&format!("{version} at quality {quality} over HTTP"), || {
                network::get(page, "/api/packets?limit=50")
                    .is_some_and(|(_, body)| body.contains(&heard.raw()))
            });
        }
    }
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn clients_that_misbehave_are_refused_and_end_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut up = Process::start(
        corescope()
            .args(["up", "--listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0", "--data"])
            .arg(dir.path()),
    );
    let port = port_of(&up.line("mqtt://"));
    let closed = |bytes: &[u8]| {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        // The other side may close before everything is sent.
        let _ = stream.write_all(bytes);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        rest
    };
    closed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    closed(&[0xff; 4096]);
    // A PUBLISH before CONNECT.
    closed(&mqtt::publish("meshcore/X/Y/packets", b"{}", 1));
    // Says nothing at all: closed after a while, by itself.
    closed(&[]);
    // A packet that claims a quarter of a gigabyte, and one of ten megabytes.
    let connect_then = |packet: &[u8]| {
        let mut stream = mqtt::connect(port, "greedy").unwrap();
        let _ = stream.write_all(packet);
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    };
    connect_then(&[0x32, 0xff, 0xff, 0xff, 0x7f, 0, 1]);
    connect_then(&mqtt::publish("meshcore/X/Y/packets", &vec![b'x'; 10 << 20], 1));
    // Odd topics and payloads are answered, and are in the account.
    let mut stream = mqtt::connect(port, "odd").unwrap();
    let long = "a/".repeat(2000);
    let messages: [(&str, &[u8]); 6] = [
        ("meshcore/X/Y/packets", b"not json"),
        ("meshcore/X/Y/packets", b"{\"raw\":\"abc\"}"),
        ("meshcore/X/Y/packets", b"{\"raw\":\"1100\",\"origin\":\"\xff\xfe\"}"),
        (&long, b"{}"),
        ("meshcore/X/Y/status", b"{\"status\":1,\"stats\":[]}"),
        ("meshcore//Y/packets", b"{\"raw\":\"C0\"}"),
    ];
    for (number, (topic, payload)) in messages.iter().enumerate() {
        stream.write_all(&mqtt::publish(topic, payload, number as u16 + 1)).unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0x40, 2, 0, number as u8 + 1], "{topic:.40}");
    }
    assert!(up.is_running());
    assert!(up.said("MQTT client refused") && up.said("message refused"));
    assert_eq!(up.stop(), Some(0));
    let connection = corescope_store::db::open_read(&dir.path().join("meshcore.db")).unwrap();
    let (received, rejected): (i64, i64) = connection
        .query_row("SELECT SUM(received), SUM(rejected) FROM cs_ledger", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(received, 6);
    assert!(rejected >= 4, "{rejected}");
    let stats = std::fs::read_to_string(dir.path().join("ingestor-stats.json")).unwrap();
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    let line = &stats["ledger"]["endpoint"];
    let sum: i64 = ["stored", "duplicate", "filtered", "rejected", "inFlight"]
        .iter()
        .map(|k| line[k].as_i64().unwrap())
        .sum();
    assert_eq!((line["received"].as_i64().unwrap(), sum), (6, 6), "{line}");
}

#[test]
fn exit_codes_and_one_clear_line() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut first = Process::start(
        corescope()
            .args(["up", "--listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0", "--data"])
            .arg(&data),
    );
    first.line("mqtt://");
    let run = |command: &mut Command| {
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = run(corescope().arg("ingest").arg("--data").arg(&data));
    assert_eq!(code, Some(73), "{said}");
    assert!(said.contains(&format!("process {}", first.pid())), "{said}");
    assert_eq!(first.stop(), Some(0));

    let bad = dir.path().join("bad.json");
    std::fs::write(&bad, "{\n  \"port\": yes\n}").unwrap();
    let (code, said) = run(corescope().arg("ingest").arg("--config").arg(&bad));
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains("bad.json: line 2, column 11"), "{said}");

    let (code, said) = run(corescope()
        .args(["up", "--mqtt-listen", "0.0.0.0:0", "--listen", "127.0.0.1:0", "--data"])
        .arg(&data));
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains("--open-broker"), "{said}");

    // Real data is there: a demo does not go in, and the other way round.
    let (code, said) =
        run(corescope().args(["ingest", "--file"]).arg(capture(dir.path())).arg("--data").arg(&data));
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(corescope().args(["up", "--demo", "--data"]).arg(&data));
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains("not marked as a demo"), "{said}");

    let (code, said) = run(corescope().args(["ingest", "--file", "/nonexistent.jsonl", "--data"]).arg(&data));
    assert_eq!(code, Some(74), "{said}");
    std::fs::write(dir.path().join("text.db"), "this is no database, but a text that is long enough")
        .unwrap();
    let (code, said) =
        run(corescope().args(["ingest", "--file", "-", "--db"]).arg(dir.path().join("text.db")));
    assert_eq!(code, Some(74), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("error:")).count(), 1, "{said}");
}

fn capture(folder: &std::path::Path) -> std::path::PathBuf {
    let path = folder.join("capture.jsonl");
    let line = format!("{{\"topic\":\"{}\",\"payload\":{}}}\n", HEARD.topic(), HEARD.payload());
    std::fs::write(&path, line).unwrap();
    path
}

#[test]
fn a_reload_adds_changes_and_ends_sources() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let (Some(first), Some(second)) = (Mosquitto::start(&one), Mosquitto::start(&two)) else { return };
    let config = dir.path().join("config.json");
    let write = |text: String| std::fs::write(&config, text).unwrap();
    let url = first.url();
    write(format!(r#"{{"mqttSources":[{{"name":"first","broker":"{url}"}}]}}"#));
    let mut process = Process::start(corescope().arg("ingest").arg("--data").arg(dir.path()));
    process.line("source=first");
    write(format!(
        r#"{{"mqttSources":[{{"name":"first","broker":"{url}","region":"SJC"}},{{"name":"second","broker":"{}"}}],"observerBlacklist":["{}"]}}"#,
        second.url(),
        HEARD.observer_id()
    ));
    process.signal("HUP");
    assert!(
        process
            .line("configuration read again")
            .contains("started: [\"second\"], ended: [], changed: [\"first\"]")
    );
    process.line("source=second");
    // The blacklist counts from now on.
    let mut publisher = mqtt::connect(second.port, "publisher").unwrap();
    publisher.write_all(&mqtt::publish(&HEARD.topic(), HEARD.payload().as_bytes(), 1)).unwrap();
    let database = dir.path().join("meshcore.db");
    wait_for("the message in the account, filtered", || {
        let connection = corescope_store::db::open_read(&database).unwrap();
        let sum = connection.query_row(
            "SELECT COALESCE(SUM(filtered), 0) FROM cs_ledger WHERE source = 'second'",
            [],
            |row| row.get::<_, i64>(0),
        );
        sum.unwrap_or_default() == 1
    });
    // A file with a mistake changes nothing.
    write("{".to_owned());
    process.signal("HUP");
    process.line("configuration not read again");
    write(
        "{\"mqttSources\":[{\"name\":\"second\",\"broker\":\"mqtt://127.0.0.1:1\",\"enabled\":false}]}"
            .to_owned(),
    );
    process.signal("HUP");
    process.line("started: [], ended: [\"first\", \"second\"], changed: []");
    assert_eq!(process.stop(), Some(0));
    let connection = corescope_store::db::open_read(&database).unwrap();
    let ids: i64 = connection
        .query_row("SELECT COUNT(*) FROM cs_state WHERE key LIKE 'client_id:%'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(ids, 2, "each source keeps its session's name");
}

#[test]
fn a_packet_left_in_the_folder_is_stored_and_answered() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("packet-requests");
    std::fs::create_dir_all(&folder).unwrap();
    // Left while nobody was there.
    let request = format!(
        r#"{{"id":"0a","requestedAt":"2026-06-01T12:00:00Z","hex":"{}","observer":"HTTP","snr":5.5}}"#,
        HEARD.raw().to_lowercase()
    );
    std::fs::write(folder.join("request-0a.json"), request).unwrap();
    let mut process = Process::start(
        corescope()
            .args(["up", "--listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0", "--data"])
            .arg(dir.path()),
    );
    let answer = folder.join("result-0a.json");
    wait_for("the answer", || answer.exists());
    let text = std::fs::read_to_string(&answer).unwrap();
    assert!(text.contains("\"outcome\":\"stored\"") && text.contains("\"observation\":1"), "{text}");
    wait_for("the request to be removed", || !folder.join("request-0a.json").exists());
    assert_eq!(process.stop(), Some(0));
}

/// The same command as a user who owns nothing here; none, with a message, where that is not possible.
fn as_nobody(command: &Command) -> Option<Command> {
    let other = |program: &std::ffi::OsStr| {
        let mut other = Command::new("setpriv");
        other.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(program);
        other
    };
    let tried = other(command.get_program()).arg("--version").output();
    if !tried.is_ok_and(|output| output.status.success()) {
        println!(
            "skipped: cannot run {} as another user (needs root and setpriv)",
            command.get_program().display()
        );
        return None;
    }
    let mut changed = other(command.get_program());
    changed.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => changed.env(name, value),
            None => changed.env_remove(name),
        };
    }
    Some(changed)
}

#[test]
fn a_server_of_another_user_reads_files_that_it_may_not_write() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let data = dir.path().join("data");
    let mut command = server();
    command.args(["--listen", "127.0.0.1:0", "--wait", "60", "--data"]).arg(&data);
    let Some(mut command) = as_nobody(&command) else { return };
    let mut writer = Process::start(
        corescope()
            .args(["up", "--listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0", "--data"])
            .arg(&data),
    );
    let mqtt_port = port_of(&writer.line("mqtt://"));
    for path in
        [&data, &data.join("meshcore.db"), &data.join("meshcore.db-wal"), &data.join("meshcore.db-shm")]
    {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut reader = Process::start(&mut command);
    let port = port_of(&reader.line("http://"));
    let mut publisher = mqtt::connect(mqtt_port, "publisher").unwrap();
    publisher.write_all(&mqtt::publish(&HEARD.topic(), HEARD.payload().as_bytes(), 1)).unwrap();
    wait_for("the packet from a server that may only read", || {
        network::get(port, "/api/packets?limit=5").is_some_and(|(_, body)| body.contains(&HEARD.raw()))
    });
    assert_eq!(reader.stop(), Some(0));
    assert_eq!(writer.stop(), Some(0));
}
