//! `GET /api/packets`.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use corescope_store::memory::{Page, Snapshot};
use serde::Serialize;
use utoipa::ToSchema;

use super::rows::{GroupedPacket, Packet, View};
use super::selection::Selection;
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
}

/// What of a filter could not be looked up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FilterInfo {
    /// Names that are not known; nothing matches them.
    unknown: Vec<String>,
}

/// A list of packets.
pub(super) async fn list(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let version = app.version();
    let answer = move || write(&app, query.as_deref());
    // A scan over everything may take milliseconds; the event loop must not wait for it.
    let body = tokio::task::spawn_blocking(answer)
        .await
        .map_err(|error| ApiError::internal("packets", &error))??;
    let mut response = json::response_of(body);
    response.extensions_mut().insert(Hot::until_change(version));
    Ok(response)
}

fn write(app: &App, query: Option<&str>) -> Result<Vec<u8>, ApiError> {
    let params = Params::parse(query)?;
    let (snapshot, config, veil) = (app.store.snapshot(), app.config.load(), app.veil.load());
    let selection = Selection::parse(&params, &snapshot, &config)?;
    let page = found(&selection, &snapshot);
    let view = View { snapshot: &snapshot, veil: &veil };
    let info = PageInfo {
        total: page.total,
        limit: selection.query.limit,
        offset: selection.query.offset,
        next_cursor: page.next.map(|c| c.to_string()),
        filter: (!selection.unknown.is_empty()).then_some(FilterInfo { unknown: selection.unknown.clone() }),
    };
    let rows = page.rows.into_iter();
    Ok(if selection.grouped {
        json::to_vec(&GroupedPacketList { packets: rows.map(|r| view.grouped(r)).collect(), page: info })
    } else {
        let packets = rows.map(|r| view.packet(r, selection.expand)).collect();
        json::to_vec(&PacketList { packets, page: info })
    })
}

fn found<'s>(selection: &Selection, snapshot: &'s Snapshot) -> Page<'s> {
    if selection.nothing {
        return Page { total: 0, rows: Vec::new(), next: None };
    }
    snapshot.query(&selection.query)
}
