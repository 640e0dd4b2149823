//! HTTPS as clients see it: HTTP/2 and HTTP/1.1 by ALPN, with a certificate made for the test.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use corescope_core::config;
use corescope_store::memory::{Loading, Store};
use corescope_web::server::{self, Limits, Options, TlsFiles};
use corescope_web::{App, AppState, Clock, api};
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What `openssl req` is told of the certificate: for this machine only, and no authority.
const REQUEST: &str = "[req]\ndistinguished_name = dn\nx509_extensions = ext\nprompt = no\n[dn]\nCN = localhost\n[ext]\n\
    subjectAltName = DNS:localhost, IP:127.0.0.1\nbasicConstraints = critical, CA:FALSE\n";

/// A certificate that signs itself, and its key; none, with a message, where `openssl` is not installed.
fn certificate(folder: &Path) -> Option<TlsFiles> {
    let files = TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
    let request = folder.join("request.cnf");
    std::fs::write(&request, REQUEST).unwrap();
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    command.args(["-sha256", "-days", "30", "-config"]).arg(&request);
    let Ok(output) = command.arg("-keyout").arg(&files.key).arg("-out").arg(&files.cert).output() else {
        println!("skipped: openssl is not installed (apt-get install openssl)");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(files)
}

async fn start(files: &TlsFiles) -> (AppState, SocketAddr) {
    start_with(files, Limits::default()).await
}

async fn start_with(files: &TlsFiles, limits: Limits) -> (AppState, SocketAddr) {
    let mut loaded = config::load(&config::Input::default()).unwrap();
    let paths = config::Paths::resolve(&config::Places::default(), None, &mut loaded.layers);
    let options = Options { tls: Some(files.clone()), limits, ..Options::default() };
    let state = App::new(Clock::Real, options, loaded.config, paths, Store::new());
    state.store.set_loading(Loading { usable: true, complete: true, ..Loading::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::serve(state.clone(), api::router(state.clone()), listener));
    (state, address)
}

/// A client that trusts just this certificate and speaks these protocols.
async fn connect(files: &TlsFiles, address: SocketAddr, protocols: &[&str]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&files.cert).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

fn agreed(stream: &TlsStream<TcpStream>) -> Option<&str> {
    stream.get_ref().1.alpn_protocol().map(|p| std::str::from_utf8(p).unwrap())
}

fn request(uri: String) -> Request<Empty<Bytes>> {
    Request::get(uri).header("host", "localhost").body(Empty::new()).unwrap()
}

async fn assert_ready(response: Response<Incoming>, version: Version) {
    assert_eq!((response.status().as_u16(), response.version()), (200, version));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["ready"], true, "{body}");
}

#[tokio::test]
async fn http_2_is_chosen_where_the_client_speaks_it() {
    let dir = tempfile::tempdir().unwrap();
    let Some(files) = certificate(dir.path()) else { return };
    let (state, address) = start(&files).await;
    let stream = connect(&files, address, &["h2", "http/1.1"]).await;
    assert_eq!(agreed(&stream), Some("h2"));
    let (mut sender, connection) =
        conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    // Several at once over the one connection.
    let uri = || format!("https://localhost:{}/api/healthz", address.port());
    let asked: Vec<_> = (0..20).map(|_| sender.send_request(request(uri()))).collect();
    for answer in futures_util::future::join_all(asked).await {
        assert_ready(answer.unwrap(), Version::HTTP_2).await;
    }
    drop(sender);
    connection.await.unwrap().unwrap();
    state.shutdown.cancel();
}

#[tokio::test]
async fn http_1_1_is_spoken_with_clients_that_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let Some(files) = certificate(dir.path()) else { return };
    let (state, address) = start(&files).await;
    for (protocols, expected) in [(&["http/1.1"][..], Some("http/1.1")), (&[], None)] {
        let stream = connect(&files, address, protocols).await;
        assert_eq!(agreed(&stream), expected);
        let (mut sender, connection) = conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        for _ in 0..3 {
            let answer = sender.send_request(request("/api/healthz".into())).await.unwrap();
            assert_ready(answer, Version::HTTP_11).await;
        }
    }
    state.shutdown.cancel();
}

/// Reads until the server closes; whatever comes before that does not matter.
async fn until_closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut rest)).await.unwrap();
}

#[tokio::test]
async fn clients_that_do_not_get_through_the_handshake_are_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let Some(files) = certificate(dir.path()) else { return };
    let limits = Limits { header_timeout: Duration::from_millis(300), ..Limits::default() };
    let (state, address) = start_with(&files, limits).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut half = TcpStream::connect(address).await.unwrap();
    // The beginning of a record that promises 512 bytes.
    half.write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap();
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").await.unwrap();
    for stream in [&mut silent, &mut half, &mut plain] {
        until_closed(stream).await;
    }
    // Agreed on HTTP/2, and then not a word of it.
    let mut mute = connect(&files, address, &["h2"]).await;
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_mins(1), mute.read_to_end(&mut rest)).await.unwrap();
    // Others were served all the time.
    let stream = connect(&files, address, &["http/1.1"]).await;
    let (mut sender, connection) = conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let answer = sender.send_request(request("/api/healthz".into())).await.unwrap();
    assert_ready(answer, Version::HTTP_11).await;
    state.shutdown.cancel();
}

#[tokio::test]
async fn a_stop_closes_idle_connections_of_both_protocols() {
    let dir = tempfile::tempdir().unwrap();
    let Some(files) = certificate(dir.path()) else { return };
    let (state, address) = start(&files).await;
    let stream = connect(&files, address, &["h2"]).await;
    let (mut two, both) = conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let http2 = tokio::spawn(both);
    let uri = format!("https://localhost:{}/api/healthz", address.port());
    assert_ready(two.send_request(request(uri)).await.unwrap(), Version::HTTP_2).await;
    let stream = connect(&files, address, &["http/1.1"]).await;
    let (mut one, connection) = conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let http1 = tokio::spawn(connection);
    assert_ready(one.send_request(request("/api/healthz".into())).await.unwrap(), Version::HTTP_11).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    state.shutdown.cancel();
    // Both clients still hold their connections; it is the server that ends them.
    for ended in [http2, http1] {
        let _ = tokio::time::timeout(Duration::from_mins(1), ended).await.unwrap().unwrap();
    }
    until_closed(&mut silent).await;
    drop((one, two));
}
