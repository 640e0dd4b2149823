//! The mesh that is there before anything is sent: nodes, links, observers.

use std::collections::HashMap;
use std::sync::Arc;

use corescope_decode::crypto::KeyPair;

use super::dice::Dice;
use super::names;
use super::preset::{AIRPORTS, MIDDLE, Preset, Size};
use super::radio::{Link, delivery, mean_snr_db};
use crate::geo::LatLon;
use crate::ids::NodeKey;

/// What a node is; the numbers are those of adverts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A person's radio; never forwards.
    Companion = 1,
    /// Forwards.
    Repeater = 2,
    /// Keeps messages, and forwards.
    Room = 3,
    /// Measures; never forwards.
    Sensor = 4,
}

/// A node, with what only the simulation knows of it.
#[derive(Debug, Clone)]
pub struct Node {
    pub(super) keys: KeyPair,
    /// Its identity.
    pub key: NodeKey,
    /// Its name.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Where it really is.
    pub place: LatLon,
    /// Where it says it is; `None` for nodes that do not say.
    pub claimed: Option<LatLon>,
    /// Bytes per hop that floods it starts ask for, 1–3.
    pub hash_size: usize,
    /// How far its clock is ahead, in seconds.
    pub clock_error_s: i64,
    /// What height and antenna add to its signal, in dB.
    pub(super) gain_db: f64,
}

impl Node {
    /// Whether it forwards what it hears.
    pub fn is_relay(&self) -> bool {
        matches!(self.role, Role::Repeater | Role::Room)
    }
}

/// Which program an observer publishes with; each writes the same facts differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// A script on the serial line: whole dB, score and duration.
    Serial,
    /// A capture program: quarter dB.
    Capture,
    /// The firmware's own bridge: local time without a zone.
    Firmware,
}

/// A relay with an uplink.
#[derive(Debug, Clone)]
pub struct Observer {
    /// Index of its node.
    pub node: usize,
    /// Its id: the node's key in upper-case hex.
    pub id: String,
    /// Region code it publishes under.
    pub iata: &'static str,
    /// Its program.
    pub dialect: Dialect,
}

/// A synthetic mesh.
#[derive(Debug)]
pub struct Mesh {
    pub(super) seed: u64,
    preset: Preset,
    nodes: Vec<Node>,
    observers: Vec<Observer>,
    /// For each node, who hears it, best first.
    links: Vec<Vec<Link>>,
    /// For each node, which observer it is.
    observer_of: HashMap<usize, usize>,
}

/// Most links kept per node; weaker ones hardly ever deliver.
const MAX_LINKS: usize = 24;
/// Links that deliver less than this are left out.
const LEAST_DELIVERY: f64 = 0.03;

impl Mesh {
    /// Builds the mesh of a preset and a seed. Both together decide everything.
    pub fn new(preset: Preset, seed: u64) -> Arc<Self> {
        let size = preset.size();
        let mut dice = Dice::new(seed, 1);
        let nodes = nodes(&mut dice, &size);
        let links = links(&mut dice, &nodes);
        let observers = observers(&mut dice, &nodes, &links, size.observers);
        let observer_of =
            observers.iter().enumerate().map(|(index, observer)| (observer.node, index)).collect();
        Arc::new(Self { seed, preset, nodes, observers, links, observer_of })
    }

    /// The preset it was built from.
    pub fn preset(&self) -> Preset {
        self.preset
    }

    /// All nodes; other parts name them by their index here.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// All observers.
    pub fn observers(&self) -> &[Observer] {
        &self.observers
    }

    /// Probability that a packet sent by one node is heard by the other, averaged over fading.
    pub fn link_probability(&self, from: usize, to: usize) -> f64 {
        let links = self.links.get(from).map_or(&[][..], Vec::as_slice);
        links.iter().find(|link| link.to as usize == to).map_or(0.0, |link| f64::from(link.probability))
    }

    pub(super) fn links_of(&self, node: usize) -> &[Link] {
        self.links.get(node).map_or(&[], Vec::as_slice)
    }

    pub(super) fn observer_at(&self, node: usize) -> Option<usize> {
        self.observer_of.get(&node).copied()
    }
}

fn nodes(dice: &mut Dice, size: &Size) -> Vec<Node> {
    let clusters: Vec<LatLon> = (0..size.clusters)
        .map(|_| {
            // The square root spreads them evenly over the disc.
            let distance = size.radius_km * dice.unit().sqrt();
            offset(&MIDDLE, distance, dice.between(0.0, std::f64::consts::TAU))
        })
        .collect();
    let roles = std::iter::repeat_n(Role::Repeater, size.relays - size.relays / 10)
        .chain(std::iter::repeat_n(Role::Room, size.relays / 10))
        .chain(std::iter::repeat_n(Role::Companion, size.companions))
        .chain(std::iter::repeat_n(Role::Sensor, size.sensors));
    let mut nodes: Vec<Node> = roles.map(|role| node(dice, role, &clusters, size)).collect();
    // A sixth of the repeaters stand where they join the towns: on hills.
    for hill in (0..size.relays).step_by(6) {
        let distance = (size.radius_km + size.cluster_km) * dice.unit().sqrt();
        let place = offset(&MIDDLE, distance, dice.between(0.0, std::f64::consts::TAU));
        nodes[hill].gain_db += size.hill_db;
        nodes[hill].claimed = nodes[hill].claimed.map(|_| rounded(&place));
        nodes[hill].place = place;
    }
    nodes
}

fn node(dice: &mut Dice, role: Role, clusters: &[LatLon], size: &Size) -> Node {
    let keys = loop {
        let keys = KeyPair::from_seed(&dice.bytes());
        if keys.is_allowed() {
            break keys;
        }
    };
    let cluster = dice.pick(clusters).copied().unwrap_or(MIDDLE);
    let (north, east) = (dice.normal(0.0, size.cluster_km), dice.normal(0.0, size.cluster_km));
    let place = offset(&cluster, north.hypot(east), east.atan2(north));
    let claimed = match dice.below(100) {
        0..15 => None,
        // Typed wrongly, or copied from a friend's node.
        15..17 => Some(rounded(&offset(&place, dice.between(40.0, 400.0), dice.between(0.0, 6.0)))),
        _ => Some(rounded(&place)),
    };
    let clock_error_s = match dice.below(100) {
        0..88 => dice.below(5) as i64 - 2,
        88..96 => dice.below(14_400) as i64 - 7200,
        96..98 => 3600,
        _ => -(dice.below(30_000_000) as i64) - 86_400,
    };
    let gain_db = match role {
        Role::Repeater => dice.between(2.0, 6.0),
        Role::Room => dice.between(0.0, 4.0),
        Role::Companion => dice.between(-6.0, 0.0),
        Role::Sensor => dice.between(-4.0, 2.0),
    };
    let key = NodeKey(*keys.public());
    let name = names::node(dice, role, &key.0);
    let hash_size = 1 + dice.weighted(&[80, 14, 6]);
    Node { keys, key, name, role, place, claimed, hash_size, clock_error_s, gain_db }
}

/// A place so far away in a direction (radians from north, clockwise), on a flat Earth.
fn offset(from: &LatLon, distance_km: f64, direction: f64) -> LatLon {
    let lat = from.lat + distance_km * direction.cos() / 111.2;
    let lon = from.lon + distance_km * direction.sin() / (111.2 * from.lat.to_radians().cos());
    LatLon { lat: lat.clamp(-89.0, 89.0), lon: lon.clamp(-179.0, 179.0) }
}

/// To the millionth of a degree, as adverts carry it.
fn rounded(place: &LatLon) -> LatLon {
    LatLon { lat: (place.lat * 1e6).round() / 1e6, lon: (place.lon * 1e6).round() / 1e6 }
}

fn links(dice: &mut Dice, nodes: &[Node]) -> Vec<Vec<Link>> {
    let mut links: Vec<Vec<Link>> = vec![Vec::new(); nodes.len()];
    for (a, node) in nodes.iter().enumerate() {
        for (b, other) in nodes.iter().enumerate().skip(a + 1) {
            // Only what is heard by a relay matters; a degree is over 60 km everywhere here.
            let far = (node.place.lat - other.place.lat).abs() > 0.7
                || (node.place.lon - other.place.lon).abs() > 1.0;
            if far || !(node.is_relay() || other.is_relay()) {
                continue;
            }
            let gain = node.gain_db + other.gain_db + dice.normal(0.0, 6.0);
            let mean = mean_snr_db(node.place.distance_km(&other.place), gain);
            for (from, to, relay) in [(a, b, other.is_relay()), (b, a, node.is_relay())] {
                // Noise differs from place to place, so a link is rarely as good both ways.
                let snr = mean + dice.normal(0.0, 1.5);
                let probability = delivery(snr);
                if relay && probability >= LEAST_DELIVERY {
                    links[from].push(Link {
                        to: to as u32,
                        snr_db: snr as f32,
                        probability: probability as f32,
                    });
                }
            }
        }
    }
    for list in &mut links {
        list.sort_by(|a, b| b.snr_db.total_cmp(&a.snr_db).then(a.to.cmp(&b.to)));
        list.truncate(MAX_LINKS);
    }
    links
}

fn observers(dice: &mut Dice, nodes: &[Node], links: &[Vec<Link>], count: usize) -> Vec<Observer> {
    // Whoever runs an uplink has a well-placed relay: draw among those that hear most.
    let mut heard = vec![0_usize; nodes.len()];
    links.iter().flatten().for_each(|link| heard[link.to as usize] += 1);
    let mut relays: Vec<usize> = (0..nodes.len()).filter(|n| nodes[*n].is_relay() && heard[*n] > 2).collect();
    let mut observers = Vec::new();
    while observers.len() < count && !relays.is_empty() {
        let (one, two) = (dice.below(relays.len()), dice.below(relays.len()));
        let better = if heard[relays[one]] >= heard[relays[two]] { one } else { two };
        let node = relays.swap_remove(better);
        let dialect = match observers.len() % 8 {
            0..=4 => Dialect::Serial,
            5 | 6 => Dialect::Capture,
            _ => Dialect::Firmware,
        };
        let id = nodes[node].key.to_string().to_uppercase();
        observers.push(Observer { node, id, iata: nearest_airport(&nodes[node].place), dialect });
    }
    observers
}

fn nearest_airport(place: &LatLon) -> &'static str {
    let distance = |airport: &(&str, f64, f64)| place.distance_km(&LatLon { lat: airport.1, lon: airport.2 });
    AIRPORTS.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).map_or("FRA", |airport| airport.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_mesh() {
        let (a, b, c) = (Mesh::new(Preset::Town, 5), Mesh::new(Preset::Town, 5), Mesh::new(Preset::Town, 6));
        assert_eq!(a.nodes()[17].key, b.nodes()[17].key);
        assert_eq!(a.links_of(3), b.links_of(3));
        assert_ne!(a.nodes()[17].key, c.nodes()[17].key);
    }

    #[test]
    fn a_town_has_its_parts_and_hangs_together() {
        let mesh = Mesh::new(Preset::Town, 1);
        assert_eq!(mesh.nodes().iter().filter(|n| n.is_relay()).count(), 60);
        assert_eq!(mesh.observers().len(), 9);
        assert!(mesh.nodes().iter().all(|n| !n.key.is_reserved()));
        let mut seen = vec![false; mesh.nodes().len()];
        let mut todo = vec![mesh.observers()[0].node];
        while let Some(node) = todo.pop() {
            if !std::mem::replace(&mut seen[node], true) {
                todo.extend(mesh.links_of(node).iter().map(|link| link.to as usize));
            }
        }
        let reached = mesh.nodes().iter().zip(&seen).filter(|(n, seen)| n.is_relay() && **seen).count();
        assert!(reached > 50, "{reached} of 60 relays reached");
    }
}
