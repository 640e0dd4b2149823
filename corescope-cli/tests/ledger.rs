//! Known losses on our own side are in the account, each at its observer and under its name, to the last message.

#![allow(clippy::unwrap_used, reason = "tests and their helpers")]

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use support::{Heard, Process, assert_in_good_order, corescope, mqtt, network, port_of, wait_for};

/// The account of one observer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Line {
    received: i64,
    stored: i64,
    duplicate: i64,
    filtered: i64,
    rejected: i64,
    reasons: BTreeMap<String, i64>,
}

impl Line {
    fn new(stored: i64, duplicate: i64, filtered: &[(&str, i64)], rejected: &[(&str, i64)]) -> Self {
        let sum = |list: &[(&str, i64)]| list.iter().map(|(_, count)| count).sum::<i64>();
        let (out, bad) = (sum(filtered), sum(rejected));
        let reasons = filtered.iter().chain(rejected).map(|(why, count)| ((*why).to_owned(), *count));
        Self {
            received: stored + duplicate + out + bad,
            stored,
            duplicate,
            filtered: out,
            rejected: bad,
            reasons: reasons.collect(),
        }
    }

    fn add(&mut self, line: &Value) {
        let figure = |name: &str| line[name].as_i64().unwrap();
        self.received += figure("received");
        self.stored += figure("stored");
        self.duplicate += figure("duplicate");
        self.filtered += figure("filtered");
        self.rejected += figure("rejected");
        if let Some(reasons) = line["reasons"].as_object() {
            for (why, count) in reasons {
                *self.reasons.entry(why.clone()).or_default() += count.as_i64().unwrap();
            }
        }
    }
}

type Book = BTreeMap<String, Line>;

/// What the server tells about our endpoint, by observer.
fn told(page: u16) -> Option<Book> {
    let (status, body) = network::get(page, "/api/v2/ledger?step=1m&source=endpoint")?;
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["balanced"], true, "{body}");
    let mut book = Book::new();
    let mut sum = Line::default();
    for line in answer["lines"].as_array().unwrap() {
        book.entry(line["observer"].as_str().unwrap().to_owned()).or_default().add(line);
        sum.add(line);
    }
    let mut total = Line::default();
    total.add(&answer["total"]);
    assert_eq!(total, sum, "the total is not the sum of the lines: {body}");
    Some(book)
}

/// What is in the database, by observer.
fn written(database: &Path) -> Book {
    let connection = corescope_store::db::open_read(database).unwrap();
    let mut rows = connection
        .prepare(
            "SELECT observer, json_object('received', received, 'stored', stored, 'duplicate', duplicate,
               'filtered', filtered, 'rejected', rejected, 'reasons', json(COALESCE(detail, '{}')))
             FROM cs_ledger WHERE source = 'endpoint'",
        )
        .unwrap();
    let rows = rows.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
    let mut book = Book::new();
    for (observer, line) in rows.map(Result::unwrap) {
        book.entry(observer).or_default().add(&serde_json::from_str(&line).unwrap());
    }
    book
}

/// What the running process says of its endpoint: received, and in flight; none while the file says nothing yet.
fn in_flight(data: &Path) -> Option<(i64, i64)> {
    let text = std::fs::read_to_string(data.join("ingestor-stats.json")).ok()?;
    let stats: Value = serde_json::from_str(&text).ok()?;
    let line = &stats["ledger"]["endpoint"];
    let sum: i64 = ["stored", "duplicate", "filtered", "rejected", "inFlight"]
        .iter()
        .map(|name| line[name].as_i64())
        .sum::<Option<i64>>()?;
    assert_eq!(line["received"].as_i64()?, sum, "{line}");
    Some((sum, line["inFlight"].as_i64()?))
}

/// A publisher that sends what it is told, and counts the answers.
struct Sender {
    stream: TcpStream,
    sent: u16,
}

impl Sender {
    fn new(port: u16) -> Self {
        let stream = mqtt::connect(port, "sender").unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        Self { stream, sent: 0 }
    }

    fn send(&mut self, topic: &str, payload: &[u8]) {
        self.sent += 1;
        self.stream.write_all(&mqtt::publish(topic, payload, self.sent)).unwrap();
    }

    fn hear(&mut self, heard: Heard) {
        self.send(&heard.topic(), heard.payload().as_bytes());
    }

    /// Every message sent so far is answered, in order.
    fn all_answered(&mut self) {
        for id in 1..=self.sent {
            let mut answer = [0; 4];
            self.stream.read_exact(&mut answer).unwrap();
            assert_eq!((answer[0], u16::from_be_bytes([answer[2], answer[3]])), (0x40, id));
        }
    }
}

fn up(data: &Path) -> Process {
    Process::start(
        corescope()
            .args(["up", "--listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0", "--data"])
            .arg(data),
    )
}

const A: u8 = 1;
const B: u8 = 2;
const UNWANTED: u8 = 9;

fn observer(number: u8) -> String {
    Heard { transmission: 0, observer: number }.observer_id()
}

/// Everything that can become of a message, a known number of times.
fn send_everything(sender: &mut Sender) -> Book {
    let topic =
        |number: u8, region: &str, kind: &str| format!("meshcore/{region}/{}/{kind}", observer(number));
    for transmission in 1..=5 {
        sender.hear(Heard { transmission, observer: A });
    }
    for transmission in 1..=3 {
        sender.hear(Heard { transmission, observer: A });
    }
    for transmission in 4..=10 {
        sender.hear(Heard { transmission, observer: B });
    }
    sender.hear(Heard { transmission: 10, observer: B });
    let packets = topic(A, "TST", "packets");
    for damaged in [&b"not json"[..], b"", b"[1,2]"] {
        sender.send(&packets, damaged);
    }
    sender.send(&packets, br#"{"raw":7}"#);
    sender.send(&packets, br#"{"type":"PACKET"}"#);
    sender.send(&packets, br#"{"raw":"abc"}"#);
    // A path of 63 hops that is not there.
    sender.send(&packets, br#"{"raw":"153F0102"}"#);
    let oversize = format!(r#"{{"raw":"{}"}}"#, "0".repeat(64 * 1024));
    for _ in 0..2 {
        sender.send(&packets, oversize.as_bytes());
    }
    let elsewhere = Heard { transmission: 11, observer: B }.payload();
    for _ in 0..4 {
        sender.send(&topic(B, "XYZ", "packets"), elsewhere.as_bytes());
    }
    sender.send(&topic(B, "TST", "neighbors"), b"{}");
    sender.send(&format!("meshcore/client/{}/packets", observer(B)), b"{}");
    for transmission in 1..=6 {
        sender.hear(Heard { transmission, observer: UNWANTED });
    }
    Book::from([
        (
            observer(A),
            Line::new(
                5,
                3,
                &[],
                &[("json", 3), ("raw_type", 2), ("hex", 1), ("path_overrun", 1), ("size", 2)],
            ),
        ),
        (observer(B), Line::new(7, 1, &[("region_whitelist", 4), ("topic", 1), ("mobile_off", 1)], &[])),
        (observer(UNWANTED), Line::new(0, 0, &[("observer_blacklist", 6)], &[])),
    ])
}

#[test]
fn every_message_is_in_the_account_under_what_became_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("meshcore.db");
    std::fs::write(
        dir.path().join("config.json"),
        format!(r#"{{"observerBlacklist":["{}"],"observerIATAWhitelist":["TST"]}}"#, observer(UNWANTED)),
    )
    .unwrap();
    let mut process = up(dir.path());
    let (port, page) = (port_of(&process.line("mqtt://")), port_of(&process.line("http://")));
    let mut sender = Sender::new(port);
    let mut expected = send_everything(&mut sender);
    sender.all_answered();
    let sent = i64::from(sender.sent);
    // Acknowledged means that the line of the account is on the disk too.
    assert_eq!(written(&database), expected);
    assert_eq!(expected.values().map(|line| line.received).sum::<i64>(), sent);
    wait_for("nothing to be in flight", || in_flight(dir.path()) == Some((sent, 0)));
    // What the operator hides is not told, not even how much of it there is.
    let mut shown = expected.clone();
    shown.remove(&observer(UNWANTED));
    wait_for("the server to tell the account", || told(page).is_some_and(|book| book == shown));

    // A packet above the limit ends its connection before it is read: it was never received.
    let mut greedy = mqtt::connect(port, "greedy").unwrap();
    let _ = greedy.write_all(&mqtt::publish("meshcore/TST/X/packets", &vec![b'x'; 300 << 10], 1));
    greedy.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let _ = greedy.read_to_end(&mut Vec::new());

    // While nothing can be committed everything is in flight, and the account stays what it was.
    let holder = rusqlite::Connection::open(&database).unwrap();
    holder.busy_timeout(Duration::from_mins(1)).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut second = Sender::new(port);
    let under_way = |sender: &mut Sender| {
        for transmission in 101..=140 {
            sender.hear(Heard { transmission, observer: A });
        }
        sender.hear(Heard { transmission: 101, observer: A });
        sender.send(&Heard { transmission: 0, observer: B }.topic(), b"{");
    };
    under_way(&mut second);
    wait_for("42 messages in flight", || in_flight(dir.path()) == Some((sent + 42, 42)));
    assert_eq!(told(page), Some(shown));
    // The process dies with them: they were not acknowledged, so the sender has them still, and sends them again.
    process.kill();
    holder.execute_batch("ROLLBACK").unwrap();
    drop(holder);
    let mut process = up(dir.path());
    let (port, page) = (port_of(&process.line("mqtt://")), port_of(&process.line("http://")));
    assert_eq!(written(&database), expected);
    let mut again = Sender::new(port);
    under_way(&mut again);
    again.all_answered();
    for (number, added) in [(A, Line::new(40, 1, &[], &[])), (B, Line::new(0, 0, &[], &[("json", 1)]))] {
        let line = expected.get_mut(&observer(number)).unwrap();
        line.received += added.received;
        line.stored += added.stored;
        line.duplicate += added.duplicate;
        line.rejected += added.rejected;
        line.reasons.extend(added.reasons);
    }
    assert_eq!(written(&database), expected);
    wait_for("nothing to be in flight", || in_flight(dir.path()) == Some((42, 0)));
    let mut shown = expected.clone();
    shown.remove(&observer(UNWANTED));
    wait_for("the server to tell the account", || told(page).is_some_and(|book| book == shown));
    // What is stored is what can be read.
    let readable: u64 = support::stored(&database).values().sum();
    assert_eq!(expected.values().map(|line| line.stored).sum::<i64>(), readable as i64);
    assert_eq!(process.stop(), Some(0));
    assert_in_good_order(&database);
}
