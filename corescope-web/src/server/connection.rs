//! One connection: its place, its handshake, HTTP/1.1 or HTTP/2 on it, its end.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::edge::Edge;
use super::head;
use super::limit::{Permit, Refused};
use super::stream::Guarded;
use crate::AppState;

/// The place of the connection that a request came by, in its extensions: a socket that outlives
/// the request holds on to it.
#[derive(Debug, Clone)]
pub(crate) struct Place(#[allow(dead_code, reason = "held, not read")] pub(crate) Arc<Permit>);

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Connections {
    pub(crate) state: AppState,
    pub(crate) edge: Arc<Edge>,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) tracker: TaskTracker,
}

/// Length of the HTTP/2 client preface (RFC 9113 §3.4).
const H2_PREFACE: usize = 24;

impl Connections {
    /// Serves a connection in a task of its own.
    pub(crate) fn start(&self, stream: TcpStream, peer: IpAddr) {
        let place = match self.state.addresses.connect(peer) {
            Ok(permit) => Place(Arc::new(permit)),
            Err(refused) => {
                // A few at a time say why; in a flood the rest is closed without a word.
                if self.tls.is_none() && self.tracker.len() < self.state.options.limits.connections + 256 {
                    self.tracker.spawn(refuse(stream, refused));
                }
                return;
            }
        };
        // Answers are written whole; waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        let this = self.clone();
        self.tracker.spawn(async move {
            // What ends one connection (a reset, a bad request line, a time-out) is no news.
            if let Err(error) = this.run(stream, peer, place).await {
                tracing::debug!(%peer, error, "connection ended");
            }
        });
    }

    async fn run(&self, mut stream: TcpStream, peer: IpAddr, place: Place) -> Result<(), String> {
        // Until a client has said something it costs no buffers. A TLS handshake makes its own.
        let limits = &self.state.options.limits;
        let first = async {
            match &self.tls {
                Some(_) => stream.peek(&mut [0]).await.map(|read| (read, Bytes::new())),
                None => head::gather(&mut stream).await.map(|head| (head.len(), head)),
            }
        };
        let (read, head) = tokio::select! {
            first = tokio::time::timeout(limits.header_timeout, first) => {
                first.map_err(|_| "no request came in time")?.map_err(|e| e.to_string())?
            }
            () = self.state.shutdown.cancelled() => return Ok(()),
        };
        if read == 0 {
            return Ok(());
        }
        Box::pin(self.talk(stream, head, peer, place)).await
    }

    async fn talk(&self, stream: TcpStream, head: Bytes, peer: IpAddr, place: Place) -> Result<(), String> {
        let limits = &self.state.options.limits;
        let Some(acceptor) = &self.tls else {
            let io = Guarded::new(stream, 0, Duration::ZERO, limits.write_stall).behind(head);
            return self.http1(io, peer, place).await;
        };
        let handshake = tokio::time::timeout(limits.header_timeout, acceptor.accept(stream));
        let stream = handshake.await.map_err(|_| "TLS handshake timed out")?.map_err(|e| e.to_string())?;
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            let io = Guarded::new(stream, H2_PREFACE, limits.header_timeout, limits.write_stall);
            self.http2(io, peer, place).await
        } else {
            let io = Guarded::new(stream, 0, Duration::ZERO, limits.write_stall);
            self.http1(io, peer, place).await
        }
    }

    async fn http1<S>(&self, io: S, peer: IpAddr, place: Place) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.state.options.limits;
        let service = hyper::service::service_fn(|request| self.answer(peer, &place, request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            // Room above the limit, so that headers somewhat too large get an answer in JSON.
            .max_buf_size((limits.header_bytes * 4).max(32 * 1024))
            .max_headers(128)
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return ended.map_err(|e| e.to_string()),
            () = self.state.shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await.map_err(|e| e.to_string())
    }

    async fn http2<S>(&self, io: S, peer: IpAddr, place: Place) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.state.options.limits;
        let this = self.clone();
        let service = hyper::service::service_fn(move |request| {
            let (this, place) = (this.clone(), place.clone());
            async move { this.answer(peer, &place, request).await }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(64)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX).saturating_mul(2))
            .max_send_buf_size(256 * 1024)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20))
            .serve_connection(TokioIo::new(io), service);
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return ended.map_err(|e| e.to_string()),
            () = self.state.shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await.map_err(|e| e.to_string())
    }

    fn answer(
        &self,
        peer: IpAddr,
        place: &Place,
        request: hyper::Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + use<> {
        let (edge, place) = (self.edge.clone(), place.clone());
        async move { Ok(edge.answer(peer, &place, request).await) }
    }
}

/// Says in one write why there is no place, and closes.
async fn refuse(mut stream: TcpStream, refused: Refused) {
    let (status, body) = match refused {
        Refused::Full => (
            "503 Service Unavailable",
            "{\"error\":\"server is full\",\"code\":\"full\",\"hint\":\"try again later\",\"retry_after_s\":5}\n",
        ),
        Refused::Address => (
            "429 Too Many Requests",
            "{\"error\":\"too many connections from this address\",\"code\":\"rate_limited\",\"hint\":\"use keep-alive, or ask the operator to raise http.limits\",\"retry_after_s\":5}\n",
        ),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nRetry-After: 5\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let write = async {
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(body.as_bytes()).await;
        let _ = stream.shutdown().await;
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), write).await;
}
