//! `GET /api/observers` and `/api/observers/{id}`.

use std::collections::HashMap;

use axum::extract::{Path, State};
use axum::response::Response;
use corescope_core::time::{parse_rfc3339, rfc3339};
use corescope_store::memory::Observer;
use http::{HeaderName, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::activity::Activity;
use crate::api::moment::Moment;
use crate::{ApiError, AppState, json};

const DAY: i64 = 86_400;

/// All observers.
#[derive(Debug, Serialize, ToSchema)]
pub struct ObserverList<'a> {
    /// Last seen first; inactive ones are left out.
    pub observers: Vec<ObserverView<'a>>,
    /// The server's clock, RFC 3339.
    pub server_time: String,
}

/// An observer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Observer)]
pub struct ObserverView<'a> {
    /// Its id, as published: mostly 64 upper-case hex digits.
    pub id: &'a str,
    /// Name.
    pub name: Option<&'a str>,
    /// Region code.
    pub iata: Option<&'a str>,
    /// Last message of any kind, RFC 3339.
    pub last_seen: Option<&'a str>,
    /// First message, RFC 3339.
    pub first_seen: Option<&'a str>,
    /// Messages since it is known, status included.
    pub packet_count: i64,
    /// Hardware.
    pub model: Option<&'a str>,
    /// Firmware.
    pub firmware: Option<&'a str>,
    /// The program that publishes.
    pub client_version: Option<&'a str>,
    /// `MHz,kHz,SF,CR`.
    pub radio: Option<&'a str>,
    /// Battery, mV.
    pub battery_mv: Option<i64>,
    /// Uptime, seconds.
    pub uptime_secs: Option<i64>,
    /// Noise floor, dBm.
    pub noise_floor: Option<f64>,
    /// Last packet, RFC 3339.
    pub last_packet_at: Option<&'a str>,
    /// Receptions of the last hour.
    #[serde(rename = "packetsLastHour")]
    pub packets_last_hour: u64,
    /// Latitude of the node with the same key, degrees.
    pub lat: Option<f64>,
    /// Longitude of the node with the same key, degrees.
    pub lon: Option<f64>,
    /// Role of the node with the same key.
    #[serde(rename = "nodeRole")]
    pub node_role: Option<&'a str>,
    /// Whether it sent times without a zone within the last 24 hours.
    pub clock_naive: bool,
    /// How far its last such time was off, seconds.
    pub clock_skew_seconds: Option<i64>,
    /// Such times within 24 hours.
    pub clock_skew_count_24h: i64,
    /// The last such time, RFC 3339.
    pub clock_last_naive_at: Option<&'a str>,
    /// Whether it relays too; absent when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_relay: Option<bool>,
}

impl<'a> ObserverView<'a> {
    /// An observer with its receptions of the last hour, by rowid.
    fn new(observer: &'a Observer, moment: &'a Moment, last_hour: &HashMap<i64, u64>) -> Self {
        // An observer shows its place to those who can see it at all; only a node on the blacklist loses it.
        let key = observer.id.to_ascii_lowercase();
        let node = moment
            .data
            .nodes()
            .by_key(&key)
            .filter(|node| !node.inactive && !moment.veil.hides_node(&node.public_key, None));
        let naive = observer
            .clock_last_naive_at
            .as_deref()
            .filter(|at| parse_rfc3339(at).is_some_and(|at| at > moment.now - DAY));
        let place = |d: Option<f64>| d.map(|d| moment.veil.coordinate(d));
        Self {
            id: &observer.id,
            name: observer.name.as_deref(),
            iata: observer.iata.as_deref(),
            last_seen: observer.last_seen.as_deref(),
            first_seen: observer.first_seen.as_deref(),
            packet_count: observer.packet_count,
            model: observer.model.as_deref(),
            firmware: observer.firmware.as_deref(),
            client_version: observer.client_version.as_deref(),
            radio: observer.radio.as_deref(),
            battery_mv: observer.battery_mv,
            uptime_secs: observer.uptime_secs,
            noise_floor: observer.noise_floor,
            last_packet_at: observer.last_packet_at.as_deref(),
            packets_last_hour: last_hour.get(&observer.rowid).copied().unwrap_or(0),
            lat: place(node.and_then(|n| n.lat)),
            lon: place(node.and_then(|n| n.lon)),
            node_role: node.and_then(|n| n.role.as_deref()),
            clock_naive: naive.is_some(),
            clock_skew_seconds: naive.and(observer.clock_skew_seconds),
            clock_skew_count_24h: naive.map_or(0, |_| observer.clock_skew_count_24h),
            clock_last_naive_at: naive,
            can_relay: observer.can_relay,
        }
    }
}

/// All observers, last seen first.
#[utoipa::path(get, path = "/api/observers", tag = "observers",
    responses((status = 200, body = ObserverList<'static>)))]
pub(crate) async fn list(State(app): State<AppState>) -> Result<Response, ApiError> {
    let moment = app.moment();
    let activity = Activity::of_last_hour(&app, &moment).await;
    let mut found: Vec<_> = moment
        .data
        .observers()
        .iter()
        .filter(|o| !o.inactive && !moment.veil.hides_observer(&o.id))
        .collect();
    found.sort_unstable_by(|a, b| b.last_seen.cmp(&a.last_seen).then_with(|| a.id.cmp(&b.id)));
    let observers = found.into_iter().map(|o| ObserverView::new(o, &moment, &activity.by_observer)).collect();
    let mut response = json::response(&ObserverList { observers, server_time: rfc3339(moment.now) });
    // The answer is made for this request; clients of the original read its age here.
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-cache-age-seconds"), HeaderValue::from_static("0"));
    Ok(response)
}

/// One observer, inactive ones too.
#[utoipa::path(get, path = "/api/observers/{id}", tag = "observers",
    params(("id" = String, Path, description = "the id; any case when no other spelling exists")),
    responses((status = 200, body = ObserverView<'static>), (status = 404, body = crate::error::ErrorBody)))]
pub(crate) async fn detail(
    State(app): State<AppState>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let moment = app.moment();
    let observer = moment.shown_observer(&id).ok_or_else(|| ApiError::not_found("Observer not found"))?;
    let activity = Activity::of_last_hour(&app, &moment).await;
    Ok(json::response(&ObserverView::new(observer, &moment, &activity.by_observer)))
}
