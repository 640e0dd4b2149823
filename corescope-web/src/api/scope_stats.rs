//! `GET /api/scope-stats`: how much of the traffic is bound to a region.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use corescope_core::time::rfc3339;
use corescope_store::lookup::LookupError;
use corescope_store::memory::Transmission;
use serde::Serialize;
use utoipa::ToSchema;

use super::aged::{Aged, in_proportion};
use super::moment::Moment;
use super::rest::unanswered;
use crate::query::Params;
use crate::{ApiError, App, AppState, json};

/// Scoped and unscoped traffic of a window.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScopeStats {
    /// `1h`, `24h` or `7d`.
    pub window: &'static str,
    /// Totals.
    pub summary: ScopeSummary,
    /// Packets per region, most first.
    pub by_region: Vec<RegionCount>,
    /// Packets with transport codes over time; times without any are left out.
    pub time_series: Vec<ScopePoint>,
}

/// Totals of a window.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScopeSummary {
    /// Packets with transport codes.
    pub transport_total: u64,
    /// Of these, bound to a region, known or not.
    pub scoped: u64,
    /// Bound to none: of these, and all without transport codes.
    pub unscoped: u64,
    /// Bound to a region that is not configured.
    pub unknown_scope: u64,
}

/// Packets of a region.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RegionCount {
    /// Name of the region, `#` included.
    pub name: String,
    /// Packets.
    pub count: u64,
}

/// Packets with transport codes in one span of time.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ScopePoint {
    /// Its start, RFC 3339.
    pub t: String,
    /// Bound to a region.
    pub scoped: u64,
    /// Bound to none.
    pub unscoped: u64,
}

/// How much of the traffic is bound to a region.
#[utoipa::path(get, path = "/api/scope-stats", tag = "system",
    params(("window" = Option<String>, Query, description = "1h, 24h (default) or 7d")),
    responses((status = 200, body = ScopeStats), (status = 400, body = crate::error::ErrorBody)))]
pub(crate) async fn scope_stats(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let params = Params::parse(query.as_deref())?;
    let (window, seconds, step) = match params.text("window") {
        Some("1h") => ("1h", 3600, 300),
        None | Some("24h") => ("24h", 86_400, 3600),
        Some("7d") => ("7d", 7 * 86_400, 6 * 3600),
        Some(_) => return Err(ApiError::bad_request("window must be 1h, 24h, or 7d").code("bad_window")),
    };
    let moment = app.moment();
    let stats = if moment.data.lacks_rows() {
        tokio::task::spawn_blocking(move || {
            // It is of its minute too: the sum of two figures that only grow changes with each.
            let version = moment.data.version().saturating_add((moment.now / 60).unsigned_abs());
            let make = || Ok(count(&app, &moment, window, seconds, step)?);
            app.rest.scopes.of(window).get(version, in_proportion, make)
        })
        .await
        .map_err(|error| ApiError::internal("scopes", &error))?
        .map_err(unanswered)?
    } else {
        Arc::new(count(&app, &moment, window, seconds, step).map_err(unanswered)?)
    };
    Ok(json::response(&*stats))
}

/// The last answers by window, where memory lacks packets.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    hour: Aged<ScopeStats>,
    day: Aged<ScopeStats>,
    week: Aged<ScopeStats>,
}

impl Scopes {
    fn of(&self, window: &str) -> &Aged<ScopeStats> {
        match window {
            "1h" => &self.hour,
            "24h" => &self.day,
            _ => &self.week,
        }
    }
}

fn count(
    app: &App,
    moment: &Moment,
    window: &'static str,
    seconds: i64,
    step: i64,
) -> Result<ScopeStats, LookupError> {
    let since = moment.now - seconds;
    let mut summary = ScopeSummary::default();
    let mut regions: HashMap<String, u64> = HashMap::new();
    let mut series: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    let mut add = |packet: &Transmission<'_>| {
        if packet.first_seen_unix() < since {
            return;
        }
        match packet.route_type() {
            Some(0 | 3) => {
                summary.transport_total += 1;
                let point = series.entry(packet.first_seen_unix().div_euclid(step) * step).or_default();
                match packet.scope_name() {
                    None => {
                        summary.unscoped += 1;
                        point.1 += 1;
                    }
                    Some(name) => {
                        summary.scoped += 1;
                        point.0 += 1;
                        if name.is_empty() {
                            summary.unknown_scope += 1;
                        } else {
                            match regions.get_mut(name) {
                                Some(count) => *count += 1,
                                None => drop(regions.insert(name.to_owned(), 1)),
                            }
                        }
                    }
                }
            }
            Some(1 | 2) => summary.unscoped += 1,
            _ => {}
        }
    };
    moment.data.transmissions().for_each(|packet| add(&packet));
    app.rest.whole.older_since(&moment.data, since, &mut add)?;
    let mut by_region: Vec<RegionCount> =
        regions.into_iter().map(|(name, count)| RegionCount { name, count }).collect();
    by_region.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    let time_series = series
        .into_iter()
        .map(|(t, (scoped, unscoped))| ScopePoint { t: rfc3339(t), scoped, unscoped })
        .collect();
    Ok(ScopeStats { window, summary, by_region, time_series })
}
