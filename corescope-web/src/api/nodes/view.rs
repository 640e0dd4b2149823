//! A node as it is shown.

use corescope_store::memory::Node;
use serde::Serialize;
use utoipa::ToSchema;

use super::adverts::AdvertFacts;
use crate::veil::Veil;

/// A node.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Node)]
pub struct NodeView<'a> {
    /// Public key, 64 lower-case hex digits.
    pub public_key: &'a str,
    /// Name from its newest advert.
    pub name: Option<&'a str>,
    /// `repeater`, `room`, `companion`, `sensor`, `none` or `type-N`.
    pub role: Option<&'a str>,
    /// Latitude, degrees.
    pub lat: Option<f64>,
    /// Longitude, degrees.
    pub lon: Option<f64>,
    /// Newest advert, RFC 3339.
    pub last_seen: Option<&'a str>,
    /// Same as `last_seen`.
    pub last_heard: Option<&'a str>,
    /// First advert, RFC 3339.
    pub first_seen: Option<&'a str>,
    /// Distinct adverts.
    pub advert_count: i64,
    /// Battery, mV.
    pub battery_mv: Option<i64>,
    /// Temperature, °C.
    pub temperature_c: Option<f64>,
    /// Whether an advert lay outside the geo filter.
    pub foreign: bool,
    /// Region of its adverts.
    pub default_scope: Option<&'a str>,
    /// Bytes of the path hashes it sends with, 1 to 3; null when unknown.
    pub hash_size: Option<u8>,
    /// Whether that size goes back and forth.
    pub hash_size_inconsistent: bool,
    /// All sizes of the last week; only when there was more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_sizes_seen: Option<&'a [u8]>,
    /// Distinct flood adverts of the last week; in the detail only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flood_advert_count_7d: Option<u64>,
}

impl<'a> NodeView<'a> {
    /// The columns of a row.
    pub fn new(node: &'a Node, veil: &Veil) -> Self {
        Self {
            public_key: &node.public_key,
            name: node.name.as_deref(),
            role: node.role.as_deref(),
            lat: node.lat.map(|d| veil.coordinate(d)),
            lon: node.lon.map(|d| veil.coordinate(d)),
            last_seen: node.last_seen.as_deref(),
            last_heard: node.last_seen.as_deref(),
            first_seen: node.first_seen.as_deref(),
            advert_count: node.advert_count,
            battery_mv: node.battery_mv,
            temperature_c: node.temperature_c,
            foreign: node.foreign_advert,
            default_scope: node.default_scope.as_deref(),
            hash_size: None,
            hash_size_inconsistent: false,
            hash_sizes_seen: None,
            flood_advert_count_7d: None,
        }
    }

    /// The same with what its adverts say.
    #[must_use]
    pub(crate) fn with(mut self, facts: Option<&'a AdvertFacts>) -> Self {
        if let Some(facts) = facts {
            self.hash_size = facts.sizes.current;
            self.hash_size_inconsistent = facts.sizes.inconsistent;
            self.hash_sizes_seen = (facts.sizes.seen.len() > 1).then_some(&facts.sizes.seen);
        }
        self
    }
}
