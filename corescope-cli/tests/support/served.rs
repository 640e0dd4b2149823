//! A server as a process, on a small database.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;

use rusqlite::Connection;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use super::{PATIENCE, Process, corescope, network, wait_for};

/// A server of its own.
pub struct Served {
    pub process: Process,
    pub port: u16,
}

/// A migrated database with a packet in it.
pub fn database(folder: &Path) {
    let path = folder.join("meshcore.db");
    // An empty file is an empty database.
    std::fs::write(&path, "").unwrap();
    let output = corescope().args(["db", "migrate", "--db"]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "INSERT INTO observers (id, name, iata) VALUES ('AA11', 'one', 'SFO');
             INSERT INTO nodes (public_key, name, role, last_seen) VALUES
               ('abababababababababababababababababababababababababababababababab', 'n', 'repeater', '2026-06-01T12:00:00Z');
             INSERT INTO transmissions (raw_hex, hash, first_seen, route_type, payload_type, payload_version, decoded_json)
               VALUES ('06001f5d97f8ed9e', 'aaaaaaaaaaaaaaaa', '2026-06-01T12:00:00Z', 2, 1, 0, '{\"type\":\"RESPONSE\"}');
             INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp) VALUES (1, 1, '[]', 1780315200);",
        )
        .unwrap();
    // Everything into the one file, so that its bytes are all there is.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

/// Serves what lies in a folder, and waits until it is loaded.
pub fn serve(folder: &Path) -> Served {
    let process =
        Process::start(corescope().args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder));
    let line = process.line("CoreScope serves");
    let url = line.split(' ').nth(2).unwrap();
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    let served = Served { process, port };
    wait_for("the server to be ready", || served.answers());
    served
}

impl Served {
    pub fn answers(&self) -> bool {
        network::get(self.port, "/api/healthz").is_some_and(|(status, _)| status == 200)
    }

    pub fn connect(&self) -> TcpStream {
        let mut stream = None;
        // Ports of connections that just ended are free again after a while.
        wait_for("a free port", || match TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) {
            Ok(connected) => stream.replace(connected).is_none(),
            Err(error) if error.kind() == ErrorKind::AddrNotAvailable => false,
            Err(error) => panic!("{error}"),
        });
        stream.unwrap()
    }

    /// A live socket; nothing that is awaited of it is waited for without end.
    pub fn socket(&self, path: &str) -> WebSocket<TcpStream> {
        let stream = self.connect();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        tungstenite::client(format!("ws://127.0.0.1:{}{path}", self.port), stream).unwrap().0
    }

    pub fn resident_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.pid())).unwrap();
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

/// The next message of a live socket.
pub fn next(socket: &mut WebSocket<TcpStream>) -> serde_json::Value {
    loop {
        if let Message::Text(text) = socket.read().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}
