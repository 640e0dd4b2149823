//! What really happened, as JSON lines, for judging analyses.

use serde_json::{Value, json};

use super::emission::{Content, Emission};
use super::world::Mesh;

impl Mesh {
    /// The first line: the mesh itself. Nodes with key, name, role, true and claimed place, hash
    /// size and clock error; observers; links as `[from, to, probability]` of one transmission.
    pub fn truth(&self) -> Value {
        let nodes: Vec<Value> = self
            .nodes()
            .iter()
            .map(|node| {
                json!({
                    "key": node.key, "name": node.name, "role": format!("{:?}", node.role).to_lowercase(),
                    "place": node.place, "claimed": node.claimed, "hash_size": node.hash_size,
                    "clock_error_s": node.clock_error_s,
                })
            })
            .collect();
        let observers: Vec<Value> = self
            .observers()
            .iter()
            .map(|observer| json!({"node": observer.node, "id": observer.id, "iata": observer.iata}))
            .collect();
        let links: Vec<Value> = (0..self.nodes().len())
            .flat_map(|from| self.links_of(from).iter().map(move |link| (from, link)))
            .map(|(from, link)| {
                json!([from, link.to, (f64::from(link.probability) * 1000.0).round() / 1000.0])
            })
            .collect();
        json!({
            "kind": "mesh", "preset": self.preset().name(), "seed": self.seed,
            "nodes": nodes, "observers": observers, "links": links,
        })
    }
}

impl Emission {
    /// A line for one packet: when and by whom it was sent, what it means, and each reception with
    /// the relays it came over (indices of nodes, in order).
    pub fn truth(&self, mesh: &Mesh) -> Value {
        let content = match &self.content {
            Content::Advert => json!({"kind": "advert"}),
            Content::ChannelText { channel, text } => {
                json!({"kind": "channel_text", "channel": channel, "text": text})
            }
            Content::Peer { to } => json!({"kind": "peer", "to": to}),
            Content::Trace { hops } => json!({"kind": "trace", "hops": hops}),
            Content::Other => json!({"kind": "other"}),
        };
        let receptions: Vec<Value> = self
            .receptions
            .iter()
            .map(|reception| {
                json!({
                    "observer": reception.observer, "delay_ms": reception.delay_ms, "via": reception.via,
                    "snr": f64::from(reception.snr_quarters) / 4.0, "rssi": reception.rssi_dbm,
                    "hash": self.hash(reception),
                })
            })
            .collect();
        json!({
            "kind": "packet", "time_ms": self.time_ms, "origin": self.origin, "origin_key": self.origin_key(mesh),
            "payload_type": self.payload_type, "route_type": self.route_type, "content": content,
            "receptions": receptions,
        })
    }
}
