//! `Accept: application/x-protobuf` over real sockets: what is decoded says the same as the JSON answer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use std::net::SocketAddr;

use corescope_core::config;
use corescope_store::memory::{
    Batch, Loading, Node, Nodes, ObservationRow, Observer, Observers, Store, TransmissionRow,
};
use corescope_web::protobuf::{CONTENT_TYPE, v1};
use corescope_web::server::{self, Options};
use corescope_web::{App, AppState, Clock, api};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use prost::Message;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpListener;

/// 2026-06-01T12:00:00Z, when everything here happens.
const NOW: i64 = 1_780_315_200;
const WHEN: &str = "2026-06-01T12:00:00Z";
const HASH: &str = "aaaaaaaaaaaaaaaa";

struct Running {
    state: AppState,
    address: SocketAddr,
    client: Client<HttpConnector, Empty<bytes::Bytes>>,
}

fn key() -> String {
    "ab".repeat(32)
}

fn fill(store: &Store) {
    let node = |name: &str, byte: &str| Node {
        public_key: byte.repeat(32),
        name: Some(name.to_owned()),
        role: Some("repeater".to_owned()),
        lat: Some(47.5),
        lon: Some(-122.25),
        last_seen: Some(WHEN.to_owned()),
        first_seen: Some(WHEN.to_owned()),
        advert_count: 3,
        ..Node::default()
    };
    store.set_nodes(Nodes::new([node("Hill", "ab"), node("Hillside", "cd")]));
    store.set_observers(Observers::new([Observer {
        rowid: 1,
        id: "AA11".to_owned(),
        name: Some("one".to_owned()),
        iata: Some("SFO".to_owned()),
        last_seen: Some(WHEN.to_owned()),
        first_seen: Some(WHEN.to_owned()),
        packet_count: 2,
        battery_mv: Some(4100),
        noise_floor: Some(-118.5),
        ..Observer::default()
    }]));
    let advert = format!(r#"{{"type":"ADVERT","pubKey":"{0}","name":"Hill"}}"#, key());
    let transmission = TransmissionRow {
        id: 1,
        raw_hex: "06001f5d97f8ed9eec25bdb2c1dfdb0250be49517647",
        hash: HASH,
        first_seen: WHEN,
        last_seen: 0,
        route_type: Some(2),
        payload_type: Some(4),
        payload_version: Some(0),
        decoded_json: Some(&advert),
        from_pubkey: Some(&"ab".repeat(32)),
        channel_hash: None,
        scope_name: Some("#sea"),
    };
    let observation = |id, snr| ObservationRow {
        id,
        transmission_id: 1,
        observer: Some(1),
        direction: Some("rx"),
        snr,
        rssi: Some(-90.0),
        score: None,
        path_json: Some(r#"["7D"]"#),
        timestamp: NOW - 10 + id,
        resolved_path: None,
        raw_hex: None,
    };
    store.append(&Batch {
        transmissions: &[transmission],
        observations: &[observation(1, Some(7.25)), observation(2, None)],
    });
}

async fn start() -> Running {
    let mut loaded = config::load(&config::Input::default()).unwrap();
    let paths = config::Paths::resolve(&config::Places::default(), None, &mut loaded.layers);
    let store = Store::new();
    let state = App::new(Clock::frozen_at(NOW), Options::default(), loaded.config, paths, store);
    fill(&state.store);
    state.store.set_loading(Loading { usable: true, complete: true, ..Loading::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::serve(state.clone(), api::router(state.clone()), listener));
    Running { state, address, client: Client::builder(TokioExecutor::new()).build_http() }
}

impl Running {
    async fn get(&self, path: &str, accept: &str) -> (u16, HeaderMap, bytes::Bytes) {
        let uri = format!("http://{}{path}", self.address);
        let request = Request::get(uri).header("accept", accept).body(Empty::new()).unwrap();
        let (parts, body) = self.client.request(request).await.unwrap().into_parts();
        (parts.status.as_u16(), parts.headers, body.collect().await.unwrap().to_bytes())
    }

    /// The JSON answer and the message of the same address.
    async fn both<M: Message + Default>(&self, path: &str) -> (Value, M) {
        let (status, _, json) = self.get(path, "application/json").await;
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&json));
        let (status, headers, bytes) = self.get(path, CONTENT_TYPE).await;
        assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, CONTENT_TYPE), "{path}");
        let vary = headers.get_all("vary").iter().any(|v| v.to_str().unwrap().contains("Accept"));
        assert!(vary, "{path}: a cache could mix both forms up");
        (serde_json::from_slice(&json).unwrap(), M::decode(bytes).unwrap())
    }

    /// Every field of the message is as the JSON answer, read into the same message, has it.
    async fn same<M>(&self, path: &str) -> M
    where
        M: Message + Default + PartialEq + DeserializeOwned + std::fmt::Debug,
    {
        let (json, message) = self.both::<M>(path).await;
        let expected: M = serde_json::from_value(pruned(json)).unwrap();
        assert_eq!(message, expected, "{path}");
        message
    }
}

/// Without nulls, which are absent in protobuf (in a list: empty).
fn pruned(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            map.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, pruned(v))).collect()
        }
        Value::Array(items) => {
            let empty = |v: Value| if v.is_null() { Value::from("") } else { pruned(v) };
            items.into_iter().map(empty).collect()
        }
        other => other,
    }
}

#[tokio::test]
async fn packets_say_the_same_in_both_forms() {
    let server = start().await;
    let (json, list) = server.both::<v1::PacketListResponse>("/api/packets?expand=observations").await;
    let (packet, of_json) = (&list.packets[0], &json["packets"][0]);
    assert_eq!((i64::from(list.total), packet.id), (json["total"].as_i64().unwrap(), 1));
    assert_eq!(of_json["hash"], packet.hash);
    assert_eq!(of_json["decoded_json"].as_str(), packet.decoded_json.as_deref());
    assert_eq!(of_json["raw_hex"].as_str(), packet.raw_hex.as_deref());
    assert_eq!(of_json["observations"][0]["snr"].as_f64(), packet.observations[0].snr);
    assert_eq!(of_json["observations"][1]["snr"].as_f64(), packet.observations[1].snr);
    assert_eq!(packet.observations[1].rssi, Some(-90.0));

    server.same::<v1::PacketListResponse>("/api/packets").await;
    let grouped = server.same::<v1::GroupedPacketListResponse>("/api/packets?groupByHash=true").await;
    assert_eq!((grouped.packets[0].hash.as_str(), grouped.packets[0].observation_count), (HASH, 2));
    for path in ["/api/packets/1", "/api/packets/aaaaaaaaaaaaaaaa"] {
        let detail = server.same::<v1::PacketDetailResponse>(path).await;
        assert_eq!((detail.packet.unwrap().id, detail.observations.len()), (1, 2));
    }
    let traces = server.same::<v1::TraceResponse>(&format!("/api/traces/{HASH}")).await;
    assert_eq!((traces.traces.len(), traces.traces[0].observer.as_deref()), (2, Some("AA11")));
    let since = "/api/packets/timestamps?since=2026-05-01T00:00:00Z";
    let (json, times) = server.both::<v1::PacketTimestampsResponse>(since).await;
    assert_eq!(serde_json::to_value(times.timestamps).unwrap(), json);
    server.state.shutdown.cancel();
}

#[tokio::test]
async fn nodes_say_the_same_in_both_forms() {
    let server = start().await;
    let list = server.same::<v1::NodeListResponse>("/api/nodes").await;
    assert_eq!((list.nodes.len(), list.total), (2, 2));
    assert_eq!((list.nodes[0].lat, list.counts.unwrap().repeaters), (Some(47.5), 2));
    let found = server.same::<v1::NodeSearchResponse>("/api/nodes/search?q=Hillside").await;
    assert_eq!(found.nodes.len(), 1);
    let status = server.same::<v1::NetworkStatusResponse>("/api/nodes/network-status").await;
    assert_eq!(status.total, 2);
    let detail = server.same::<v1::NodeDetailResponse>(&format!("/api/nodes/{}", key())).await;
    assert_eq!(detail.node.unwrap().name.as_deref(), Some("Hill"));
    let health = server.same::<v1::NodeHealthResponse>(&format!("/api/nodes/{}/health", key())).await;
    assert_eq!(health.node.unwrap().public_key, key());
    server.state.shutdown.cancel();
}

#[tokio::test]
async fn observers_say_the_same_in_both_forms() {
    let server = start().await;
    let list = server.same::<v1::ObserverListResponse>("/api/observers").await;
    assert_eq!((list.observers.len(), list.observers[0].noise_floor), (1, Some(-118.5)));
    let one = server.same::<v1::Observer>("/api/observers/AA11").await;
    assert_eq!((one.id.as_str(), one.battery_mv), ("AA11", Some(4100)));
    server.state.shutdown.cancel();
}

#[tokio::test]
async fn errors_and_routes_without_a_message_stay_json() {
    let server = start().await;
    for (path, expected) in [("/api/packets/999", 404), ("/api/healthz", 200), ("/api/nope", 404)] {
        let (status, headers, body) = server.get(path, CONTENT_TYPE).await;
        assert_eq!(status, expected, "{path}");
        assert!(headers["content-type"].to_str().unwrap().starts_with("application/json"), "{path}");
        assert!(serde_json::from_slice::<Value>(&body).unwrap().is_object(), "{path}");
    }
    server.state.shutdown.cancel();
}
