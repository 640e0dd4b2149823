//! `GET /api/packets/timestamps`: when packets were first seen since a moment.

use std::borrow::Cow;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use corescope_core::time::{parse_rfc3339, rfc3339};
use corescope_store::memory::{Order, Query, Snapshot};
use corescope_store::read::first_receptions;

use crate::api::rest::ask;
use crate::error::ErrorBody;
use crate::query::Params;
use crate::server::Hot;
use crate::{ApiError, AppState, json};

/// Texts of times may have a zone: they begin at most so much earlier than the moment they stand for, seconds.
const ZONE: i64 = 86_400;

/// First receptions later than `since`, oldest first.
#[utoipa::path(get, path = "/api/packets/timestamps", tag = "packets", params(
    ("since" = String, Query, description = "RFC 3339"),
), responses((status = 200, body = Vec<String>), (status = 400, body = ErrorBody)))]
pub(crate) async fn timestamps(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let version = app.version();
    let params = Params::parse(query.as_deref())?;
    let Some(since) = params.text("since") else {
        return Err(ApiError::bad_request("since required")
            .hint("since=2026-06-01T12:00:00Z")
            .code("since_required"));
    };
    let (snapshot, since) = (app.store.snapshot(), since.to_owned());
    let floor = snapshot.floor();
    let mut older = Vec::new();
    if snapshot.lacks_rows() {
        let from = parse_rfc3339(&since).map(|at| rfc3339(at.saturating_sub(ZONE)));
        let from = from.unwrap_or_else(|| since.clone());
        older = ask(&app, move |connection| first_receptions(connection, floor, &from)).await?;
    }
    let body = tokio::task::spawn_blocking(move || json::to_vec(&times_since(older, &snapshot, &since)))
        .await
        .map_err(|error| ApiError::internal("timestamps", &error))?;
    let mut response = json::response_of(body);
    response.extensions_mut().insert(Hot::until_change(version));
    Ok(response)
}

/// First receptions later than a moment, oldest first; `older` are those that memory does not hold. What is no time is
/// compared as the text it is.
fn times_since<'s>(older: Vec<(i64, String)>, snapshot: &'s Snapshot, since: &str) -> Vec<Cow<'s, str>> {
    let moment = parse_rfc3339(since);
    let is_later = |text: &str, unix: i64| moment.map_or_else(|| text > since, |at| unix > at);
    let older = older.into_iter().filter(|(unix, text)| is_later(text, *unix));
    let mut times: Vec<(i64, Cow<'s, str>)> = older.map(|(unix, text)| (unix, text.into())).collect();
    let query = Query { since: moment, order: Order::OldestId, limit: usize::MAX, ..Query::default() };
    for row in snapshot.query(&query).rows {
        let unix = row.first_seen_unix();
        // Texts are not written for rows that the number rules out.
        if moment.is_none_or(|at| unix > at) {
            let text = row.first_seen();
            if is_later(&text, unix) {
                times.push((unix, text));
            }
        }
    }
    times.sort_by_key(|(unix, _)| *unix);
    times.into_iter().map(|(_, text)| text).collect()
}
