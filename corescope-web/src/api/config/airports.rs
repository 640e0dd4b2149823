//! `GET /api/iata-coords`: where the airports are whose codes name regions.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// Positions of airports, by IATA code.
#[derive(Debug, Serialize, ToSchema)]
pub struct Airports {
    /// IATA code to position.
    pub coords: BTreeMap<&'static str, Position>,
}

/// A position, degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Position {
    /// Latitude.
    pub lat: f64,
    /// Longitude.
    pub lon: f64,
}

/// All airports of the table.
pub fn airports() -> Airports {
    Airports {
        coords: TABLE.iter().map(|(code, lat, lon)| (*code, Position { lat: *lat, lon: *lon })).collect(),
    }
}

/// Code, latitude, longitude: reference points of the aerodromes, degrees to four digits.
#[rustfmt::skip]
const TABLE: &[(&str, f64, f64)] = &[
    ("AMS", 52.3105, 4.7683),
    ("APC", 38.2132, -122.2807),
    ("ATL", 33.6407, -84.4277),
    ("AUS", 30.1975, -97.6664),
    ("BNA", 36.1263, -86.6774),
    ("BOI", 43.5644, -116.2228),
    ("BOS", 42.3656, -71.0096),
    ("CDG", 49.0097, 2.5479),
    ("CLT", 35.2144, -80.9473),
    ("DEN", 39.8561, -104.6737),
    ("DFW", 32.8998, -97.0403),
    ("DTW", 42.2124, -83.3534),
    ("EUG", 44.1246, -123.2119),
    ("EWR", 40.6895, -74.1745),
    ("FAT", 36.7762, -119.7181),
    ("FRA", 50.0379, 8.5622),
    ("HND", 35.5494, 139.7798),
    ("IAD", 38.9531, -77.4565),
    ("IAH", 29.9844, -95.3414),
    ("ICN", 37.4602, 126.4407),
    ("JFK", 40.6413, -73.7781),
    ("LAS", 36.084, -115.1537),
    ("LAX", 33.9425, -118.4081),
    ("LHR", 51.47, -0.4543),
    ("MCO", 28.4312, -81.3081),
    ("MEL", -37.669, 144.841),
    ("MFR", 42.3742, -122.8735),
    ("MIA", 25.7959, -80.287),
    ("MRY", 36.587, -121.843),
    ("MSP", 44.8848, -93.2223),
    ("MUC", 48.3537, 11.775),
    ("NRT", 35.772, 140.3929),
    ("OAK", 37.7213, -122.2208),
    ("ORD", 41.9742, -87.9073),
    ("PDX", 45.5898, -122.5951),
    ("PHX", 33.4373, -112.0078),
    ("RDD", 40.509, -122.2934),
    ("RDU", 35.8801, -78.788),
    ("RNO", 39.4991, -119.7681),
    ("SAN", 32.7338, -117.1933),
    ("SBA", 34.4262, -119.8405),
    ("SEA", 47.4502, -122.3088),
    ("SFO", 37.6213, -122.379),
    ("SJC", 37.3626, -121.929),
    ("SLC", 40.7884, -111.9778),
    ("SMF", 38.6954, -121.5908),
    ("SOF", 42.6952, 23.4062),
    ("STS", 38.509, -122.8128),
    ("SYD", -33.9461, 151.1772),
    ("YEG", 53.3097, -113.58),
    ("YOW", 45.3225, -75.6692),
    ("YVR", 49.1967, -123.1815),
    ("YYC", 51.1215, -114.0076),
    ("YYZ", 43.6777, -79.6248),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_positions_in_range() {
        let all = airports().coords;
        assert_eq!(all.len(), TABLE.len());
        for (code, p) in all {
            assert!(code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()), "{code}");
            assert!(p.lat.abs() <= 90.0 && p.lon.abs() <= 180.0, "{code}");
        }
    }
}
