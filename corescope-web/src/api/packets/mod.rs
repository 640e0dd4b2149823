//! Packets: lists, one packet, times, observations, sightings.
//!
//! A *transmission* is one content hash, an *observation* one reception of it. The routes of the
//! original's contract are served from the index store, and from the database what its ceiling keeps
//! out of memory, so every answer has all fields, whatever the filter.

pub(crate) mod detail;
mod judged;
pub(crate) mod list;
pub(crate) mod observations;
mod rows;
mod selection;
pub(crate) mod submit;
pub(crate) mod timestamps;
pub(crate) mod traces;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use corescope_store::lookup::LookupError;
use corescope_store::memory::{OwnedTransmission, Snapshot};

use crate::api::rest::unanswered;
use crate::{ApiError, AppState};

pub(crate) use judged::Judged;
pub use rows::{GroupedPacket, Observation, Packet, RawArray, ShortObservation, View};

/// The routes of this resource.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/packets", get(list::list).post(submit::submit))
        .route("/api/packets/timestamps", get(timestamps::timestamps))
        .route("/api/packets/observations", post(observations::observations))
        .route("/api/packets/{id}", get(detail::detail))
        .route("/api/traces/{hash}", get(traces::traces))
}

/// Those of the packets with these hashes that memory lacks, by the hash asked for.
async fn outside_memory(
    app: &AppState,
    snapshot: &Arc<Snapshot>,
    hashes: &[String],
) -> Result<BTreeMap<String, Arc<OwnedTransmission>>, ApiError> {
    if snapshot.floor() == i64::MIN {
        return Ok(BTreeMap::new());
    }
    let missing: Vec<String> = hashes.iter().filter(|h| snapshot.by_hash(h).is_none()).cloned().collect();
    let (app, snapshot) = (app.clone(), snapshot.clone());
    let read = move || {
        let found = missing.into_iter().map(|hash| {
            let row = app.rest.whole.by_hash(&snapshot, &hash)?;
            Ok(row.map(|row| (hash, row)))
        });
        found.filter_map(Result::transpose).collect::<Result<_, LookupError>>()
    };
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| ApiError::internal("packets", &error))?
        .map_err(unanswered)
}
