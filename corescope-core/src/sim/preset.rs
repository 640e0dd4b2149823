//! Sizes of meshes.

use std::fmt;
use std::str::FromStr;

use crate::geo::LatLon;

/// How big a mesh is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preset {
    /// 60 relays in a town and on the hills around it.
    Town,
    /// 300 relays in a dozen towns.
    Region,
    /// 1 500 relays across a country.
    Country,
}

/// The figures behind a preset.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) relays: usize,
    pub(super) companions: usize,
    pub(super) sensors: usize,
    pub(super) observers: usize,
    pub(super) clusters: usize,
    /// Clusters lie within this distance of the middle, in km.
    pub(super) radius_km: f64,
    /// Standard deviation of a node's distance to its cluster, in km.
    pub(super) cluster_km: f64,
    /// What a hilltop adds to a repeater's signal, in dB.
    pub(super) hill_db: f64,
}

impl Preset {
    /// All of them, smallest first.
    pub const ALL: [Self; 3] = [Self::Town, Self::Region, Self::Country];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Town => "town",
            Self::Region => "region",
            Self::Country => "country",
        }
    }

    pub(super) fn size(self) -> Size {
        match self {
            Self::Town => Size {
                relays: 60,
                companions: 70,
                sensors: 5,
                observers: 9,
                clusters: 5,
                radius_km: 14.0,
                cluster_km: 3.0,
                hill_db: 3.0,
            },
            Self::Region => Size {
                relays: 300,
                companions: 380,
                sensors: 20,
                observers: 24,
                clusters: 12,
                radius_km: 60.0,
                cluster_km: 7.0,
                hill_db: 9.0,
            },
            Self::Country => Size {
                relays: 1500,
                companions: 1900,
                sensors: 60,
                observers: 60,
                clusters: 50,
                radius_km: 240.0,
                cluster_km: 11.0,
                hill_db: 10.0,
            },
        }
    }
}

/// The middle of every mesh: inland, so that no repeater stands in the sea.
pub(super) const MIDDLE: LatLon = LatLon { lat: 50.55, lon: 9.68 };

/// Airports around, to file observers under.
pub(super) const AIRPORTS: [(&str, f64, f64); 14] = [
    ("FRA", 50.03, 8.56),
    ("KSF", 51.42, 9.38),
    ("ERF", 50.98, 10.96),
    ("NUE", 49.50, 11.08),
    ("HAJ", 52.46, 9.69),
    ("LEJ", 51.42, 12.24),
    ("CGN", 50.87, 7.14),
    ("STR", 48.69, 9.22),
    ("DUS", 51.28, 6.76),
    ("HAM", 53.63, 9.99),
    ("MUC", 48.35, 11.79),
    ("BER", 52.36, 13.50),
    ("DTM", 51.52, 7.61),
    ("BRE", 53.05, 8.79),
];

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = ParsePresetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.name() == text)
            .ok_or_else(|| ParsePresetError(text.into()))
    }
}

/// A name that no preset has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown preset {0:?}: town, region and country are known")]
pub struct ParsePresetError(Box<str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_shown() {
        for preset in Preset::ALL {
            assert_eq!(preset.to_string().parse(), Ok(preset));
        }
        let error = "village".parse::<Preset>().unwrap_err();
        assert_eq!(error.to_string(), "unknown preset \"village\": town, region and country are known");
    }
}
