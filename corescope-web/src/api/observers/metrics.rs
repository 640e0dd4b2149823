//! `GET /api/observers/{id}/metrics`: noise, battery and airtime of one observer over time.

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use corescope_core::time::{parse_rfc3339, rfc3339};
use corescope_store::lookup::{self, MetricRow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::rest::ask;
use crate::query::Params;
use crate::{ApiError, AppState, json};

/// How far apart the points are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Every sample, as stored.
    Raw,
    /// The last sample of each hour.
    Hour,
    /// The last sample of each day.
    Day,
}

impl Resolution {
    /// `5m`, `1h`, `1d`; absent or empty is `5m`. `None` for anything else.
    pub fn parse(text: Option<&str>) -> Option<Self> {
        match text.unwrap_or_default() {
            "" | "5m" => Some(Self::Raw),
            "1h" => Some(Self::Hour),
            "1d" => Some(Self::Day),
            _ => None,
        }
    }

    fn seconds(self) -> i64 {
        match self {
            Self::Raw => 300,
            Self::Hour => 3600,
            Self::Day => 86_400,
        }
    }
}

/// Metrics of one observer.
#[derive(Debug, Serialize, ToSchema)]
pub struct ObserverMetrics {
    /// The observer, as asked for.
    pub observer_id: String,
    /// Its name; null when unknown.
    pub observer_name: Option<String>,
    /// Times of the samples that followed a reboot.
    pub reboots: Vec<String>,
    /// Oldest first.
    pub metrics: Vec<MetricPoint>,
}

/// One point.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct MetricPoint {
    /// Sample time, or the start of the hour or day; RFC 3339.
    pub timestamp: String,
    /// Noise floor, dBm.
    pub noise_floor: Option<f64>,
    /// Battery, mV.
    pub battery_mv: Option<i64>,
    /// Share of the time since the last point spent sending, per cent.
    pub tx_airtime_pct: Option<f64>,
    /// Share of the time since the last point spent receiving, per cent.
    pub rx_airtime_pct: Option<f64>,
    /// Share of frames since the last point that failed their checksum, per cent.
    pub recv_error_rate: Option<f64>,
    /// Seconds spent sending since boot; absent when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx_air_secs: Option<i64>,
    /// Seconds spent receiving since boot; absent when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rx_air_secs: Option<i64>,
    /// Frames that failed their checksum since boot; absent when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recv_errors: Option<i64>,
    /// Frames sent since boot; absent when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets_sent: Option<i64>,
    /// Frames received since boot; absent when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets_recv: Option<i64>,
    /// True when a counter went back, that is, the observer was rebooted; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_reboot_sample: bool,
}

/// Noise, battery and airtime of one observer over time.
#[utoipa::path(get, path = "/api/observers/{id}/metrics", tag = "observers", params(
    ("id" = String, Path, description = "the observer"),
    ("since" = Option<String>, Query, description = "from this time on, RFC 3339; default 24 hours ago"),
    ("until" = Option<String>, Query, description = "up to this time, RFC 3339"),
    ("resolution" = Option<String>, Query, description = "5m (every sample, default), 1h or 1d (the last of each)")),
    responses((status = 200, body = ObserverMetrics), (status = 400, body = crate::error::ErrorBody)))]
pub(crate) async fn metrics(
    State(app): State<AppState>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let params = Params::parse(query.as_deref())?;
    let resolution = Resolution::parse(params.get("resolution")).ok_or_else(|| {
        let given = params.get("resolution").unwrap_or_default();
        ApiError::bad_request(format!("invalid resolution: {given}. Must be 5m, 1h, or 1d"))
            .code("bad_resolution")
    })?;
    let moment = app.moment();
    let Some(observer) = moment.shown_observer(&id) else {
        let nothing =
            ObserverMetrics { observer_id: id, observer_name: None, reboots: vec![], metrics: vec![] };
        return Ok(json::response(&nothing));
    };
    let stored_id = observer.id.clone();
    let since = params.text("since").map_or_else(|| rfc3339(moment.now - 86_400), in_seconds);
    let until = params.text("until").map(in_seconds);
    let rows = ask(&app, move |c| lookup::metrics(c, &stored_id, &since, until.as_deref())).await?;
    let (reboots, metrics) = points(rows, resolution);
    Ok(json::response(&ObserverMetrics {
        observer_id: observer.id.clone(),
        observer_name: observer.name.clone(),
        reboots,
        metrics,
    }))
}

/// A time in the form of the column, which is compared as text; what is no time is compared as it is.
fn in_seconds(text: &str) -> String {
    parse_rfc3339(text).map_or_else(|| text.to_owned(), rfc3339)
}

/// Turns samples (of one observer, oldest first) into points.
pub fn points(rows: Vec<MetricRow>, resolution: Resolution) -> (Vec<String>, Vec<MetricPoint>) {
    let rows = match resolution {
        Resolution::Raw => rows,
        Resolution::Hour | Resolution::Day => last_of_each(rows, resolution.seconds()),
    };
    let mut reboots = Vec::new();
    let mut points = Vec::with_capacity(rows.len());
    let mut before: Option<&MetricRow> = None;
    for row in &rows {
        let delta = before.map(|b| Delta::between(b, row, resolution.seconds())).unwrap_or_default();
        if delta.reboot {
            reboots.push(row.timestamp.clone());
        }
        points.push(MetricPoint {
            timestamp: row.timestamp.clone(),
            noise_floor: row.noise_floor,
            battery_mv: row.battery_mv,
            tx_airtime_pct: delta.tx_pct,
            rx_airtime_pct: delta.rx_pct,
            recv_error_rate: delta.error_pct,
            tx_air_secs: row.tx_air_secs,
            rx_air_secs: row.rx_air_secs,
            recv_errors: row.recv_errors,
            packets_sent: row.packets_sent,
            packets_recv: row.packets_recv,
            is_reboot_sample: delta.reboot,
        });
        before = Some(row);
    }
    (reboots, points)
}

/// The last sample of each bucket, its time set to the bucket's start. A sample without a readable time is left out.
fn last_of_each(rows: Vec<MetricRow>, seconds: i64) -> Vec<MetricRow> {
    let mut out: Vec<(i64, MetricRow)> = Vec::new();
    for mut row in rows {
        let Some(at) = parse_rfc3339(&row.timestamp) else { continue };
        let start = at.div_euclid(seconds) * seconds;
        row.timestamp = rfc3339(start);
        match out.last_mut() {
            Some((last, kept)) if *last == start => *kept = row,
            _ => out.push((start, row)),
        }
    }
    out.into_iter().map(|(_, row)| row).collect()
}

#[derive(Default)]
struct Delta {
    reboot: bool,
    tx_pct: Option<f64>,
    rx_pct: Option<f64>,
    error_pct: Option<f64>,
}

impl Delta {
    fn between(a: &MetricRow, b: &MetricRow, bucket: i64) -> Self {
        let seconds = match (parse_rfc3339(&a.timestamp), parse_rfc3339(&b.timestamp)) {
            (Some(from), Some(to)) => to - from,
            _ => return Self::default(),
        };
        if seconds <= 0 || seconds > 2 * bucket {
            return Self::default();
        }
        let counters = [
            (a.tx_air_secs, b.tx_air_secs),
            (a.rx_air_secs, b.rx_air_secs),
            (a.recv_errors, b.recv_errors),
            (a.packets_sent, b.packets_sent),
            (a.packets_recv, b.packets_recv),
        ];
        if counters.iter().any(|pair| matches!(pair, (Some(x), Some(y)) if y < x)) {
            return Self { reboot: true, ..Self::default() };
        }
        let grown = |x: Option<i64>, y: Option<i64>| Some((y? - x?) as f64);
        let share = |d: Option<f64>| d.map(|d| two_decimals((d / seconds as f64 * 100.0).clamp(0.0, 100.0)));
        let errors = grown(a.recv_errors, b.recv_errors);
        let received = grown(a.packets_recv, b.packets_recv);
        Self {
            reboot: false,
            tx_pct: share(grown(a.tx_air_secs, b.tx_air_secs)),
            rx_pct: share(grown(a.rx_air_secs, b.rx_air_secs)),
            error_pct: errors
                .zip(received)
                .filter(|(bad, good)| bad + good > 0.0)
                .map(|(bad, good)| two_decimals(bad / (bad + good) * 100.0)),
        }
    }
}

fn two_decimals(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(at: &str, tx: i64, errors: i64, recv: i64) -> MetricRow {
        MetricRow {
            observer_id: "o".to_owned(),
            timestamp: at.to_owned(),
            tx_air_secs: Some(tx),
            recv_errors: Some(errors),
            packets_recv: Some(recv),
            ..MetricRow::default()
        }
    }

    #[test]
    fn shares_come_from_differences() {
        let rows = vec![row("2026-01-01T00:00:00Z", 10, 0, 100), row("2026-01-01T00:05:00Z", 25, 1, 109)];
        let (reboots, p) = points(rows, Resolution::Raw);
        assert!(reboots.is_empty());
        assert_eq!((p[0].tx_airtime_pct, p[0].recv_error_rate), (None, None));
        assert_eq!(
            (p[1].tx_airtime_pct, p[1].recv_error_rate, p[1].rx_airtime_pct),
            (Some(5.0), Some(10.0), None)
        );
    }

    #[test]
    fn a_counter_that_goes_back_is_a_reboot_and_a_hole_is_no_difference() {
        let rows = vec![
            row("2026-01-01T00:00:00Z", 10, 0, 100),
            row("2026-01-01T00:05:00Z", 3, 0, 2),
            row("2026-01-01T00:20:00Z", 9, 0, 9),
            row("garbage", 9, 0, 9),
        ];
        let (reboots, p) = points(rows, Resolution::Raw);
        assert_eq!(reboots, ["2026-01-01T00:05:00Z"]);
        assert!(p[1].is_reboot_sample && p[1].tx_airtime_pct.is_none());
        assert!(!p[2].is_reboot_sample && p[2].tx_airtime_pct.is_none());
        assert!(p[3].tx_airtime_pct.is_none());
    }

    #[test]
    fn hours_keep_their_last_sample() {
        let rows = vec![
            row("2026-01-01T00:10:00Z", 10, 0, 0),
            row("2026-01-01T00:55:00Z", 20, 0, 0),
            row("2026-01-01T01:15:00Z", 56, 0, 0),
        ];
        let (_, p) = points(rows, Resolution::Hour);
        let seen: Vec<_> =
            p.iter().map(|p| (p.timestamp.as_str(), p.tx_air_secs, p.tx_airtime_pct)).collect();
        assert_eq!(
            seen,
            [("2026-01-01T00:00:00Z", Some(20), None), ("2026-01-01T01:00:00Z", Some(56), Some(1.0))]
        );
    }

    #[test]
    fn resolutions_are_named_exactly() {
        assert_eq!(Resolution::parse(None), Some(Resolution::Raw));
        assert_eq!(Resolution::parse(Some("")), Some(Resolution::Raw));
        assert_eq!(Resolution::parse(Some("1d")), Some(Resolution::Day));
        assert_eq!(Resolution::parse(Some("1D")), None);
    }
}
