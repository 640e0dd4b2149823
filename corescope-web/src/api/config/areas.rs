//! `GET /api/config/areas`, `/areas/polygons`, `/regions`: places and their names.

use std::collections::BTreeMap;

use corescope_core::config::Config;
use corescope_core::geo::LatLon;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// An area of the display filter.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AreaName {
    /// Its key, the value of `area=`.
    pub key: String,
    /// Its name.
    pub label: String,
}

/// An area with its geometry: a polygon, or else a box.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AreaShape {
    /// Its key, the value of `area=`.
    pub key: String,
    /// Its name.
    pub label: String,
    /// Corners `[lat, lon]`, degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polygon: Option<Vec<[f64; 2]>>,
    /// Southern border, degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lat_min: Option<f64>,
    /// Northern border, degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lat_max: Option<f64>,
    /// Western border, degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lon_min: Option<f64>,
    /// Eastern border, degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lon_max: Option<f64>,
}

/// Names of the areas, by key; those without a name are left out.
pub fn area_names(config: &Config) -> Vec<AreaName> {
    let mut out: Vec<AreaName> = labelled(config)
        .filter(|(_, label, _)| !label.is_empty())
        .map(|(key, label, _)| AreaName { key: key.to_owned(), label: label.to_owned() })
        .collect();
    out.sort_by(|a, b| a.key.cmp(&b.key));
    out
}

/// Areas with their geometry, by key.
pub fn area_shapes(config: &Config) -> Vec<AreaShape> {
    let mut out: Vec<AreaShape> = labelled(config)
        .map(|(key, label, value)| {
            let number = |name: &str| value.get(name).and_then(Value::as_f64);
            AreaShape {
                key: key.to_owned(),
                label: label.to_owned(),
                polygon: corners(value).map(|c| c.iter().map(|p| [p.lat, p.lon]).collect()),
                lat_min: number("latMin"),
                lat_max: number("latMax"),
                lon_min: number("lonMin"),
                lon_max: number("lonMax"),
            }
        })
        .collect();
    out.sort_by(|a, b| a.key.cmp(&b.key));
    out
}

/// Names of regions: those configured, and every region of an observer under its own code.
pub fn regions<'a>(config: &Config, seen: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    let mut out: BTreeMap<String, String> =
        seen.filter(|code| !code.is_empty()).map(|code| (code.to_owned(), code.to_owned())).collect();
    out.extend(config.regions.iter().cloned());
    out
}

fn labelled(config: &Config) -> impl Iterator<Item = (&str, &str, &Value)> {
    config.areas.iter().map(|(key, value)| {
        (key.as_str(), value.get("label").and_then(Value::as_str).unwrap_or_default(), value)
    })
}

fn corners(value: &Value) -> Option<Vec<LatLon>> {
    let points = value.get("polygon")?.as_array()?;
    let corner = |p: &Value| Some(LatLon { lat: p.get(0)?.as_f64()?, lon: p.get(1)?.as_f64()? });
    Some(points.iter().filter_map(corner).collect()).filter(|c: &Vec<LatLon>| !c.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use corescope_core::config::{self, Input};

    #[test]
    fn comments_and_nameless_areas_are_no_entries_of_the_list() {
        let text = r#"{"areas": {"_comment": "text", "z": {"label": "Z", "latMin": 1, "latMax": 2, "lonMin": 3, "lonMax": 4},
            "a": {"label": "A", "polygon": [[0, 0], [0, 10], [10, 10]]}, "n": {"label": ""}},
            "regions": {"MUC": "Munich"}}"#;
        let c = config::load(&Input { file: Some(("c", text)), ..Input::default() }).unwrap().config;
        let names: Vec<_> = area_names(&c).into_iter().map(|a| a.key).collect();
        assert_eq!(names, ["a", "z"]);
        assert_eq!(area_shapes(&c).len(), 3);
        let names = regions(&c, ["MUC", "SFO", ""].into_iter());
        assert_eq!(
            names.into_iter().collect::<Vec<_>>(),
            [("MUC".to_owned(), "Munich".to_owned()), ("SFO".to_owned(), "SFO".to_owned())]
        );
    }
}
