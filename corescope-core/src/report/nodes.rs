//! What is known about nodes: from the table of nodes and from the adverts among the packets.

use std::collections::HashMap;

use corescope_decode::payload::Advert;

use super::input::ListedNode;
use crate::ids::NodeKey;

/// One node.
#[derive(Debug, Clone, Default)]
pub(super) struct NodeTally {
    pub(super) name: Option<String>,
    pub(super) role: String,
    pub(super) located: bool,
    /// It is a row of the table.
    pub(super) listed: bool,
    /// Valid adverts of it among the packets.
    pub(super) adverts: u64,
    /// Seconds its clock is ahead, by its newest advert.
    pub(super) ahead_s: Option<i64>,
    /// When that advert was first heard.
    pub(super) advert_ms: Option<i64>,
    /// The place it told, in millionths of a degree, was different ones.
    pub(super) moved_km: f64,
    place: Option<crate::geo::LatLon>,
}

impl NodeTally {
    pub(super) fn is_relay(&self) -> bool {
        matches!(&*self.role, "repeater" | "room")
    }
}

/// All nodes, by key. Keys of very old databases are kept as they are spelt.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    pub(super) by_key: HashMap<String, NodeTally>,
    /// Rows of the table.
    pub(super) listed: u64,
}

impl Nodes {
    pub(super) fn list(&mut self, row: &ListedNode<'_>) {
        self.listed += 1;
        let node = self.by_key.entry(row.key.to_lowercase()).or_default();
        node.listed = true;
        node.name = row.name.filter(|name| !name.is_empty()).map(str::to_owned);
        row.role.unwrap_or("unknown").clone_into(&mut node.role);
        let place = row.position.and_then(|(lat, lon)| crate::geo::LatLon::new(lat, lon));
        node.located = place.is_some();
        node.place = place;
    }

    /// A valid advert, first heard then.
    pub(super) fn advert(&mut self, advert: &Advert<'_>, heard_ms: Option<i64>) {
        let node = self.by_key.entry(NodeKey(*advert.public_key).to_string()).or_default();
        node.adverts += 1;
        if let Some(name) = advert.name {
            node.name = Some(name.to_string());
        }
        if advert.flags.is_some() {
            advert.node_type().name().clone_into(&mut node.role);
        }
        let degrees = |e6: i32| f64::from(e6) / 1e6;
        let place =
            advert.position.and_then(|at| crate::geo::LatLon::new(degrees(at.lat_e6), degrees(at.lon_e6)));
        if let Some(place) = place {
            if let Some(before) = node.place.replace(place) {
                node.moved_km = node.moved_km.max(before.distance_km(&place));
            }
            node.located = true;
        }
        if let Some(heard_ms) = heard_ms.filter(|ms| node.advert_ms.is_none_or(|before| before <= *ms)) {
            node.advert_ms = Some(heard_ms);
            node.ahead_s = Some(i64::from(advert.timestamp) - heard_ms.div_euclid(1000));
        }
    }

    /// Relays whose key begins with this lower-case hex: how many, and the one if it is only one.
    pub(super) fn relays_beginning(&self, prefix: &str) -> (u64, Option<(&str, &NodeTally)>) {
        let mut found = self.by_key.iter().filter(|(key, node)| node.is_relay() && key.starts_with(prefix));
        let first = found.next();
        let others = found.count() as u64;
        match first {
            Some((key, node)) if others == 0 => (1, Some((key, node))),
            Some(_) => (1 + others, None),
            None => (0, None),
        }
    }
}
