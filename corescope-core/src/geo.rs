//! Places: distance on the globe, points in polygons, and the filter that marks foreign nodes.

use serde::{Deserialize, Serialize};

/// Mean radius of the Earth in km used for every distance.
pub const EARTH_RADIUS_KM: f64 = 6371.0;

/// Kilometres in one degree of latitude, in the flat picture that the geo filter uses.
const KM_PER_DEGREE: f64 = 111.0;

/// A place in degrees (WGS 84).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LatLon {
    /// Latitude, −90 … 90.
    pub lat: f64,
    /// Longitude, −180 … 180.
    pub lon: f64,
}

impl LatLon {
    /// A place that can be on a map: both in range, and not 0,0, which nodes without a position
    /// send.
    pub fn new(lat: f64, lon: f64) -> Option<Self> {
        let place = Self { lat, lon };
        let in_range = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
        (in_range && !place.is_null_island()).then_some(place)
    }

    /// Whether it is exactly 0,0: "no position".
    pub fn is_null_island(&self) -> bool {
        self.lat == 0.0 && self.lon == 0.0
    }

    /// Great-circle distance in km.
    pub fn distance_km(&self, other: &Self) -> f64 {
        let (a, b) = (self.lat.to_radians(), other.lat.to_radians());
        let half_lat = ((other.lat - self.lat).to_radians() / 2.0).sin();
        let half_lon = ((other.lon - self.lon).to_radians() / 2.0).sin();
        let h = half_lat * half_lat + a.cos() * b.cos() * half_lon * half_lon;
        2.0 * EARTH_RADIUS_KM * h.clamp(0.0, 1.0).sqrt().asin()
    }
}

/// An area of the operator's making: a polygon, or else a box.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Area {
    /// Corners in order; fewer than three make no polygon.
    pub polygon: Vec<LatLon>,
    /// How far outside the polygon still counts, in km.
    pub buffer_km: f64,
    /// Used when there is no polygon.
    pub bounds: Option<Bounds>,
}

/// A box in degrees, borders included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Southern border.
    pub lat_min: f64,
    /// Northern border.
    pub lat_max: f64,
    /// Western border.
    pub lon_min: f64,
    /// Eastern border.
    pub lon_max: f64,
}

impl Bounds {
    /// Whether the place lies inside or on the border.
    pub fn contains(&self, place: &LatLon) -> bool {
        (self.lat_min..=self.lat_max).contains(&place.lat)
            && (self.lon_min..=self.lon_max).contains(&place.lon)
    }
}

impl Area {
    /// Whether anything is drawn at all. An area without polygon and box holds everything.
    pub fn is_empty(&self) -> bool {
        self.polygon.len() < 3 && self.bounds.is_none()
    }

    /// Whether the place lies in the polygon, or within the buffer of one of its edges, or, without
    /// a polygon, in the box. An area with neither holds every place.
    pub fn contains(&self, place: &LatLon) -> bool {
        if self.polygon.len() >= 3 {
            return point_in_polygon(place, &self.polygon)
                || (self.buffer_km > 0.0 && distance_to_outline_km(place, &self.polygon) <= self.buffer_km);
        }
        self.bounds.is_none_or(|bounds| bounds.contains(place))
    }

    /// The geo filter of intake: as [`contains`](Self::contains), and a node without a position
    /// (none, or 0,0) passes.
    pub fn passes(&self, place: Option<LatLon>) -> bool {
        place.is_none_or(|place| place.is_null_island() || self.contains(&place))
    }
}

/// Ray casting: whether a ray from the point crosses the outline an odd number of times.
pub fn point_in_polygon(point: &LatLon, polygon: &[LatLon]) -> bool {
    let mut inside = false;
    for (a, b) in edges(polygon) {
        let spans = (a.lat > point.lat) != (b.lat > point.lat);
        if spans && point.lon < (b.lon - a.lon) * (point.lat - a.lat) / (b.lat - a.lat) + a.lon {
            inside = !inside;
        }
    }
    inside
}

/// Distance in km to the nearest edge of a closed outline, on a flat Earth of 111 km to a degree
/// (longitudes shrunk by the cosine of the point's latitude). Infinite for an empty outline.
pub fn distance_to_outline_km(point: &LatLon, polygon: &[LatLon]) -> f64 {
    edges(polygon).map(|(a, b)| distance_to_segment_km(point, &a, &b)).fold(f64::INFINITY, f64::min)
}

fn edges(polygon: &[LatLon]) -> impl Iterator<Item = (LatLon, LatLon)> + '_ {
    polygon.iter().copied().zip(polygon.iter().copied().cycle().skip(1))
}

fn distance_to_segment_km(point: &LatLon, a: &LatLon, b: &LatLon) -> f64 {
    let shrink = point.lat.to_radians().cos();
    let flat =
        |p: &LatLon| ((p.lon - point.lon) * KM_PER_DEGREE * shrink, (p.lat - point.lat) * KM_PER_DEGREE);
    let ((ax, ay), (bx, by)) = (flat(a), flat(b));
    let (dx, dy) = (bx - ax, by - ay);
    let length2 = dx * dx + dy * dy;
    let along = if length2 == 0.0 { 0.0 } else { (-(ax * dx + ay * dy) / length2).clamp(0.0, 1.0) };
    (ax + along * dx).hypot(ay + along * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lat: f64, lon: f64) -> LatLon {
        LatLon { lat, lon }
    }

    fn square() -> Vec<LatLon> {
        vec![at(37.0, -123.0), at(37.0, -122.0), at(38.0, -122.0), at(38.0, -123.0)]
    }

    #[test]
    fn a_degree_of_latitude_is_111_km() {
        let km = at(37.0, -122.0).distance_km(&at(38.0, -122.0));
        assert!((km - 111.19).abs() < 0.01, "{km}");
        assert_eq!(at(1.0, 2.0).distance_km(&at(1.0, 2.0)), 0.0);
        // Half the globe, where rounding can push the haversine over 1.
        let half = at(0.0, 0.0).distance_km(&at(0.0, 180.0));
        assert!((half - std::f64::consts::PI * EARTH_RADIUS_KM).abs() < 1e-6);
        // Across the antimeridian it is near.
        assert!(at(0.0, 179.9).distance_km(&at(0.0, -179.9)) < 23.0);
    }

    #[test]
    fn places_that_cannot_be_on_a_map_are_none() {
        assert!(LatLon::new(0.0, 0.0).is_none());
        assert!(LatLon::new(91.0, 0.0).is_none());
        assert!(LatLon::new(0.0, 180.1).is_none());
        assert!(LatLon::new(f64::NAN, 1.0).is_none());
        assert!(LatLon::new(0.0, 0.1).is_some());
    }

    #[test]
    fn a_polygon_holds_its_inside_and_its_buffer() {
        let mut area = Area { polygon: square(), ..Area::default() };
        assert!(area.contains(&at(37.5, -122.5)));
        assert!(!area.contains(&at(37.5, -121.9)));
        area.buffer_km = 10.0; // 0.1° of longitude at 37.5° is 8.8 km
        assert!(area.contains(&at(37.5, -121.9)));
        assert!(!area.contains(&at(37.5, -121.8)));
    }

    #[test]
    fn without_a_polygon_the_box_counts_and_without_both_everything() {
        let mut area = Area { polygon: square()[..2].to_vec(), ..Area::default() };
        assert!(area.is_empty());
        assert!(area.contains(&at(-80.0, 10.0)));
        area.bounds = Some(Bounds { lat_min: 37.0, lat_max: 38.0, lon_min: -123.0, lon_max: -122.0 });
        assert!(area.contains(&at(37.0, -123.0)));
        assert!(!area.contains(&at(36.9, -122.5)));
        assert!(area.passes(None));
        assert!(area.passes(Some(at(0.0, 0.0))));
        assert!(!area.passes(Some(at(1.0, 0.0))));
    }
}
