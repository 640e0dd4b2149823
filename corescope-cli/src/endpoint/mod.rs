//! Our own MQTT endpoint: observers publish straight to it, and an answer means "on the disk".
//!
//! It is no broker: there are no retained messages, no sessions kept and no bridges. Versions 3.1.1 and 5 share one
//! port; qualities 0, 1 and 2 are taken, and PUBACK or PUBREC is sent after the commit. Whoever may subscribe gets
//! the live stream at quality 0.

mod access;
mod client;
mod filter;
mod token;
mod wire;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use corescope_core::config::Endpoint as Config;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::access::Access;
use crate::ingest::clock::now_ms;
use crate::ingest::mqtt::{SourceStatus, tls};
use crate::ingest::{Ingestor, Intake, Origin, Shared};
use crate::{Exit, Failure};

/// Name of the endpoint among the sources.
pub const SOURCE: &str = "endpoint";

/// The endpoint while it runs.
#[derive(Debug)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether clients have to speak TLS.
    pub is_tls: bool,
    common: Arc<Common>,
    task: JoinHandle<()>,
    is_local: bool,
}

/// What all clients share.
#[derive(Debug)]
struct Common {
    intake: Intake,
    shared: Arc<Shared>,
    status: Arc<SourceStatus>,
    origin: Origin,
    access: ArcSwap<Access>,
    stop: CancellationToken,
    grace: Duration,
    clients: Mutex<HashMap<String, (u64, CancellationToken)>>,
    numbers: AtomicU64,
}

impl Common {
    /// A client comes in; one of the same name that is here already is sent away.
    fn enter(&self, client_id: &str) -> (u64, CancellationToken) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let token = CancellationToken::new();
        if client_id.is_empty() {
            return (number, token);
        }
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, former)) = clients.insert(client_id.to_owned(), (number, token.clone())) {
            former.cancel();
        }
        (number, token)
    }

    fn exit(&self, client_id: &str, number: u64) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.get(client_id).is_some_and(|(current, _)| *current == number) {
            clients.remove(client_id);
        }
    }
}

impl Endpoint {
    /// Listens and takes clients until intake stops.
    ///
    /// # Errors
    ///
    /// [`Exit::Data`] for an address others can reach while nobody is named who may come, and for certificates that
    /// cannot be used; [`Exit::Io`] when the address cannot be had.
    pub async fn start(
        address: SocketAddr,
        config: &Config,
        ingestor: &Ingestor,
        grace: Duration,
    ) -> Result<Self, Failure> {
        let is_local = address.ip().is_loopback();
        let access = Access::new(config, is_local);
        if access.is_closed() {
            return Err(Failure::msg(
                Exit::Data,
                format!(
                    "{address} can be reached from other machines: name endpoint.users, allow endpoint.tokens, or let everybody publish with --open-broker"
                ),
            ));
        }
        let acceptor = acceptor(config).map_err(|error| Failure::new(Exit::Data, error))?;
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| {
                format!("cannot listen on {address} for MQTT; choose another with --mqtt-listen")
            })
            .map_err(|error| Failure::new(Exit::Io, error))?;
        let address = listener.local_addr()?;
        let is_tls = acceptor.is_some();
        let scheme = if is_tls { "mqtts" } else { "mqtt" };
        let status = Arc::new(SourceStatus::new(SOURCE, &format!("{scheme}://{address}")));
        status.connected(now_ms(), false);
        ingestor.roster.add(Arc::clone(&status));
        let common = Arc::new(Common {
            intake: ingestor.intake(),
            shared: Arc::clone(&ingestor.shared),
            status,
            origin: Origin::named(SOURCE),
            access: ArcSwap::from_pointee(access),
            stop: ingestor.stopping(),
            grace,
            clients: Mutex::default(),
            numbers: AtomicU64::new(0),
        });
        let places = Arc::new(Semaphore::new(config.max_connections));
        let task = tokio::spawn(accept(listener, acceptor, places, Arc::clone(&common)));
        Ok(Self { address, is_tls, common, task, is_local })
    }

    /// The address as a client takes it.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_tls { "mqtts" } else { "mqtt" }, self.address)
    }

    /// Takes other users and rules; clients that are in stay in.
    pub fn reload(&self, config: &Config) {
        let access = Access::new(config, self.is_local);
        if access.is_closed() {
            tracing::error!("with these settings nobody could publish to the endpoint; the old ones stay");
        } else {
            self.common.access.store(Arc::new(access));
        }
    }

    /// Waits until every client has left, after intake was told to stop.
    pub async fn ended(self) {
        // The writer must not wait for our way in.
        drop(self.common);
        if self.task.await.is_err() {
            tracing::error!("the task of the MQTT endpoint panicked");
        }
    }
}

fn acceptor(config: &Config) -> anyhow::Result<Option<TlsAcceptor>> {
    let (cert, key) = match (&config.tls_cert, &config.tls_key) {
        (Some(cert), Some(key)) => (cert, key),
        (None, None) => return Ok(None),
        _ => anyhow::bail!("endpoint.tlsCert and endpoint.tlsKey are needed together"),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(tls::certificates(cert)?, tls::private_key(key)?)
        .context("endpoint.tlsCert and endpoint.tlsKey do not fit")?;
    Ok(Some(TlsAcceptor::from(Arc::new(server))))
}

async fn accept(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    places: Arc<Semaphore>,
    common: Arc<Common>,
) {
    let clients = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = common.stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, mostly: others may be closed soon.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            common.shared.counters.bad("mqtt_full");
            if let Some(quiet) =
                common.shared.counters.may_log("mqtt full".to_owned(), Duration::from_mins(1))
            {
                tracing::warn!(%peer, quiet, "MQTT client refused: endpoint.maxConnections are in use");
            }
            continue;
        };
        let (acceptor, common) = (acceptor.clone(), Arc::clone(&common));
        clients.spawn(async move {
            metrics::gauge!("corescope_endpoint_clients").increment(1.0);
            greet(stream, peer, acceptor, common).await;
            metrics::gauge!("corescope_endpoint_clients").decrement(1.0);
            drop(place);
        });
    }
    common.status.closed(now_ms());
    drop(common);
    clients.close();
    clients.wait().await;
}

async fn greet(stream: TcpStream, peer: SocketAddr, acceptor: Option<TlsAcceptor>, common: Arc<Common>) {
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else { return client::serve(stream, peer, common).await };
    match tokio::time::timeout(Duration::from_secs(10), acceptor.accept(stream)).await {
        Ok(Ok(stream)) => client::serve(stream, peer, common).await,
        Ok(Err(error)) => {
            common.shared.counters.bad("mqtt_tls");
            let key = format!("mqtt tls {}", peer.ip());
            if let Some(quiet) = common.shared.counters.may_log(key, Duration::from_mins(1)) {
                tracing::warn!(%peer, %error, quiet, "MQTT client refused: no TLS");
            }
        }
        Err(_) => common.shared.counters.bad("mqtt_tls"),
    }
}
