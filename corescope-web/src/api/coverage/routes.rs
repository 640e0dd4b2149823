//! The routes of the reception maps; 404 while they are off.

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use corescope_core::time::rfc3339;
use corescope_store::lookup::{self, Area};

use super::features::{Coverage, Who, coverage};
use super::leaderboard::{Leaderboard, leaderboard};
use crate::api::moment::Moment;
use crate::api::rest::ask;
use crate::query::Params;
use crate::{ApiError, AppState, json};

const DAY: i64 = 86_400;

/// Where mobile clients heard anybody.
#[utoipa::path(get, path = "/api/rx-coverage", tag = "coverage", params(
    ("bbox" = String, Query, description = "minLat,minLon,maxLat,maxLon in degrees"),
    ("z" = Option<String>, Query, description = "zoom level, which chooses the size of the cells: 3 to 18"),
    ("node" = Option<String>, Query, description = "only receptions of this node"),
    ("rx" = Option<String>, Query, description = "only receptions by this client"),
    ("days" = Option<String>, Query, description = "days to look back, 1 to 30; default 7")),
    responses((status = 200, body = Coverage), (status = 400, body = crate::error::ErrorBody),
        (status = 404, body = crate::error::ErrorBody)))]
pub(crate) async fn all(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let params = Params::parse(query.as_deref())?;
    let moment = switched_on(&app)?;
    let area = bbox(&params)?;
    let since = rfc3339(moment.now - days(&params) * DAY);
    let zoom = params.int("z", 0);
    let node = params.text("node").map(str::to_ascii_lowercase);
    let client = params.text("rx").map(str::to_ascii_lowercase);
    if node.as_ref().is_some_and(|key| moment.veil.hides_key(key, &moment.data))
        || client.as_ref().is_some_and(|key| moment.veil.hides_observer(key))
    {
        return Ok(json::response(&coverage(&[], zoom, |_| None)));
    }
    let mut rows = ask(&app, move |c| match node {
        Some(key) => {
            let mut rows = lookup::receptions_of(c, &key, area, Some(&since))?;
            rows.retain(|row| client.as_ref().is_none_or(|client| row.rx_pubkey == *client));
            Ok(rows)
        }
        None => lookup::receptions_since(c, &since, Some(area), client.as_deref()),
    })
    .await?;
    rows.retain(|row| !moment.veil.hides_observer(&row.rx_pubkey));
    Ok(json::response(&coverage(&rows, zoom, |key| who(&moment, key))))
}

/// Where mobile clients heard one node, over all time.
#[utoipa::path(get, path = "/api/nodes/{pubkey}/rx-coverage", tag = "coverage", params(
    ("pubkey" = String, Path, description = "public key, any case"),
    ("bbox" = String, Query, description = "minLat,minLon,maxLat,maxLon in degrees"),
    ("z" = Option<String>, Query, description = "zoom level, which chooses the size of the cells: 3 to 18")),
    responses((status = 200, body = Coverage), (status = 400, body = crate::error::ErrorBody),
        (status = 404, body = crate::error::ErrorBody)))]
pub(crate) async fn of_node(
    State(app): State<AppState>,
    Path(key): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let params = Params::parse(query.as_deref())?;
    let moment = switched_on(&app)?;
    let key = key.to_ascii_lowercase();
    if key.len() != 64 || !key.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(ApiError::bad_request("invalid pubkey: expected 64 hex chars").code("bad_pubkey"));
    }
    let area = bbox(&params)?;
    if moment.veil.hides_key(&key, &moment.data) {
        return Err(ApiError::not_found("Not found"));
    }
    let (mut rows, totals) = ask(&app, move |c| {
        Ok((lookup::receptions_of(c, &key, area, None)?, lookup::reception_totals(c, &key)?))
    })
    .await?;
    rows.retain(|row| !moment.veil.hides_observer(&row.rx_pubkey));
    let mut shown = coverage(&rows, params.int("z", 0), |key| who(&moment, key));
    shown.mobile_receptions = Some(totals.receptions);
    shown.mobile_clients = Some(totals.clients);
    Ok(json::response(&shown))
}

/// Who maps the most.
#[utoipa::path(get, path = "/api/rx-leaderboard", tag = "coverage", params(
    ("days" = Option<String>, Query, description = "days to look back, 1 to 30; default 7"),
    ("limit" = Option<String>, Query, description = "rows, 1 to 100; default 20, also outside")),
    responses((status = 200, body = Leaderboard), (status = 404, body = crate::error::ErrorBody)))]
pub(crate) async fn board(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let params = Params::parse(query.as_deref())?;
    let moment = switched_on(&app)?;
    let days = days(&params);
    let limit = Some(params.int("limit", 20)).filter(|n| (1..=100).contains(n)).unwrap_or(20) as usize;
    let since = rfc3339(moment.now - days * DAY);
    let (rows, names) =
        ask(&app, move |c| Ok((lookup::receptions_since(c, &since, None, None)?, lookup::client_names(c)?)))
            .await?;
    let shown = |key: &str| !moment.veil.hides_observer(key);
    let name = |key: &str| {
        let node = || moment.data.nodes().by_key(key).and_then(|n| n.name.as_ref());
        let name = names.get(key).or_else(node).map_or("", String::as_str);
        let hidden = moment.veil.hides_node(key, Some(name)) || moment.veil.hides_key(key, &moment.data);
        if hidden { String::new() } else { name.to_owned() }
    };
    Ok(json::response(&leaderboard(&rows, days, limit, shown, name)))
}

/// The moment, when the maps are on.
fn switched_on(app: &AppState) -> Result<Moment, ApiError> {
    let moment = app.moment();
    if moment.config.client_rx_coverage {
        return Ok(moment);
    }
    Err(ApiError::not_found("404 page not found")
        .code("off")
        .hint("set clientRxCoverage.enabled to have these routes"))
}

fn days(params: &Params<'_>) -> i64 {
    params.int("days", 7).clamp(1, 30)
}

fn bbox(params: &Params<'_>) -> Result<Area, ApiError> {
    let bad = || ApiError::bad_request("bbox required as minLat,minLon,maxLat,maxLon").code("bad_bbox");
    let numbers: Vec<f64> = params
        .get("bbox")
        .ok_or_else(bad)?
        .split(',')
        .map(|n| n.trim().parse::<f64>().ok().filter(|n| n.is_finite()))
        .collect::<Option<_>>()
        .ok_or_else(bad)?;
    match numbers[..] {
        [min_lat, min_lon, max_lat, max_lon] => Ok(Area { min_lat, min_lon, max_lat, max_lon }),
        _ => Err(bad()),
    }
}

/// The node behind a key as heard, where exactly one has it; its name only when it may be shown.
fn who(moment: &Moment, key: &str) -> Option<Who> {
    let mut active = moment.data.nodes().by_prefix(key).iter().filter(|n| !n.inactive);
    let (Some(node), None) = (active.next(), active.next()) else { return None };
    Some(Who { key: node.public_key.clone(), name: node.name.clone().filter(|_| moment.shows(node)) })
}
