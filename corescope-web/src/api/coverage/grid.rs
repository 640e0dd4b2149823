//! The hexagonal grid of the coverage map.
//!
//! Web Mercator metres, pointy-top hexagons in axial coordinates `q`, `r`. The size follows the zoom level, so
//! that a hexagon is about 28 pixels wide on the screen. A cell is named `zoom:q:r`.

use std::f64::consts::PI;

/// Radius of the sphere of Web Mercator, metres.
const RADIUS_M: f64 = 6_378_137.0;
/// Beyond this latitude Web Mercator ends, degrees.
const MAX_LAT: f64 = 85.051_128_78;
/// Metres per pixel at the equator at zoom 0, tiles of 256 pixels.
const METRES_PER_PIXEL: f64 = 156_543.033_92;
/// Circumradius of a hexagon, pixels.
const CIRCUMRADIUS_PX: f64 = 14.0;
const SQRT_3: f64 = 1.732_050_807_568_877_2;

/// The resolution used for the leaderboard: about 130 m across at the equator.
pub const LEADERBOARD_ZOOM: u8 = 13;

/// One hexagon.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Cell {
    /// Zoom level the size belongs to, 3 to 18.
    pub zoom: u8,
    /// Axial column.
    pub q: i64,
    /// Axial row.
    pub r: i64,
}

impl Cell {
    /// The hexagon that holds a position (degrees); `zoom` is brought into 3 to 18.
    pub fn at(lat: f64, lon: f64, zoom: i64) -> Self {
        let zoom = zoom.clamp(3, 18) as u8;
        let s = circumradius_m(zoom);
        let (x, y) = metres(lat, lon);
        let (q, r) = round((SQRT_3 / 3.0 * x - y / 3.0) / s, (2.0 / 3.0 * y) / s);
        Self { zoom, q, r }
    }

    /// The outline, closed: seven corners as `[lon, lat]`, degrees.
    pub fn outline(self) -> Vec<[f64; 2]> {
        let s = circumradius_m(self.zoom);
        let (q, r) = (self.q as f64, self.r as f64);
        let (x, y) = (s * (SQRT_3 * q + SQRT_3 / 2.0 * r), 1.5 * s * r);
        (0..7)
            .map(|corner| {
                let angle = f64::from(60 * (corner % 6) - 30).to_radians();
                degrees(x + s * angle.cos(), y + s * angle.sin())
            })
            .collect()
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.zoom, self.q, self.r)
    }
}

fn circumradius_m(zoom: u8) -> f64 {
    CIRCUMRADIUS_PX * METRES_PER_PIXEL / f64::from(1_u32 << zoom)
}

fn metres(lat: f64, lon: f64) -> (f64, f64) {
    let lat = lat.clamp(-MAX_LAT, MAX_LAT).to_radians();
    (RADIUS_M * lon.to_radians(), RADIUS_M * (PI / 4.0 + lat / 2.0).tan().ln())
}

fn degrees(x: f64, y: f64) -> [f64; 2] {
    [(x / RADIUS_M).to_degrees(), (2.0 * (y / RADIUS_M).exp().atan() - PI / 2.0).to_degrees()]
}

/// Rounds in cube coordinates: the coordinate that moved farthest is set from the other two.
fn round(q: f64, r: f64) -> (i64, i64) {
    let s = -q - r;
    let (mut rq, mut rr, rs) = (q.round(), r.round(), s.round());
    let (dq, dr, ds) = ((rq - q).abs(), (rr - r).abs(), (rs - s).abs());
    if dq > dr && dq > ds {
        rq = -rr - rs;
    } else if dr > ds {
        rr = -rq - rs;
    }
    (rq as i64, rr as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_centre_of_a_cell_lies_in_it() {
        for zoom in 3..=18 {
            for (lat, lon) in [(0.0, 0.0), (37.5, -122.1), (-33.9, 151.2), (64.1, -21.9), (85.0, 179.9)] {
                let cell = Cell::at(lat, lon, zoom);
                let ring = cell.outline();
                let mid = |i: usize| ring[..6].iter().map(|c| c[i]).sum::<f64>() / 6.0;
                // Latitude is not linear in metres, so the mean of the corners is only nearly the centre.
                assert_eq!(Cell::at(mid(1), mid(0), zoom), cell, "zoom {zoom} at {lat},{lon}");
            }
        }
    }

    #[test]
    fn the_outline_is_closed_and_regular() {
        let ring = Cell::at(51.5, -0.1, 12).outline();
        assert_eq!(ring.len(), 7);
        assert_eq!(ring[0], ring[6]);
        let corners: Vec<_> = ring.iter().map(|c| metres(c[1], c[0])).collect();
        let sides: Vec<f64> = corners.windows(2).map(|w| (w[1].0 - w[0].0).hypot(w[1].1 - w[0].1)).collect();
        for side in &sides {
            assert!((side - sides[0]).abs() < 1e-6, "{sides:?}");
        }
    }

    #[test]
    fn zoom_is_clamped_and_positions_beyond_the_projection_are_held() {
        assert_eq!(Cell::at(10.0, 10.0, -4).zoom, 3);
        assert_eq!(Cell::at(10.0, 10.0, 99).zoom, 18);
        assert_eq!(Cell::at(90.0, 0.0, 5), Cell::at(86.0, 0.0, 5));
    }
}
