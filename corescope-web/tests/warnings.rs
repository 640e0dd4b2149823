//! What in a filter is surely not meant is told wherever an expression is taken.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use std::net::SocketAddr;
use std::time::Duration;

use corescope_core::config;
use corescope_store::memory::{Loading, Store};
use corescope_web::server::{self, Options};
use corescope_web::{App, Clock, api};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

async fn start() -> SocketAddr {
    let mut loaded = config::load(&config::Input::default()).unwrap();
    let paths = config::Paths::resolve(&config::Places::default(), None, &mut loaded.layers);
    let state = App::new(Clock::Real, Options::default(), loaded.config, paths, Store::new());
    state.store.set_loading(Loading { usable: true, complete: true, ..Loading::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::serve(state.clone(), api::router(state.clone()), listener));
    address
}

async fn get(address: SocketAddr, path: &str) -> Value {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap()
}

/// The next message of a socket that is of this kind.
async fn next_of(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>, kind: &str) -> Value {
    loop {
        let next = tokio::time::timeout(Duration::from_mins(1), socket.next());
        let Message::Text(text) = next.await.unwrap().unwrap().unwrap() else { continue };
        let message: Value = serde_json::from_str(&text).unwrap();
        if message["type"] == kind {
            return message;
        }
    }
}

/// Of `sn > 5 || banana`.
fn warnings() -> Value {
    json!([
        {"column": 1, "length": 2, "message": "no packet has a field sn: this is never true", "suggestion": "snr"},
        {"column": 11, "length": 6, "message": "no packet has a field banana: this is never true"},
    ])
}

#[tokio::test]
async fn a_list_tells_what_its_filter_cannot_mean() {
    let address = start().await;
    for form in ["", "&groupByHash=true", "&expand=observations"] {
        let page = get(address, &format!("/api/packets?filter=sn%20%3E%205%20%7C%7C%20banana{form}")).await;
        assert_eq!((&page["total"], &page["warnings"]), (&json!(0), &warnings()), "{page}");
        // Clients that compare whole answers see no new key where there is nothing to tell.
        let page = get(address, &format!("/api/packets?filter=snr%20%3E%205{form}")).await;
        assert!(page.get("warnings").is_none(), "{page}");
    }
    assert!(get(address, "/api/packets").await.get("warnings").is_none());
}

#[tokio::test]
async fn a_socket_tells_what_its_filter_cannot_mean() {
    let address = start().await;
    let url = format!("ws://{address}/ws?v=2&filter=sn%20%3E%205%20%7C%7C%20banana");
    let mut socket = connect_async(url).await.unwrap().0;
    let hello = next_of(&mut socket, "hello").await;
    assert_eq!(hello["data"]["warnings"], warnings(), "{hello}");
    socket.send(Message::text(r#"{"type":"subscribe","filter":"snr > 5"}"#)).await.unwrap();
    assert_eq!(next_of(&mut socket, "filter").await["data"]["warnings"], json!([]));
    socket.send(Message::text(r#"{"type":"subscribe","filter":"sn > 5 || banana"}"#)).await.unwrap();
    assert_eq!(next_of(&mut socket, "filter").await["data"]["warnings"], warnings());
}
