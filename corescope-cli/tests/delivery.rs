//! Nothing that was acknowledged is lost, and nothing is there twice: proven with real processes that are killed.
//!
//! `CORESCOPE_KILLS` sets how often (10 by default, 200 in `make soak`).

#![allow(clippy::unwrap_used, reason = "tests and their helpers")]

mod support;

use std::path::Path;
use std::time::Duration;

use support::mqtt::Publisher;
use support::{
    Heard, Mosquitto, Process, assert_accounted_for, assert_exactly_once, assert_in_good_order, corescope,
    ingestor, network, port_of, up, wait_for,
};

fn kills() -> u32 {
    std::env::var("CORESCOPE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

/// Moments that differ from run to run are no use when one of them fails: these are the same each time.
fn moment(round: u32) -> Duration {
    Duration::from_millis(u64::from(round.wrapping_mul(2_654_435_761) % 700) + 20)
}

/// Kills what `start` started, at all moments, and starts it again, while somebody publishes to the port;
/// `line` is what a process says once messages can come.
fn kill_again_and_again(database: &Path, port: u16, line: &str, start: impl Fn() -> Process) {
    let mut process = start();
    // Behind a broker: from now on it keeps what comes for this client.
    process.line(line);
    let publisher = Publisher::start(port, "publisher", 1, 400.0);
    for round in 0..kills() {
        wait_for("somebody to listen", || network::listens(port));
        std::thread::sleep(moment(round));
        process.kill();
        process = start();
    }
    process.line(line);
    let before = publisher.acknowledged();
    wait_for("messages after the last kill", || publisher.acknowledged() > before + 50);
    let messages = publisher.finish();
    assert_exactly_once(database, &messages);
    assert_eq!(process.stop(), Some(0));
    assert_in_good_order(database);
    assert_accounted_for(database);
}

#[test]
fn behind_mosquitto_the_ingestor_is_killed_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let Some(broker) = Mosquitto::start(dir.path()) else { return };
    let data = dir.path().join("data");
    kill_again_and_again(&data.join("meshcore.db"), broker.port, "subscribed", || {
        Process::start(ingestor().arg("-data").arg(&data).env("MQTT_BROKER", broker.url()))
    });
}

#[test]
fn with_its_own_endpoint_the_process_is_killed_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let port = network::free_port();
    kill_again_and_again(&dir.path().join("meshcore.db"), port, "mqtt://", || {
        Process::start(&mut up(dir.path(), port))
    });
}

#[test]
fn a_broker_that_goes_and_comes_back_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut broker) = Mosquitto::start(dir.path()) else { return };
    let data = dir.path().join("data");
    let mut process = Process::start(ingestor().arg("-data").arg(&data).env("MQTT_BROKER", broker.url()));
    process.line("subscribed");
    let publisher = Publisher::start(broker.port, "publisher", 1, 300.0);
    for _ in 0..3 {
        let before = publisher.acknowledged();
        wait_for("messages", || publisher.acknowledged() > before + 100);
        broker.restart();
    }
    let messages = publisher.finish();
    assert_exactly_once(&data.join("meshcore.db"), &messages);
    assert_eq!(process.stop(), Some(0));
    assert!(process.said("connection lost"));
}

#[test]
fn a_database_locked_by_another_process_only_delays() {
    let dir = tempfile::tempdir().unwrap();
    let port = network::free_port();
    let metrics = network::free_port();
    let mut process =
        Process::start(up(dir.path(), port).args(["--metrics-listen", &format!("127.0.0.1:{metrics}")]));
    process.line("mqtt://");
    let database = dir.path().join("meshcore.db");
    let publisher = Publisher::start(port, "publisher", 1, 100.0);
    wait_for("messages", || publisher.acknowledged() > 20);
    let holder = rusqlite::Connection::open(&database).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    wait_for("the process to call itself not ready", || {
        network::get(metrics, "/readyz")
            .is_some_and(|(status, body)| status == 503 && body.contains("committed"))
    });
    let page = port_of(&process.line("http://"));
    wait_for("the server to say so too", || {
        network::get(page, "/readyz")
            .is_some_and(|(status, body)| status == 503 && body.contains("committed"))
    });
    assert_eq!(network::get(page, "/livez").map(|(status, _)| status), Some(200));
    let during = publisher.acknowledged();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(publisher.acknowledged(), during, "acknowledged although nothing could be committed");
    holder.execute_batch("ROLLBACK").unwrap();
    wait_for("messages to be acknowledged again", || publisher.acknowledged() > during + 20);
    wait_for("the process to be ready again", || {
        network::get(metrics, "/readyz").is_some_and(|(s, _)| s == 200)
    });
    let messages = publisher.finish();
    assert_exactly_once(&database, &messages);
    assert_eq!(process.stop(), Some(0));
    assert_in_good_order(&database);
    assert_accounted_for(&database);
}

#[test]
fn a_full_disk_acknowledges_nothing_and_ends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let port = network::free_port();
    let program = env!("CARGO_BIN_EXE_corescope-cli");
    let line = format!(
        "exec {program} up --listen 127.0.0.1:0 --mqtt-listen 127.0.0.1:{port} --grace 1 --data {}",
        dir.path().display()
    );
    // No file may become larger than this: what a full disk looks like to the one who writes. In units of 512 bytes.
    let mut process =
        Process::start(std::process::Command::new("sh").arg("-c").arg(format!("ulimit -f 8000; {line}")));
    process.line("mqtt://");
    let database = dir.path().join("meshcore.db");
    let publisher = Publisher::start(port, "publisher", 1, 1000.0);
    process.line("cannot commit");
    std::thread::sleep(Duration::from_millis(300));
    assert!(process.is_running(), "a full disk ended the process");
    process.kill();
    let mut process = Process::start(std::process::Command::new("sh").arg("-c").arg(line));
    process.line("mqtt://");
    let messages = publisher.finish();
    assert_exactly_once(&database, &messages);
    assert_eq!(process.stop(), Some(0));
    assert_in_good_order(&database);
    assert_accounted_for(&database);
}

#[test]
fn a_stop_in_the_middle_stores_and_answers_what_came() {
    let dir = tempfile::tempdir().unwrap();
    let port = network::free_port();
    let run = || Process::start(&mut up(dir.path(), port));
    let mut process = run();
    process.line("mqtt://");
    let publisher = Publisher::start(port, "publisher", 1, 2000.0);
    for _ in 0..3 {
        let before = publisher.acknowledged();
        wait_for("messages", || publisher.acknowledged() > before + 100);
        assert_eq!(process.stop(), Some(0));
        assert!(process.said("everything that was received is stored"));
        process = run();
        process.line("mqtt://");
    }
    let messages = publisher.finish();
    assert_exactly_once(&dir.path().join("meshcore.db"), &messages);
}

#[test]
fn two_brokers_that_carry_the_same_observer_count_once() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let (Some(first), Some(second)) = (Mosquitto::start(&one), Mosquitto::start(&two)) else { return };
    let config = format!(
        r#"{{"mqttSources":[{{"name":"first","broker":"{}"}},{{"name":"second","broker":"{}"}}]}}"#,
        first.url(),
        second.url()
    );
    let data = dir.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("config.json"), config).unwrap();
    let mut process = Process::start(corescope().arg("ingest").arg("--data").arg(&data));
    wait_for("both connections", || {
        process.lines.lock().unwrap().iter().filter(|line| line.contains("connected")).count() == 2
    });
    let publishers = [first.port, second.port].map(|port| Publisher::start(port, "publisher", 1, 200.0));
    wait_for("messages", || publishers.iter().all(|publisher| publisher.acknowledged() > 100));
    let messages: Vec<Heard> = publishers.into_iter().flat_map(Publisher::finish).collect();
    let database = data.join("meshcore.db");
    assert_exactly_once(&database, &messages);
    assert_eq!(process.stop(), Some(0));
    let connection = corescope_store::db::open_read(&database).unwrap();
    let (received, stored, duplicate): (i64, i64, i64) = connection
        .query_row("SELECT SUM(received), SUM(stored), SUM(duplicate) FROM cs_ledger", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(received, stored + duplicate);
    assert!(received as usize >= messages.len() && duplicate > 0, "{received} = {stored} + {duplicate}");
}
