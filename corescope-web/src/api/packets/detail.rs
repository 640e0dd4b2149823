//! `GET /api/packets/{id}`: one packet by hash, transmission id or observation id.

use std::borrow::Cow;

use axum::extract::{Path, State};
use axum::response::Response;
use corescope_store::lookup::LookupError;
use corescope_store::memory::{self, OwnedTransmission, Snapshot, Transmission};
use serde::Serialize;
use utoipa::ToSchema;

use super::rows::{Observation, Packet, RawArray, ShortObservation, View};
use crate::api::rest::unanswered;
use crate::error::ErrorBody;
use crate::server::Hot;
use crate::{ApiError, App, AppState, json};

/// One packet with everything known about it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PacketDetail<'a> {
    /// The packet; when it was asked for by observation id, that observation.
    packet: Subject<'a>,
    /// Hops of its path.
    #[schema(value_type = Vec<String>)]
    path: RawArray,
    /// Observations, at least 1.
    observation_count: usize,
    /// Newest first; absent without any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    observations: Vec<Observation<'a>>,
}

/// What a detail is about.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Subject<'a> {
    /// A transmission.
    Packet(Box<Packet<'a>>),
    /// An observation, asked for by its own id.
    Observation(Box<ObservedPacket<'a>>),
}

/// An observation with the columns of its transmission.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ObservedPacket<'a> {
    #[serde(flatten)]
    observation: Observation<'a>,
    /// Payload type, 0–15.
    payload_type: Option<i64>,
    /// Route type, 0–3.
    route_type: Option<i64>,
    /// The decoded payload: JSON in a string.
    decoded_json: Option<Cow<'a, str>>,
    /// Score as published.
    score: Option<f64>,
}

/// One packet by hash, transmission id or observation id.
#[utoipa::path(get, path = "/api/packets/{id}", tag = "packets", params(
    ("id" = String, Path, description = "16 hex digits, or a decimal id of a transmission or an observation"),
), responses((status = 200, body = PacketDetail), (status = 404, body = ErrorBody)))]
pub(crate) async fn detail(
    State(app): State<AppState>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let version = app.version();
    let snapshot = app.store.snapshot();
    let body = if snapshot.floor() > i64::MIN {
        // What is not in memory is asked of the database, which takes a thread that may wait.
        tokio::task::spawn_blocking(move || beyond_memory(&app, &id, &snapshot))
            .await
            .map_err(|error| ApiError::internal("packet", &error))?
            .map_err(unanswered)?
    } else {
        let view = View { snapshot: &snapshot, veil: &app.veil.load() };
        find(&id, &snapshot, view).map(|detail| json::to_vec(&detail))
    };
    let Some(body) = body else {
        return Err(
            ApiError::not_found("Not found").hint("a packet's hash, its id, or the id of an observation")
        );
    };
    let mut response = json::response_of(body);
    response.extensions_mut().insert(Hot::until_change(version));
    Ok(response)
}

fn is_hash(id: &str) -> bool {
    id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The answer from memory and from the database, in the same order of meanings as [`find`].
fn beyond_memory(app: &App, id: &str, snapshot: &Snapshot) -> Result<Option<Vec<u8>>, LookupError> {
    let (whole, view) = (&app.rest.whole, View { snapshot, veil: &app.veil.load() });
    let written = |row: &OwnedTransmission| json::to_vec(&of_transmission(row.into(), view));
    if is_hash(id)
        && let Some(row) = whole.by_hash(snapshot, id)?
    {
        return Ok(Some(written(&row)));
    }
    let Ok(number) = id.parse::<i64>() else { return Ok(None) };
    if let Some(row) = whole.by_id(snapshot, number)? {
        return Ok(Some(written(&row)));
    }
    let row = whole.of_observation(snapshot, number)?;
    let observed = row.as_deref().and_then(|row| {
        let heard = Transmission::from(row).observations().find(|o| o.id() == number)?;
        Some(json::to_vec(&of_observation(heard, view)))
    });
    Ok(observed)
}

fn find<'a>(id: &str, snapshot: &'a Snapshot, view: View<'a>) -> Option<PacketDetail<'a>> {
    if let Some(row) = is_hash(id).then(|| snapshot.by_hash(id)).flatten() {
        return Some(of_transmission(row, view));
    }
    let number: i64 = id.parse().ok()?;
    if let Some(row) = snapshot.by_id(number) {
        return Some(of_transmission(row, view));
    }
    snapshot.observation_by_id(number).map(|row| of_observation(row, view))
}

fn of_transmission<'a>(row: Transmission<'a>, view: View<'a>) -> PacketDetail<'a> {
    let observations = view.observations(row);
    let packet = view.packet_with(row, Some(observations.clone()));
    let path = packet.parsed_path.clone().unwrap_or_else(RawArray::empty);
    complete(Subject::Packet(Box::new(packet)), path, row, observations, view)
}

fn of_observation<'a>(row: memory::Observation<'a>, view: View<'a>) -> PacketDetail<'a> {
    let transmission = row.transmission();
    let path = row.path_json().and_then(RawArray::filled).unwrap_or_else(RawArray::empty);
    let observed = ObservedPacket {
        observation: view.long(row),
        payload_type: transmission.payload_type(),
        route_type: transmission.route_type(),
        decoded_json: transmission.decoded_json().map(|json| view.veil.decoded(json, view.snapshot)),
        score: row.score().map(|score| match score {
            memory::Score::Integer(n) => n as f64,
            memory::Score::Real(n) => n,
        }),
    };
    complete(
        Subject::Observation(Box::new(observed)),
        path,
        transmission,
        view.observations(transmission),
        view,
    )
}

fn complete<'a>(
    packet: Subject<'a>,
    path: RawArray,
    row: Transmission<'a>,
    observations: Vec<ShortObservation<'a>>,
    view: View<'a>,
) -> PacketDetail<'a> {
    let shared = view.shared(row);
    PacketDetail {
        packet,
        path,
        observation_count: row.observation_count().max(1),
        observations: observations.into_iter().map(|short| shared.long(short)).collect(),
    }
}
