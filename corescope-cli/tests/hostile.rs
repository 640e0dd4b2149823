//! Clients that mean a server ill do not keep it from answering others, and what they cost is theirs
//! only for a while. Server and clients are processes of their own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use support::served::{Served, database, serve};
use support::{network, wait_for};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

/// `CORESCOPE_HOSTILE` half-open connections, and of the other kinds a part of that (500 unless
/// told otherwise; the soak takes 10 000).
fn count() -> usize {
    std::env::var("CORESCOPE_HOSTILE").ok().and_then(|n| n.parse().ok()).unwrap_or(500)
}

/// A server that drops a client after two seconds without reading.
fn started(folder: &std::path::Path) -> Served {
    corescope_cli::serving::raise_open_files();
    database(folder);
    std::fs::write(folder.join("config.json"), r#"{"http":{"limits":{"writeStallSecs":2}}}"#).unwrap();
    serve(folder)
}

fn open_sockets(served: &Served) -> u64 {
    let answer = network::get(served.port, "/api/health").map(|(_, body)| body).unwrap_or_default();
    let health: serde_json::Value = serde_json::from_str(&answer).unwrap_or_default();
    health["websocket"]["clients"].as_u64().unwrap_or(u64::MAX)
}

/// Connections that say nothing, those that say too little, and sockets that say nothing.
fn wave(served: &Served, count: usize) {
    let half_open: Vec<TcpStream> = (0..count).map(|_| served.connect()).collect();
    assert!(served.answers(), "not beside {count} half-open connections");
    let slow: Vec<TcpStream> = (0..count / 2)
        .map(|_| {
            let mut stream = served.connect();
            stream.write_all(b"GET /api/stats HTTP/1.1\r\nHost: x\r\nX-").unwrap();
            stream
        })
        .collect();
    assert!(served.answers(), "not beside {} slow clients", slow.len());
    let sockets: Vec<TcpStream> = (0..count / 5)
        .map(|_| {
            let mut stream = served.connect();
            write!(
                stream,
                "GET /ws?v=2 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            .unwrap();
            stream
        })
        .collect();
    wait_for("all sockets to be counted", || open_sockets(served) == sockets.len() as u64);
    assert!(served.answers(), "not beside {} sockets", sockets.len());
    drop((half_open, slow, sockets));
    wait_for("the sockets to be gone", || open_sockets(served) == 0);
}

#[test]
fn half_open_and_slow_connections_cost_little_and_nothing_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let mut served = started(dir.path());
    let count = count();
    let quiet_kb = served.resident_kb();
    wave(&served, count);
    let once_kb = served.resident_kb().saturating_sub(quiet_kb);
    // A silent connection costs a task; a slow one and a socket cost buffers.
    let allowed_kb = 20_000 + count as u64 * 8;
    assert!(once_kb < allowed_kb, "{once_kb} kB more than before, {allowed_kb} kB allowed");
    // What the allocator keeps is used again: a second wave costs nothing more.
    wave(&served, count);
    let twice_kb = served.resident_kb().saturating_sub(quiet_kb);
    println!(
        "{count} half-open, {} slow, {} sockets: {once_kb} kB, after a second time {twice_kb} kB",
        count / 2,
        count / 5
    );
    let allowed_kb = once_kb + once_kb / 4 + 8_000;
    assert!(twice_kb < allowed_kb, "{once_kb} kB after one wave, {twice_kb} kB after two");
    assert_eq!(served.process.stop(), Some(0));
}

#[test]
fn headers_and_bodies_that_are_too_large_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut served = started(dir.path());
    let quiet_kb = served.resident_kb();
    let large = "x".repeat(20_000);
    let line = format!("X-A: {large}\r\n");
    for _ in 0..(count() / 10) {
        let (status, _) =
            network::request("GET", served.port, "/api/stats", &format!("X-Large: {large}\r\n"), "").unwrap();
        assert_eq!(status, 431);
        let mut flood = served.connect();
        let _ = flood.write_all(b"GET / HTTP/1.1\r\n");
        // Until the server hangs up; at the latest after 100 MB.
        let sent = (0..5000).take_while(|_| flood.write_all(line.as_bytes()).is_ok()).count();
        assert!(sent < 5000, "100 MB of headers were taken");
        let mut claims = served.connect();
        claims
            .write_all(b"POST /api/decode HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n")
            .unwrap();
        let mut answer = [0; 12];
        claims.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413");
    }
    assert!(served.answers());
    let held_kb = served.resident_kb().saturating_sub(quiet_kb);
    assert!(held_kb < 40_000, "{held_kb} kB more than before");
    assert_eq!(served.process.stop(), Some(0));
}

/// Sends this message until the server has had enough; the code that it closes with.
fn flood(socket: &mut WebSocket<TcpStream>, message: &str) -> Option<u16> {
    for _ in 0..100_000 {
        if socket.send(Message::text(message)).is_err() {
            break;
        }
    }
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => return frame.map(|f| f.code.into()),
            Ok(_) => {}
            // The close frame may be lost in the reset that the unread flood causes.
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => return None,
            Err(Error::Io(error)) if error.kind() != ErrorKind::WouldBlock => return None,
            Err(Error::Protocol(_)) => return None,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn sockets_that_send_too_much_are_closed() {
    let dir = tempfile::tempdir().unwrap();
    let mut served = started(dir.path());
    let mut decent = served.socket("/ws?v=2");
    let large = format!("{{\"type\":\"subscribe\",\"filter\":\"{}\"}}", "x".repeat(10_000));
    for number in 0..(count() / 20) {
        let path = if number % 2 == 0 { "/ws?v=2" } else { "/ws" };
        let mut many = served.socket(path);
        assert!(matches!(flood(&mut many, r#"{"type":"ping"}"#), Some(1008) | None));
        let mut big = served.socket(path);
        assert!(matches!(flood(&mut big, &large), Some(1009) | None));
    }
    assert!(served.answers());
    // The one that behaves is still there.
    assert_eq!(support::served::next(&mut decent)["type"], "hello");
    decent.send(Message::text(r#"{"type":"ping"}"#)).unwrap();
    assert_eq!(support::served::next(&mut decent)["type"], "pong");
    wait_for("the others to be gone", || open_sockets(&served) == 1);
    assert_eq!(served.process.stop(), Some(0));
}

#[test]
fn clients_that_never_read_are_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let mut served = started(dir.path());
    let quiet_kb = served.resident_kb();
    // More than the system buffers for a connection, asked for in a row. Each such client costs
    // the system some megabytes, so there are few.
    let row = "GET /api/spec HTTP/1.1\r\nHost: x\r\n\r\n".repeat(150);
    let mut never: Vec<TcpStream> = (0..(count() / 50).clamp(5, 50))
        .map(|_| {
            let mut stream = served.connect();
            stream.write_all(row.as_bytes()).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        })
        .collect();
    assert!(served.answers(), "not beside {} clients that never read", never.len());
    wait_for("those that never read to be dropped", || {
        // Who is dropped cannot send any more.
        never.retain_mut(|stream| stream.write(b" ").is_ok());
        never.is_empty()
    });
    let held_kb = served.resident_kb().saturating_sub(quiet_kb);
    assert!(held_kb < 60_000, "{held_kb} kB more than before");
    assert!(served.answers());
    assert_eq!(served.process.stop(), Some(0));
}
