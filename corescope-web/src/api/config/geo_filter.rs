//! `GET` and `PUT /api/config/geo-filter`: the operator's area.

use std::io::Read;
use std::path::Path;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use corescope_core::config::{self, Config, jsonc};
use corescope_core::geo::{Area, LatLon};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json as value};
use utoipa::ToSchema;

use crate::server::body;
use crate::{ApiError, AppState, json};

/// Largest request body, bytes.
const MAX_BODY: usize = 1 << 20;
/// Largest configuration file, bytes.
const MAX_CONFIG: u64 = 16 << 20;
const MAX_POINTS: usize = 1000;
const MAX_BUFFER_KM: f64 = 20_000.0;

/// The operator's area.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeoFilter {
    /// Corners `[lat, lon]`, degrees; null when there is none.
    pub polygon: Option<Vec<[f64; 2]>>,
    /// How far outside still counts, km.
    pub buffer_km: f64,
    /// Whether it can be set over HTTP; absent in the answer to setting it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_enabled: Option<bool>,
}

/// Another area.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetGeoFilter {
    /// Corners `[lat, lon]`, degrees; null, absent or empty removes the area.
    #[serde(default)]
    pub polygon: Option<Vec<[f64; 2]>>,
    /// How far outside still counts, km.
    #[serde(default)]
    pub buffer_km: f64,
}

/// The operator's area.
#[utoipa::path(get, path = "/api/config/geo-filter", tag = "config", responses((status = 200, body = GeoFilter)))]
pub(crate) async fn get(State(app): State<AppState>) -> Response {
    let config = app.config.load();
    let area = config.geo_filter.as_ref();
    json::response(&GeoFilter {
        polygon: area
            .filter(|a| !a.polygon.is_empty())
            .map(|a| a.polygon.iter().map(|p| [p.lat, p.lon]).collect()),
        buffer_km: area.map_or(0.0, |a| a.buffer_km),
        write_enabled: Some(
            config.api_key.as_ref().is_some_and(|key| !key.is_empty()) || !config.api_keys.is_empty(),
        ),
    })
}

/// Sets or removes the operator's area, in the configuration file too.
#[utoipa::path(put, path = "/api/config/geo-filter", tag = "config", security(("ApiKeyAuth" = [])),
    request_body = SetGeoFilter,
    responses((status = 200, body = GeoFilter), (status = 400, body = crate::error::ErrorBody),
        (status = 401, body = crate::error::ErrorBody), (status = 403, body = crate::error::ErrorBody),
        (status = 409, body = crate::error::ErrorBody, description = "the configuration file cannot be written")))]
pub(crate) async fn put(
    State(app): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    crate::keys::require_key(&app, &headers)?;
    let bytes = body::read(&app, body, MAX_BODY).await?;
    let invalid = |hint: String| ApiError::bad_request("invalid JSON").code("invalid_json").hint(hint);
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(invalid("the body is an object with polygon and bufferKm".to_owned()));
    }
    let wanted: SetGeoFilter = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
    let area = checked(&wanted)?;
    let _writing = app.rest.config_file.lock().await;
    let path = app.paths.config.clone().unwrap_or_else(|| app.paths.data.join("config.json"));
    let setting = area.clone();
    tokio::task::spawn_blocking(move || rewrite(&path, setting.as_ref()))
        .await
        .map_err(|error| ApiError::internal("config", &error))??;
    let mut config = Config::clone(&app.config.load());
    config.geo_filter = area;
    app.set_config(config);
    Ok(json::response(&GeoFilter {
        polygon: wanted.polygon.filter(|p| !p.is_empty()),
        buffer_km: wanted.buffer_km,
        write_enabled: None,
    }))
}

/// The area that a request asks for; `None` removes it.
fn checked(wanted: &SetGeoFilter) -> Result<Option<Area>, ApiError> {
    let bad = |text: &'static str| ApiError::bad_request(text).code("bad_geo_filter");
    if !wanted.buffer_km.is_finite() || !(0.0..=MAX_BUFFER_KM).contains(&wanted.buffer_km) {
        return Err(bad("bufferKm must be a finite number in [0, 20000]"));
    }
    let Some(points) = wanted.polygon.as_ref().filter(|p| !p.is_empty()) else { return Ok(None) };
    if points.len() < 3 {
        return Err(bad("polygon must have at least 3 points"));
    }
    if points.len() > MAX_POINTS {
        return Err(bad("polygon must have at most 1000 points"));
    }
    if points.iter().any(|[lat, lon]| !(-90.0..=90.0).contains(lat) || !(-180.0..=180.0).contains(lon)) {
        return Err(bad("polygon point out of range: lat must be in [-90,90], lon in [-180,180]"));
    }
    let polygon = points.iter().map(|[lat, lon]| LatLon { lat: *lat, lon: *lon }).collect();
    Ok(Some(Area { polygon, buffer_km: wanted.buffer_km, bounds: None }))
}

/// Writes the configuration file anew with this area: keys sorted, everything else as it was.
fn rewrite(path: &Path, area: Option<&Area>) -> Result<(), ApiError> {
    let refused = |what: String| {
        ApiError::new(StatusCode::CONFLICT, "config_not_writable", what)
            .hint("the server must be able to write the configuration file and its folder")
    };
    let mut document = match read(path) {
        Ok(Some(text)) => match jsonc::parse(&text).map(|d| whole(&d)) {
            Ok(Value::Object(map)) => map,
            _ => return Err(refused(format!("{} is not a JSON object", path.display()))),
        },
        Ok(None) => Map::new(),
        Err(error) => return Err(refused(format!("cannot read {}: {error}", path.display()))),
    };
    // A new file takes the place of the old one, which asks nothing of the old one's mode: it is tried by opening it.
    if path.exists()
        && let Err(error) = std::fs::OpenOptions::new().append(true).open(path)
    {
        return Err(refused(format!("cannot write {}: {error}", path.display())));
    }
    document.retain(|key, _| !key.eq_ignore_ascii_case("geo_filter"));
    if let Some(area) = area {
        let polygon: Vec<[f64; 2]> = area.polygon.iter().map(|p| [p.lat, p.lon]).collect();
        document.insert("geo_filter".to_owned(), value!({"polygon": polygon, "bufferKm": area.buffer_km}));
    }
    let text = pretty(document);
    // what was written must be read again by both processes
    config::load(&config::Input { file: Some(("config.json", &text)), ..Default::default() })
        .map_err(|error| ApiError::internal("config", &error))?;
    replace(path, &text).map_err(|error| refused(format!("cannot write {}: {error}", path.display())))
}

/// The value with the keys that begin with `_` too: they are the file's own documentation.
fn whole(document: &jsonc::Spanned) -> Value {
    match &document.node {
        jsonc::Node::Scalar(value) => value.clone(),
        jsonc::Node::Array(items) => items.iter().map(whole).collect(),
        jsonc::Node::Object(members) => {
            Value::Object(members.iter().map(|(key, value)| (key.clone(), whole(value))).collect())
        }
    }
}

fn read(path: &Path) -> std::io::Result<Option<String>> {
    match std::fs::File::open(path) {
        Ok(file) => {
            let mut text = String::new();
            file.take(MAX_CONFIG).read_to_string(&mut text)?;
            Ok(Some(text))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Two blanks of indent, keys sorted at every level.
fn pretty(document: Map<String, Value>) -> String {
    fn sorted(value: Value) -> Value {
        match value {
            Value::Object(map) => {
                let mut pairs: Vec<(String, Value)> = map.into_iter().collect();
                pairs.sort_by(|a, b| a.0.cmp(&b.0));
                Value::Object(pairs.into_iter().map(|(k, v)| (k, sorted(v))).collect())
            }
            Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
            other => other,
        }
    }
    let text = serde_json::to_string_pretty(&sorted(Value::Object(document))).unwrap_or_default();
    text + "\n"
}

/// Replaces the file as a whole. A link is followed: containers link the file into place.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let part = target.with_extension("json.tmp");
    let permissions = std::fs::metadata(&target).ok().map(|m| m.permissions());
    let write = || {
        std::fs::write(&part, text)?;
        if let Some(permissions) = permissions {
            std::fs::set_permissions(&part, permissions)?;
        }
        std::fs::File::open(&part)?.sync_all()?;
        std::fs::rename(&part, &target)
    };
    let written = write();
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_else_in_the_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        std::fs::write(&path, "{\"port\": 1, \"Geo_Filter\": {}, \"_comment\": \"mine\", // note\n \"b\": {\"z\": 1, \"a\": 2},}")
            .unwrap();
        let triangle =
            SetGeoFilter { polygon: Some(vec![[1.0, 2.0], [3.0, 4.0], [5.0, 2.5]]), buffer_km: 1.5 };
        rewrite(&path, checked(&triangle).unwrap().as_ref()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["_comment"], "mine");
        assert_eq!(value["geo_filter"]["bufferKm"], 1.5);
        assert!(value.get("Geo_Filter").is_none());
        assert!(text.find("\"_comment\"") < text.find("\"b\"") && text.find("\"a\"") < text.find("\"z\""));
        rewrite(&path, None).unwrap();
        assert!(!std::fs::read_to_string(&path).unwrap().contains("geo_filter"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn bad_areas_are_refused_in_the_words_of_the_contract() {
        let ask = |polygon: Vec<[f64; 2]>, buffer_km| {
            checked(&SetGeoFilter { polygon: Some(polygon), buffer_km })
                .map_err(|e| e.body().error.to_string())
        };
        let p = [1.0, 1.0];
        assert_eq!(ask(vec![p, p], 0.0).unwrap_err(), "polygon must have at least 3 points");
        assert_eq!(ask(vec![p; 1001], 0.0).unwrap_err(), "polygon must have at most 1000 points");
        assert!(ask(vec![p, p, [91.0, 0.0]], 0.0).unwrap_err().starts_with("polygon point out of range"));
        assert!(ask(vec![p; 3], -1.0).unwrap_err().starts_with("bufferKm"));
        assert!(ask(vec![p; 3], f64::NAN).is_err());
        assert_eq!(ask(vec![], 0.0).unwrap(), None);
    }
}
