//! `GET /api/nodes/search` and `/api/nodes/resolve`: from a few letters to a node.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use corescope_store::memory::Node;
use serde::Serialize;
use utoipa::ToSchema;

use super::list::{by_last_seen, contains};
use super::view::NodeView;
use crate::query::Params;
use crate::{ApiError, AppState, json};

/// Nodes found at most.
const MOST: usize = 10;

/// Nodes that a text finds.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeSearch<'a> {
    /// At most ten, last seen first.
    pub nodes: Vec<NodeView<'a>>,
}

/// The node behind a prefix.
#[derive(Debug, Serialize, ToSchema)]
pub struct Resolved<'a> {
    /// The prefix, lower case.
    pub prefix: String,
    /// The whole key; absent when no node, or more than one, has the prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pubkey: Option<&'a str>,
    /// The node's name; absent with `pubkey`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// Whether more than one node has the prefix.
    pub ambiguous: bool,
}

/// Nodes whose name contains a text or whose key begins with it.
#[utoipa::path(get, path = "/api/nodes/search", tag = "nodes",
    params(("q" = Option<String>, Query, description = "part of a name, or the beginning of a key; any case")),
    responses((status = 200, body = NodeSearch<'static>)))]
pub(crate) async fn search(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let params = Params::parse(query.as_deref())?;
    let text = params.get("q").unwrap_or_default().trim().to_ascii_lowercase();
    let moment = app.moment();
    let mut found: Vec<&Arc<Node>> = Vec::new();
    if !text.is_empty() {
        let matches =
            |n: &&Arc<Node>| contains(n.name.as_deref(), &text) || n.public_key.starts_with(text.as_str());
        found = moment.shown_nodes().filter(matches).collect();
        found.sort_unstable_by(by_last_seen);
        found.truncate(MOST);
    }
    let nodes = found.into_iter().map(|node| NodeView::new(node, &moment.veil)).collect();
    Ok(json::response(&NodeSearch { nodes }))
}

/// The one node whose key begins with a prefix.
#[utoipa::path(get, path = "/api/nodes/resolve", tag = "nodes",
    params(("prefix" = String, Query, description = "4 to 64 hex digits, any case")),
    responses((status = 200, body = Resolved<'static>), (status = 400, body = crate::error::ErrorBody)))]
pub(crate) async fn resolve(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let params = Params::parse(query.as_deref())?;
    let prefix = params.get("prefix").unwrap_or_default().trim().to_ascii_lowercase();
    if !(2..=64).contains(&prefix.len()) || !prefix.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(ApiError::bad_request("prefix must be hex").code("bad_prefix"));
    }
    if prefix.len() < 4 {
        return Err(ApiError::bad_request("prefix must be at least 4 hex chars").code("bad_prefix"));
    }
    let moment = app.moment();
    let mut found = moment.data.nodes().by_prefix(&prefix).iter().filter(|n| !n.inactive && moment.shows(n));
    let (first, second) = (found.next(), found.next());
    let only = first.filter(|_| second.is_none());
    Ok(json::response(&Resolved {
        pubkey: only.map(|n| n.public_key.as_str()),
        name: only.and_then(|n| n.name.as_deref()),
        ambiguous: second.is_some(),
        prefix,
    }))
}
