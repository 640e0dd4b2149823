//! `GET /api/dropped-packets`: adverts refused because their signature was wrong.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use corescope_core::time::{parse_rfc3339, rfc3339};
use corescope_store::lookup::{self, DroppedQuery};
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::rest::ask;
use crate::query::Params;
use crate::{ApiError, AppState, json};

const DEFAULT: i64 = 100;
const MOST: i64 = 500;

/// A refused advert.
#[derive(Debug, Serialize, ToSchema)]
pub struct DroppedPacket {
    /// Row id.
    pub id: i64,
    /// Content hash.
    pub hash: Option<String>,
    /// Why it was refused.
    pub reason: String,
    /// Who heard it.
    pub observer_id: Option<String>,
    /// The observer's name at the time.
    pub observer_name: Option<String>,
    /// Whose advert it claimed to be.
    pub node_pubkey: Option<String>,
    /// The name in it.
    pub node_name: Option<String>,
    /// When, RFC 3339.
    pub dropped_at: Option<String>,
    /// The frame, hex; absent when it was not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_hex: Option<String>,
}

/// Refused adverts, newest first.
#[utoipa::path(get, path = "/api/dropped-packets", tag = "admin", security(("ApiKeyAuth" = [])), params(
    ("limit" = Option<String>, Query, description = "rows, 1 to 500; default 100, also above 500"),
    ("observer" = Option<String>, Query, description = "heard by this observer, any case"),
    ("pubkey" = Option<String>, Query, description = "claimed to be of this node, any case")),
    responses((status = 200, body = Vec<DroppedPacket>), (status = 401, body = crate::error::ErrorBody),
        (status = 403, body = crate::error::ErrorBody)))]
pub(crate) async fn dropped(
    State(app): State<AppState>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    crate::keys::require_key(&app, &headers)?;
    let params = Params::parse(query.as_deref())?;
    let limit =
        Some(params.int("limit", DEFAULT)).filter(|n| (1..=MOST).contains(n)).unwrap_or(DEFAULT) as u32;
    let (observer, node) =
        (params.text("observer").map(str::to_owned), params.text("pubkey").map(str::to_owned));
    let rows = ask(&app, move |c| {
        let query = DroppedQuery { limit, observer_id: observer.as_deref(), node_pubkey: node.as_deref() };
        lookup::dropped(c, &query)
    })
    .await?;
    let shown: Vec<DroppedPacket> = rows
        .into_iter()
        .map(|row| DroppedPacket {
            id: row.id,
            hash: row.hash,
            reason: row.reason,
            observer_id: row.observer_id,
            observer_name: row.observer_name,
            node_pubkey: row.node_pubkey,
            node_name: row.node_name,
            // the column is written by SQLite without a zone
            dropped_at: row.dropped_at.map(|at| parse_rfc3339(&at).map_or(at, rfc3339)),
            raw_hex: row.raw_hex,
        })
        .collect();
    Ok(json::response(&shown))
}
