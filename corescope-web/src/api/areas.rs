//! Configured areas: named places that lists can be narrowed to.

use corescope_core::config::Config;
use corescope_core::geo::{Area, Bounds, LatLon};
use serde_json::Value;

/// The area under a key of `areas` (compared exactly); `None` when it is not there or has neither
/// a polygon of three points nor a box.
pub fn find(config: &Config, key: &str) -> Option<Area> {
    parse(config.areas.get(key)?)
}

/// Reads `{polygon: [[lat, lon], …]}` or `{latMin, latMax, lonMin, lonMax}`.
pub fn parse(value: &Value) -> Option<Area> {
    let map = value.as_object()?;
    let point = |v: &Value| LatLon::new(v.get(0)?.as_f64()?, v.get(1)?.as_f64()?);
    let polygon: Vec<LatLon> = map
        .get("polygon")
        .and_then(Value::as_array)
        .map(|p| p.iter().filter_map(point).collect())
        .unwrap_or_default();
    let number = |name: &str| map.get(name).and_then(Value::as_f64);
    let bounds = match (number("latMin"), number("latMax"), number("lonMin"), number("lonMax")) {
        (Some(lat_min), Some(lat_max), Some(lon_min), Some(lon_max)) => {
            Some(Bounds { lat_min, lat_max, lon_min, lon_max })
        }
        _ => None,
    };
    let buffer_km = number("bufferKm").unwrap_or(0.0);
    (polygon.len() >= 3 || bounds.is_some()).then_some(Area { polygon, buffer_km, bounds })
}

/// Whether a node's position lies in the area; a node without a fix lies nowhere.
pub fn holds(area: &Area, lat: Option<f64>, lon: Option<f64>) -> bool {
    let Some(place) = lat.zip(lon).and_then(|(lat, lon)| LatLon::new(lat, lon)) else { return false };
    !place.is_null_island() && area.contains(&place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_polygons_or_boxes() {
        let area = parse(&serde_json::json!({"polygon": [[0, 0], [0, 2], [2, 2], [2, 0]]})).unwrap();
        assert!(holds(&area, Some(1.0), Some(1.0)));
        assert!(!holds(&area, Some(3.0), Some(1.0)) && !holds(&area, None, Some(1.0)));
        let area =
            parse(&serde_json::json!({"latMin": 10, "latMax": 11, "lonMin": 20, "lonMax": 21})).unwrap();
        assert!(holds(&area, Some(10.5), Some(20.5)));
        for bad in [
            serde_json::json!("text"),
            serde_json::json!({"polygon": [[0, 0], [1, 1]]}),
            serde_json::json!({}),
        ] {
            assert!(parse(&bad).is_none(), "{bad}");
        }
    }
}
