//! Brokers of every kind as sources: encrypted or not, over WebSockets, with every way to log in; and brokers that fall silent.

#![allow(clippy::unwrap_used, reason = "tests and their helpers")]

mod support;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::mqtt::{self, Publisher};
use support::tls::{Authority, Pair};
use support::{Heard, Mosquitto, Process, assert_exactly_once, ingestor, network, wait_for};

/// What the ingestor says about its sources.
fn sources(data: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(data.join("ingestor-stats.json")).unwrap_or_default();
    let stats: Value = serde_json::from_str(&text).unwrap_or_default();
    stats["source_statuses"].as_array().cloned().unwrap_or_default()
}

fn source(data: &Path, name: &str) -> Value {
    sources(data).into_iter().find(|source| source["name"] == name).unwrap_or_default()
}

/// A listener of Mosquitto's configuration.
fn listener(options: &[&str]) -> (u16, String) {
    let port = network::free_port();
    let mut text = format!("listener {port} 127.0.0.1\n");
    for option in options {
        let _ = writeln!(text, "{option}");
    }
    (port, text)
}

fn tls(authority: &Authority, pair: &Pair) -> String {
    format!(
        "cafile {}\ncertfile {}\nkeyfile {}",
        authority.ca().display(),
        pair.cert.display(),
        pair.key.display()
    )
}

/// A file of users for Mosquitto; false where its tool is missing.
fn password_file(file: &Path, users: &[(&str, &str)]) -> bool {
    std::fs::write(file, "").unwrap();
    users.iter().all(|(user, password)| {
        let done = Command::new("mosquitto_passwd").arg("-b").arg(file).args([user, password]).output();
        done.is_ok_and(|output| output.status.success())
    })
}

/// Publishes one message of quality 1 and waits for the broker's answer.
fn publish(port: u16, topic: &str, heard: Heard) {
    use std::io::{Read, Write};
    let mut stream = mqtt::connect(port, "one-message").unwrap();
    stream.write_all(&mqtt::publish(topic, heard.payload().as_bytes(), 1)).unwrap();
    let mut puback = [0; 4];
    stream.read_exact(&mut puback).unwrap();
    assert_eq!(puback, [0x40, 2, 0, 1]);
}

#[test]
fn brokers_of_every_kind_deliver_and_no_secret_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let Some(authority) = Authority::new(&dir.path().join("certificates")) else { return };
    let (server, client) = (authority.issue("server"), authority.issue("client"));
    // A device's token, as public brokers ask for: a password that is longer than others.
    let device = format!("v1_{}", "7E".repeat(32));
    let token =
        format!("eyJhbGciOiJFZDI1NTE5In0.{}.{}", "eyJwdWJsaWNLZXkiOiI3RTdF".repeat(8), "AB12".repeat(32));
    let users = dir.path().join("users");
    let known = [("bob", "hunter2secret"), (device.as_str(), token.as_str()), ("url user", "p@ss:w/rd")];
    if !password_file(&users, &known) {
        println!("skipped: mosquitto_passwd is not installed (apt-get install mosquitto)");
        return;
    }
    let tls = tls(&authority, &server);
    let login = format!("allow_anonymous false\npassword_file {}", users.display());
    let (plain, a) = listener(&["allow_anonymous true"]);
    let (encrypted, b) = listener(&["allow_anonymous true", &tls]);
    let (certified, c) = listener(&["allow_anonymous true", &tls, "require_certificate true"]);
    let (socket, d) = listener(&["protocol websockets", "allow_anonymous true"]);
    let (secure_socket, e) = listener(&["protocol websockets", &tls, &login]);
    let (named, f) = listener(&[&login]);
    let listeners = format!("per_listener_settings true\n{a}{b}{c}{d}{e}{f}");
    let Some(_broker) = Mosquitto::start_with(dir.path(), plain, &listeners) else { return };
    let token_file = dir.path().join("token");
    std::fs::write(&token_file, "an-old-token").unwrap();

    let ca = authority.ca();
    let good = [
        json!({"name": "mqtts", "broker": format!("mqtts://localhost:{encrypted}"), "caFile": ca}),
        json!({"name": "ssl", "broker": format!("ssl://127.0.0.1:{encrypted}"), "rejectUnauthorized": false}),
        json!({"name": "certificate", "broker": format!("mqtts://127.0.0.1:{certified}"), "caFile": ca,
               "certFile": client.cert, "keyFile": client.key}),
        json!({"name": "ws", "broker": format!("ws://127.0.0.1:{socket}")}),
        json!({"name": "user", "broker": format!("mqtt://127.0.0.1:{named}"), "username": "bob", "password": "hunter2secret"}),
        json!({"name": "url", "broker": format!("mqtt://url%20user:p%40ss%3Aw%2Frd@127.0.0.1:{named}")}),
        json!({"name": "token", "broker": format!("wss://localhost:{secure_socket}/mqtt"), "caFile": ca,
               "username": device, "passwordFile": token_file}),
    ];
    let bad = [
        json!({"name": "stranger", "broker": format!("mqtts://localhost:{encrypted}")}),
        json!({"name": "uncertified", "broker": format!("mqtts://localhost:{certified}"), "caFile": ca}),
        json!({"name": "impostor", "broker": format!("mqtt://127.0.0.1:{named}"), "username": "bob", "password": "wrong-secret"}),
        json!({"name": "nobody", "broker": format!("mqtt://127.0.0.1:{}", network::free_port())}),
    ];
    // Each hears topics of its own: what it delivers is told from what the others deliver.
    let mut all: Vec<Value> = good.iter().chain(&bad).cloned().collect();
    for source in &mut all {
        source["topics"] = json!(format!("meshcore/{}/#", source["name"].as_str().unwrap()));
    }
    let data = dir.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("config.json"), json!({ "mqttSources": all }).to_string()).unwrap();
    let metrics = network::free_port();
    let mut process = Process::start(
        ingestor().args(["--metrics-listen", &format!("127.0.0.1:{metrics}"), "--data"]).arg(&data),
    );

    // The token is read again at each attempt: the operator renews it while the process runs.
    wait_for("the old token to be refused", || source(&data, "token")["lastError"].is_string());
    std::fs::write(&token_file, format!("{token}\n")).unwrap();
    for (number, name) in (1..).zip(good.iter().map(|source| source["name"].as_str().unwrap())) {
        wait_for(&format!("{name} to subscribe; {}", source(&data, name)), || {
            source(&data, name)["grantedQos"] == 1
        });
        publish(plain, &format!("meshcore/{name}/AB/packets"), Heard { transmission: number, observer: 1 });
        let ledger = format!("SELECT COALESCE(SUM(stored), 0) FROM cs_ledger WHERE source = '{name}'");
        wait_for(&format!("a message over {name}"), || {
            let database = corescope_store::db::open_read(&data.join("meshcore.db")).unwrap();
            database.query_row(&ledger, [], |row| row.get::<_, i64>(0)).unwrap() == 1
        });
    }
    for (name, said) in [
        ("stranger", "certificate"),
        ("uncertified", ""),
        ("impostor", "user name or password"),
        ("nobody", "refused"),
    ] {
        wait_for(&format!("{name} to say why not"), || source(&data, name)["lastError"].is_string());
        let status = source(&data, name);
        let error = status["lastError"].as_str().unwrap().to_lowercase();
        assert!(status["connected"] == false || name == "uncertified", "{status}");
        assert!(error.contains(said), "{name}: {error}");
        assert_eq!(status["packetsTotal"], 0, "{status}");
    }
    let told = network::get(metrics, "/metrics").unwrap().1
        + &std::fs::read_to_string(data.join("ingestor-stats.json")).unwrap();
    assert_eq!(process.stop(), Some(0));
    let told = told + &process.lines.lock().unwrap().join("\n");
    for secret in ["hunter2secret", "p@ss", "p%40ss", "wrong-secret", "an-old-token", &token] {
        assert!(!told.contains(secret), "{secret} is told");
    }
}

#[test]
fn a_broker_that_answers_no_more_is_noticed_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let Some(broker) = Mosquitto::start(dir.path()) else { return };
    let data = dir.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let config = json!({"mqttSources": [
        {"name": "frozen", "broker": broker.url(), "keepAliveSec": 5, "connectTimeoutSec": 1}
    ]});
    std::fs::write(data.join("config.json"), config.to_string()).unwrap();
    let mut process = Process::start(ingestor().arg("--data").arg(&data));
    process.line("subscribed");
    let publisher = Publisher::start(broker.port, "publisher", 1, 100.0);
    wait_for("messages", || source(&data, "frozen")["packetsTotal"].as_u64() > Some(50));
    // The connection stands, and nothing comes over it any more: what a dead link looks like.
    broker.signal("STOP");
    wait_for("the source to be given up", || source(&data, "frozen")["connected"] == false);
    assert_eq!(source(&data, "frozen")["disconnectCount"], 1);
    process.line("connection lost");
    // A frozen broker still completes TCP connections; the attempts must not hang on it.
    process.line("cannot connect");
    broker.signal("CONT");
    wait_for("the source to deliver again", || source(&data, "frozen")["connected"] == true);
    let before = publisher.acknowledged();
    wait_for("messages", || publisher.acknowledged() > before + 50);
    assert_exactly_once(&data.join("meshcore.db"), &publisher.finish());
    let status = source(&data, "frozen");
    assert!(
        status["connectCount"].as_u64() >= Some(2) && status["sessionsResumed"].as_u64() >= Some(1),
        "{status}"
    );
    assert_eq!(process.stop(), Some(0));
}
