//! `POST /api/admin/prune-geo-filter` and its status: deleting nodes outside the operator's area.
//!
//! The server only asks: it leaves a request file, which the ingestor carries out.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use corescope_core::config::Config;
use corescope_core::geo::LatLon;
use corescope_core::time::rfc3339;
use corescope_store::memory::Node;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::moment::Moment;
use crate::query::Params;
use crate::server::body;
use crate::{ApiError, AppState, json};

/// Largest request body, bytes: 20 000 keys.
const MAX_BODY: usize = 2 << 20;
/// Largest result file, bytes.
const MAX_RESULT: u64 = 1 << 20;

/// What would be, or is to be, deleted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Prune {
    /// True when nothing was asked for yet.
    pub dry_run: bool,
    /// True when the request was left for the ingestor; absent in a dry run.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub accepted: bool,
    /// Id of the request; absent in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Nodes.
    pub count: usize,
    /// The nodes, by name.
    pub nodes: Vec<PruneNode>,
    /// Where to ask how it went; absent in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_url: Option<String>,
}

/// A node outside the area.
#[derive(Debug, Serialize, ToSchema)]
pub struct PruneNode {
    /// Public key.
    pub pubkey: String,
    /// Name.
    pub name: Option<String>,
    /// Latitude, degrees.
    pub lat: f64,
    /// Longitude, degrees.
    pub lon: f64,
}

/// Which nodes to delete.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct PruneRequest {
    /// Keys from the preview.
    pub pubkeys: Vec<String>,
}

/// How a request went.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PruneStatus {
    /// Id of the request.
    pub request_id: String,
    /// `pending`, `done` or `error`.
    pub status: &'static str,
    /// Nodes deleted; absent while pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<i64>,
    /// When it was asked for, RFC 3339; absent while pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<String>,
    /// When it was done, RFC 3339; absent while pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// What went wrong, empty when nothing did; absent while pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The file that the ingestor takes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestFile<'a> {
    id: &'a str,
    requested_at: String,
    reason: &'static str,
    pubkeys: Vec<&'a str>,
}

/// The file that it leaves.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ResultFile {
    requested_at: String,
    completed_at: String,
    deleted: i64,
    error: Option<String>,
}

/// Lists, or has deleted, the nodes outside the area.
#[utoipa::path(post, path = "/api/admin/prune-geo-filter", tag = "admin", security(("ApiKeyAuth" = [])),
    params(("confirm" = Option<String>, Query, description = "true deletes the nodes named in the body")),
    request_body = PruneRequest,
    responses((status = 200, body = Prune), (status = 202, body = Prune), (status = 400, body = crate::error::ErrorBody),
        (status = 401, body = crate::error::ErrorBody), (status = 403, body = crate::error::ErrorBody)))]
pub(crate) async fn prune(
    State(app): State<AppState>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, ApiError> {
    crate::keys::require_key(&app, &headers)?;
    let confirm = Params::parse(query.as_deref())?.flag("confirm");
    let moment = app.moment();
    if moment.config.geo_filter.is_none() {
        return Err(ApiError::bad_request("no geo_filter configured").code("no_geo_filter"));
    }
    let outside = outside(&moment);
    if !confirm {
        let nodes: Vec<PruneNode> = outside;
        let count = nodes.len();
        let preview =
            Prune { dry_run: true, accepted: false, request_id: None, count, nodes, status_url: None };
        return Ok(json::response(&preview));
    }
    let bytes = body::read(&app, body, MAX_BODY).await?;
    let wanted: PruneRequest = if bytes.is_empty() { PruneRequest::default() } else { body::parse(&bytes)? };
    if wanted.pubkeys.is_empty() {
        return Err(
            ApiError::bad_request("confirm requires pubkeys from preview in request body").code("no_pubkeys")
        );
    }
    let keys: std::collections::HashSet<String> =
        wanted.pubkeys.iter().map(|k| k.to_ascii_lowercase()).collect();
    let nodes: Vec<PruneNode> =
        outside.into_iter().filter(|n| keys.contains(&n.pubkey.to_ascii_lowercase())).collect();
    let id = request_id();
    let request = RequestFile {
        id: &id,
        requested_at: rfc3339(app.clock.now()),
        reason: "geo-filter",
        pubkeys: nodes.iter().map(|n| n.pubkey.as_str()).collect(),
    };
    leave(&app.paths.prune_requests, &id, &request).map_err(|error| {
        ApiError::internal("prune request", &error).hint("the data folder must be writable by the server")
    })?;
    let status_url = Some(format!("/api/admin/prune-geo-filter/status?id={id}"));
    let accepted =
        Prune { dry_run: false, accepted: true, request_id: Some(id), count: nodes.len(), nodes, status_url };
    Ok((StatusCode::ACCEPTED, json::response(&accepted)).into_response())
}

/// How a request went.
#[utoipa::path(get, path = "/api/admin/prune-geo-filter/status", tag = "admin", security(("ApiKeyAuth" = [])),
    params(("id" = String, Query, description = "id of the request")),
    responses((status = 200, body = PruneStatus), (status = 400, body = crate::error::ErrorBody),
        (status = 401, body = crate::error::ErrorBody), (status = 403, body = crate::error::ErrorBody),
        (status = 404, body = crate::error::ErrorBody)))]
pub(crate) async fn status(
    State(app): State<AppState>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    crate::keys::require_key(&app, &headers)?;
    let params = Params::parse(query.as_deref())?;
    let id = params.text("id").ok_or_else(|| ApiError::bad_request("missing id").code("missing_id"))?;
    // hex only: the id becomes part of a file name
    if id.len() > 64 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(ApiError::bad_request("invalid id").code("bad_id"));
    }
    let folder = &app.paths.prune_requests;
    let mut shown = PruneStatus {
        request_id: id.to_owned(),
        status: "pending",
        deleted: None,
        requested_at: None,
        completed_at: None,
        error: None,
    };
    if let Some(done) = read_result(&folder.join(format!("result-{id}.json"))) {
        shown.status = if done.error.as_deref().unwrap_or_default().is_empty() { "done" } else { "error" };
        shown.deleted = Some(done.deleted);
        shown.requested_at = Some(done.requested_at);
        shown.completed_at = Some(done.completed_at);
        shown.error = Some(done.error.unwrap_or_default());
    } else if !folder.join(format!("request-{id}.json")).is_file() {
        return Err(ApiError::not_found("unknown request id"));
    }
    Ok(json::response(&shown))
}

/// Nodes with a position outside the area, by name. Foreign ones too: that they were kept is what this undoes.
fn outside(moment: &Moment) -> Vec<PruneNode> {
    let mut out: Vec<PruneNode> = moment
        .data
        .nodes()
        .active()
        .filter_map(|node| {
            let place = place_outside(node, &moment.config)?;
            Some(PruneNode {
                pubkey: node.public_key.clone(),
                name: node.name.clone(),
                lat: place.lat,
                lon: place.lon,
            })
        })
        .collect();
    out.sort_unstable_by(|a, b| a.name.cmp(&b.name).then_with(|| a.pubkey.cmp(&b.pubkey)));
    out
}

fn place_outside(node: &Node, config: &Config) -> Option<LatLon> {
    let place = LatLon { lat: node.lat?, lon: node.lon? };
    let area = config.geo_filter.as_ref()?;
    (!area.passes(Some(place))).then_some(place)
}

/// 16 hex digits that were not given before: the clock, a counter and the process.
fn request_id() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
    let n = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}", nanos ^ n.rotate_left(56) ^ u64::from(std::process::id()).rotate_left(40))
}

/// Writes the request under another name first, so that the ingestor never sees half of it.
fn leave(folder: &Path, id: &str, request: &RequestFile<'_>) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let ready = folder.join(format!("request-{id}.json"));
    let part = folder.join(format!("request-{id}.json.tmp"));
    std::fs::write(&part, json::to_vec(request))?;
    std::fs::File::open(&part)?.sync_all()?;
    std::fs::rename(&part, &ready)
}

fn read_result(path: &Path) -> Option<ResultFile> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(MAX_RESULT).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hex_and_differ() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| request_id()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    }

    #[test]
    fn a_request_is_left_whole() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("prune-requests");
        let request = RequestFile {
            id: "ab",
            requested_at: "now".to_owned(),
            reason: "geo-filter",
            pubkeys: vec!["k"],
        };
        leave(&folder, "ab", &request).unwrap();
        let text = std::fs::read_to_string(folder.join("request-ab.json")).unwrap();
        assert_eq!(text.trim(), r#"{"id":"ab","requestedAt":"now","reason":"geo-filter","pubkeys":["k"]}"#);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    }
}
