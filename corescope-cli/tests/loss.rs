//! What is lost or doubled at the broker and on the wire, a known number of times, is found in the ledger: exactly
//! where it happened on our side, and as an estimate where it never arrived.

#![allow(clippy::unwrap_used, reason = "tests and their helpers")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use corescope_store::write::{
    Accepted, Message, ObserverMark, Options, PacketMessage, StatusMessage, Writer,
};
use serde_json::Value;
use support::proxy::Wire;
use support::{
    Heard, Mosquitto, Process, assert_exactly_once, assert_in_good_order, corescope, mqtt, network, port_of,
    stored, wait_for,
};

/// What the observer had counted before the test.
const BEFORE: i64 = 1_000;
const OBSERVER: u8 = 1;

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

fn heard(transmission: u64) -> Heard {
    Heard { transmission, observer: OBSERVER }
}

/// A database in which the observer has told its counter, some time ago in this hour.
fn prepared(data: &Path, source: &str) -> i64 {
    std::fs::create_dir_all(data).unwrap();
    let config = format!(
        r#"{{"mqttSources":[{{"name":"broker","broker":"{source}"}}],"metrics":{{"sampleIntervalSec":1}}}}"#
    );
    std::fs::write(data.join("config.json"), config).unwrap();
    let at = (now() - 3_000).max(now() / 3_600 * 3_600);
    let status = StatusMessage { packets_recv: Some(BEFORE), ..StatusMessage::default() };
    let mut options = Options::default();
    options.rules.metrics_interval_s = 1;
    let mut writer = Writer::open(&data.join("meshcore.db"), options).unwrap();
    let observer = ObserverMark { id: heard(0).observer_id(), ..ObserverMark::default() };
    let message = Accepted {
        source: "broker".into(),
        received_at_ms: at * 1000,
        observer: Some(observer),
        message: Message::Status(status),
    };
    writer.batch(&[message]).unwrap();
    writer.close().unwrap();
    at
}

fn up(data: &Path) -> Process {
    let process = Process::start(
        corescope()
            .args(["up", "--listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0", "--data"])
            .arg(data),
    );
    // What is published or cut before is not the test's.
    process.line("subscribed");
    process
}

/// Publishes at a quality that nobody confirms, and waits until the broker has dealt with it.
struct Careless {
    stream: TcpStream,
}

impl Careless {
    fn new(port: u16) -> Self {
        let stream = mqtt::connect(port, "careless").unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        Self { stream }
    }

    fn publish(&mut self, transmissions: std::ops::Range<u64>) {
        for transmission in transmissions {
            let message = heard(transmission);
            self.stream
                .write_all(&mqtt::publish_unconfirmed(&message.topic(), message.payload().as_bytes()))
                .unwrap();
        }
        self.stream.write_all(&[0xc0, 0]).unwrap();
        self.stream.read_exact(&mut [0; 2]).unwrap();
    }
}

/// Publishes at quality 1, and waits for every answer.
struct Careful {
    stream: TcpStream,
    sent: u16,
}

impl Careful {
    fn new(port: u16) -> Self {
        let stream = mqtt::connect(port, "careful").unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        Self { stream, sent: 0 }
    }

    fn publish(&mut self, messages: impl IntoIterator<Item = (String, String)>) {
        for (topic, payload) in messages {
            self.sent += 1;
            self.stream.write_all(&mqtt::publish(&topic, payload.as_bytes(), self.sent)).unwrap();
            self.stream.read_exact(&mut [0; 4]).unwrap();
        }
    }

    fn hear(&mut self, transmissions: std::ops::Range<u64>) {
        self.publish(transmissions.map(|n| (heard(n).topic(), heard(n).payload())));
    }

    /// The observer tells how many packets it has heard in all.
    fn tell(&mut self, packets: i64) {
        let topic = format!("meshcore/TST/{}/status", heard(0).observer_id());
        self.publish([(topic, format!(r#"{{"status":"online","stats":{{"packets_recv":{packets}}}}}"#))]);
    }
}

fn wait_for_stored(database: &Path, count: usize) {
    wait_for(&format!("{count} observations"), || stored(database).len() == count);
}

/// Received, expected and the evidence, of all hours of the test.
fn estimated(data: &Path, page: u16, since: i64) -> (i64, i64, Vec<String>) {
    let done = corescope().args(["maintain", "completeness", "--data"]).arg(data).status().unwrap();
    assert!(done.success());
    let since = corescope_core::time::rfc3339(since);
    let (status, body) = network::get(page, &format!("/api/v2/ledger?since={since}")).unwrap();
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["balanced"], true);
    let (mut received, mut expected, mut basis) = (0, 0, Vec::new());
    for row in answer["completeness"].as_array().unwrap() {
        received += row["received"].as_i64().unwrap();
        expected += row["expected"].as_i64().unwrap_or_else(|| panic!("{body}"));
        basis.push(row["basis"].as_str().unwrap().to_owned());
    }
    (received, expected, basis)
}

/// What the ledger says of the source.
fn source(page: u16) -> Value {
    let (_, body) = network::get(page, "/api/v2/ledger").unwrap();
    let answer: Value = serde_json::from_str(&body).unwrap();
    answer["sources"].as_array().unwrap().iter().find(|s| s["name"] == "broker").unwrap().clone()
}

/// The observer has heard so many packets; so many of them arrived. To the packet, but for rounding where an hour ends
/// during the test.
fn assert_missing(data: &Path, page: u16, since: i64, careful: &mut Careful, sent: u64, arrived: u64) {
    // The counter tells of everything before its second.
    let last = now();
    wait_for("the second to pass", || now() > last);
    careful.tell(BEFORE + sent as i64);
    let database = data.join("meshcore.db");
    wait_for("the counter to be stored", || {
        let samples: i64 = corescope_store::db::open_read(&database)
            .unwrap()
            .query_row("SELECT max(packets_recv) FROM observer_metrics", [], |r| r.get(0))
            .unwrap();
        samples == BEFORE + sent as i64
    });
    let (received, expected, basis) = estimated(data, page, since);
    assert!(basis.iter().all(|basis| basis == "counters"), "{basis:?}");
    assert_eq!(received, arrived as i64);
    assert!((expected - sent as i64).abs() < basis.len() as i64, "{expected} estimated of {sent}: {basis:?}");
}

#[test]
fn what_a_broker_drops_while_we_are_away_is_estimated() {
    let dir = tempfile::tempdir().unwrap();
    // It keeps ten messages for who is away, and lies to the publisher about the rest.
    let Some(broker) = Mosquitto::start_limited(dir.path(), "max_queued_messages 10") else { return };
    let data = dir.path().join("data");
    let database = data.join("meshcore.db");
    let since = prepared(&data, &broker.url());
    let mut process = up(&data);
    let (mut careless, mut careful) = (Careless::new(broker.port), Careful::new(broker.port));
    careless.publish(1..41);
    wait_for_stored(&database, 40);
    assert_eq!(process.stop(), Some(0));
    // Quality 0: nobody keeps it. Quality 1: confirmed, and most of it dropped.
    careless.publish(101..126);
    careful.hear(201..261);
    let stopped = now();
    wait_for("the outage to last", || now() > stopped + 1);
    let mut process = up(&data);
    careless.publish(301..316);
    let page = port_of(&process.line("http://"));
    let last = heard(315);
    wait_for("the newest message", || stored(&database).contains_key(&(last.raw(), last.observer_id())));
    let arrived = stored(&database).len() as u64;
    let sent = 40 + 25 + 60 + 15;
    assert!((40 + 15..sent - 25).contains(&arrived), "{arrived} of {sent}");
    assert_missing(&data, page, since, &mut careful, sent, arrived);
    wait_for("the outage to be noted", || {
        let outages = source(page)["outages"].as_array().unwrap().clone();
        outages.len() == 1 && outages[0]["resumed"] == true
    });
    assert_eq!(source(page)["mayLose"], Value::Null);
    assert_eq!(process.stop(), Some(0));
    assert_in_good_order(&database);
}

#[test]
fn a_wire_that_is_cut_doubles_what_was_not_answered_and_loses_nothing_of_quality_1() {
    let dir = tempfile::tempdir().unwrap();
    let Some(broker) = Mosquitto::start(dir.path()) else { return };
    let wire = Wire::to(broker.port);
    let data = dir.path().join("data");
    let database = data.join("meshcore.db");
    let since = prepared(&data, &format!("mqtt://127.0.0.1:{}", wire.port));
    let mut process = up(&data);
    let page = port_of(&process.line("http://"));
    let mut careful = Careful::new(broker.port);
    let account = || -> (i64, i64, i64) {
        let query =
            "SELECT SUM(received), SUM(stored), SUM(duplicate) FROM cs_ledger WHERE source = 'broker'";
        let connection = corescope_store::db::open_read(&database).unwrap();
        connection.query_row(query, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap()
    };
    let (mut sent, mut doubled) = (0_u64, 0_i64);
    // Stored, but the broker never learns of it: all of it comes again.
    for round in 0..3 {
        wire.mute_the_client(true);
        careful.hear(sent..sent + 15);
        (sent, doubled) = (sent + 15, doubled + 15);
        wait_for_stored(&database, sent as usize);
        wire.cut();
        wait_for(&format!("the copies of round {round}"), || account().2 == doubled);
    }
    // In the middle of the third message: two came, and come again.
    wire.mute_the_client(true);
    let size = mqtt::publish(&heard(1_000).topic(), heard(1_000).payload().as_bytes(), 1).len();
    wire.pass_only(2 * size + size / 2);
    careful.hear(1_000..1_005);
    (sent, doubled) = (sent + 5, doubled + 2);
    wait_for_stored(&database, sent as usize - 3);
    wait_for("the rest to be lost on the wire", || wire.swallowed() >= 2 * size as u64);
    wire.cut();
    wait_for_stored(&database, sent as usize);
    wait_for("the copies", || account().2 == doubled);
    let messages: Vec<Heard> = (0..45).chain(1_000..1_005).map(heard).collect();
    assert_exactly_once(&database, &messages);
    // The first line is the counter that was there before.
    assert_eq!(account(), (1 + sent as i64 + doubled, 1 + sent as i64, doubled));

    // What is lost at quality 0 was never received: only the observer knows of it.
    let mut careless = Careless::new(broker.port);
    careless.publish(2_000..2_010);
    wait_for_stored(&database, sent as usize + 10);
    let before = wire.swallowed();
    wire.mute_the_broker(true);
    careless.publish(2_100..2_130);
    wait_for("thirty messages to be lost on the wire", || {
        wire.swallowed() >= before + 30 * (size as u64 - 2)
    });
    wire.cut();
    wait_for("a new connection", || {
        process.lines.lock().unwrap().iter().filter(|line| line.contains("connected")).count() == 6
    });
    assert_missing(&data, page, since, &mut careful, sent + 40, sent + 10);
    assert_eq!(process.stop(), Some(0));
    assert_in_good_order(&database);
}

#[test]
fn how_complete_an_hour_was_is_told_wherever_somebody_looks() {
    const HOUR: i64 = 3_600;
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("meshcore.db");
    // Which hour is the newest must not change in the middle of the test.
    wait_for("the hour to be young enough", || (now() - 360) % HOUR < HOUR - 120);
    // Two observers hear the same sixty packets an hour; in the newest full hour one of them hears every other.
    let last = (now() - 360) / HOUR * HOUR;
    let mut writer = Writer::open(&database, Options::default()).unwrap();
    for hour in 1..=6 {
        let start = last - hour * HOUR;
        let message = |minute: i64, observer: u8| {
            let heard = Heard { transmission: (hour * 60 + minute).unsigned_abs(), observer };
            Accepted {
                source: "endpoint".into(),
                received_at_ms: (start + minute * 60) * 1000,
                observer: Some(ObserverMark { id: heard.observer_id(), ..ObserverMark::default() }),
                message: Message::Packet(PacketMessage { raw_hex: heard.raw(), ..PacketMessage::default() }),
            }
        };
        let heard = (0..60).flat_map(|minute| {
            let is_lost = hour == 1 && minute % 2 == 1;
            [Some(message(minute, 2)), (!is_lost).then(|| message(minute, OBSERVER))]
        });
        writer.batch(&heard.flatten().collect::<Vec<_>>()).unwrap();
    }
    writer.close().unwrap();
    let metrics = network::free_port();
    let mut process = Process::start(
        corescope()
            .args(["up", "--listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0"])
            .args(["--metrics-listen", &format!("127.0.0.1:{metrics}"), "--data"])
            .arg(dir.path()),
    );
    let page = port_of(&process.line("http://"));
    let done = corescope().args(["maintain", "completeness", "--data"]).arg(dir.path()).status().unwrap();
    assert!(done.success());
    let (_, body) = network::get(page, "/api/v2/ledger").unwrap();
    let answer: Value = serde_json::from_str(&body).unwrap();
    let hour = corescope_core::time::rfc3339(last - HOUR);
    let rows = answer["completeness"].as_array().unwrap();
    let row = |observer: u8| {
        let id = Heard { transmission: 0, observer }.observer_id();
        rows.iter().find(|row| row["hour"] == hour.as_str() && row["observer"] == id.as_str()).unwrap()
    };
    let lossy = row(OBSERVER);
    assert_eq!((lossy["received"].as_i64(), lossy["expected"].as_i64()), (Some(30), Some(60)), "{lossy}");
    assert_eq!(
        (lossy["basis"].as_str(), lossy["covered"].as_i64()),
        (Some("neighbours"), Some(HOUR)),
        "{lossy}"
    );
    assert_eq!(lossy["evidence"], Value::Null, "{lossy}");
    let (_, body) =
        network::get(page, &format!("/api/v2/ledger?observer={}", heard(0).observer_id())).unwrap();
    let alone: Value = serde_json::from_str(&body).unwrap();
    let rows = alone["completeness"].as_array().unwrap();
    let lossy = rows.iter().find(|row| row["hour"] == hour.as_str()).unwrap();
    let neighbours = &lossy["evidence"]["neighbours"];
    assert_eq!(
        (neighbours["peers"].as_i64(), neighbours["missing"].as_i64()),
        (Some(1), Some(30)),
        "{lossy}"
    );
    assert_eq!(row(2)["ratio"], 1.0);
    let series =
        format!("corescope_observer_completeness_ratio{{observer=\"{}\"}} 0.5", heard(0).observer_id());
    wait_for("the observer to be told to a monitor", || {
        network::get(metrics, "/metrics").is_some_and(|(_, body)| {
            body.contains(&series) && body.contains(r#"corescope_completeness_ratio{source="endpoint"} 0.75"#)
        })
    });
    wait_for("the source to be told with its status", || {
        let Some((_, body)) = network::get(page, "/api/mqtt/status") else { return false };
        let status: Value = serde_json::from_str(&body).unwrap();
        let source = status["sources"].as_array().unwrap().iter().find(|s| s["name"] == "endpoint").cloned();
        source.is_some_and(|source| source["completeness"]["ratio"] == 0.75)
    });
    assert_eq!(process.stop(), Some(0));
}

#[test]
fn a_broker_that_grants_less_than_asked_is_marked() {
    let dir = tempfile::tempdir().unwrap();
    let Some(broker) = Mosquitto::start_limited(dir.path(), "max_qos 0") else { return };
    let data = dir.path().join("data");
    prepared(&data, &broker.url());
    let mut process = up(&data);
    let page = port_of(&process.line("http://"));
    let mut careless = Careless::new(broker.port);
    careless.publish(1..4);
    wait_for_stored(&data.join("meshcore.db"), 3);
    wait_for("the source to be marked", || {
        let Some((_, body)) = network::get(page, "/api/mqtt/status") else { return false };
        let status: Value = serde_json::from_str(&body).unwrap();
        let source = status["sources"].as_array().unwrap().iter().find(|s| s["name"] == "broker").cloned();
        source.is_some_and(|source| {
            (source["askedQos"] == 1 && source["grantedQos"] == 0)
                && source["mayLose"].as_str().is_some_and(|why| why.contains("QoS 0"))
                && source["account"]["stored"] == 3
        })
    });
    let (_, body) = network::get(page, "/api/v2/ledger").unwrap();
    let answer: Value = serde_json::from_str(&body).unwrap();
    let source =
        answer["sources"].as_array().unwrap().iter().find(|s| s["name"] == "broker").unwrap().clone();
    assert!(source["mayLose"].is_string(), "{source}");
    assert_eq!(process.stop(), Some(0));
    assert_in_good_order(&data.join("meshcore.db"));
}
