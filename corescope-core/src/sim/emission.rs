//! A packet that was sent, and everyone who reported it.

use corescope_decode::{Packet, packet_hash};

use super::radio::Signal;
use super::world::Mesh;

/// A packet on the air: from one sender, forwarded, heard.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Emission {
    /// When it was first sent, in milliseconds since 1970, by the true clock.
    pub time_ms: i64,
    /// Index of the node that sent it.
    pub origin: usize,
    /// Payload type, 0–15.
    pub payload_type: u8,
    /// Route type, 0–3.
    pub route_type: u8,
    /// Transport codes as on the wire, for the two routes that have them.
    pub codes: Option<[u8; 4]>,
    /// The payload.
    pub payload: Vec<u8>,
    /// What it means; observers cannot always know.
    pub content: Content,
    /// What observers heard of it, in order of time.
    pub receptions: Vec<Reception>,
}

/// What a packet means.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// A node tells its name and place.
    Advert,
    /// A text on a channel.
    ChannelText {
        /// Name of the channel; `None` for those whose key nobody publishes.
        channel: Option<&'static str>,
        /// Sender and text, as typed.
        text: String,
    },
    /// Something for one node alone.
    Peer {
        /// Index of the node it is for.
        to: usize,
    },
    /// A trace over these relays.
    Trace {
        /// Indices of the relays, in order.
        hops: Vec<usize>,
    },
    /// Anything else.
    Other,
}

/// One copy of a packet, heard by one observer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Reception {
    /// Index of the observer.
    pub observer: usize,
    /// When, in milliseconds after the packet was first sent.
    pub delay_ms: u32,
    /// SNR in quarter dB.
    pub snr_quarters: i8,
    /// RSSI in dBm.
    pub rssi_dbm: i16,
    /// Indices of the relays that this copy passed, in order. The last one is who was heard;
    /// with none, the sender itself was.
    pub via: Vec<u32>,
    /// The path field of this copy, with its length byte in front.
    pub path_field: Vec<u8>,
}

impl Reception {
    pub(super) fn new(
        observer: usize,
        delay_ms: u32,
        signal: Signal,
        via: Vec<u32>,
        path_field: Vec<u8>,
    ) -> Self {
        let Signal { snr_quarters, rssi_dbm } = signal;
        Self { observer, delay_ms, snr_quarters, rssi_dbm, via, path_field }
    }
}

impl Emission {
    /// The frame that an observer heard: header, codes, path, payload.
    pub fn frame(&self, reception: &Reception) -> Vec<u8> {
        let codes = self.codes.as_ref().map_or(&[][..], |codes| codes);
        let mut frame = Vec::with_capacity(1 + codes.len() + reception.path_field.len() + self.payload.len());
        frame.push(self.payload_type << 2 | self.route_type);
        frame.extend_from_slice(codes);
        frame.extend_from_slice(&reception.path_field);
        frame.extend_from_slice(&self.payload);
        frame
    }

    /// The packet hash of that copy, 16 lower-case hex digits. Copies share it, except of a trace.
    pub fn hash(&self, reception: &Reception) -> String {
        Packet::parse(&self.frame(reception))
            .map(|packet| packet_hash(&packet).to_string())
            .unwrap_or_default()
    }

    /// Key of the sender in lower-case hex.
    pub fn origin_key(&self, mesh: &Mesh) -> String {
        mesh.nodes().get(self.origin).map(|node| node.key.to_string()).unwrap_or_default()
    }
}
