//! A seeded database, the real server on it, and the smallest client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use corescope_store::write::{Options, Writer};
use rusqlite::Connection;
use serde_json::Value;

/// The moment at which the server's clock stands still.
pub const NOW: &str = "2026-02-01T12:00:00Z";
/// The key of the seeded configuration.
pub const KEY: &str = "a-key-that-is-long-enough";
/// A repeater with adverts, relays and metrics.
pub const NODE: &str = "1111aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// A node that the configuration hides by its key.
pub const HIDDEN: &str = "2222bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
/// Its name.
pub const HIDDEN_NAME: &str = "Nobody shall see me";
/// An observer that is a node too.
pub const OBSERVER: &str = "1111AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

const CONFIG: &str = r#"{
  "apiKey": "a-key-that-is-long-enough",
  "nodeBlacklist": ["2222BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"],
  "hiddenNamePrefixes": ["~"],
  "observerBlacklist": ["secret-station"],
  "clientRxCoverage": {"enabled": true},
  "geo_filter": {"polygon": [[40, 0], [60, 0], [60, 30], [40, 30]], "bufferKm": 10},
  "areas": {"north": {"label": "North", "latMin": 50, "latMax": 60, "lonMin": 0, "lonMax": 30}},
  "regions": {"MUC": "Munich"}
}"#;

/// The server, stopped when dropped.
pub struct Server {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", String::from_utf8_lossy(&self.body)))
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

impl Server {
    /// Makes the database and starts the server on it.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("meshcore.db");
        seed(&database);
        std::fs::write(folder.path().join("config.json"), CONFIG).expect("the configuration");
        let mut child = Command::new(env!("CARGO_BIN_EXE_corescope-cli"))
            .args(["serve", "--listen", "127.0.0.1:0", "--at", NOW, "--data"])
            .arg(folder.path())
            .env("CORESCOPE_INGESTOR_STATS", folder.path().join("none.json"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("its first line");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split_whitespace().next());
        let address =
            address.unwrap_or_else(|| panic!("no address in {line:?}")).trim_end_matches('/').to_owned();
        let server = Self { child, address, _folder: folder };
        for _ in 0..3000 {
            if server.get("/api/healthz").status == 200 {
                return server;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the server did not become ready within five minutes");
    }

    /// GET without a key.
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    /// GET with the key.
    pub fn get_with_key(&self, path: &str) -> Answer {
        self.ask("GET", path, &[("X-API-Key", KEY)], "")
    }

    /// Any request.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a time-out");
        let headers =
            headers.iter().fold(String::new(), |all, (name, value)| all + name + ": " + value + "\r\n");
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("the request is taken");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("the answer comes");
        let end =
            bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {bytes:?}"));
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let headers: Vec<(String, String)> = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut body = bytes.split_off(end + 4);
        if headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked") {
            body = unchunked(&body);
        }
        Answer { status: head[9..12].parse().expect("a status"), headers, body }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(&String::from_utf8_lossy(&rest[..end]), 16).expect("a size");
        out.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    out
}

/// Five nodes, three observers, adverts, messages, metrics, a refused advert, receptions.
fn seed(path: &Path) {
    Writer::open(path, Options::default()).expect("a database").close().expect("a closed database");
    let db = Connection::open(path).expect("the database opens");
    db.execute_batch(&format!(
        "INSERT INTO nodes (public_key, name, role, lat, lon, last_seen, first_seen, advert_count, battery_mv) VALUES
           ('{NODE}', 'Hill 50%', 'repeater', 51.5, 7.5, '2026-02-01T11:00:00Z', '2026-01-01T00:00:00Z', 3, 3900),
           ('{HIDDEN}', '{HIDDEN_NAME}', 'companion', 51.6, 7.6, '2026-02-01T11:30:00Z', '2026-01-01T00:00:00Z', 1, NULL),
           ('3333{c}', '~under the prefix', 'room', 51.7, 7.7, '2026-02-01T11:31:00Z', '2026-01-01T00:00:00Z', 1, NULL),
           ('3344{c}', 'Valley', 'companion', 45.0, 7.0, '2026-02-01T10:00:00Z', '2026-01-20T00:00:00Z', 0, NULL),
           ('5555{c}', NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL),
           ('6666{c}', 'Elsewhere', 'sensor', 10.0, 10.0, '2026-01-31T12:00:00Z', '2026-01-31T12:00:00Z', 1, 3100);
         INSERT INTO observers (rowid, id, name, iata, last_seen, first_seen, packet_count) VALUES
           (1, '{OBSERVER}', 'Hill station', 'MUC', '2026-02-01T11:59:00Z', '2026-01-01T00:00:00Z', 10),
           (2, 'attic', NULL, NULL, '2026-02-01T11:58:00Z', '2026-01-01T00:00:00Z', 4),
           (3, 'secret-station', 'Secret', 'MUC', '2026-02-01T11:57:00Z', '2026-01-01T00:00:00Z', 4);
         INSERT INTO transmissions (id, raw_hex, hash, first_seen, route_type, payload_type, payload_version, decoded_json, from_pubkey, last_seen, channel_hash, scope_name) VALUES
           (1, '1140{NODE}', '00000000000000a1', '2026-02-01T10:59:00Z', 1, 4, 0, '{{\"type\":\"ADVERT\",\"pubKey\":\"{NODE}\",\"name\":\"Hill 50%\"}}', '{NODE}', 1769943600, NULL, NULL),
           (2, '1100{HIDDEN}', '00000000000000a2', '2026-02-01T11:29:00Z', 1, 4, 0, '{{\"type\":\"ADVERT\",\"pubKey\":\"{HIDDEN}\",\"name\":\"{HIDDEN_NAME}\"}}', '{HIDDEN}', 1769945400, NULL, NULL),
           (3, '150101aa', '00000000000000a3', '2026-02-01T11:40:00Z', 1, 5, 0, '{{\"type\":\"CHAN\",\"channel\":\"#test\",\"text\":\"Ann: hi: there\",\"sender\":\"Ann\",\"sender_timestamp\":7}}', NULL, 1769946000, '#test', NULL),
           (4, '14112233440101aa', '00000000000000a4', '2026-02-01T11:50:00Z', 0, 5, 0, '{{\"type\":\"GRP_TXT\",\"channelHashHex\":\"7F\"}}', NULL, 1769946600, 'enc_7F', '#area'),
           (5, '0901', '00000000000000a5', '2026-01-20T00:00:00Z', 1, 2, 0, 'no json', NULL, 1768867200, NULL, NULL);
         INSERT INTO observations (id, transmission_id, observer_idx, direction, snr, rssi, path_json, timestamp, resolved_path) VALUES
           (1, 1, 1, 'rx', 5.5, -90, '[\"AA\"]', 1769943600, NULL),
           (2, 1, 2, NULL, NULL, NULL, '[]', 1769943601, NULL),
           (3, 2, 1, 'rx', -3.25, -100, '[]', 1769945400, NULL),
           (4, 3, 1, 'rx', 1, -80, '[\"1111\",\"3344\"]', 1769946000, '[\"{NODE}\",null]'),
           (5, 3, 3, 'rx', 2, -81, '[\"1111\"]', 1769946001, '[\"{HIDDEN}\"]'),
           (6, 4, NULL, NULL, NULL, NULL, NULL, 1769946600, NULL),
           (7, 5, 2, 'rx', 0, -70, '[\"11\"]', 1768867200, NULL);
         INSERT INTO observer_metrics (observer_id, timestamp, noise_floor, tx_air_secs, rx_air_secs, recv_errors, battery_mv, packets_sent, packets_recv) VALUES
           ('{OBSERVER}', '2026-02-01T11:00:00Z', -110.5, 10, 100, 0, 3900, 5, 50),
           ('{OBSERVER}', '2026-02-01T11:05:00Z', -111, 13, 130, 1, 3890, 6, 59),
           ('{OBSERVER}', '2026-02-01T11:10:00Z', NULL, 1, 1, 0, NULL, 0, 1),
           ('secret-station', '2026-02-01T11:00:00Z', -90, NULL, NULL, NULL, NULL, NULL, NULL);
         INSERT INTO dropped_packets (hash, raw_hex, reason, observer_id, observer_name, node_pubkey, node_name, dropped_at) VALUES
           ('00000000000000d1', '11', 'invalid signature', 'attic', NULL, '{NODE}', 'Forged', '2026-02-01 11:00:00'),
           ('00000000000000d2', NULL, 'invalid signature', '{OBSERVER}', 'x', NULL, NULL, '2026-02-01 11:30:00');
         INSERT INTO client_receptions (rx_pubkey, heard_key, heard_keylen, rssi, snr, lat, lon, rx_at, ingested_at, src) VALUES
           ('{w}', '{NODE}', 32, -90, 4.5, 51.5, 7.5, '2026-02-01T10:00:00Z', '2026-02-01T10:00:00Z', 'advert'),
           ('{w}', '1111', 2, NULL, NULL, 51.5, 7.5, '2026-02-01T10:05:00Z', '2026-02-01T10:05:00Z', 'rxlog');
         INSERT INTO client_observers (pubkey, name, last_seen) VALUES ('{w}', 'Walker', '2026-02-01T10:05:00Z');",
        c = "c".repeat(60),
        w = "9".repeat(64),
    ))
    .expect("the rows");
}
