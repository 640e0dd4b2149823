//! The edge as a client sees it, over real sockets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]
use std::time::Duration;

use axum::routing::{get, post};
use axum::{Router, body::Body, extract::State};
use corescope_core::config;
use corescope_store::memory::{Loading, Store};
use corescope_web::server::{self, Hot, Limits, Options};
use corescope_web::{App, AppState, Clock, api, json};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

struct Running {
    state: AppState,
    base: String,
    address: std::net::SocketAddr,
    client: Client<HttpConnector, Full<bytes::Bytes>>,
}

async fn start(options: Options) -> Running {
    let mut loaded = config::load(&config::Input::default()).unwrap();
    let paths = config::Paths::resolve(&config::Places::default(), None, &mut loaded.layers);
    let state = App::new(Clock::frozen_at(1_779_042_000), options, loaded.config, paths, Store::new());
    state.store.set_loading(Loading { usable: true, complete: true, ..Loading::default() });
    let extra = Router::new()
        .route("/api/test/hot", get(hot))
        .route("/api/test/panic", get(|| async { panic!("on purpose") as &'static str }))
        .route("/api/test/body", post(body))
        .with_state(state.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = api::router(state.clone()).merge(extra);
    tokio::spawn(server::serve(state.clone(), router, listener));
    let client = Client::builder(TokioExecutor::new()).build_http();
    Running { state, base: format!("http://{address}"), address, client }
}

async fn hot(State(app): State<AppState>) -> axum::response::Response {
    let version = app.version();
    let mut response = json::response(&vec![version; 1000]);
    response.extensions_mut().insert(Hot::until_change(version));
    response
}

async fn body(State(app): State<AppState>, body: Body) -> Result<String, corescope_web::ApiError> {
    let value: serde_json::Value = server::body::json(&app, body, 64).await?;
    Ok(value.to_string())
}

impl Running {
    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (http::response::Parts, bytes::Bytes) {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let (parts, body) = self.client.request(request).await.unwrap().into_parts();
        (parts, body.collect().await.unwrap().to_bytes())
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> (http::response::Parts, bytes::Bytes) {
        self.ask("GET", path, headers, "").await
    }
}

fn code(body: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap();
    value["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn errors_are_json_everywhere() {
    let server = start(Options::default()).await;
    let (parts, body) = server.get("/api/nope", &[]).await;
    assert_eq!((parts.status, code(&body).as_str()), (StatusCode::NOT_FOUND, "not_found"));
    assert_eq!(parts.headers["cache-control"], "no-store");
    assert_eq!(parts.headers["x-corescope-load-status"], "ready");
    let (parts, body) = server.ask("DELETE", "/api/healthz", &[], "").await;
    assert_eq!((parts.status, code(&body).as_str()), (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"));
    assert!(parts.headers["allow"].to_str().unwrap().contains("GET"));
    let (parts, body) = server.get("/api/test/panic", &[]).await;
    assert_eq!((parts.status, code(&body).as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "internal"));
    let (parts, body) = server.ask("POST", "/api/test/body", &[], &"x".repeat(65)).await;
    assert_eq!((parts.status, code(&body).as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    let (parts, body) = server.ask("POST", "/api/test/body", &[], "{").await;
    assert_eq!((parts.status, code(&body).as_str()), (StatusCode::BAD_REQUEST, "invalid_json"));
    let long = "x".repeat(20_000);
    let (parts, body) = server.get("/api/healthz", &[("cookie", &long)]).await;
    assert_eq!(parts.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(code(&body), "headers_too_large");
}

#[tokio::test]
async fn head_trailing_slash_and_dirty_paths() {
    let server = start(Options::default()).await;
    let (_, full) = server.get("/api/healthz", &[]).await;
    let (parts, body) = server.ask("HEAD", "/api/healthz/", &[], "").await;
    assert_eq!((parts.status, body.len()), (StatusCode::OK, 0));
    assert_eq!(parts.headers["content-length"], full.len().to_string());
    let (parts, _) = server.get("//api/healthz?a=b", &[]).await;
    assert_eq!(
        (parts.status, parts.headers["location"].to_str().unwrap()),
        (StatusCode::MOVED_PERMANENTLY, "/api/healthz?a=b")
    );
}

#[tokio::test]
async fn shared_bodies_follow_the_version_and_answer_304() {
    let server = start(Options::default()).await;
    let (first, body) = server.get("/api/test/hot", &[]).await;
    let etag = first.headers["etag"].to_str().unwrap().to_owned();
    let (again, same) = server.get("/api/test/hot", &[("if-none-match", &etag)]).await;
    assert_eq!((again.status, same.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(server.state.hot.size(), (1, body.len()));
    let (packed, small) = server.get("/api/test/hot", &[("accept-encoding", "gzip")]).await;
    assert_eq!(packed.headers["content-encoding"], "gzip");
    assert!(small.len() < body.len());
    assert_ne!(packed.headers["etag"].to_str().unwrap(), etag);
    server.state.touch();
    let (newer, other) = server.get("/api/test/hot", &[("if-none-match", &etag)]).await;
    assert_eq!(newer.status, StatusCode::OK);
    assert_ne!(body, other);
    // Without a version the tag comes from the bytes.
    let (plain, _) = server.get("/api/healthz", &[]).await;
    let etag = plain.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(
        server.get("/api/healthz", &[("if-none-match", &etag)]).await.0.status,
        StatusCode::NOT_MODIFIED
    );
}

#[tokio::test]
async fn cors_as_configured() {
    let options = Options { cors_origins: vec!["https://a.example".into()], ..Options::default() };
    let server = start(options).await;
    let (parts, _) = server.ask("OPTIONS", "/api/healthz", &[("origin", "https://a.example")], "").await;
    assert_eq!(parts.status, StatusCode::NO_CONTENT);
    let (parts, _) = server.get("/api/healthz", &[("origin", "https://a.example")]).await;
    assert_eq!(parts.headers["access-control-allow-origin"], "https://a.example");
    let (parts, _) = server.get("/api/healthz", &[("origin", "https://b.example")]).await;
    assert_eq!(parts.status, StatusCode::OK);
    assert!(!parts.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn too_many_requests_are_answered_429() {
    let limits =
        Limits { loopback: true, request_burst: 5.0, requests_per_second: 0.001, ..Limits::default() };
    let server = start(Options { limits, ..Options::default() }).await;
    for _ in 0..5 {
        assert_eq!(server.get("/api/healthz", &[]).await.0.status, StatusCode::OK);
    }
    let (parts, body) = server.get("/api/healthz", &[]).await;
    assert_eq!((parts.status, code(&body).as_str()), (StatusCode::TOO_MANY_REQUESTS, "rate_limited"));
    assert!(parts.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn too_many_connections_are_answered_429() {
    let limits = Limits { loopback: true, connections_per_address: 2, ..Limits::default() };
    let server = start(Options { limits, ..Options::default() }).await;
    let _one = TcpStream::connect(server.address).await.unwrap();
    let _two = TcpStream::connect(server.address).await.unwrap();
    let mut third = TcpStream::connect(server.address).await.unwrap();
    let mut answer = String::new();
    third.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
}

#[tokio::test]
async fn slow_headers_end_and_idle_connections_close_at_shutdown() {
    let limits = Limits { header_timeout: Duration::from_millis(300), ..Limits::default() };
    let server = start(Options { limits, ..Options::default() }).await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET /api/healthz HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let mut rest = Vec::new();
    // Ends by itself: the server closes.
    let _ = tokio::time::timeout(Duration::from_mins(1), slow.read_to_end(&mut rest)).await.unwrap();

    let server = start(Options::default()).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /api/healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    server.state.shutdown.cancel();
    let _ = tokio::time::timeout(Duration::from_mins(1), idle.read_to_end(&mut rest)).await.unwrap();
}
