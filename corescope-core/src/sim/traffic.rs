//! Who sends what, and when.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use corescope_decode::PayloadType;
use corescope_decode::crypto::{RegionKey, SharedSecret, expected_ack};

use super::compose::{self, Channels, SCOPES};
use super::dice::Dice;
use super::emission::{Content, Emission, Reception};
use super::flood;
use super::publish::RADIO;
use super::world::{Mesh, Node, Role};

/// An endless iterator of packets in order of time.
#[derive(Debug)]
pub struct Traffic {
    mesh: Arc<Mesh>,
    dice: Dice,
    channels: Channels,
    scopes: Vec<RegionKey>,
    secrets: HashMap<(usize, usize), Option<SharedSecret>>,
    clock_ms: f64,
    gap_ms: f64,
    answers: BinaryHeap<Reverse<(i64, u64, Answer)>>,
    serial: u64,
    /// Floods kept for reuse, per sender and hash size; see [`Traffic::reusing_floods`].
    floods: HashMap<(usize, usize), Vec<Vec<Reception>>>,
    floods_kept: usize,
    begun: bool,
}

/// What a packet calls for.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Ack { from: usize, to: usize, checksum: [u8; 4] },
    Response { from: usize, to: usize },
    Discovered { from: usize, tag: [u8; 4] },
}

/// What may be sent next, and how often in a thousand.
const KINDS: [(Kind, u32); 11] = [
    (Kind::ChannelText, 400),
    (Kind::ScopedText, 60),
    (Kind::Advert, 190),
    (Kind::ZeroHopAdvert, 50),
    (Kind::Text, 100),
    (Kind::Request, 90),
    (Kind::Login, 25),
    (Kind::Trace, 35),
    (Kind::Discover, 15),
    (Kind::ChannelData, 25),
    (Kind::Custom, 10),
];

#[derive(Debug, Clone, Copy)]
enum Kind {
    ChannelText,
    ScopedText,
    Advert,
    ZeroHopAdvert,
    Text,
    Request,
    Login,
    Trace,
    Discover,
    ChannelData,
    Custom,
}

const TRANSPORT_FLOOD: u8 = 0;
const FLOOD: u8 = 1;
const DIRECT: u8 = 2;

impl Traffic {
    /// Packets from `start_ms` (milliseconds since 1970) on, one every `gap_ms` on average, not
    /// counting answers.
    pub fn new(mesh: &Arc<Mesh>, start_ms: i64, gap_ms: f64) -> Self {
        let mut dice = Dice::new(mesh.seed, 2);
        let channels = Channels::new(&mut dice);
        Self {
            mesh: Arc::clone(mesh),
            dice,
            channels,
            scopes: SCOPES.into_iter().filter_map(RegionKey::from_name).collect(),
            secrets: HashMap::new(),
            clock_ms: start_ms as f64,
            gap_ms: gap_ms.clamp(0.001, 1e9),
            answers: BinaryHeap::new(),
            serial: 0,
            floods: HashMap::new(),
            floods_kept: 0,
            begun: false,
        }
    }

    /// Packets at such a rate that about `receptions_per_s` are reported each second.
    pub(super) fn with_rate(mesh: &Arc<Mesh>, start_ms: i64, receptions_per_s: f64) -> Self {
        const SAMPLE: usize = 60;
        let mut sample = Self::new(mesh, start_ms, 1000.0);
        let heard: usize = sample.by_ref().take(SAMPLE).map(|emission| emission.receptions.len()).sum();
        // Answers come on top of what the gap counts, so time tells better than the count.
        let sample_ms = (sample.clock_ms - start_ms as f64).max(1.0);
        let per_gap = heard as f64 * 1000.0 / sample_ms;
        Self::new(mesh, start_ms, per_gap * 1000.0 / receptions_per_s.max(1e-6))
    }

    /// Keeps up to `count` floods of each sender and plays them again with new payloads: a hundred
    /// times as fast, for benches that need many rows and not every row another path.
    #[must_use]
    pub fn reusing_floods(mut self, count: usize) -> Self {
        self.floods_kept = count;
        self
    }

    fn kind(&mut self, kind: Kind, time_ms: i64) -> Option<Emission> {
        let at_s = time_ms / 1000;
        match kind {
            Kind::ChannelText | Kind::ScopedText => {
                self.channel_text(matches!(kind, Kind::ScopedText), time_ms)
            }
            Kind::Advert | Kind::ZeroHopAdvert => {
                let origin = self.dice.below(self.mesh.nodes().len());
                let payload = compose::advert(self.node(origin)?, at_s);
                let local = matches!(kind, Kind::ZeroHopAdvert);
                let emission = self.unheard(time_ms, origin, PayloadType::Advert, payload, Content::Advert);
                Some(if local { self.sent_direct(emission, &[]) } else { self.flooded(emission) })
            }
            Kind::Text | Kind::Request | Kind::Login => self.peer(kind, time_ms),
            Kind::Trace => self.trace(time_ms),
            Kind::Discover => {
                let origin = self.any_of(Role::Repeater)?;
                let payload = compose::discover(&mut self.dice);
                let tag = payload.get(2..6)?.try_into().ok()?;
                for link in self.mesh.clone().links_of(origin).iter().take(3) {
                    self.later(time_ms, Answer::Discovered { from: link.to as usize, tag });
                }
                let emission = self.unheard(time_ms, origin, PayloadType::Control, payload, Content::Other);
                Some(self.sent_direct(emission, &[]))
            }
            Kind::ChannelData => {
                let origin = self.any_of(Role::Companion)?;
                let payload = self.channels.data(&mut self.dice);
                let emission = self.unheard(time_ms, origin, PayloadType::GroupData, payload, Content::Other);
                Some(self.flooded(emission))
            }
            Kind::Custom => {
                let origin = self.any_of(Role::Companion)?;
                let payload = self.dice.bytes::<20>().to_vec();
                let emission = self.unheard(time_ms, origin, PayloadType::RawCustom, payload, Content::Other);
                Some(self.sent_direct(emission, &[]))
            }
        }
    }

    fn channel_text(&mut self, scoped: bool, time_ms: i64) -> Option<Emission> {
        let origin = self.talker()?;
        let mesh = Arc::clone(&self.mesh);
        let (payload, channel, text) =
            self.channels.text(&mut self.dice, mesh.nodes().get(origin)?, time_ms / 1000);
        let content = Content::ChannelText { channel, text };
        let mut emission = self.unheard(time_ms, origin, PayloadType::GroupText, payload, content);
        if scoped {
            let region = self.dice.pick(&self.scopes)?;
            let code = region.code(PayloadType::GroupText, &emission.payload).to_le_bytes();
            emission.codes = Some([code[0], code[1], 0, 0]);
            emission.route_type = TRANSPORT_FLOOD;
        }
        Some(self.flooded(emission))
    }

    /// A text, a request or a login, and the answer it calls for.
    fn peer(&mut self, kind: Kind, time_ms: i64) -> Option<Emission> {
        let at_s = time_ms / 1000;
        let from = self.any_of(Role::Companion)?;
        let to = match kind {
            Kind::Text => self.any_of(Role::Companion)?,
            _ => self.any_of(Role::Room)?,
        };
        if from == to {
            return None;
        }
        let secret = self.secret(from, to)?;
        let mesh = Arc::clone(&self.mesh);
        let (sender, receiver) = (mesh.nodes().get(from)?, mesh.nodes().get(to)?);
        let (payload_type, payload) = match kind {
            Kind::Text => {
                let plain = compose::text_plain(&mut self.dice, sender, at_s);
                let checksum = expected_ack(&plain, &sender.key.0);
                self.later(time_ms, Answer::Ack { from: to, to: from, checksum });
                (PayloadType::TextMessage, compose::peer(sender, receiver, &secret, &plain))
            }
            Kind::Login => (PayloadType::AnonRequest, compose::anonymous(sender, receiver, &secret, at_s)),
            _ => {
                let plain = compose::request_plain(&mut self.dice, sender, at_s);
                (PayloadType::Request, compose::peer(sender, receiver, &secret, &plain))
            }
        };
        if !matches!(kind, Kind::Text) {
            self.later(time_ms, Answer::Response { from: to, to: from });
        }
        let emission = self.unheard(time_ms, from, payload_type, payload, Content::Peer { to });
        Some(self.sent_to(emission, to))
    }

    fn trace(&mut self, time_ms: i64) -> Option<Emission> {
        let origin = self.any_of(Role::Companion)?;
        let mesh = Arc::clone(&self.mesh);
        let mut hops: Vec<usize> = Vec::new();
        let mut here = origin;
        for _ in 0..=self.dice.below(4) {
            let links = mesh.links_of(here);
            let link = links.get(self.dice.below(links.len().min(5)))?;
            here = link.to as usize;
            if hops.contains(&here) {
                break;
            }
            hops.push(here);
        }
        // Out and back, as the applications trace.
        hops.extend(hops.clone().into_iter().rev().skip(1));
        let relays: Vec<&Node> = hops.iter().filter_map(|hop| mesh.nodes().get(*hop)).collect();
        let payload = compose::trace(&mut self.dice, &relays);
        let content = Content::Trace { hops: hops.clone() };
        let mut emission = self.unheard(time_ms, origin, PayloadType::Trace, payload, content);
        emission.route_type = DIRECT;
        let airtime_ms = airtime_ms(&emission);
        emission.receptions = flood::trace(&mesh, &mut self.dice, origin, &hops, airtime_ms);
        Some(emission)
    }

    fn answer(&mut self, answer: Answer, time_ms: i64) -> Option<Emission> {
        match answer {
            Answer::Ack { from, to, checksum } => {
                let content = Content::Peer { to };
                let emission = self.unheard(time_ms, from, PayloadType::Ack, checksum.to_vec(), content);
                Some(self.sent_to(emission, to))
            }
            Answer::Response { from, to } => {
                let secret = self.secret(from, to)?;
                let mesh = Arc::clone(&self.mesh);
                let blocks = 1 + self.dice.below(4);
                let plain: Vec<u8> = (0..blocks * 16).map(|_| self.dice.below(256) as u8).collect();
                let (sender, receiver) = (mesh.nodes().get(from)?, mesh.nodes().get(to)?);
                let payload = compose::peer(sender, receiver, &secret, &plain);
                // What came by flood is answered with the path it came by; that is a PATH packet.
                let kind = if self.dice.chance(0.4) { PayloadType::Path } else { PayloadType::Response };
                let emission = self.unheard(time_ms, from, kind, payload, Content::Peer { to });
                Some(if kind == PayloadType::Path {
                    self.flooded(emission)
                } else {
                    self.sent_to(emission, to)
                })
            }
            Answer::Discovered { from, tag } => {
                let snr = self.dice.between(-30.0, 40.0) as i8;
                let payload = compose::discovered(self.node(from)?, &tag, snr);
                let emission = self.unheard(time_ms, from, PayloadType::Control, payload, Content::Other);
                Some(self.sent_direct(emission, &[]))
            }
        }
    }

    fn unheard(
        &self,
        time_ms: i64,
        origin: usize,
        kind: PayloadType,
        payload: Vec<u8>,
        content: Content,
    ) -> Emission {
        let payload_type = kind.number();
        Emission {
            time_ms,
            origin,
            payload_type,
            route_type: FLOOD,
            codes: None,
            payload,
            content,
            receptions: Vec::new(),
        }
    }

    fn flooded(&mut self, mut emission: Emission) -> Emission {
        let hash_size = self.hash_size(emission.origin);
        let key = (emission.origin, hash_size);
        let kept = self.floods.get(&key).map_or(0, Vec::len);
        emission.receptions = if self.floods_kept > 0 && kept >= self.floods_kept {
            let floods = self.floods.get(&key).map_or(&[][..], Vec::as_slice);
            self.dice.pick(floods).cloned().unwrap_or_default()
        } else {
            let airtime_ms = airtime_ms(&emission);
            let mesh = Arc::clone(&self.mesh);
            let receptions = flood::flood(&mesh, &mut self.dice, emission.origin, hash_size, airtime_ms);
            if self.floods_kept > 0 {
                self.floods.entry(key).or_default().push(receptions.clone());
            }
            receptions
        };
        emission
    }

    fn sent_direct(&mut self, mut emission: Emission, relays: &[usize]) -> Emission {
        emission.route_type = DIRECT;
        let hash_size = if relays.is_empty() { 1 } else { self.hash_size(emission.origin) };
        let mesh = Arc::clone(&self.mesh);
        let airtime_ms = airtime_ms(&emission);
        emission.receptions =
            flood::direct(&mesh, &mut self.dice, emission.origin, relays, hash_size, airtime_ms);
        emission
    }

    /// By the known path, if there is one and it is remembered; else by flood.
    fn sent_to(&mut self, emission: Emission, to: usize) -> Emission {
        let remembered = self.dice.chance(0.6);
        let mesh = Arc::clone(&self.mesh);
        match flood::route(&mesh, emission.origin, to).filter(|_| remembered) {
            Some(relays) => self.sent_direct(emission, &relays),
            None => self.flooded(emission),
        }
    }

    fn later(&mut self, time_ms: i64, answer: Answer) {
        self.serial += 1;
        let wait_ms = 1500 + self.dice.below(4000) as i64;
        self.answers.push(Reverse((time_ms + wait_ms, self.serial, answer)));
    }

    fn node(&self, index: usize) -> Option<&Node> {
        self.mesh.nodes().get(index)
    }

    fn hash_size(&self, origin: usize) -> usize {
        self.node(origin).map_or(1, |node| node.hash_size)
    }

    fn any_of(&mut self, role: Role) -> Option<usize> {
        let nodes = self.mesh.nodes();
        let of_role: Vec<usize> = (0..nodes.len()).filter(|n| nodes[*n].role == role).collect();
        self.dice.pick(&of_role).copied()
    }

    /// A companion; a few of them say most of what is said.
    fn talker(&mut self) -> Option<usize> {
        let nodes = self.mesh.nodes();
        let people: Vec<usize> = (0..nodes.len()).filter(|n| nodes[*n].role == Role::Companion).collect();
        let at = (people.len() as f64 * self.dice.unit().powi(3)) as usize;
        people.get(at).copied()
    }

    fn secret(&mut self, from: usize, to: usize) -> Option<SharedSecret> {
        let mesh = Arc::clone(&self.mesh);
        let make = || mesh.nodes().get(from)?.keys.shared_secret(&mesh.nodes().get(to)?.key.0).ok();
        self.secrets.entry((from.min(to), from.max(to))).or_insert_with(make).clone()
    }
}

impl Iterator for Traffic {
    type Item = Emission;

    fn next(&mut self) -> Option<Emission> {
        loop {
            let due_ms = self.answers.peek().map(|Reverse((at_ms, ..))| *at_ms);
            // The first packet comes at once, whatever the gap.
            let gap_ms = if self.begun { self.gap_ms } else { self.gap_ms.min(200.0) };
            let next_ms = self.clock_ms + self.dice.exponential(gap_ms);
            let emission = match due_ms {
                Some(due_ms) if due_ms as f64 <= next_ms => {
                    let Reverse((_, _, answer)) = self.answers.pop()?;
                    self.clock_ms = self.clock_ms.max(due_ms as f64);
                    self.answer(answer, self.clock_ms as i64)
                }
                _ => {
                    self.clock_ms = next_ms;
                    let kind = KINDS[self.dice.weighted(&KINDS.map(|(_, weight)| weight))].0;
                    self.kind(kind, next_ms as i64)
                }
            };
            // What no observer heard never happened, as far as an analyzer can tell.
            if let Some(emission) = emission.filter(|emission| !emission.receptions.is_empty()) {
                self.begun = true;
                return Some(emission);
            }
        }
    }
}

fn airtime_ms(emission: &Emission) -> u32 {
    (RADIO.airtime_us(emission.payload.len() + 6) / 1000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Preset;
    use corescope_decode::Packet;
    use std::collections::HashSet;

    #[test]
    fn every_copy_is_a_frame_of_its_packet() {
        let mesh = Mesh::new(Preset::Town, 11);
        let mut kinds = HashSet::new();
        let mut before = 0;
        for emission in Traffic::new(&mesh, 1_780_315_200_000, 900.0).take(400) {
            assert!(emission.time_ms >= before);
            before = emission.time_ms;
            kinds.insert(emission.payload_type);
            let mut hashes = HashSet::new();
            for reception in &emission.receptions {
                let frame = emission.frame(reception);
                let packet = Packet::parse(&frame).expect("a valid frame");
                let typed = packet.typed();
                assert!(typed.issues.is_empty(), "{:?} {}", typed.issues, hex::encode(&frame));
                assert_eq!(packet.payload(), emission.payload);
                hashes.insert(emission.hash(reception));
            }
            assert!(hashes.len() == 1 || emission.payload_type == PayloadType::Trace.number());
        }
        assert!(kinds.len() >= 11, "{kinds:?}");
    }

    #[test]
    fn a_seed_decides_the_traffic() {
        let mesh = Mesh::new(Preset::Town, 12);
        let bytes = |n| -> Vec<Vec<u8>> {
            let traffic = Traffic::new(&mesh, 0, 1000.0);
            traffic.take(n).map(|emission| emission.frame(&emission.receptions[0])).collect()
        };
        assert_eq!(bytes(80), bytes(80));
    }

    #[test]
    fn reused_floods_carry_new_payloads() {
        let mesh = Mesh::new(Preset::Town, 13);
        let traffic = Traffic::new(&mesh, 0, 1000.0).reusing_floods(1);
        let hashes: HashSet<String> = traffic.take(300).map(|e| e.hash(&e.receptions[0])).collect();
        // An advert of the same node in the same second is the same packet; all else differs.
        assert!(hashes.len() > 295, "{}", hashes.len());
    }
}
