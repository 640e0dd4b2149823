//! One GET over HTTP or HTTPS, bounded in time and size.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use http::{HeaderMap, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};

/// Longest time for the whole exchange.
const AT_MOST: Duration = Duration::from_secs(20);
/// Largest answer that is read, bytes.
const MAX_BODY: usize = 4 << 20;

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Fetches an address. Redirects are not followed: where they lead is part of the answer.
pub(super) fn fetch(url: &str) -> Result<Answer> {
    let uri: Uri = url.parse().with_context(|| format!("{url} is no address"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::time::timeout(AT_MOST, get(&uri))
            .await
            .map_err(|_| anyhow!("no answer within {} s", AT_MOST.as_secs()))?
    })
}

async fn get(uri: &Uri) -> Result<Answer> {
    let host = uri.host().context("the address names no host")?;
    let is_tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => bail!("write http:// or https:// before it"),
    };
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let stream = tokio::net::TcpStream::connect((bare, port))
        .await
        .with_context(|| format!("cannot connect to {host}:{port}"))?;
    if !is_tls {
        return exchange(stream, uri).await;
    }
    let name = ServerName::try_from(bare.to_owned()).with_context(|| format!("{host} is no host name"))?;
    let stream = tls()?.connect(name, stream).await.with_context(|| format!("no TLS with {host}:{port}"))?;
    exchange(stream, uri).await
}

fn tls() -> Result<tokio_rustls::TlsConnector> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    anyhow::ensure!(!roots.is_empty(), "the system has no trusted certificates: install ca-certificates");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(tokio_rustls::TlsConnector::from(Arc::new(config)))
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    uri: &Uri,
) -> Result<Answer> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let authority = uri.authority().context("the address names no host")?.as_str();
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let request = hyper::Request::get(path)
        .header("host", authority.rsplit('@').next().unwrap_or(authority))
        .header("user-agent", concat!("corescope-cli/", env!("CARGO_PKG_VERSION")))
        .header("accept", "application/json")
        .body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, MAX_BODY)
        .collect()
        .await
        .map_err(|e| anyhow!("the answer cannot be read: {e}"))?;
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.to_bytes() })
}
