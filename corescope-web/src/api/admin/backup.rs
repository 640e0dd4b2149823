//! `GET /api/backup`: the database as a file, copied while it is written to.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use corescope_store::lookup;
use futures_util::Stream;
use http::{HeaderMap, HeaderValue, header};
use tokio::sync::mpsc;

use crate::api::rest::unanswered;
use crate::{ApiError, AppState};

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;
/// Chunks read ahead of a slow client.
const AHEAD: usize = 4;

/// The database as a file.
#[utoipa::path(get, path = "/api/backup", tag = "admin", security(("ApiKeyAuth" = [])),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 401, body = crate::error::ErrorBody), (status = 403, body = crate::error::ErrorBody)))]
pub(crate) async fn backup(State(app): State<AppState>, headers: HeaderMap) -> Result<Response, ApiError> {
    crate::keys::require_key(&app, &headers)?;
    let stop = StopOnDrop::default();
    let stopped = stop.0.clone();
    let shutdown = app.shutdown.clone();
    let (reader, folder) = (app.rest.reader.clone(), app.paths.data.clone());
    let copied = tokio::task::spawn_blocking(move || -> Result<(Copy, File, u64), ApiError> {
        let failed = |error: &dyn std::fmt::Display| {
            ApiError::internal("backup", error)
                .hint("the data folder needs room for a second copy of the database")
        };
        let from = reader.open().map_err(unanswered)?;
        let copy = Copy::beside(folder);
        lookup::backup(&from, &copy.0, || !stopped.load(Ordering::Relaxed) && !shutdown.is_cancelled())
            .map_err(|e| failed(&e))?;
        let file = File::open(&copy.0).map_err(|e| failed(&e))?;
        let length = file.metadata().map_err(|e| failed(&e))?.len();
        Ok((copy, file, length))
    });
    let (copy, file, length) = copied.await.map_err(|error| ApiError::internal("backup", &error))??;
    drop(stop);
    let name = format!("attachment; filename=\"corescope-backup-{}.db\"", app.clock.now());
    let mut response = Response::new(Body::from_stream(stream(copy, file)));
    let head = response.headers_mut();
    head.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    head.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    head.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(name) = HeaderValue::try_from(name) {
        head.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// Stops the copying when the client goes away.
#[derive(Default)]
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A file that is deleted when it is no longer needed.
struct Copy(PathBuf);

impl Copy {
    fn beside(folder: PathBuf) -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let n = COUNTER.fetch_add(1, Ordering::Relaxed);
        Self(folder.join(format!(".backup-{}-{n}.tmp", std::process::id())))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

struct Chunks(mpsc::Receiver<io::Result<Bytes>>);

impl Stream for Chunks {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

/// Reads on a thread of its own, a few chunks ahead.
fn stream(copy: Copy, mut file: File) -> Chunks {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let _copy = copy; // deleted when everything is read, or the client has gone
        let mut buffer = vec![0_u8; CHUNK];
        loop {
            let next = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => Ok(Bytes::copy_from_slice(buffer.get(..n).unwrap_or_default())),
                Err(error) => Err(error),
            };
            let broken = next.is_err();
            if sender.blocking_send(next).is_err() || broken {
                break;
            }
        }
    });
    Chunks(receiver)
}
