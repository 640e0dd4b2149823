//! `GET /api/nodes/{pubkey}`: one node and its newest adverts.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use corescope_store::memory::{Node, Observation, Order, OwnedTransmission, Query, Transmission};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{adverts, view::NodeView};
use crate::api::moment::Moment;
use crate::api::packets::{Packet, RawArray, ShortObservation, View};
use crate::api::rest::unanswered;
use crate::{ApiError, AppState, json};

/// Adverts shown at most.
const ADVERTS: usize = 20;
/// Shortest prefix that may stand for a key.
const MIN_PREFIX: usize = 8;

/// One node and its newest adverts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeDetail<'a> {
    /// The node.
    pub node: NodeView<'a>,
    /// At most 20, newest first.
    pub recent_adverts: Vec<Advert<'a>>,
}

/// An advert with all its receptions.
#[derive(Debug, Serialize, ToSchema)]
pub struct Advert<'a> {
    /// The packet.
    #[serde(flatten)]
    pub packet: Packet<'a>,
    /// Its receptions, newest first.
    pub observations: Vec<AdvertObservation<'a>>,
}

/// A reception of an advert.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdvertObservation<'a> {
    /// Id of the reception.
    pub id: i64,
    /// Id of the packet.
    pub transmission_id: i64,
    /// Who heard it.
    pub observer_id: Option<&'a str>,
    /// Its name.
    pub observer_name: Option<&'a str>,
    /// Its region, empty when unknown.
    pub observer_iata: &'a str,
    /// Signal-to-noise ratio, dB.
    pub snr: Option<f64>,
    /// Signal strength, dBm.
    pub rssi: Option<f64>,
    /// Path up to this observer: JSON in a string.
    pub path_json: Option<Cow<'a, str>>,
    /// Reception time, RFC 3339 with milliseconds.
    pub timestamp: String,
}

impl<'a> AdvertObservation<'a> {
    fn new(transmission_id: i64, o: ShortObservation<'a>) -> Self {
        Self {
            id: o.id,
            transmission_id,
            observer_id: o.observer_id,
            observer_name: o.observer_name,
            observer_iata: o.observer_iata.unwrap_or_default(),
            snr: o.snr,
            rssi: o.rssi,
            path_json: o.path_json,
            timestamp: o.timestamp,
        }
    }
}

/// One node and its newest adverts.
#[utoipa::path(get, path = "/api/nodes/{pubkey}", tag = "nodes",
    params(("pubkey" = String, Path, description = "public key, any case, or its first 8 or more hex digits")),
    responses((status = 200, body = NodeDetail<'static>), (status = 404, body = crate::error::ErrorBody),
        (status = 409, body = crate::error::ErrorBody, description = "more than one node has the prefix")))]
pub(crate) async fn detail(
    State(app): State<AppState>,
    Path(key): Path<String>,
) -> Result<Response, ApiError> {
    let moment = app.moment();
    let node = find(&moment, &key)?;
    let adverts = adverts::now(&app, &moment).await?;
    let facts = adverts.get(&node.public_key);
    let mut shown = NodeView::new(node, &moment.veil).with(facts);
    shown.flood_advert_count_7d = Some(facts.map_or(0, |f| f.flood_adverts_7d));
    let query = Query {
        originators: Some(vec![node.public_key.clone()]),
        order: Order::NewestId,
        limit: ADVERTS,
        ..Query::default()
    };
    let view = View { snapshot: &moment.data, veil: &moment.veil };
    let rows = moment.data.query(&query).rows;
    let older = older_adverts(&app, &moment, &node.public_key, ADVERTS.saturating_sub(rows.len())).await?;
    let recent_adverts = rows
        .into_iter()
        .chain(older.iter().map(|row| Transmission::from(&**row)))
        .map(|row| {
            let mut packet = view.packet(row, true);
            let observations = packet.observations.take().unwrap_or_default();
            show_with(&mut packet, &observations, row);
            // in adverts, unlike in lists, a region that is not known is an empty text
            packet.observer_iata.get_or_insert("");
            let id = packet.id;
            let observations = observations.into_iter().map(|o| AdvertObservation::new(id, o)).collect();
            Advert { packet, observations }
        })
        .collect();
    Ok(json::response(&NodeDetail { node: shown, recent_adverts }))
}

/// The newest adverts of a node that memory lacks.
async fn older_adverts(
    app: &AppState,
    moment: &Moment,
    key: &str,
    most: usize,
) -> Result<Vec<Arc<OwnedTransmission>>, ApiError> {
    if most == 0 || !moment.data.lacks_rows() {
        return Ok(Vec::new());
    }
    let (app, data, key) = (app.clone(), moment.data.clone(), key.to_owned());
    tokio::task::spawn_blocking(move || app.rest.whole.older_of_sender(&data, &key, most))
        .await
        .map_err(|error| ApiError::internal("adverts", &error))?
        .map_err(unanswered)
}

/// Adverts are shown with the reception whose path is the longest *text*, then that of the oldest observer, then the
/// first path: time plays no part, unlike in lists of packets.
fn show_with<'a>(packet: &mut Packet<'a>, observations: &[ShortObservation<'a>], row: Transmission<'a>) {
    let chosen = row.observations().min_by(|a, b| {
        let length = |o: &Observation<'_>| o.path_json().map_or(0, |p| p.len());
        length(b)
            .cmp(&length(a))
            .then_with(|| a.observer().cmp(&b.observer()))
            .then_with(|| a.path_json().cmp(&b.path_json()))
    });
    let Some(shown) = chosen.and_then(|c| observations.iter().find(|o| o.id == c.id())) else { return };
    packet.observer_id = shown.observer_id;
    packet.observer_name = shown.observer_name;
    packet.observer_iata = shown.observer_iata;
    packet.snr = shown.snr;
    packet.rssi = shown.rssi;
    packet.direction = shown.direction;
    packet.parsed_path = shown.path_json.clone().and_then(RawArray::filled);
    packet.path_json.clone_from(&shown.path_json);
}

/// The node under a key or an unambiguous prefix.
pub(crate) fn find<'m>(moment: &'m Moment, key: &str) -> Result<&'m Arc<Node>, ApiError> {
    if let Some(node) = moment.shown_node(key) {
        return Ok(node);
    }
    let is_prefix = (MIN_PREFIX..64).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_hexdigit());
    if is_prefix {
        let prefix = key.to_ascii_lowercase();
        let mut found =
            moment.data.nodes().by_prefix(&prefix).iter().filter(|n| !n.inactive && moment.shows(n));
        match (found.next(), found.next()) {
            (Some(node), None) => return Ok(node),
            (Some(_), Some(_)) => {
                return Err(ApiError::new(
                    StatusCode::CONFLICT,
                    "ambiguous_prefix",
                    "Ambiguous prefix: multiple nodes match. Use a longer prefix.",
                ));
            }
            (None, _) => {}
        }
    }
    Err(ApiError::not_found("Not found"))
}
