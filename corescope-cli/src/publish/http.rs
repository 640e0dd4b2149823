//! Messages to the API: each packet becomes one `POST /api/packets`.

use anyhow::{Context, anyhow};
use bytes::Bytes;
use corescope_core::uplink::{self, Uplink};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;

use super::{Delivered, Sink};
use crate::{Exit, Failure};

/// Posts packets. Messages of other kinds (statuses) have no place in the API and are left out.
pub struct ApiSink {
    runtime: tokio::runtime::Runtime,
    authority: String,
    key: String,
    connection: Option<SendRequest<Full<Bytes>>>,
    delivered: Delivered,
}

impl ApiSink {
    /// Connects to `http://host:port`. `key` is the server's API key.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`] for an address that is none, [`Exit::Io`] when nobody answers.
    pub fn connect(url: &str, key: Option<&str>) -> Result<Self, Failure> {
        let bad =
            || Failure::msg(Exit::Usage, format_args!("{url} is no server address; write http://host:3000"));
        let authority = url.strip_prefix("http://").ok_or_else(bad)?.trim_end_matches('/').to_owned();
        if authority.is_empty() || authority.contains('/') {
            return Err(bad());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connection = Some(runtime.block_on(open(&authority))?);
        let key = key.unwrap_or_default().to_owned();
        Ok(Self { runtime, authority, key, connection, delivered: Delivered::default() })
    }

    fn post(&mut self, body: &str) -> Result<(StatusCode, String), Failure> {
        let Self { runtime, authority, key, connection, .. } = self;
        let answer = runtime.block_on(async {
            if connection.as_ref().is_none_or(SendRequest::is_closed) {
                *connection = Some(open(authority).await?);
            }
            let sender = connection.as_mut().ok_or_else(|| anyhow!("no connection"))?;
            sender.ready().await?;
            let request = Request::post("/api/packets")
                .header("host", &**authority)
                .header("content-type", "application/json")
                .header("x-api-key", &**key)
                .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            let body = http_body_util::Limited::new(answer.into_body(), 64 * 1024).collect().await;
            let text =
                body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default();
            anyhow::Ok((status, text))
        });
        Ok(answer.with_context(|| format!("cannot post to http://{}/api/packets", self.authority))?)
    }
}

async fn open(authority: &str) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let address = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let stream = tokio::net::TcpStream::connect(&address)
        .await
        .with_context(|| format!("cannot connect to http://{authority}"))?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

impl Sink for ApiSink {
    fn send(&mut self, _time_ms: i64, topic: &str, payload: &str, _retain: bool) -> Result<(), Failure> {
        let Ok(Uplink::Packet(packet)) = uplink::parse(topic, payload.as_bytes()) else { return Ok(()) };
        let body = json!({
            "hex": packet.raw_hex, "observer": packet.observer, "snr": packet.snr_db, "rssi": packet.rssi_dbm,
            "region": packet.region,
        });
        self.delivered.sent += 1;
        match self.post(&body.to_string())? {
            (status, _) if status.is_success() => self.delivered.confirmed += 1,
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, answer) => {
                let hint = "name the server's key with --api-key";
                return Err(Failure::msg(
                    Exit::Failure,
                    format_args!("the server refuses packets: {answer}; {hint}"),
                ));
            }
            (StatusCode::BAD_REQUEST, _) => self.delivered.refused += 1,
            (status, answer) => {
                return Err(Failure::msg(
                    Exit::Failure,
                    format_args!("the server answered {status}: {answer}"),
                ));
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Delivered, Failure> {
        Ok(self.delivered)
    }
}
