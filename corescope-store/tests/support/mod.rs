//! Frames and messages for the tests of the write side.
#![allow(dead_code, reason = "each test file uses its part")]

use corescope_decode::crypto::KeyPair;
use corescope_store::write::{Accepted, Message, ObserverMark, Options, PacketMessage, Writer};
use rusqlite::Connection;

/// 2026-05-28, a time that tests start from, unix seconds.
pub const T0: i64 = 1_780_000_000;

/// A database in a folder of its own.
pub struct Place {
    pub dir: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn db(&self) -> std::path::PathBuf {
        self.dir.path().join("meshcore.db")
    }

    pub fn writer(&self) -> Writer {
        Writer::open(&self.db(), Options::default()).expect("a writer")
    }

    /// A connection that may write, for what a test sets up or looks at.
    pub fn sql(&self) -> Connection {
        let sql = Connection::open(self.db()).expect("a connection");
        sql.busy_timeout(std::time::Duration::from_mins(1)).expect("a timeout");
        sql
    }

    pub fn one<T: rusqlite::types::FromSql>(&self, query: &str) -> T {
        self.sql().query_row(query, [], |r| r.get(0)).unwrap_or_else(|e| panic!("{query}: {e}"))
    }

    /// All rows, each as its values joined by `|`.
    pub fn rows(&self, query: &str) -> Vec<String> {
        rows(&self.sql(), query)
    }
}

pub fn rows(sql: &Connection, query: &str) -> Vec<String> {
    let mut statement = sql.prepare(query).unwrap_or_else(|e| panic!("{query}: {e}"));
    let columns = statement.column_count();
    let found = statement
        .query_map([], |row| {
            let values: Vec<String> = (0..columns)
                .map(|i| match row.get_ref(i).expect("a column") {
                    rusqlite::types::ValueRef::Null => "NULL".to_owned(),
                    rusqlite::types::ValueRef::Integer(n) => n.to_string(),
                    rusqlite::types::ValueRef::Real(n) => n.to_string(),
                    rusqlite::types::ValueRef::Text(t) => String::from_utf8_lossy(t).into_owned(),
                    rusqlite::types::ValueRef::Blob(_) => "BLOB".to_owned(),
                })
                .collect();
            Ok(values.join("|"))
        })
        .unwrap_or_else(|e| panic!("{query}: {e}"));
    found.map(|r| r.expect("a row")).collect()
}

/// The keys of a made-up node, whose public key begins with `first`.
pub fn node(first: u8, number: u64) -> KeyPair {
    (0..1_000_000_u64)
        .map(|try_| {
            let mut seed = [0; 32];
            seed[..8].copy_from_slice(&number.to_le_bytes());
            seed[8..16].copy_from_slice(&try_.to_le_bytes());
            KeyPair::from_seed(&seed)
        })
        .find(|pair| pair.public()[0] == first)
        .expect("a key")
}

pub fn key_hex(pair: &KeyPair) -> String {
    hex::encode(pair.public())
}

/// The payload of a signed advert: a repeater with a name and perhaps a position.
pub fn advert(pair: &KeyPair, timestamp: u32, name: &str, place: Option<(f64, f64)>) -> Vec<u8> {
    let mut appdata = vec![0x82];
    if let Some((lat, lon)) = place {
        appdata[0] |= 0x10;
        appdata.extend_from_slice(&((lat * 1e6).round() as i32).to_le_bytes());
        appdata.extend_from_slice(&((lon * 1e6).round() as i32).to_le_bytes());
    }
    appdata.extend_from_slice(name.as_bytes());
    let mut signed = pair.public().to_vec();
    signed.extend_from_slice(&timestamp.to_le_bytes());
    signed.extend_from_slice(&appdata);
    let mut payload = pair.public().to_vec();
    payload.extend_from_slice(&timestamp.to_le_bytes());
    payload.extend_from_slice(&pair.sign(&signed));
    payload.extend_from_slice(&appdata);
    payload
}

pub const FLOOD: u8 = 1;
pub const DIRECT: u8 = 2;
pub const ADVERT: u8 = 4;
pub const GROUP_TEXT: u8 = 5;
pub const TRACE: u8 = 9;

/// A frame in hex. All hops have the same length.
pub fn frame(route: u8, kind: u8, hops: &[&[u8]], payload: &[u8]) -> String {
    let size = hops.first().map_or(1, |h| h.len());
    let mut raw = vec![route | (kind << 2), ((size as u8 - 1) << 6) | hops.len() as u8];
    raw.extend(hops.concat());
    raw.extend_from_slice(payload);
    hex::encode_upper(raw)
}

/// A group text that nobody can read, different for each number.
pub fn text(number: u64) -> Vec<u8> {
    let mut payload = vec![0xD9, 0x11, 0x22];
    payload.extend_from_slice(&number.to_le_bytes());
    payload.extend_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    payload
}

pub fn observer(id: &str) -> ObserverMark {
    ObserverMark {
        id: id.to_owned(),
        name: Some(format!("Observer {id}")),
        region: Some("SJC".to_owned()),
        ..ObserverMark::default()
    }
}

/// A packet heard by an observer at a time.
pub fn heard(id: &str, raw_hex: &str, at: i64) -> Accepted {
    Accepted {
        source: "test".into(),
        received_at_ms: at * 1000,
        observer: if id.is_empty() { None } else { Some(observer(id)) },
        message: Message::Packet(PacketMessage {
            raw_hex: raw_hex.to_owned(),
            snr: Some(7.5),
            rssi: Some(-90.0),
            score: None,
            direction: Some("rx".to_owned()),
        }),
    }
}
