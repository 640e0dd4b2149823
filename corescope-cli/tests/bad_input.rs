//! Every kind of bad or odd input that publishers are known to send, sent to a running process; what became of it is
//! read from its database.

#![allow(clippy::unwrap_used, reason = "tests and their helpers")]

mod support;

use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use corescope_decode::crypto::KeyPair;
use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;
use support::{Process, assert_in_good_order, corescope, mqtt, port_of, wait_for};

/// What must become of a message.
enum Becomes {
    /// Nothing, for this reason.
    Refused(&'static str),
    /// An observation of which this query says this; `?1` is the observer.
    Stored(&'static str, &'static str),
}
use Becomes::{Refused, Stored};

struct Row {
    what: &'static str,
    /// Below `meshcore/TST/`, or the whole topic where it has no observer of its own.
    topic: Option<&'static str>,
    payload: Vec<u8>,
    becomes: Becomes,
}

fn row(what: &'static str, payload: impl Into<Vec<u8>>, becomes: Becomes) -> Row {
    Row { what, topic: None, payload: payload.into(), becomes }
}

fn elsewhere(topic: &'static str, row: Row) -> Row {
    Row { topic: Some(topic), ..row }
}

/// A packet with these fields beside its frame, which differs from row to row by what is in `mark`.
fn with(mark: &str, fields: &str) -> String {
    format!(r#"{{"raw":"1500AA0000{mark:0>32}",{fields}}}"#)
}

fn raw(hex: &str) -> String {
    format!(r#"{{"raw":"{hex}"}}"#)
}

/// A signed advert whose sender thinks that it is this time.
fn advert(seed: u8, timestamp: u32) -> String {
    let pair = KeyPair::from_seed(&[seed; 32]);
    let appdata = [&[0x82][..], b"Clockless"].concat();
    let signed = [&pair.public()[..], &timestamp.to_le_bytes(), &appdata].concat();
    let payload = [&pair.public()[..], &timestamp.to_le_bytes(), &pair.sign(&signed), &appdata].concat();
    raw(&hex::encode_upper([&[0x11, 0x00][..], &payload].concat()))
}

const SIGNAL: &str = "SELECT snr IS NULL, rssi FROM observations o JOIN observers b ON b.rowid = o.observer_idx WHERE b.id = ?1";
const COUNT: &str =
    "SELECT count(*) FROM observations o JOIN observers b ON b.rowid = o.observer_idx WHERE b.id = ?1";
const DECODED: &str = "SELECT json_extract(t.decoded_json, '$.type'), t.decoded_json LIKE '%error%' FROM transmissions t
    JOIN observations o ON o.transmission_id = t.id JOIN observers b ON b.rowid = o.observer_idx WHERE b.id = ?1";
const NAME: &str = "SELECT name FROM observers WHERE id = ?1";
const PHONE: &str = "meshcore/client/a1b2/packets";

fn rows() -> Vec<Row> {
    let long = format!(r#"{{"raw":"1500","x":"{}"}}"#, "a".repeat(70_000));
    let name = format!(r#""origin":"{}\u0007\n""#, "x".repeat(10_000));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let codes_cut = "14AABBCC";
    let no_path_byte = "14AABBCCDD";
    vec![
        row("not JSON", "not json", Refused("json")),
        row("not an object", "[1]", Refused("json")),
        row("empty", "", Refused("json")),
        row("more than 64 KiB", long, Refused("size")),
        row(
            "duplicate keys: the last counts",
            r#"{"raw":"zz","raw":"1500AA000000000000000000000000000000000001"}"#,
            Stored(COUNT, "1"),
        ),
        row(
            "text that is not UTF-8",
            [&b"{\"raw\":\"1500AA000000000000000000000000000000000002\",\"origin\":\"a\xff\"}"[..]].concat(),
            Stored(NAME, "a\u{fffd}"),
        ),
        row("raw is a number", r#"{"raw":5}"#, Refused("raw_type")),
        row("raw is a list", r#"{"raw":["15"]}"#, Refused("raw_type")),
        row("odd number of digits", raw("150"), Refused("hex")),
        row("not hex", raw("zz"), Refused("hex")),
        row("one byte", raw("15"), Refused("short")),
        row("transport codes cut", raw(codes_cut), Refused("short")),
        row("no path byte", raw(no_path_byte), Refused("short")),
        row("reserved path length", raw(&format!("15C1{}", "AA".repeat(40))), Refused("path_len")),
        row("a path of 126 bytes", raw(&format!("157F{}", "AA".repeat(140))), Refused("path_len")),
        row("a path longer than the frame", raw("153F0102"), Refused("path_overrun")),
        row("a payload of 185 bytes", raw(&format!("1500{}", "AA".repeat(185))), Refused("payload_len")),
        row("a payload too short for its type", raw("1100AABB"), Stored(DECODED, "ADVERT|1")),
        row("an empty payload", raw("1500"), Stored(COUNT, "1")),
        row("an unknown type", raw("3500AABBCC"), Stored(DECODED, "UNKNOWN|0")),
        row("an unknown version", raw("5500AABBCCDD"), Stored(COUNT, "1")),
        row("SNR is a word", with("10", r#""SNR":"Unknown","RSSI":"-90""#), Stored(SIGNAL, "1|-90")),
        row("SNR is empty", with("11", r#""SNR":"","RSSI":"-90 dBm""#), Stored(SIGNAL, "1|-90")),
        row("SNR is NaN", with("12", r#""SNR":"NaN","RSSI":-90"#), Stored(SIGNAL, "1|-90")),
        row("SNR is infinite", with("13", r#""SNR":"inf","RSSI":-90"#), Stored(SIGNAL, "1|-90")),
        row("SNR is huge", with("14", r#""SNR":1e9,"RSSI":"-300""#), Stored(SIGNAL, "1|NULL")),
        row(
            "score is a fraction",
            with("15", r#""score":"819.6""#),
            Stored(
                "SELECT score FROM observations o JOIN observers b ON b.rowid = o.observer_idx WHERE b.id = ?1",
                "820",
            ),
        ),
        row(
            "an unknown direction",
            with("16", r#""direction":"sideways and then some""#),
            Stored(
                "SELECT direction FROM observations o JOIN observers b ON b.rowid = o.observer_idx WHERE b.id = ?1",
                "sideways and the",
            ),
        ),
        row(
            "a name of 10 KB",
            with("17", &name),
            Stored("SELECT length(name), name LIKE '%x' FROM observers WHERE id = ?1", "128|1"),
        ),
        elsewhere(
            "meshcore/TST//packets",
            row(
                "no observer",
                with("18", r#""SNR":1"#),
                Stored(
                    "SELECT count(*) FROM observations o JOIN transmissions t ON t.id = o.transmission_id
                     WHERE o.observer_idx IS NULL AND t.raw_hex LIKE '%0018' AND ?1 <> ''",
                    "1",
                ),
            ),
        ),
        elsewhere(
            "meshcore/TST/on the hill/packets",
            row(
                "an observer with a name for a key",
                with("19", r#""SNR":1"#),
                Stored("SELECT count(*) FROM observers WHERE id = 'on the hill' AND ?1 <> ''", "1"),
            ),
        ),
        row(
            "a region with blanks",
            with("20", r#""region":" sjc ""#),
            Stored("SELECT iata FROM observers WHERE id = ?1", "SJC"),
        ),
        row("a time that is a number", with("21", &format!(r#""timestamp":{now}"#)), Stored(COUNT, "1")),
        row("a time that is none", with("22", r#""timestamp":"yesterday, about noon""#), Stored(COUNT, "1")),
        elsewhere("some/unknown/topic", row("an unknown topic", r#"{"hello":1}"#, Refused("topic"))),
        elsewhere(PHONE, row("no place", r#"{"raw":"1500","direction":"rx"}"#, Refused("gps"))),
        elsewhere(
            PHONE,
            row(
                "a place beyond the pole",
                r#"{"raw":"1500","direction":"rx","gps":{"lat":91,"lon":1}}"#,
                Refused("gps"),
            ),
        ),
        elsewhere(
            PHONE,
            row(
                "a place without a fix",
                r#"{"raw":"1500","direction":"rx","gps":{"lat":0,"lon":0}}"#,
                Refused("gps"),
            ),
        ),
        row("an advert from the year 2000", advert(1, 946_684_800), Stored(DECODED, "ADVERT|0")),
        row("an advert from the year 2100", advert(2, 4_102_444_800), Stored(DECODED, "ADVERT|0")),
    ]
}

fn one(connection: &Connection, query: &str, observer: &str) -> Option<String> {
    let mut statement = connection.prepare(query).unwrap();
    let columns = statement.column_count();
    statement
        .query_row([observer], |row| {
            let values: Vec<String> = (0..columns)
                .map(|at| match row.get_ref(at).unwrap() {
                    rusqlite::types::ValueRef::Null => "NULL".to_owned(),
                    rusqlite::types::ValueRef::Integer(n) => n.to_string(),
                    rusqlite::types::ValueRef::Real(n) => n.to_string(),
                    rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    rusqlite::types::ValueRef::Blob(_) => "BLOB".to_owned(),
                })
                .collect();
            Ok(values.join("|"))
        })
        .optional()
        .unwrap()
}

/// How often each reason stands in the ledger.
fn reasons(connection: &Connection) -> Vec<(String, i64)> {
    let mut statement = connection
        .prepare(
            "SELECT key, sum(value) FROM cs_ledger, json_each(cs_ledger.detail) GROUP BY key ORDER BY key",
        )
        .unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

fn told_as_bad(data: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(data.join("ingestor-stats.json")).ok()?;
    Some(serde_json::from_str::<Value>(&text).ok()?["bad"].clone())
}

#[test]
fn every_kind_of_bad_input_becomes_what_it_must() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.json"), r#"{"clientRxCoverage":{"enabled":true}}"#).unwrap();
    let mut process = Process::start(
        corescope()
            .args(["up", "--listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0", "--data"])
            .arg(dir.path()),
    );
    let port = port_of(&process.line("mqtt://"));
    let mut stream = mqtt::connect(port, "publisher").unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let rows = rows();
    let observer = |number: usize| format!("{number:064X}");
    let mut sent: u16 = 0;
    for (number, row) in rows.iter().enumerate() {
        let topic =
            row.topic.map_or_else(|| format!("meshcore/TST/{}/packets", observer(number)), str::to_owned);
        // All of it twice: bad input is bad each time, and good input is a duplicate the second time.
        for _ in 0..2 {
            sent += 1;
            stream.write_all(&mqtt::publish(&topic, &row.payload, sent)).unwrap();
            stream.read_exact(&mut [0; 4]).unwrap();
        }
    }
    let connection = corescope_store::db::open_read(&dir.path().join("meshcore.db")).unwrap();
    let mut expected = std::collections::BTreeMap::new();
    let (mut stored, mut refused) = (0, 0);
    for (number, row) in rows.iter().enumerate() {
        match row.becomes {
            Refused(reason) => {
                *expected.entry(reason.to_owned()).or_insert(0) += 2;
                refused += 2;
            }
            Stored(query, value) => {
                stored += 1;
                assert_eq!(
                    one(&connection, query, &observer(number)).as_deref(),
                    Some(value),
                    "{}",
                    row.what
                );
            }
        }
    }
    assert_eq!(reasons(&connection), expected.into_iter().collect::<Vec<_>>());
    let account =
        "SELECT sum(received), sum(stored), sum(duplicate), sum(rejected) FROM cs_ledger WHERE ?1 <> ''";
    let balance = format!("{sent}|{stored}|{stored}|{refused}");
    assert_eq!(one(&connection, account, "all"), Some(balance));
    // Odd input that is used is counted too, and an observer's clock complained of once an hour.
    wait_for("the remarks to be told", || {
        told_as_bad(dir.path())
            .is_some_and(|bad| bad["range"] == 2 && bad["observer"] == 2 && bad["gps"] == 6)
    });
    let complaints =
        process.lines.lock().unwrap().iter().filter(|line| line.contains("clock is not believed")).count();
    assert_eq!(complaints, 1);
    assert_eq!(process.stop(), Some(0));
    assert_in_good_order(&dir.path().join("meshcore.db"));
}
