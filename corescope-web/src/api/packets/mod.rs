//! Packets: lists, one packet, times, observations, sightings.
//!
//! A *transmission* is one content hash, an *observation* one reception of it. The routes of the
//! original's contract are served from the index store alone, so every answer has all fields,
//! whatever the filter.

pub(crate) mod detail;
mod judged;
pub(crate) mod list;
pub(crate) mod observations;
mod rows;
mod selection;
pub(crate) mod submit;
pub(crate) mod timestamps;
pub(crate) mod traces;

use axum::Router;
use axum::routing::{get, post};

use crate::AppState;

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
