//! The live feed as clients see it, over real sockets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use corescope_core::config;
use corescope_store::memory::{Batch, Loading, ObservationRow, Store, TransmissionRow};
use corescope_web::protobuf::v1;
use corescope_web::server::{self, Limits, Options};
use corescope_web::{App, AppState, Clock, api};
use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Running {
    state: AppState,
    address: SocketAddr,
}

async fn start(options: Options) -> Running {
    let mut loaded = config::load(&config::Input::default()).unwrap();
    let paths = config::Paths::resolve(&config::Places::default(), None, &mut loaded.layers);
    let state = App::new(Clock::Real, options, loaded.config, paths, Store::new());
    state.store.set_loading(Loading { usable: true, complete: true, ..Loading::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::serve(state.clone(), api::router(state.clone()), listener));
    let running = Running { state, address };
    // Until the feed knows where the stream begins: a first event that arrives proves it.
    until(|| running.state.live.is_settled()).await;
    running
}

async fn until(condition: impl Fn() -> bool) {
    for _ in 0..6000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within a minute");
}

impl Running {
    async fn connect(&self, path: &str) -> Socket {
        connect_async(format!("ws://{}{path}", self.address)).await.unwrap().0
    }

    fn append(&self, transmissions: &[i64], observations: &[(i64, i64)]) {
        let hashes: Vec<String> = transmissions.iter().map(|id| format!("{id:016x}")).collect();
        let rows: Vec<_> =
            transmissions.iter().zip(&hashes).map(|(id, hash)| transmission(*id, hash)).collect();
        let seen: Vec<_> = observations.iter().map(|(id, of)| observation(*id, *of)).collect();
        self.state.store.append(&Batch { transmissions: &rows, observations: &seen });
    }
}

fn transmission(id: i64, hash: &str) -> TransmissionRow<'_> {
    TransmissionRow {
        id,
        raw_hex: "06001f5d97f8ed9eec25bdb2c1dfdb0250be49517647",
        hash,
        first_seen: "2026-06-01T12:00:00Z",
        last_seen: 0,
        route_type: Some(2),
        // Even ids are responses, odd ones requests.
        payload_type: Some(if id % 2 == 0 { 1 } else { 0 }),
        payload_version: Some(0),
        decoded_json: Some(r#"{"type":"RESPONSE"}"#),
        from_pubkey: None,
        channel_hash: None,
        scope_name: None,
    }
}

fn observation(id: i64, transmission_id: i64) -> ObservationRow<'static> {
    ObservationRow {
        id,
        transmission_id,
        observer: None,
        direction: Some("rx"),
        snr: Some(7.25),
        rssi: Some(-90.0),
        score: None,
        path_json: Some(r#"["7D"]"#),
        timestamp: 1_780_315_200 + id,
        resolved_path: None,
        raw_hex: None,
    }
}

async fn next(socket: &mut Socket) -> Value {
    loop {
        let message =
            tokio::time::timeout(Duration::from_mins(1), socket.next()).await.unwrap().unwrap().unwrap();
        if let Message::Text(text) = message {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

async fn next_of(socket: &mut Socket, kind: &str) -> Value {
    let message = next(socket).await;
    assert_eq!(message["type"], kind, "{message}");
    message
}

#[tokio::test]
async fn the_original_gets_one_message_per_observation() {
    let server = start(Options::default()).await;
    for path in ["/ws", "/", "/foo/bar"] {
        let mut socket = server.connect(path).await;
        let base = server.state.store.snapshot().last_ids();
        server.append(&[base.0 + 1], &[(base.1 + 1, base.0 + 1), (base.1 + 2, base.0 + 1)]);
        let first = next_of(&mut socket, "packet").await;
        assert_eq!(first["data"]["observation_id"], base.1 + 2);
        assert_eq!(first["data"]["packet"]["observation_count"], 2);
        assert!(first["data"]["decoded"]["header"]["payloadTypeName"].is_string());
        assert_eq!(next_of(&mut socket, "packet").await["data"]["observation_id"], base.1 + 1);
    }
}

#[tokio::test]
async fn version_2_tells_each_transmission_once_and_then_increments() {
    let server = start(Options::default()).await;
    let mut socket = server.connect("/ws?v=2").await;
    assert_eq!(next_of(&mut socket, "hello").await["data"]["version"], 2);
    server.append(&[1], &[(1, 1), (2, 1)]);
    let whole = next_of(&mut socket, "transmission").await;
    assert_eq!(whole["data"]["observations"].as_array().unwrap().len(), 2);
    server.append(&[], &[(3, 1)]);
    let more = next_of(&mut socket, "observations").await;
    assert_eq!((&more["data"]["id"], &more["data"]["observation_count"]), (&1.into(), &3.into()));
    assert_eq!(more["data"]["observations"][0]["id"], 3);
    // A transmission that nobody has heard yet is told too.
    server.append(&[2], &[]);
    assert_eq!(next_of(&mut socket, "transmission").await["data"]["observation_count"], 0);
    socket.send(Message::text(r#"{"type":"ping"}"#)).await.unwrap();
    next_of(&mut socket, "pong").await;
}

#[tokio::test]
async fn filters_are_confirmed_and_mistakes_are_told() {
    let server = start(Options::default()).await;
    let mut socket = server.connect("/ws?v=2&filter=type%20%3D%3D%20RESPONSE").await;
    assert_eq!(next_of(&mut socket, "hello").await["data"]["filter"], "type == RESPONSE");
    server.append(&[1, 2], &[(1, 1), (2, 2)]);
    assert_eq!(next_of(&mut socket, "transmission").await["data"]["id"], 2);
    socket.send(Message::text(r#"{"type":"subscribe","filter":"type =="}"#)).await.unwrap();
    let error = next_of(&mut socket, "error").await;
    assert_eq!(error["data"]["code"], "filter");
    assert!(error["data"]["column"].is_number());
    socket.send(Message::text(r#"{"type":"subscribe","filter":"type == REQ"}"#)).await.unwrap();
    assert_eq!(next_of(&mut socket, "filter").await["data"]["filter"], "type == REQ");
    server.append(&[3, 4], &[(3, 3), (4, 4)]);
    assert_eq!(next_of(&mut socket, "transmission").await["data"]["id"], 3);
    // What passes only by a later observation comes whole.
    socket.send(Message::text(r#"{"type":"subscribe","filter":"observations > 1"}"#)).await.unwrap();
    next_of(&mut socket, "filter").await;
    server.append(&[], &[(5, 4)]);
    assert_eq!(next_of(&mut socket, "transmission").await["data"]["id"], 4);
    server.append(&[], &[(6, 4)]);
    assert_eq!(next_of(&mut socket, "observations").await["data"]["observation_count"], 3);
}

#[tokio::test]
async fn rows_of_another_history_are_a_gap() {
    let server = start(Options::default()).await;
    let mut open = server.connect("/ws?v=2").await;
    let mut filtered = server.connect("/ws?v=2&filter=type%20%3D%3D%20RESPONSE").await;
    next_of(&mut filtered, "hello").await;
    let first = next_of(&mut open, "hello").await;
    server.append(&[1, 2], &[(1, 1), (2, 2)]);
    next_of(&mut open, "transmission").await;
    let last = next_of(&mut open, "transmission").await;
    next_of(&mut filtered, "transmission").await;

    let other = Store::new();
    other.append(&Batch {
        transmissions: &[transmission(1, "aaaaaaaaaaaaaaaa"), transmission(2, "bbbbbbbbbbbbbbbb")],
        observations: &[observation(1, 1), observation(2, 2), observation(3, 2)],
    });
    other.set_loading(Loading { usable: true, complete: true, ..Loading::default() });
    server.state.store.replace_with(&other);
    for socket in [&mut open, &mut filtered] {
        assert_eq!(next_of(socket, "gap").await["data"]["reason"], "unknown");
    }
    let cursor = last["cursor"].as_str().unwrap();
    let mut late = server.connect(&format!("/ws?v=2&since={cursor}")).await;
    next_of(&mut late, "hello").await;
    assert_eq!(next_of(&mut late, "gap").await["data"]["reason"], "unknown");
    // One without a mark, as servers wrote it that did not look at the rows.
    let bare = cursor.rsplit_once('.').unwrap().0;
    let mut old = server.connect(&format!("/ws?v=2&since={bare}")).await;
    next_of(&mut old, "hello").await;
    assert_eq!(next_of(&mut old, "gap").await["data"]["reason"], "unknown");
    // The beginning is the same in all histories.
    let mut early = server.connect(&format!("/ws?v=2&since={}", first["cursor"].as_str().unwrap())).await;
    next_of(&mut early, "hello").await;
    assert_eq!(next_of(&mut early, "transmission").await["data"]["hash"], "aaaaaaaaaaaaaaaa");
    next_of(&mut early, "transmission").await;
    server.append(&[4], &[(4, 4)]);
    for socket in [&mut open, &mut filtered, &mut late, &mut old, &mut early] {
        assert_eq!(next_of(socket, "transmission").await["data"]["id"], 4);
    }
}

async fn next_binary(socket: &mut Socket) -> v1::LiveEvent {
    loop {
        let message =
            tokio::time::timeout(Duration::from_mins(1), socket.next()).await.unwrap().unwrap().unwrap();
        match message {
            Message::Binary(bytes) => return v1::LiveEvent::decode(bytes).unwrap(),
            Message::Text(text) => panic!("text on a protobuf socket: {text}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn protobuf_sockets_are_told_the_same_as_json_sockets() {
    let server = start(Options::default()).await;
    let mut json = server.connect("/ws?v=2").await;
    next_of(&mut json, "hello").await;
    let mut binary = Vec::new();
    for path in ["/ws?v=2&format=protobuf", "/ws?format=protobuf&v=2&filter=type%20%3D%3D%20RESPONSE"] {
        let mut socket = server.connect(path).await;
        let hello = next_binary(&mut socket).await;
        assert_eq!(hello.r#type, "hello");
        let data: Value = serde_json::from_str(hello.data_json.as_deref().unwrap()).unwrap();
        assert_eq!(data["version"], 2);
        binary.push(socket);
    }
    server.append(&[2], &[(1, 2), (2, 2)]);
    server.append(&[], &[(3, 2)]);
    let whole = next_of(&mut json, "transmission").await;
    let more = next_of(&mut json, "observations").await;
    for socket in &mut binary {
        let event = next_binary(socket).await;
        assert_eq!((&whole["type"], &whole["cursor"]), (&event.r#type.into(), &event.cursor.into()));
        let packet = event.transmission.unwrap();
        assert_eq!((&whole["data"]["id"], &whole["data"]["hash"]), (&packet.id.into(), &packet.hash.into()));
        assert_eq!(whole["data"]["decoded_json"].as_str(), packet.decoded_json.as_deref());
        let told: Vec<i64> = packet.observations.iter().map(|o| o.id).collect();
        assert_eq!(told, [2, 1]);
        assert_eq!(whole["data"]["observations"][0]["snr"].as_f64(), packet.observations[0].snr);
        assert_eq!(packet.observations[0].snr, Some(7.25));

        let event = next_binary(socket).await;
        assert_eq!((&more["type"], &more["cursor"]), (&event.r#type.into(), &event.cursor.into()));
        let increment = event.increment.unwrap();
        assert_eq!((increment.id, increment.observation_count, increment.display_id), (2, 3, Some(3)));
        assert_eq!(more["data"]["display_id"].as_i64(), increment.display_id);
        assert_eq!(more["data"]["observations"][0]["id"], increment.observations[0].id);
        socket.send(Message::text(r#"{"type":"ping"}"#)).await.unwrap();
        assert_eq!(next_binary(socket).await.r#type, "pong");
    }
}

#[tokio::test]
async fn a_bad_address_is_refused_before_the_upgrade() {
    let server = start(Options::default()).await;
    let refused = connect_async(format!("ws://{}/ws?v=2&since=rubbish", server.address)).await;
    assert!(matches!(refused, Err(Error::Http(response)) if response.status() == 400));
    let mut request = tokio_tungstenite::tungstenite::client::IntoClientRequest::into_client_request(
        format!("ws://{}/ws", server.address),
    )
    .unwrap();
    request.headers_mut().insert("origin", "https://foreign.example".parse().unwrap());
    assert!(matches!(connect_async(request).await, Err(Error::Http(response)) if response.status() == 403));
}

#[tokio::test]
async fn sockets_per_address_are_bounded_and_places_come_back() {
    let limits = Limits { loopback: true, sockets_per_address: 2, ..Limits::default() };
    let server = start(Options { limits, ..Options::default() }).await;
    let _one = server.connect("/ws").await;
    let two = server.connect("/ws").await;
    let third = connect_async(format!("ws://{}/ws", server.address)).await;
    assert!(matches!(third, Err(Error::Http(response)) if response.status() == 429));
    drop(two);
    until(|| server.state.addresses.open().1 == 1).await;
    let _again = server.connect("/ws").await;
}

#[tokio::test]
async fn shutdown_closes_sockets_with_1001() {
    let server = start(Options::default()).await;
    let mut socket = server.connect("/ws?v=2").await;
    next_of(&mut socket, "hello").await;
    server.state.shutdown.cancel();
    loop {
        match tokio::time::timeout(Duration::from_mins(1), socket.next()).await.unwrap() {
            Some(Ok(Message::Close(Some(frame)))) => break assert_eq!(u16::from(frame.code), 1001),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The proof of resume: under load, a client is cut off again and again at arbitrary moments, and
/// in the end holds exactly the observations that the store holds, each told once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_disconnects_lose_and_repeat_nothing() {
    const CUTS: usize = 1000;
    let server = start(Options::default()).await;
    let writer = server.state.clone();
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    let load = tokio::spawn(async move {
        let (mut tx, mut obs) = (0, 0);
        loop {
            // Two new transmissions and an observation of each of the last four, interleaved.
            let hashes = [format!("{:016x}", tx + 1), format!("{:016x}", tx + 2)];
            let rows = [transmission(tx + 1, &hashes[0]), transmission(tx + 2, &hashes[1])];
            tx += 2;
            let seen: Vec<_> = (0..8).map(|n| observation(obs + 1 + n, (tx - n % 4).max(1))).collect();
            obs += 8;
            writer.store.append(&Batch { transmissions: &rows, observations: &seen });
            tokio::select! {
                _ = stopped.changed() => return (tx, obs),
                () = tokio::time::sleep(Duration::from_millis(4)) => {}
            }
        }
    });
    let mut told: BTreeMap<i64, u32> = BTreeMap::new();
    let mut transmissions: BTreeMap<i64, u32> = BTreeMap::new();
    let mut cursor = "0.0".to_owned();
    let mut count = |message: &Value, cursor: &mut String| {
        if let Some(text) = message["cursor"].as_str() {
            text.clone_into(cursor);
        }
        let data = &message["data"];
        match message["type"].as_str().unwrap() {
            "transmission" => *transmissions.entry(data["id"].as_i64().unwrap()).or_default() += 1,
            "observations" | "hello" | "lag" | "heartbeat" => {}
            other => panic!("{other}: {message}"),
        }
        for observation in data["observations"].as_array().into_iter().flatten() {
            *told.entry(observation["id"].as_i64().unwrap()).or_default() += 1;
        }
    };
    for cut in 0..CUTS {
        let mut socket = server.connect(&format!("/ws?v=2&since={cursor}")).await;
        // Between none and 30 messages, in a fixed pattern that falls into batches anywhere.
        for _ in 0..(cut * 7 % 31) {
            let message = next(&mut socket).await;
            count(&message, &mut cursor);
        }
        // Dropped without a word, with whatever is still under way.
        drop(socket);
    }
    stop.send(true).unwrap();
    let (last_transmission, last_observation) = load.await.unwrap();
    let mut socket = server.connect(&format!("/ws?v=2&since={cursor}")).await;
    let end = format!("{last_transmission:x}.{last_observation:x}.");
    while !(cursor.starts_with(&end) && cursor.split('.').count() == 3) {
        let message = next(&mut socket).await;
        count(&message, &mut cursor);
    }
    assert_eq!(transmissions.len(), usize::try_from(last_transmission).unwrap());
    assert!(transmissions.values().all(|n| *n == 1), "transmissions told twice");
    assert_eq!(told.len(), usize::try_from(last_observation).unwrap());
    let twice: Vec<_> = told.iter().filter(|(_, n)| **n != 1).take(10).collect();
    assert!(twice.is_empty(), "told twice: {twice:?} …");
}
