//! `GET /api/packets`.

use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use corescope_core::filter::Filter;
use corescope_store::memory::{Cursor, Page, Query, Transmission};
use corescope_store::tail::Answer;
use serde::Serialize;
use utoipa::ToSchema;

use super::judged::Judged;
use super::rows::{GroupedPacket, Packet, View};
use super::selection::Selection;
use crate::api::rest::unanswered;
use crate::error::{ErrorBody, FilterWarning};
use crate::query::Params;
use crate::server::Hot;
use crate::{ApiError, App, AppState, json};

/// A page of packets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PacketList<'a> {
    /// The rows of this page.
    packets: Vec<Packet<'a>>,
    #[serde(flatten)]
    page: PageInfo,
}

/// A page of packets, one row per hash, newest reception first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupedPacketList<'a> {
    /// The rows of this page.
    packets: Vec<GroupedPacket<'a>>,
    #[serde(flatten)]
    page: PageInfo,
}

/// One of the two forms of a list.
#[derive(ToSchema)]
#[schema(as = PacketLists)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the answer, which is written without it")]
pub(crate) enum PacketLists<'a> {
    /// Without `groupByHash`.
    Packets(PacketList<'a>),
    /// With it.
    Grouped(GroupedPacketList<'a>),
}

/// Where a page lies among all matches.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PageInfo {
    /// All matches before paging.
    total: u64,
    /// The limit in force.
    limit: usize,
    /// Matches left out before this page.
    offset: usize,
    /// Gives the next page as `cursor=`; absent on the last one.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
    /// Regions and areas of the request that nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    filter: Option<FilterInfo>,
    /// What in `filter=` is surely not what was meant, such as a field that no packet has; absent when there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    warnings: Vec<FilterWarning>,
}

/// What of a filter could not be looked up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FilterInfo {
    /// Names that are not known; nothing matches them.
    unknown: Vec<String>,
}

/// A list of packets, newest first.
#[utoipa::path(get, path = "/api/packets", tag = "packets", params(
    ("limit" = Option<String>, Query, description = "rows, 1 to 10000 (configurable); default 50"),
    ("offset" = Option<String>, Query, description = "rows to leave out, 0 or more"),
    ("order" = Option<String>, Query, description = "asc: oldest id first"),
    ("groupByHash" = Option<String>, Query, description = "true: one row per hash, newest reception first"),
    ("expand" = Option<String>, Query, description = "observations: with all observations of each packet"),
    ("hash" = Option<String>, Query, description = "exactly this content hash"),
    ("type" = Option<String>, Query, description = "payload types, numbers or names separated by commas"),
    ("route" = Option<String>, Query, description = "route types, numbers or names separated by commas"),
    ("observer" = Option<String>, Query, description = "heard by one of these observers (comma list of ids)"),
    ("node" = Option<String>, Query, description = "this node takes part (public key or exact name)"),
    ("nodes" = Option<String>, Query, description = "one of these nodes takes part; switches the other filters off"),
    ("region" = Option<String>, Query, description = "heard in one of these regions (comma list of IATA codes)"),
    ("area" = Option<String>, Query, description = "adverts of nodes inside a configured area"),
    ("channel" = Option<String>, Query, description = "group texts of this channel (a name, or enc_ and two hex digits)"),
    ("since" = Option<String>, Query, description = "heard after this time (RFC 3339)"),
    ("until" = Option<String>, Query, description = "heard before this time (RFC 3339)"),
    ("filter" = Option<String>, Query, description = "an expression of the packet filter language"),
    ("before_id" = Option<String>, Query, description = "only ids below this one"),
    ("after_id" = Option<String>, Query, description = "only ids above this one"),
    ("cursor" = Option<String>, Query, description = "nextCursor of an earlier page"),
), responses((status = 200, body = PacketLists), (status = 400, body = ErrorBody)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let version = app.version();
    // A filter may ask for the age of packets.
    let hot = if query.as_deref().is_some_and(|q| q.contains("filter=")) {
        Hot::at_most(version, Duration::from_secs(1))
    } else {
        Hot::until_change(version)
    };
    let answer = move || write(&app, query.as_deref());
    // A scan over everything may take milliseconds; the event loop must not wait for it.
    let body = tokio::task::spawn_blocking(answer)
        .await
        .map_err(|error| ApiError::internal("packets", &error))??;
    let mut response = json::response_of(body);
    response.extensions_mut().insert(hot);
    Ok(response)
}

fn write(app: &App, query: Option<&str>) -> Result<Vec<u8>, ApiError> {
    let params = Params::parse(query)?;
    let (snapshot, config, veil) = (app.store.snapshot(), app.config.load(), app.veil.load());
    let now_ms = app.clock.now_ms();
    let selection = Selection::parse(&params, &snapshot, &config, now_ms)?;
    let view = View { snapshot: &snapshot, veil: &veil };
    let outside = beyond_memory(app, &selection, view, now_ms)?;
    let page = match &outside {
        Some(answer) => Page {
            total: answer.total,
            rows: answer.rows.iter().map(|row| Transmission::from(&**row)).collect(),
            next: answer.next,
        },
        None => found(&selection, view, now_ms),
    };
    let info = PageInfo {
        total: page.total,
        limit: selection.query.limit,
        offset: selection.query.offset,
        next_cursor: page.next.map(|c| c.to_string()),
        filter: (!selection.unknown.is_empty()).then_some(FilterInfo { unknown: selection.unknown.clone() }),
        warnings: selection.query.filter.as_ref().map_or_else(Vec::new, |e| FilterWarning::all(&e.filter)),
    };
    let rows = page.rows.into_iter();
    Ok(if selection.grouped {
        json::to_vec(&GroupedPacketList { packets: rows.map(|r| view.grouped(r)).collect(), page: info })
    } else {
        let packets = rows.map(|r| view.packet(r, selection.expand)).collect();
        json::to_vec(&PacketList { packets, page: info })
    })
}

fn found<'s>(selection: &Selection, view: View<'s>, now_ms: i64) -> Page<'s> {
    if selection.nothing {
        return Page { total: 0, rows: Vec::new(), next: None };
    }
    match &selection.query.filter {
        Some(expression) if !view.veil.is_clear() => {
            judged(&selection.query, &expression.filter, view, now_ms)
        }
        _ => view.snapshot.query(&selection.query),
    }
}

/// The page when memory does not hold all rows: from memory and from the database.
fn beyond_memory(
    app: &App,
    selection: &Selection,
    view: View<'_>,
    now_ms: i64,
) -> Result<Option<Answer>, ApiError> {
    if selection.nothing || !view.snapshot.lacks_rows() {
        return Ok(None);
    }
    let whole = &app.rest.whole;
    let answer = match &selection.query.filter {
        Some(expression) if !view.veil.is_clear() => {
            let query = Query { filter: None, ..selection.query.clone() };
            let judge = |row: &Transmission<'_>| Judged::new(*row, view).passes(&expression.filter, now_ms);
            whole.query(view.snapshot, &query, Some(&judge))
        }
        _ => whole.query(view.snapshot, &selection.query, None),
    };
    answer.map(Some).map_err(unanswered)
}

/// Where something is hidden, an expression sees only what is shown; the store's columns know more.
fn judged<'s>(query: &Query, filter: &Filter, view: View<'s>, now_ms: i64) -> Page<'s> {
    let all = Query { filter: None, offset: 0, limit: usize::MAX, after: None, ..query.clone() };
    let mut rows = view.snapshot.query(&all).rows;
    rows.retain(|row| Judged::new(*row, view).passes(filter, now_ms));
    let total = rows.len() as u64;
    rows.retain(|row| query.is_behind(Cursor { latest: row.latest(), id: row.id() }));
    let more = rows.len() > query.offset.saturating_add(query.limit);
    let rows: Vec<_> = rows.into_iter().skip(query.offset).take(query.limit).collect();
    let next = rows.last().filter(|_| more).map(|row| Cursor { latest: row.latest(), id: row.id() });
    Page { total, rows, next }
}
