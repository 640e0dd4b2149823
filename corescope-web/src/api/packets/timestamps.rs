//! `GET /api/packets/timestamps`: when packets were first seen since a moment.

use std::borrow::Cow;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use corescope_core::time::parse_rfc3339;
use corescope_store::read::first_receptions;

use crate::api::rest::ask;
use crate::error::ErrorBody;
use crate::query::Params;
use crate::server::Hot;
use crate::{ApiError, AppState, json};

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
    let snapshot = app.store.snapshot();
    let moment = parse_rfc3339(since);
    let is_later = |first_seen: &str, unix: i64| moment.map_or_else(|| first_seen > since, |at| unix > at);
    let floor = snapshot.floor();
    let mut times: Vec<(i64, Cow<'_, str>)> = Vec::new();
    if snapshot.lacks_rows() {
        let older = ask(&app, move |connection| first_receptions(connection, floor)).await?;
        times.extend(older.into_iter().map(|(unix, text)| (unix, text.into())));
    }
    times.extend(snapshot.transmissions().map(|t| (t.first_seen_unix(), t.first_seen())));
    times.retain(|(unix, text)| is_later(text, *unix));
    times.sort_by_key(|(unix, _)| *unix);
    let times: Vec<_> = times.into_iter().map(|(_, text)| text).collect();
    let mut response = json::response(&times);
    response.extensions_mut().insert(Hot::until_change(version));
    Ok(response)
}
