//! `GET /api/observers/metrics/summary`: noise of all observers over a window.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use corescope_core::time::rfc3339;
use corescope_store::lookup::{self, NoiseSeries};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::moment::Region;
use crate::api::rest::ask;
use crate::query::Params;
use crate::{ApiError, AppState, json};

/// Points of a sparkline at most.
const MAX_POINTS: usize = 288;
/// Longest window, days: what retention keeps at most, and more.
const MAX_DAYS: i64 = 3650;

/// Noise of all observers.
#[derive(Debug, Serialize, ToSchema)]
pub struct MetricsSummary {
    /// The window asked for.
    pub window: String,
    /// Noisiest first.
    pub observers: Vec<ObserverNoise>,
}

/// Noise of one observer. The names say 24 h, the figures are of the window asked for.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct ObserverNoise {
    /// The observer.
    pub observer_id: String,
    /// Its name; null when unknown.
    pub observer_name: Option<String>,
    /// Its region; absent when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iata: Option<String>,
    /// Noise floor of the last sample, dBm; null when it has none.
    pub current_noise_floor: Option<f64>,
    /// Mean, dBm.
    pub avg_noise_floor_24h: Option<f64>,
    /// Greatest, dBm.
    pub max_noise_floor_24h: Option<f64>,
    /// Last battery voltage, mV.
    pub battery_mv: Option<i64>,
    /// Samples.
    pub sample_count: usize,
    /// Noise floors, oldest first, at most 288: of more samples the noisiest of each group.
    pub sparkline: Vec<Option<f64>>,
}

/// Noise of all observers over a window.
#[utoipa::path(get, path = "/api/observers/metrics/summary", tag = "observers", params(
    ("window" = Option<String>, Query, description = "how far back, such as 24h (default), 90m, 1h30m, 3d"),
    ("region" = Option<String>, Query, description = "region codes joined by commas, any case")),
    responses((status = 200, body = MetricsSummary), (status = 400, body = crate::error::ErrorBody)))]
pub(crate) async fn summary(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let params = Params::parse(query.as_deref())?;
    let window = params.text("window").unwrap_or("24h").to_owned();
    let seconds = window_seconds(Some(&window))
        .ok_or_else(|| ApiError::bad_request(format!("invalid window: {window}")).code("bad_window"))?;
    let moment = app.moment();
    let region = moment.region(&params);
    let since = rfc3339(moment.now - seconds);
    let series = ask(&app, move |c| lookup::noise_since(c, &since)).await?;
    let observers = summarize(series, |id| {
        let observer = moment.data.observers().by_id(id);
        if moment.veil.hides_observer(id) {
            return None;
        }
        match (&region, observer) {
            (Region::Only { rowids, .. }, Some(o)) if !rowids.contains(&o.rowid) => None,
            (Region::Only { .. }, None) => None,
            (_, o) => Some((
                o.and_then(|o| o.name.clone()),
                o.and_then(|o| o.iata.clone()).filter(|iata| !iata.is_empty()),
            )),
        }
    });
    Ok(json::response(&MetricsSummary { window, observers }))
}

/// `24h`, `90m`, `1h30m` or `3d` in seconds; absent or empty is 24 h. `None` for anything else.
pub fn window_seconds(text: Option<&str>) -> Option<i64> {
    let text = text.unwrap_or_default();
    if text.is_empty() {
        return Some(86_400);
    }
    if let Some(days) = text.strip_suffix('d') {
        let days: i64 = days.parse().ok().filter(|_| days.bytes().all(|b| b.is_ascii_digit()))?;
        return (1..=MAX_DAYS).contains(&days).then_some(days * 86_400);
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, unit) = rest.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let (scale, len) = match unit.as_bytes() {
            [b'm', b's', ..] => (0.001, 2),
            [b'h', ..] => (3600.0, 1),
            [b'm', ..] => (60.0, 1),
            [b's', ..] => (1.0, 1),
            _ => return None,
        };
        total += number * scale;
        rest = unit.get(len..)?;
    }
    let seconds = total as i64;
    (1..=MAX_DAYS * 86_400).contains(&seconds).then_some(seconds)
}

/// Sums up each observer's samples. `known` tells name and region of an observer that is to be shown, `None` of one
/// that is not.
pub fn summarize(
    series: Vec<NoiseSeries>,
    known: impl Fn(&str) -> Option<(Option<String>, Option<String>)>,
) -> Vec<ObserverNoise> {
    let mut out: Vec<ObserverNoise> = series
        .into_iter()
        .filter_map(|of_one| {
            let (observer_name, iata) = known(&of_one.observer_id)?;
            let (sum, count) = of_one
                .noise_floor
                .iter()
                .flatten()
                .fold((0.0, 0_u32), |(sum, n), noise| (sum + noise, n + 1));
            Some(ObserverNoise {
                observer_name,
                iata,
                current_noise_floor: of_one.noise_floor.last().copied().flatten(),
                avg_noise_floor_24h: (count > 0).then(|| sum / f64::from(count)),
                max_noise_floor_24h: of_one.noise_floor.iter().copied().flatten().reduce(f64::max),
                battery_mv: of_one.battery_mv,
                sample_count: of_one.noise_floor.len(),
                sparkline: sparkline(&of_one.noise_floor),
                observer_id: of_one.observer_id,
            })
        })
        .collect();
    out.sort_by(|a, b| {
        let key = |x: &ObserverNoise| x.max_noise_floor_24h.unwrap_or(f64::NEG_INFINITY);
        key(b).total_cmp(&key(a)).then_with(|| a.observer_id.cmp(&b.observer_id))
    });
    out
}

fn sparkline(noise: &[Option<f64>]) -> Vec<Option<f64>> {
    let step = noise.len().div_ceil(MAX_POINTS).max(1);
    noise.chunks(step).map(|group| group.iter().copied().flatten().reduce(f64::max)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows() {
        for (text, seconds) in [
            (None, Some(86_400)),
            (Some(""), Some(86_400)),
            (Some("3d"), Some(259_200)),
            (Some("90m"), Some(5400)),
            (Some("1h30m"), Some(5400)),
            (Some("1.5h"), Some(5400)),
            (Some("0h"), None),
            (Some("x"), None),
            (Some("d"), None),
            (Some("-1d"), None),
            (Some("+1d"), None),
            (Some("99999999999999999999d"), None),
            (Some("9999999999h"), None),
            (Some("1"), None),
            (Some("1h;DROP TABLE nodes"), None),
        ] {
            assert_eq!(window_seconds(text), seconds, "{text:?}");
        }
    }

    fn series(id: &str, noise_floor: &[Option<f64>]) -> NoiseSeries {
        NoiseSeries { observer_id: id.to_owned(), noise_floor: noise_floor.to_vec(), battery_mv: None }
    }

    #[test]
    fn the_noisiest_comes_first_and_hidden_ones_are_left_out() {
        let all = vec![
            series("d", &[None]),
            series("a", &[Some(-110.0), None]),
            series("c", &[Some(-80.0)]),
            series("b", &[Some(-90.0)]),
        ];
        let got = summarize(all, |id| (id != "c").then_some((None, None)));
        let seen: Vec<_> =
            got.iter().map(|o| (o.observer_id.as_str(), o.sample_count, o.sparkline.clone())).collect();
        assert_eq!(
            seen,
            [("b", 1, vec![Some(-90.0)]), ("a", 2, vec![Some(-110.0), None]), ("d", 1, vec![None])]
        );
    }

    #[test]
    fn long_series_are_thinned_to_their_peaks() {
        let noise: Vec<_> = (0..8640).map(|i| Some(-120.0 + f64::from(i % 30))).collect();
        let got = summarize(vec![series("a", &noise)], |_| Some((None, None)));
        assert_eq!(got[0].sparkline.len(), MAX_POINTS);
        assert!(got[0].sparkline.iter().all(|n| *n == Some(-91.0)));
    }
}
