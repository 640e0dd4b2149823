//! The edge: connections, limits, TLS, and what happens to every request around its route.

pub mod body;
mod cdn;
mod client;
mod compress;
mod conditional;
mod configured;
mod connection;
pub mod cors;
mod edge;
pub mod file;
pub(crate) mod folder;
mod head;
pub mod hot;
pub mod limit;
pub mod options;
mod path;
mod reader;
mod stream;
mod tls;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

pub use client::ClientAddress;
pub use hot::Hot;
pub use options::{Limits, Network, Options, TlsFiles};
pub use tls::TlsError;

pub(crate) use connection::Place;
pub(crate) use edge::RoutePattern;

use crate::AppState;
use crate::api::Rest;
use connection::Connections;

/// Serves until `state.shutdown` is cancelled, then drains: idle connections close at once,
/// requests in progress get [`Options::drain`].
///
/// # Errors
///
/// The TLS files cannot be used, or the system gives no thread. What fails on single connections
/// ends only those.
pub async fn serve(state: AppState, router: Router, listener: TcpListener) -> Result<(), ServeError> {
    crate::live::start(&state)?;
    let tls = state.options.tls.as_ref().map(tls::acceptor).transpose()?;
    let tracker = TaskTracker::new();
    let beside = state.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = Rest::run(&beside) => {}
            () = beside.shutdown.cancelled() => {}
        }
    });
    let edge = Arc::new(edge::Edge::new(state.clone(), router));
    let connections = Connections { state: state.clone(), edge, tls, tracker: tracker.clone() };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = state.shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => connections.start(stream, peer.ip()),
            Err(error) => wait_after(&error).await,
        }
    }
    drop(listener);
    tracker.close();
    state.sockets.close();
    let all = async { tokio::join!(tracker.wait(), state.sockets.wait()) };
    if tokio::time::timeout(state.options.drain, all).await.is_err() {
        tracing::warn!(open = tracker.len(), "stopped with requests still in progress");
    }
    // Nobody waits for these answers any more, and the process would end after them only.
    state.rest.whole.stop();
    Ok(())
}

/// Why serving did not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// HTTPS cannot be served.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// Whether these settings can be served with: reads the TLS files.
///
/// # Errors
///
/// The TLS files cannot be used.
pub fn check(options: &Options) -> Result<(), TlsError> {
    options.tls.as_ref().map(tls::acceptor).transpose().map(drop)
}

/// Out of descriptors: the listener would spin. Anything else concerns one connection.
async fn wait_after(error: &io::Error) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    tracing::warn!(%error, "cannot accept connections; raise the limit of open files if this repeats");
    tokio::time::sleep(Duration::from_millis(200)).await;
}
