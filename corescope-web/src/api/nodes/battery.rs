//! `GET /api/nodes/{pubkey}/battery`: battery voltage of a node that is an observer too.

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use corescope_core::time::rfc3339;
use corescope_store::lookup;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::rest::ask;
use crate::query::Params;
use crate::{ApiError, AppState, json};

/// Battery voltage over time.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeBattery {
    /// The node.
    pub public_key: String,
    /// Days looked at, 1 to 365.
    pub days: i64,
    /// Oldest first.
    pub samples: Vec<BatteryPoint>,
    /// Newest voltage, mV.
    pub latest_mv: Option<i64>,
    /// When that was, RFC 3339.
    pub latest_ts: Option<String>,
    /// `ok`, `low`, `critical` or `unknown`.
    pub status: &'static str,
    /// The limits.
    pub thresholds: BatteryThresholds,
}

/// One sample.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatteryPoint {
    /// RFC 3339.
    pub timestamp: String,
    /// mV.
    pub battery_mv: i64,
}

/// Limits of the status.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatteryThresholds {
    /// Low below, mV.
    pub low_mv: u64,
    /// Critical below, mV.
    pub critical_mv: u64,
}

/// Battery voltage of a node over time.
#[utoipa::path(get, path = "/api/nodes/{pubkey}/battery", tag = "nodes", params(
    ("pubkey" = String, Path, description = "public key, any case"),
    ("days" = Option<String>, Query, description = "days to look back, 1 to 365; default 7")),
    responses((status = 200, body = NodeBattery), (status = 404, body = crate::error::ErrorBody)))]
pub(crate) async fn battery(
    State(app): State<AppState>,
    Path(key): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let days =
        Some(Params::parse(query.as_deref())?.int("days", 7)).filter(|d| (1..=365).contains(d)).unwrap_or(7);
    let moment = app.moment();
    let node = moment.shown_node(&key).ok_or_else(|| ApiError::not_found("node not found"))?;
    let observer = moment.shown_observer(&node.public_key).map(|o| o.id.clone());
    let mut samples = Vec::new();
    if let Some(id) = observer {
        let since = rfc3339(moment.now - days * 86_400);
        samples = ask(&app, move |c| lookup::battery(c, &id, &since)).await?;
    }
    let limits = moment.config.battery;
    let latest = samples.last().cloned();
    // a node that is no observer may have told its voltage in an advert
    let latest_mv = latest.as_ref().map(|s| s.battery_mv).or(node.battery_mv);
    Ok(json::response(&NodeBattery {
        public_key: node.public_key.clone(),
        days,
        latest_mv,
        latest_ts: latest.map(|s| s.timestamp).or_else(|| node.battery_mv.and(node.last_seen.clone())),
        status: match latest_mv {
            None => "unknown",
            Some(mv) if mv < limits.critical_mv as i64 => "critical",
            Some(mv) if mv < limits.low_mv as i64 => "low",
            Some(_) => "ok",
        },
        thresholds: BatteryThresholds { low_mv: limits.low_mv, critical_mv: limits.critical_mv },
        samples: samples
            .into_iter()
            .map(|s| BatteryPoint { timestamp: s.timestamp, battery_mv: s.battery_mv })
            .collect(),
    }))
}
