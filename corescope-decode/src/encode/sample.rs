//! Made-up traffic in the proportions of a real mesh, for benchmarks and demonstrations. The same
//! seed gives the same bytes.

use super::{AdvertBuilder, EncodeError, FrameBuilder, Vec};
use crate::crypto::{ChannelKey, KeyPair, PUBLIC_CHANNEL_KEY, RegionKey, SharedSecret, sha256};
use crate::frame::{PayloadType, RouteType};
use crate::payload::{
    Ack, Control, DiscoverRequest, Group, GroupText, NodeType, Peer, Position, Request, RequestBody,
    TextMessage, Trace,
};

/// Frames as an observer hears them: adverts, messages on the public and other channels, messages
/// between nodes, acknowledgements, traces, discovery; by flood with up to eight hops, and direct.
pub fn traffic(count: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut mesh = Mesh::new(seed);
    let mut frames = Vec::with_capacity(count);
    while frames.len() < count {
        // Nothing here is too long for a frame; if it were, it would be left out.
        if let Ok(frame) = mesh.next() {
            frames.push(frame);
        }
    }
    frames
}

struct Mesh {
    random: Random,
    nodes: Vec<(KeyPair, Vec<u8>)>,
    channels: Vec<ChannelKey>,
    region: Option<RegionKey>,
    secret: SharedSecret,
    clock: u32,
}

impl Mesh {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed ^ 0x9E37_79B9_7F4A_7C15);
        let mut nodes = Vec::new();
        while nodes.len() < 24 {
            let keys = KeyPair::from_seed(&random.array());
            if !keys.is_allowed() {
                continue;
            }
            let kind = [NodeType::Chat, NodeType::Repeater, NodeType::Repeater, NodeType::Room];
            let name = ["Ridge", "Harbour 7", "Öberg", "Fern Hollow", "KD7 base", "Mill"];
            let mut advert =
                AdvertBuilder::new(kind[nodes.len() % 4], 1_760_000_000 + random.below(40_000_000))
                    .name(name[nodes.len() % 6]);
            if nodes.len() % 3 != 0 {
                let lat_e6 = 37_000_000 + random.below(900_000) as i32;
                advert =
                    advert.position(Position { lat_e6, lon_e6: -122_000_000 + random.below(900_000) as i32 });
            }
            let payload = advert.sign(&keys);
            nodes.push((keys, payload));
        }
        let mut channels = Vec::from([ChannelKey::from_128(PUBLIC_CHANNEL_KEY)]);
        channels.extend(["#test", "#bot", "#weather"].map(ChannelKey::from_hashtag));
        Self {
            secret: SharedSecret::new(random.array()),
            random,
            nodes,
            channels,
            region: RegionKey::from_name("ottawa"),
            clock: 1_770_000_000,
        }
    }

    fn next(&mut self) -> Result<Vec<u8>, EncodeError> {
        self.clock += 1 + self.random.below(4);
        let clock = self.clock;
        let (from, to) = (self.key(), self.key());
        match self.random.below(100) {
            0..=19 => {
                let payload = self.random.pick(&self.nodes).map(|node| node.1.clone()).unwrap_or_default();
                self.flood()?.build(PayloadType::Advert, &payload)
            }
            20..=49 => {
                let text =
                    ["Ann: anyone near the ridge?", "Bo: 73", "relay-4: copy, three hops, -9 dB here too"];
                let words = text[self.random.below(3) as usize];
                let payload = match self.random.pick(&self.channels) {
                    Some(key) => Group::seal(key, &GroupText::new(clock, words)),
                    None => Vec::new(),
                };
                self.flood()?.build(PayloadType::GroupText, &payload)
            }
            50..=59 => {
                let message = TextMessage::plain(clock, 0, "are you still at the harbour?");
                let payload = Peer::seal(&to, &from, &self.secret, &message);
                self.direct()?.build(PayloadType::TextMessage, &payload)
            }
            60..=66 => {
                let request = Request::new(clock, RequestBody::Status);
                let payload = Peer::seal(&to, &from, &self.secret, &request);
                self.direct()?.build(PayloadType::Request, &payload)
            }
            67..=81 => {
                let answer: [u8; 32] = self.random.array();
                let payload = Peer::seal(&to, &from, &self.secret, &answer.to_vec());
                self.direct()?.build(PayloadType::Response, &payload)
            }
            82..=87 => {
                let checksum: [u8; 4] = self.random.array();
                self.direct()?.build(PayloadType::Ack, &Ack { checksum, tail: &[] })
            }
            88..=92 => {
                let answer: [u8; 16] = self.random.array();
                let payload = Peer::seal(&to, &from, &self.secret, &answer.to_vec());
                self.flood()?.build(PayloadType::Path, &payload)
            }
            93..=96 => {
                let (hashes, tag): ([u8; 4], [u8; 4]) = (self.random.array(), self.random.array());
                let done: [u8; 2] = self.random.array();
                let tag = u32::from_le_bytes(tag);
                let trace = Trace { snr: &[], tag, auth_code: 0, flags: 0, hashes: &hashes, unaligned: &[] };
                FrameBuilder::direct().path(1, &done)?.build(PayloadType::Trace, &trace)
            }
            _ => {
                let tag = u32::from_le_bytes(self.random.array());
                let request = DiscoverRequest { type_filter: 4, tag, since: None };
                FrameBuilder::direct().build(PayloadType::Control, &Control::discover(request, false))
            }
        }
    }

    fn key(&mut self) -> [u8; 32] {
        self.random.pick(&self.nodes).map(|node| *node.0.public()).unwrap_or_default()
    }

    fn flood(&mut self) -> Result<FrameBuilder, EncodeError> {
        let route = if self.random.below(8) == 0 { RouteType::TransportFlood } else { RouteType::Flood };
        let mut builder = FrameBuilder::new(route);
        if let (RouteType::TransportFlood, Some(region)) = (route, &self.region) {
            let scope = region.code(PayloadType::GroupText, &[]);
            builder = builder.codes(crate::TransportCodes { scope, home: 0 });
        }
        self.hops(builder)
    }

    fn direct(&mut self) -> Result<FrameBuilder, EncodeError> {
        self.hops(FrameBuilder::direct())
    }

    fn hops(&mut self, builder: FrameBuilder) -> Result<FrameBuilder, EncodeError> {
        let size = [1, 1, 1, 2, 2, 3][self.random.below(6) as usize];
        let path: [u8; 24] = self.random.array();
        let hops = self.random.below(9) as usize;
        builder.path(size, path.get(..size * hops).unwrap_or_default())
    }
}

/// SplitMix64: enough for made-up traffic, useless for keys.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    fn below(&mut self, limit: u32) -> u32 {
        (self.next() % u64::from(limit.max(1))) as u32
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(list.len() as u32) as usize)
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let digest = sha256(&[&self.next().to_le_bytes()]);
        core::array::from_fn(|index| digest[index % 32])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Packet;

    #[test]
    fn all_of_it_is_valid_and_the_same_every_time() {
        let frames = traffic(500, 7);
        assert_eq!(frames, traffic(500, 7));
        for frame in &frames {
            let typed = Packet::parse(frame).unwrap().typed();
            assert!(typed.issues.is_empty(), "{typed:?}");
        }
    }
}
