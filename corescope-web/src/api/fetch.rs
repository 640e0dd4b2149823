//! One GET to the world outside: bounded in size and time, no redirects to other schemes, certificates checked.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Time for everything.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Redirects followed at most.
const REDIRECTS: usize = 3;

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FetchError {
    /// The address cannot be used.
    #[error("{0:?} is no http or https address")]
    Address(String),
    /// No connection.
    #[error("cannot connect to {host}: {source}")]
    Connect {
        /// Whom to.
        host: String,
        /// Why.
        source: std::io::Error,
    },
    /// The connection broke, or was no HTTP.
    #[error("the answer could not be read: {0}")]
    Protocol(String),
    /// Another status than 200.
    #[error("the server answered {0}")]
    Status(u16),
    /// Not what was expected.
    #[error("the answer is not what it should be: {0}")]
    Content(String),
    /// Too slow.
    #[error("no answer within 30 s")]
    Timeout,
}

/// The body behind `url`, at most `limit` bytes.
pub(crate) async fn get(url: &str, limit: usize) -> Result<Bytes, FetchError> {
    tokio::time::timeout(TIMEOUT, follow(url, limit)).await.unwrap_or(Err(FetchError::Timeout))
}

async fn follow(url: &str, limit: usize) -> Result<Bytes, FetchError> {
    let mut url = url.to_owned();
    for _ in 0..=REDIRECTS {
        match once(&url, limit).await? {
            Answer::Body(body) => return Ok(body),
            // from https only to https, so that what was asked for safely is not answered in clear
            Answer::Elsewhere(next) if url.starts_with("http://") || next.starts_with("https://") => {
                url = next
            }
            Answer::Elsewhere(next) => return Err(FetchError::Address(next)),
        }
    }
    Err(FetchError::Content("too many redirects".to_owned()))
}

enum Answer {
    Body(Bytes),
    Elsewhere(String),
}

async fn once(url: &str, limit: usize) -> Result<Answer, FetchError> {
    let bad = || FetchError::Address(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| bad())?;
    let host = uri.host().ok_or_else(bad)?.trim_matches(['[', ']']).to_owned();
    let tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(bad()),
    };
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let failed = |source| FetchError::Connect { host: host.clone(), source };
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(failed)?;
    if tls {
        let name = ServerName::try_from(host.clone()).map_err(|_| bad())?;
        let stream = connector().connect(name, stream).await.map_err(failed)?;
        ask(stream, &uri, limit).await
    } else {
        ask(stream, &uri, limit).await
    }
}

fn connector() -> tokio_rustls::TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|_| unreachable!("the ring provider has cipher suites for the default versions"))
        .with_root_certificates(roots)
        .with_no_client_auth();
    tokio_rustls::TlsConnector::from(Arc::new(config))
}

async fn ask<S>(stream: S, uri: &Uri, limit: usize) -> Result<Answer, FetchError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let broken = |error: &dyn std::fmt::Display| FetchError::Protocol(error.to_string());
    let (mut sender, connection) =
        http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await.map_err(|e| broken(&e))?;
    let driver = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |p| p.as_str());
    let request = Request::get(path)
        .header(
            header::HOST,
            uri.authority().map_or("", |a| a.as_str().rsplit('@').next().unwrap_or_default()),
        )
        .header(header::USER_AGENT, concat!("corescope/", env!("CARGO_PKG_VERSION")))
        .header(header::ACCEPT, "application/json")
        .header(header::CONNECTION, "close")
        .body(Empty::new())
        .map_err(|e| broken(&e))?;
    let response = sender.send_request(request).await.map_err(|e| broken(&e))?;
    let status = response.status();
    if status.is_redirection() {
        let next = response.headers().get(header::LOCATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
        driver.abort();
        return Ok(Answer::Elsewhere(next.to_owned()));
    }
    if status != http::StatusCode::OK {
        driver.abort();
        return Err(FetchError::Status(status.as_u16()));
    }
    let body = Limited::new(response.into_body(), limit).collect().await.map_err(|e| broken(&e))?.to_bytes();
    driver.abort();
    Ok(Answer::Body(body))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers each connection with the next text, and tells its address.
    async fn server(answers: Vec<String>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = [0_u8; 4096];
                let _ = stream.read(&mut asked).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        address
    }

    fn ok(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    #[tokio::test]
    async fn a_body_is_fetched_and_bounded() {
        let url = server(vec![ok("hello"), ok("hello")]).await;
        assert_eq!(get(&url, 5).await.unwrap(), "hello");
        assert!(matches!(get(&url, 4).await, Err(FetchError::Protocol(_))));
    }

    #[tokio::test]
    async fn redirects_are_followed_a_few_times() {
        let there = server(vec![ok("there")]).await;
        let here =
            server(vec![format!("HTTP/1.1 302 Found\r\nLocation: {there}/x\r\nContent-Length: 0\r\n\r\n")])
                .await;
        assert_eq!(get(&here, 100).await.unwrap(), "there");
    }

    #[tokio::test]
    async fn what_cannot_be_fetched_says_why() {
        let url = server(vec!["HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned()]).await;
        assert!(matches!(get(&url, 9).await, Err(FetchError::Status(404))));
        for url in ["file:///etc/passwd", "nonsense", "", "ftp://x/y"] {
            assert!(matches!(get(url, 9).await, Err(FetchError::Address(_))), "{url}");
        }
    }
}
