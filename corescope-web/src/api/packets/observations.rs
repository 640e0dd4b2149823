//! `POST /api/packets/observations`: the observations of many packets at once. It only reads.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::outside_memory;
use super::rows::{Observation, View};
use crate::error::ErrorBody;
use crate::server::body;
use crate::{ApiError, AppState, json};

/// Most hashes in one request.
const MAX_HASHES: usize = 200;
/// Largest body: 200 hashes and room for their punctuation.
const MAX_BODY: usize = 64 * 1024;

/// Which packets.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ObservationsRequest {
    /// Content hashes, at most 200.
    #[serde(default)]
    hashes: Option<Vec<String>>,
}

/// Their observations.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ObservationsResponse<'a> {
    /// By hash as it was asked for; newest first; empty for an unknown hash.
    results: BTreeMap<&'a str, Vec<Observation<'a>>>,
}

/// The observations of many packets; it only reads.
#[utoipa::path(post, path = "/api/packets/observations", tag = "packets", request_body = ObservationsRequest,
    responses((status = 200, body = ObservationsResponse), (status = 400, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub(crate) async fn observations(State(app): State<AppState>, body: Body) -> Result<Response, ApiError> {
    let request: ObservationsRequest = body::json(&app, body, MAX_BODY).await?;
    let hashes = request.hashes.unwrap_or_default();
    if hashes.len() > MAX_HASHES {
        return Err(ApiError::bad_request("too many hashes (max 200)").code("too_many"));
    }
    let snapshot = app.store.snapshot();
    let elsewhere = outside_memory(&app, &snapshot, &hashes).await?;
    let veil = app.veil.load();
    let view = View { snapshot: &snapshot, veil: &veil };
    let of = |hash: &str| {
        let row = snapshot.by_hash(hash).or_else(|| elsewhere.get(hash).map(|row| (&**row).into()));
        let Some(row) = row else { return Vec::new() };
        let shared = view.shared(row);
        view.observations(row).into_iter().map(|short| shared.long(short)).collect()
    };
    let results = hashes.iter().map(|hash| (hash.as_str(), of(hash))).collect();
    Ok(json::response(&ObservationsResponse { results }))
}
