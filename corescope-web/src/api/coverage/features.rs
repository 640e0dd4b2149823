//! Receptions grouped into hexagons, as GeoJSON.

use std::collections::HashMap;

use corescope_store::lookup::Reception;
use serde::Serialize;
use utoipa::ToSchema;

use super::grid::Cell;

/// At most so many hexagons in one answer: the densest.
pub const MAX_CELLS: usize = 5000;
/// At most so many nodes named per hexagon.
const MAX_NODES: usize = 25;

/// A GeoJSON FeatureCollection of hexagons.
#[derive(Debug, Serialize, ToSchema)]
pub struct Coverage {
    /// Always `FeatureCollection`.
    #[serde(rename = "type")]
    #[schema(example = "FeatureCollection")]
    pub kind: &'static str,
    /// The hexagons, by name of cell.
    pub features: Vec<Feature>,
    /// True when there were more hexagons than are sent; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// Receptions of the node over all time and places; only where one node was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile_receptions: Option<i64>,
    /// Distinct clients that heard the node over all time and places; only where one node was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile_clients: Option<i64>,
}

/// One hexagon.
#[derive(Debug, Serialize, ToSchema)]
pub struct Feature {
    /// Always `Feature`.
    #[serde(rename = "type")]
    #[schema(example = "Feature")]
    pub kind: &'static str,
    /// Its outline.
    pub geometry: Geometry,
    /// What was heard inside.
    pub properties: CellProperties,
}

/// The outline of a hexagon.
#[derive(Debug, Serialize, ToSchema)]
pub struct Geometry {
    /// Always `Polygon`.
    #[serde(rename = "type")]
    #[schema(example = "Polygon")]
    pub kind: &'static str,
    /// One closed ring of `[lon, lat]`, degrees.
    pub coordinates: Vec<Vec<[f64; 2]>>,
}

/// What was heard inside one hexagon.
#[derive(Debug, Serialize, ToSchema)]
pub struct CellProperties {
    /// Name of the cell, `zoom:q:r`.
    #[schema(example = "12:-17523:5653")]
    pub cell: String,
    /// Receptions.
    pub count: u64,
    /// Best SNR, dB; null when none was measured.
    pub best_snr: Option<f64>,
    /// Whether any reception has an SNR.
    pub has_sig: bool,
    /// Who was heard: measured first, best latest SNR first, then the most heard.
    pub nodes: Vec<HeardNode>,
    /// True when more nodes were heard than are named; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub nodes_truncated: bool,
}

/// One node heard inside a hexagon.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeardNode {
    /// The longest form of the key as heard: a full key or its first 2 or 3 bytes, lower-case hex.
    pub prefix: String,
    /// The node's name; absent where no node, or more than one, has that key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// SNR of the latest reception, dB; null when it was not measured.
    pub snr: Option<f64>,
    /// Receptions.
    pub count: u64,
}

/// Which node a key as heard stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Its whole key.
    pub key: String,
    /// Its name, when it may be shown.
    pub name: Option<String>,
}

struct Heard<'a> {
    prefix: &'a str,
    latest: &'a Reception,
    count: u64,
}

#[derive(Default)]
struct Gathered<'a> {
    count: u64,
    best: Option<f64>,
    /// By whole key where it is certain, else by the key as heard.
    nodes: HashMap<&'a str, Heard<'a>>,
}

/// Groups receptions into hexagons of `zoom`. `who` tells which node a key as heard stands for, where it is certain:
/// receptions of one node under keys of several lengths are then counted together.
pub fn coverage(rows: &[Reception], zoom: i64, who: impl Fn(&str) -> Option<Who>) -> Coverage {
    let mut known: HashMap<&str, Option<Who>> = HashMap::new();
    for row in rows {
        known.entry(&row.heard_key).or_insert_with(|| who(&row.heard_key));
    }
    let mut cells: HashMap<Cell, Gathered<'_>> = HashMap::new();
    for row in rows {
        let cell = cells.entry(Cell::at(row.lat, row.lon, zoom)).or_default();
        cell.count += 1;
        cell.best = match (cell.best, row.snr) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        let certain = known.get(row.heard_key.as_str()).and_then(Option::as_ref);
        let node = cell
            .nodes
            .entry(certain.map_or(row.heard_key.as_str(), |who| who.key.as_str()))
            .or_insert(Heard { prefix: &row.heard_key, latest: row, count: 0 });
        node.count += 1;
        if row.heard_key.len() > node.prefix.len() {
            node.prefix = &row.heard_key;
        }
        if row.rx_at > node.latest.rx_at {
            node.latest = row;
        }
    }
    let mut cells: Vec<(Cell, Gathered<'_>)> = cells.into_iter().collect();
    let truncated = cells.len() > MAX_CELLS;
    if truncated {
        cells.sort_by(|a, b| b.1.count.cmp(&a.1.count).then(a.0.cmp(&b.0)));
        cells.truncate(MAX_CELLS);
    }
    let name = |key: &str| known.get(key).and_then(Option::as_ref).and_then(|who| who.name.clone());
    let mut features: Vec<Feature> = cells.into_iter().map(|(cell, all)| feature(cell, all, &name)).collect();
    features.sort_by(|a, b| a.properties.cell.cmp(&b.properties.cell));
    Coverage { kind: "FeatureCollection", features, truncated, mobile_receptions: None, mobile_clients: None }
}

fn feature(cell: Cell, all: Gathered<'_>, name: &impl Fn(&str) -> Option<String>) -> Feature {
    let mut nodes: Vec<HeardNode> = all
        .nodes
        .into_values()
        .map(|heard| HeardNode {
            prefix: heard.prefix.to_owned(),
            name: None,
            snr: heard.latest.snr,
            count: heard.count,
        })
        .collect();
    nodes.sort_by(|a, b| {
        b.snr
            .is_some()
            .cmp(&a.snr.is_some())
            .then(b.snr.partial_cmp(&a.snr).unwrap_or(std::cmp::Ordering::Equal))
            .then(b.count.cmp(&a.count))
            .then(a.prefix.cmp(&b.prefix))
    });
    let nodes_truncated = nodes.len() > MAX_NODES;
    nodes.truncate(MAX_NODES);
    for node in &mut nodes {
        node.name = name(&node.prefix);
    }
    Feature {
        kind: "Feature",
        geometry: Geometry { kind: "Polygon", coordinates: vec![cell.outline()] },
        properties: CellProperties {
            cell: cell.to_string(),
            count: all.count,
            best_snr: all.best,
            has_sig: all.best.is_some(),
            nodes,
            nodes_truncated,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(key: &str, snr: Option<f64>, at: &str, lat: f64) -> Reception {
        Reception {
            rx_pubkey: "aa".repeat(32),
            heard_key: key.to_owned(),
            snr,
            rssi: None,
            lat,
            lon: 7.0,
            rx_at: at.to_owned(),
        }
    }

    #[test]
    fn nodes_are_ordered_by_their_latest_signal_and_named_where_certain() {
        let rows = [
            heard("abcd", Some(9.0), "2026-01-01T00:00:00Z", 50.0),
            heard("abcd", Some(-3.0), "2026-01-02T00:00:00Z", 50.0),
            heard("ef01", None, "2026-01-01T00:00:00Z", 50.0),
            heard("ef01ab", Some(1.0), "2026-01-02T00:00:00Z", 50.0),
            heard("0202", None, "2026-01-03T00:00:00Z", 50.0),
        ];
        let hill = Who { key: "ef01ab".to_owned(), name: Some("Hill".to_owned()) };
        let got = coverage(&rows, 10, |key| key.starts_with("ef01").then(|| hill.clone()));
        let cell = &got.features[0].properties;
        assert_eq!((cell.count, cell.best_snr, cell.has_sig), (5, Some(9.0), true));
        let nodes: Vec<_> =
            cell.nodes.iter().map(|n| (n.prefix.as_str(), n.snr, n.count, n.name.as_deref())).collect();
        assert_eq!(
            nodes,
            [("ef01ab", Some(1.0), 2, Some("Hill")), ("abcd", Some(-3.0), 2, None), ("0202", None, 1, None)]
        );
    }

    #[test]
    fn the_densest_cells_are_kept() {
        let mut rows: Vec<Reception> = (0..MAX_CELLS + 10)
            .map(|i| heard("abcd", None, "2026-01-01T00:00:00Z", -40.0 + i as f64 * 0.01))
            .collect();
        rows.push(rows[0].clone());
        let got = coverage(&rows, 18, |_| None);
        assert!(got.truncated);
        assert_eq!(got.features.len(), MAX_CELLS);
        assert!(got.features.iter().any(|f| f.properties.count == 2));
    }
}
