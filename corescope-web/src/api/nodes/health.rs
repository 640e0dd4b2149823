//! `GET /api/nodes/{pubkey}/health` and `/api/nodes/bulk-health`: what was heard of a node, and by whom.
//!
//! Packets *of* a node are those it sends, those whose payload names its key, and those it relayed. Signal figures
//! are of the display observation: the copy that came the longest way.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use corescope_store::memory::{Heard, Node, Query, Transmission, Want};
use corescope_store::tail::WholeError;
use serde::Serialize;
use utoipa::ToSchema;

use super::list::by_last_seen;
use super::view::NodeView;
use crate::api::by_id::ById;
use crate::api::moment::{Moment, Region};
use crate::api::packets::{Packet, View};
use crate::api::rest::unanswered;
use crate::query::Params;
use crate::{ApiError, App, AppState, json};

/// Packets shown at most.
const RECENT: usize = 20;
const DEFAULT_BULK: usize = 50;
const DAY: i64 = 86_400;

/// What was heard of one node, and by whom.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeHealth<'a> {
    /// The node; only key, name and role where it is not on record but packets are.
    pub node: HealthNode<'a>,
    /// Figures.
    pub stats: HealthStats<'a>,
    /// Who heard it, the busiest first.
    pub observers: Vec<HealthObserver<'a>>,
    /// At most 20, newest first.
    pub recent_packets: Vec<Packet<'a>>,
}

/// A node, or as much of it as is known.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum HealthNode<'a> {
    /// On record.
    Known(Box<NodeView<'a>>),
    /// Not on record, but packets are.
    Stub(StubNode<'a>),
}

/// A node that never sent an advert.
#[derive(Debug, Serialize, ToSchema)]
pub struct StubNode<'a> {
    /// Its key.
    pub public_key: &'a str,
    /// Always `Unknown`.
    pub name: &'static str,
    /// Always `unknown`.
    pub role: &'static str,
}

/// One entry of the bulk answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkHealth<'a> {
    /// Public key.
    pub public_key: &'a str,
    /// Name.
    pub name: Option<&'a str>,
    /// Role.
    pub role: Option<&'a str>,
    /// Latitude, degrees.
    pub lat: Option<f64>,
    /// Longitude, degrees.
    pub lon: Option<f64>,
    /// Figures, without `avgHops`.
    pub stats: HealthStats<'a>,
    /// Who heard it, without `can_relay`.
    pub observers: Vec<HealthObserver<'a>>,
}

/// Figures of a node.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthStats<'a> {
    /// Distinct packets.
    pub total_transmissions: u64,
    /// Receptions of them.
    pub total_observations: u64,
    /// Same as `totalTransmissions`.
    pub total_packets: u64,
    /// Packets first heard since 00:00 UTC.
    pub packets_today: u64,
    /// Mean SNR, dB.
    pub avg_snr: Option<f64>,
    /// Mean hops of the packets with any, rounded; in the answer for one node only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avg_hops: Option<i64>,
    /// First reception of the newest packet, RFC 3339.
    pub last_heard: Option<Cow<'a, str>>,
}

/// Who heard a node.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthObserver<'a> {
    /// The observer.
    pub observer_id: &'a str,
    /// Its name, empty when unknown.
    pub observer_name: &'a str,
    /// Packets that it shows the longest copy of.
    #[serde(rename = "packetCount")]
    pub packet_count: u64,
    /// Mean SNR, dB.
    #[serde(rename = "avgSnr")]
    pub avg_snr: Option<f64>,
    /// Mean RSSI, dBm.
    #[serde(rename = "avgRssi")]
    pub avg_rssi: Option<f64>,
    /// Whether it relays too, null when unknown; in the answer for one node only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_relay: Option<Option<bool>>,
}

/// What was heard of one node, and by whom.
#[utoipa::path(get, path = "/api/nodes/{pubkey}/health", tag = "nodes",
    params(("pubkey" = String, Path, description = "public key, any case")),
    responses((status = 200, body = NodeHealth<'static>), (status = 404, body = crate::error::ErrorBody)))]
pub(crate) async fn health(
    State(app): State<AppState>,
    Path(key): Path<String>,
) -> Result<Response, ApiError> {
    let moment = app.moment();
    tokio::task::spawn_blocking(move || health_of(&app, &moment, &key))
        .await
        .map_err(|error| ApiError::internal("node health", &error))?
}

fn health_of(app: &App, moment: &Moment, key: &str) -> Result<Response, ApiError> {
    let not_found = || ApiError::not_found("Not found");
    let node = moment.shown_node(key);
    let lower = key.to_ascii_lowercase();
    let key = node.map_or(lower.as_str(), |n| n.public_key.as_str());
    let whole_key = key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit());
    if node.is_none() && (!whole_key || moment.veil.hides_key(key, &moment.data)) {
        return Err(not_found());
    }
    let whole = &app.rest.whole;
    let heard = whole.heard_of(&moment.data, &[key], want(moment, true)).map_err(unanswered)?;
    let heard = heard.into_iter().next().unwrap_or_default();
    // The newest packets, from memory or from the database, in the order of ids.
    let newest = heard.newest.map(|(_, id)| id);
    let packets = ById::read(app, &moment.data, heard.ids.iter().copied().chain(newest))?;
    let rows: Vec<Transmission<'_>> = heard.ids.iter().filter_map(|id| packets.get(*id)).collect();
    let node = match node {
        Some(node) => HealthNode::Known(Box::new(NodeView::new(node, &moment.veil))),
        None if rows.is_empty() => return Err(not_found()),
        None => HealthNode::Stub(StubNode { public_key: key, name: "Unknown", role: "unknown" }),
    };
    let view = View { snapshot: &moment.data, veil: &moment.veil };
    let avg_hops = heard.hops.get().unwrap_or_default().round() as i64;
    let stats = HealthStats {
        avg_hops: Some(avg_hops),
        ..HealthStats::of(&heard, newest.and_then(|id| packets.get(id)))
    };
    let observers = observers(&heard, moment, true);
    let recent_packets = rows.iter().map(|row| view.packet(*row, false)).collect();
    Ok(json::response(&NodeHealth { node, stats, observers, recent_packets }))
}

/// Finds out what both routes need to know of rows outside memory.
pub(crate) fn warm(app: &App, moment: &Moment) -> Result<(), WholeError> {
    let any = moment.data.nodes().iter().next().map(|node| node.public_key.as_str());
    app.rest.whole.heard_of(&moment.data, any.as_slice(), want(moment, true)).map(drop)
}

/// Health of many nodes, last seen first.
#[utoipa::path(get, path = "/api/nodes/bulk-health", tag = "nodes", params(
    ("limit" = Option<String>, Query, description = "nodes, 1 to 200 (configurable); default 50"),
    ("region" = Option<String>, Query, description = "region codes joined by commas: a packet was heard there"),
    ("area" = Option<String>, Query, description = "key of a configured area")),
    responses((status = 200, body = Vec<BulkHealth<'static>>)))]
pub(crate) async fn bulk_health(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let moment = app.moment();
    tokio::task::spawn_blocking(move || {
        let params = Params::parse(query.as_deref())?;
        bulk(&app, &moment, &params)
    })
    .await
    .map_err(|error| ApiError::internal("bulk health", &error))?
}

fn bulk(app: &App, moment: &Moment, params: &Params<'_>) -> Result<Response, ApiError> {
    let limit = params.limit("limit", DEFAULT_BULK, moment.config.list_limits.bulk_health as usize);
    let (region, area) = (moment.region(params), moment.area(params));
    let mut nodes: Vec<&Arc<Node>> = Vec::new();
    if !region.is_unknown() {
        nodes.extend(moment.shown_nodes().filter(|node| area.holds(node)));
        nodes.sort_unstable_by(by_last_seen);
    }
    let heard_there = |node: &Node| {
        let Some(codes) = region.codes() else { return true };
        let query = Query {
            nodes: Some(vec![node.public_key.clone()]),
            regions: Some(codes),
            limit: 1,
            ..Query::default()
        };
        !moment.data.query(&query).rows.is_empty()
    };
    let whole = &app.rest.whole;
    let lacks = moment.data.lacks_rows();
    let nodes: Vec<&Arc<Node>> = match (&region, lacks) {
        // Who heard what memory lacks is known with the sums.
        (Region::Only { .. }, true) => nodes,
        _ => nodes.into_iter().filter(|node| heard_there(node)).take(limit).collect(),
    };
    let keys: Vec<&str> = nodes.iter().map(|node| node.public_key.as_str()).collect();
    let want = Want { everyone: lacks && region != Region::Any, ..want(moment, false) };
    let all = whole.heard_of(&moment.data, &keys, want).map_err(unanswered)?;
    let found =
        nodes.iter().zip(all).filter(|(_, heard)| !want.everyone || region.holds_any(&heard.everyone));
    let found: Vec<_> = found.take(limit).collect();
    let newest = found.iter().filter_map(|(_, heard)| heard.newest);
    let packets = ById::read(app, &moment.data, newest.map(|(_, id)| id))?;
    let entries: Vec<BulkHealth<'_>> = found
        .iter()
        .map(|(node, heard)| {
            let shown = NodeView::new(node, &moment.veil);
            BulkHealth {
                public_key: shown.public_key,
                name: shown.name,
                role: shown.role,
                lat: shown.lat,
                lon: shown.lon,
                stats: HealthStats::of(heard, heard.newest.and_then(|(_, id)| packets.get(id))),
                observers: observers(heard, moment, false),
            }
        })
        .collect();
    Ok(json::response(&entries))
}

/// What is summed up: what was first heard since midnight UTC; hops and the newest packets in the answer for one node.
fn want(moment: &Moment, hops: bool) -> Want {
    let ids = if hops { RECENT } else { 0 };
    Want { since: moment.now.div_euclid(DAY) * DAY, hops, ids, everyone: false }
}

impl<'a> HealthStats<'a> {
    fn of(heard: &Heard, newest: Option<Transmission<'a>>) -> Self {
        Self {
            total_transmissions: heard.transmissions,
            total_observations: heard.observations,
            total_packets: heard.transmissions,
            packets_today: heard.lately,
            avg_snr: heard.snr.get(),
            avg_hops: None,
            last_heard: newest.map(|row| row.first_seen()),
        }
    }
}

/// Who heard a node, the busiest first.
fn observers<'m>(heard: &Heard, moment: &'m Moment, with_relay: bool) -> Vec<HealthObserver<'m>> {
    let mut out: Vec<HealthObserver<'m>> = heard
        .observers
        .iter()
        .filter_map(|by| {
            let observer = moment.observer_at(Some(by.observer))?;
            Some(HealthObserver {
                observer_id: &observer.id,
                observer_name: moment.observer_name(observer).unwrap_or_default(),
                packet_count: by.transmissions,
                avg_snr: by.snr.get(),
                avg_rssi: by.rssi.get(),
                can_relay: with_relay.then_some(observer.can_relay),
            })
        })
        .collect();
    out.sort_by(|a, b| b.packet_count.cmp(&a.packet_count).then_with(|| a.observer_id.cmp(b.observer_id)));
    out
}
