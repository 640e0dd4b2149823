//! `GET /api/traces/{hash}`: the sightings of one packet in time order. (Nothing to do with TRACE
//! packets.)

use std::borrow::Cow;

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::outside_memory;
use super::rows::{View, newest_first};
use crate::server::Hot;
use crate::{ApiError, AppState, json};

/// The sightings of a packet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Traces<'a> {
    /// Oldest first; empty for an unknown hash.
    traces: Vec<TraceEntry<'a>>,
}

/// One sighting.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TraceEntry<'a> {
    /// Who heard it.
    observer: Option<&'a str>,
    /// Its name.
    observer_name: Option<&'a str>,
    /// When, RFC 3339 UTC with milliseconds.
    time: String,
    /// Signal-to-noise ratio, dB.
    snr: Option<f64>,
    /// Signal strength, dBm.
    rssi: Option<f64>,
    /// Path up to this observer: JSON in a string.
    path_json: Option<Cow<'a, str>>,
}

/// The sightings of one packet, oldest first.
#[utoipa::path(get, path = "/api/traces/{hash}", tag = "packets", params(
    ("hash" = String, Path, description = "content hash"),
), responses((status = 200, body = Traces)))]
pub(crate) async fn traces(
    State(app): State<AppState>,
    Path(hash): Path<String>,
) -> Result<Response, ApiError> {
    let version = app.version();
    let snapshot = app.store.snapshot();
    let elsewhere = outside_memory(&app, &snapshot, std::slice::from_ref(&hash)).await?;
    let veil = app.veil.load();
    let view = View { snapshot: &snapshot, veil: &veil };
    let row = snapshot.by_hash(&hash).or_else(|| elsewhere.get(&hash).map(|row| (&**row).into()));
    let mut rows = row.map(newest_first).unwrap_or_default();
    rows.reverse();
    // Stable: equal times keep the order of the list, observer by observer.
    rows.sort_by_key(|row| row.timestamp());
    let traces = rows.into_iter().map(|row| view.short(row)).map(|o| TraceEntry {
        observer: o.observer_id,
        observer_name: o.observer_name,
        time: o.timestamp,
        snr: o.snr,
        rssi: o.rssi,
        path_json: o.path_json,
    });
    let mut response = json::response(&Traces { traces: traces.collect() });
    response.extensions_mut().insert(Hot::until_change(version));
    Ok(response)
}
