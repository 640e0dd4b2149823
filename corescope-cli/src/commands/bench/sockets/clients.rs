//! Many sockets in one process, which note when they are told of what.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::unix_us;
use crate::{Exit, Failure};

/// Handshakes under way at the same time.
const AT_ONCE: usize = 128;
/// Sockets from one address: a system gives some 28 000 ports to each.
const PER_ADDRESS: usize = 10_000;

/// When the sockets were told of a transmission.
#[derive(Debug, Clone, Copy)]
struct Told {
    count: u64,
    first_us: u64,
    last_us: u64,
}

type Record = Arc<Mutex<HashMap<i64, Told>>>;

/// Opens the sockets, says so, and prints what they were told when the input ends.
pub(super) fn run(url: &str, count: usize) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let record = Record::default();
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut opening = JoinSet::new();
        for number in 0..count {
            let (url, places) = (url.to_owned(), places.clone());
            opening.spawn(async move {
                let _place = places.acquire_owned().await;
                open(&url, number).await
            });
        }
        let mut open = JoinSet::new();
        while let Some(opened) = opening.join_next().await {
            match opened? {
                Ok(socket) => drop(open.spawn(listen(socket, record.clone()))),
                Err(error) => return Err(Failure::msg(Exit::Io, format!("{url}: {error}"))),
            }
        }
        say("connected")?;
        // Until the input ends.
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
        let record = record.lock().unwrap_or_else(PoisonError::into_inner);
        let told: serde_json::Map<String, Value> = record
            .iter()
            .map(|(id, t)| {
                (id.to_string(), json!({ "count": t.count, "first": t.first_us, "last": t.last_us }))
            })
            .collect();
        say(&Value::Object(told).to_string())?;
        Ok(())
    })
}

fn say(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

/// One socket that has been greeted, from an address of the loopback network that has ports left.
async fn open(url: &str, number: usize) -> Result<WebSocketStream<TcpStream>, Error> {
    let authority = url.strip_prefix("ws://").and_then(|r| r.split('/').next()).unwrap_or("");
    let server: SocketAddr = authority
        .parse()
        .map_err(|_| Error::Io(std::io::Error::new(std::io::ErrorKind::InvalidInput, "no ws:// address")))?;
    let socket = TcpSocket::new_v4()?;
    let host = u8::try_from(2 + number / PER_ADDRESS).unwrap_or(u8::MAX);
    socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, host)), 0))?;
    let stream = socket.connect(server).await?;
    let config = WebSocketConfig::default().read_buffer_size(8 * 1024);
    let (mut socket, _) = client_async_with_config(url, stream, Some(config)).await?;
    socket.next().await.ok_or(Error::ConnectionClosed)??;
    Ok(socket)
}

async fn listen(mut socket: WebSocketStream<TcpStream>, record: Record) {
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        if let Some(id) = transmission(&text) {
            let now = unix_us();
            let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
            let told = record.entry(id).or_insert(Told { count: 0, first_us: now, last_us: now });
            told.count += 1;
            told.last_us = now;
        }
    }
}

/// The id in a message about a new transmission, read without taking the message apart.
fn transmission(text: &str) -> Option<i64> {
    let rest = text.strip_prefix("{\"type\":\"transmission\"")?;
    let rest = rest.split_once("\"data\":{\"id\":")?.1;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
