//! Requests as no decent client writes them, byte for byte, over real sockets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use std::net::SocketAddr;
use std::time::Duration;

use corescope_core::config;
use corescope_store::memory::{Loading, Store};
use corescope_web::server::{self, Options};
use corescope_web::{App, AppState, Clock, api};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn start(options: Options) -> (AppState, SocketAddr) {
    let mut loaded = config::load(&config::Input::default()).unwrap();
    let paths = config::Paths::resolve(&config::Places::default(), None, &mut loaded.layers);
    let state = App::new(Clock::frozen_at(1_779_042_000), options, loaded.config, paths, Store::new());
    state.store.set_loading(Loading { usable: true, complete: true, ..Loading::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::serve(state.clone(), api::router(state.clone()), listener));
    (state, address)
}

/// One answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    /// Status line and headers, in lower case.
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Sends these bytes and reads to the end: the last request closes the connection, by its own
/// wish or because it is refused. `heads` says which answers have no body.
async fn send(address: SocketAddr, bytes: &[u8], heads: &[usize]) -> Vec<Answer> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that refuses may have closed before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut all = Vec::new();
    // A reset after the answer is an end too.
    let _ = tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut all)).await.unwrap();
    let mut rest = &all[..];
    let mut answers = Vec::new();
    while let Some(at) = rest.windows(4).position(|w| w == b"\r\n\r\n") {
        let head = String::from_utf8(rest[..at].to_vec()).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        rest = &rest[at + 4..];
        let mut answer = Answer { status, head, body: String::new() };
        let length: usize = answer.header("content-length").map_or(0, |n| n.parse().unwrap());
        if !heads.contains(&answers.len()) {
            answer.body = String::from_utf8_lossy(&rest[..length]).into_owned();
            rest = &rest[length..];
        }
        answers.push(answer);
    }
    assert!(rest.is_empty(), "bytes behind the last answer: {:?}", String::from_utf8_lossy(rest));
    answers
}

/// The answer to one request with these lines; `Host` and `Connection: close` are added.
async fn ask(address: SocketAddr, lines: &str) -> Answer {
    let (line, headers) = lines.split_once('\n').unwrap_or((lines, ""));
    let headers: String = headers.lines().flat_map(|h| [h, "\r\n"]).collect();
    let text = format!("{line} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{headers}\r\n");
    let heads: &[usize] = if line.starts_with("HEAD ") { &[0] } else { &[] };
    let mut answers = send(address, text.as_bytes(), heads).await;
    assert_eq!(answers.len(), 1, "{lines}: {answers:?}");
    answers.remove(0)
}

#[tokio::test]
async fn odd_requests_are_answered_as_they_deserve() {
    let (state, address) = start(Options::default()).await;
    for (lines, status, code) in [
        ("GET /api/healthz", 200, ""),
        ("GET http://other.example/api/healthz", 200, ""),
        ("GET /api/healthz?", 200, ""),
        ("GET /api/healthz?a=&&=b&%&%zz&\u{e4}", 200, ""),
        ("GET /api/packets?limit=&offset=&type=&filter=&since=", 200, ""),
        ("GET /api/packets?limit=1&limit=x&limit=99", 200, ""),
        ("GET /api/healthz\nRange: bytes=0-3", 200, ""),
        ("GET /api/healthz\nContent-Length: 0", 200, ""),
        (
            "GET /api/healthz\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABk",
            200,
            "",
        ),
        ("GET /api/packets/%00", 404, "not_found"),
        ("GET /api/packets/%zz", 404, "not_found"),
        ("GET /api/packets/..%5c..", 404, "not_found"),
        ("GET /api/packets/%ff%fe", 400, "bad_path"),
        ("GET /api/%", 404, "not_found"),
        ("TRACE /api/healthz", 405, "method_not_allowed"),
        ("get /api/healthz", 405, "method_not_allowed"),
        ("OPTIONS /api/healthz", 405, "method_not_allowed"),
        ("CONNECT here:443", 405, "method_not_allowed"),
        ("POST /api/decode\nContent-Length: 99999999\nExpect: 100-continue", 413, "too_large"),
        ("POST /api/decode\nTransfer-Encoding: gzip", 400, ""),
        ("GET /ws\nUpgrade: websocket", 400, "not_a_websocket"),
        (
            "GET /ws\nUpgrade: websocket\nSec-WebSocket-Version: 12\nSec-WebSocket-Key: AAAA",
            400,
            "not_a_websocket",
        ),
    ] {
        let answer = ask(address, lines).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{lines}: {answer:?}");
    }
    state.shutdown.cancel();
}

#[tokio::test]
async fn what_cannot_be_read_in_one_way_only_ends_the_connection() {
    let (state, address) = start(Options::default()).await;
    let behind = "GET /api/nope HTTP/1.1\r\nHost: here\r\n\r\n";
    for (request, status) in [
        (
            "POST /api/decode HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "POST /api/decode HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\nContent-Length: 7\r\n\r\nabcdef",
            400,
        ),
        ("POST /api/decode HTTP/1.1\r\nHost: here\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST /api/decode HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("GET /api/healthz HTTP/1.1\r\nHost : here\r\n\r\n", 400),
        ("GET /api/healthz HTTP/1.1\r\nHost: here\r\nX-A: b\r\n c\r\n\r\n", 400),
        ("GET /api/healthz HTTP/1.1\r\nHost: here\r\nX-A: a\0b\r\n\r\n", 400),
        ("GET /api/health z HTTP/1.1\r\nHost: here\r\n\r\n", 400),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\r\n\r\n", 400),
    ] {
        let answers = send(address, format!("{request}{behind}").as_bytes(), &[]).await;
        let statuses: Vec<u16> = answers.iter().map(|a| a.status).collect();
        assert_eq!(statuses, [status], "{request:?}");
    }
    let many = "X-A: y\r\n".repeat(200);
    let request = format!("GET /api/healthz HTTP/1.1\r\nHost: here\r\n{many}\r\n{behind}");
    assert_eq!(send(address, request.as_bytes(), &[]).await[0].status, 431);
    let request = format!("GET /api/healthz?{} HTTP/1.1\r\nHost: here\r\n\r\n", "a".repeat(70_000));
    // Which of the two depends on how the bytes arrive.
    assert!([414, 431].contains(&send(address, request.as_bytes(), &[]).await[0].status));
    state.shutdown.cancel();
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_order() {
    let (state, address) = start(Options::default()).await;
    let mut row = String::new();
    for (line, more) in [
        ("GET /api/healthz", ""),
        ("HEAD /api/healthz", ""),
        ("GET /api/nope", "Content-Length: 5\r\n\r\nhello"),
        ("POST /api/decode", "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
        ("GET /api/healthz", "Connection: close\r\n"),
    ] {
        let end = if more.contains("\r\n\r\n") { "" } else { "\r\n" };
        row.push_str(&format!("{line} HTTP/1.1\r\nHost: here\r\n{more}{end}"));
    }
    let answers = send(address, row.as_bytes(), &[1]).await;
    let statuses: Vec<u16> = answers.iter().map(|a| a.status).collect();
    assert_eq!(statuses, [200, 200, 404, 400, 200], "{answers:?}");
    assert_eq!(answers[1].header("content-length"), answers[0].header("content-length"));
    assert_eq!(answers[4].body, answers[0].body);
    state.shutdown.cancel();
}

#[tokio::test]
async fn the_host_must_be_named_once() {
    let (state, address) = start(Options::default()).await;
    for hosts in ["", "Host: a\r\nHost: b\r\n"] {
        let request = format!("GET /api/healthz HTTP/1.1\r\nConnection: close\r\n{hosts}\r\n");
        let answers = send(address, request.as_bytes(), &[]).await;
        assert_eq!((answers[0].status, answers[0].code().as_str()), (400, "bad_host"));
    }
    // HTTP/1.0 knows no hosts.
    let answers = send(address, b"GET /api/healthz HTTP/1.0\r\n\r\n", &[]).await;
    assert_eq!(answers[0].status, 200);
    state.shutdown.cancel();
}

#[tokio::test]
async fn no_redirect_leads_to_another_host_or_writes_a_header() {
    let (state, address) = start(Options::default()).await;
    for path in [
        "//other.example/",
        "/..//other.example",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f%2fother.example",
        "/..%2f%5cother.example",
        "/..%5c%5cother.example/..",
        "/\\other.example/..",
        "/x/..%2fy%0d%0aSet-Cookie:a=b",
        "//x%0d%0aSet-Cookie:a=b",
        "/api/../x%0aSet-Cookie:a=b/..",
        "http://there.example//other.example/",
    ] {
        let answer = ask(address, &format!("GET {path}")).await;
        assert!([200, 301, 400].contains(&answer.status), "{path}: {answer:?}");
        assert!(answer.header("set-cookie").is_none(), "{path}: {answer:?}");
        if let Some(location) = answer.header("location") {
            let second = location.chars().nth(1);
            assert!(
                location.starts_with('/') && second != Some('/') && second != Some('\\'),
                "{path}: {location}"
            );
        }
    }
    state.shutdown.cancel();
}

#[tokio::test]
async fn ranges_and_conditions_of_files() {
    let (state, address) = start(Options::default()).await;
    let whole = ask(address, "GET /index.html").await;
    let (size, etag) = (whole.body.len(), whole.header("etag").unwrap().to_owned());
    for (range, status, length) in [
        ("bytes=0-9", 206, 10),
        ("bytes=-5", 206, 5),
        (&*format!("bytes={}-", size - 3), 206, 3),
        (&*format!("bytes=0-{}", u64::MAX), 206, size),
        ("bytes=99999999-", 416, 0),
        ("bytes=-0", 416, 0),
        ("bytes=9-2", 200, size),
        ("bytes=0-1,4-5", 200, size),
        ("bytes=99999999999999999999-", 200, size),
        ("lines=0-1", 200, size),
        ("bytes=", 200, size),
    ] {
        let answer = ask(address, &format!("GET /index.html\nRange: {range}")).await;
        assert_eq!((answer.status, answer.body.len()), (status, length), "{range}: {}", answer.head);
    }
    for (condition, status) in [
        (format!("If-None-Match: {etag}"), 304),
        ("If-None-Match: *".to_owned(), 304),
        (format!("If-None-Match: \"x\", W/{etag}"), 304),
        ("If-None-Match: \"x\"".to_owned(), 200),
        (format!("Range: bytes=0-1\nIf-Range: {etag}"), 206),
        ("Range: bytes=0-1\nIf-Range: \"x\"".to_owned(), 200),
    ] {
        let answer = ask(address, &format!("GET /index.html\n{condition}")).await;
        assert_eq!(answer.status, status, "{condition}: {}", answer.head);
        assert!(status != 304 || answer.body.is_empty());
    }
    state.shutdown.cancel();
}

#[tokio::test]
async fn clients_that_say_nothing_go_when_the_server_stops() {
    let (state, address) = start(Options::default()).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    // Accepted, because those before it are.
    ask(address, "GET /api/healthz").await;
    state.shutdown.cancel();
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_mins(1), silent.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty());
}
