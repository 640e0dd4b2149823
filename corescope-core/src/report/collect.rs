//! Taking packets in, one by one.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use corescope_decode::crypto::{KeyRing, verify_advert};
use corescope_decode::{Packet, Payload, StoredHash, compat, packet_hash};

use super::bad::BadTally;
use super::histogram::Histogram;
use super::input::{Heard, Hearing, ListedNode, ListedObserver};
use super::model::{Report, Source};
use super::nodes::Nodes;
use super::tallies::{ChannelTally, Clock, Hops, ObserverTally, PacketState, TypeTally, snr_histogram};
use crate::airtime::LoraPreset;
use crate::time::is_plausible;

/// Slot of packets without a payload type.
pub(super) const NO_TYPE: usize = 16;

/// Gathers packets into a report.
#[derive(Debug)]
pub struct Collector {
    pub(super) sources: Vec<Source>,
    pub(super) filter: Option<String>,
    pub(super) ring: KeyRing,
    pub(super) packets: HashMap<Box<str>, PacketState>,
    pub(super) types: [TypeTally; NO_TYPE + 1],
    pub(super) routes: [u64; 5],
    pub(super) hash_sizes: [u64; 4],
    pub(super) scopes: HashMap<String, u64>,
    pub(super) flood_hops: [u64; 65],
    pub(super) floods: u64,
    pub(super) sizes: Histogram,
    pub(super) snr: Histogram,
    pub(super) rssi: Histogram,
    pub(super) clock: Clock,
    pub(super) channels: HashMap<String, ChannelTally>,
    pub(super) nodes: Nodes,
    pub(super) hops: Hops,
    pub(super) observers: Vec<ObserverTally>,
    observer_numbers: HashMap<String, u32>,
    pub(super) observations: u64,
    pub(super) duplicates: u64,
    pub(super) bad: BadTally,
    /// Packets whose stored hash was made by another rule than today's, with one example.
    pub(super) old_hashes: (u64, Option<String>),
    /// Rows without a frame: what a companion bridge delivered.
    pub(super) frameless: u64,
    /// Rows whose stored type contradicts the frame.
    pub(super) forged: Vec<String>,
    pub(super) forged_count: u64,
    pub(super) radio: LoraPreset,
}

impl Default for Collector {
    fn default() -> Self {
        Self::new()
    }
}

impl Collector {
    /// An empty one, which knows the key of the public channel.
    pub fn new() -> Self {
        Self {
            sources: Vec::new(),
            filter: None,
            ring: KeyRing::with_public(),
            packets: HashMap::new(),
            types: [TypeTally::default(); NO_TYPE + 1],
            routes: [0; 5],
            hash_sizes: [0; 4],
            scopes: HashMap::new(),
            flood_hops: [0; 65],
            floods: 0,
            sizes: Histogram::new(0, 256, 1),
            snr: snr_histogram(),
            rssi: Histogram::new(-200, 0, 1),
            clock: Clock::default(),
            channels: HashMap::new(),
            nodes: Nodes::default(),
            hops: Hops::default(),
            observers: Vec::new(),
            observer_numbers: HashMap::new(),
            observations: 0,
            duplicates: 0,
            bad: BadTally::default(),
            old_hashes: (0, None),
            frameless: 0,
            forged: Vec::new(),
            forged_count: 0,
            radio: LoraPreset::DEFAULT,
        }
    }

    /// Keys that open channels.
    #[must_use]
    pub fn with_keys(mut self, ring: KeyRing) -> Self {
        self.ring = ring;
        self
    }

    /// The expression whose matches are fed in; it is only written down. Nodes and observers are
    /// then counted from the matches, not from the tables.
    #[must_use]
    pub fn with_filter(mut self, expression: Option<&str>) -> Self {
        self.filter = expression.map(str::to_owned);
        self
    }

    /// The keys in use.
    pub fn keys(&self) -> &KeyRing {
        &self.ring
    }

    /// Writes down that something was read.
    pub fn source(&mut self, name: &str, kind: &'static str, note: &str) {
        self.sources.push(Source { name: name.to_owned(), kind, note: note.to_owned() });
    }

    /// A row of the table of nodes.
    pub fn node(&mut self, row: &ListedNode<'_>) {
        self.nodes.list(row);
    }

    /// A row of the table of observers, or a status message.
    pub fn observer(&mut self, row: &ListedObserver<'_>) {
        let number = self.observer_number(row.id);
        let Some(observer) = self.observers.get_mut(number as usize) else { return };
        observer.listed = true;
        let own = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        observer.name = own(row.name).or(observer.name.take());
        observer.iata = own(row.iata).or(observer.iata.take());
        observer.radio = own(row.radio).or(observer.radio.take());
        observer.firmware = own(row.firmware).or(observer.firmware.take());
        observer.last_seen_ms = row.last_seen_ms.max(observer.last_seen_ms);
    }

    /// A line or message in which no frame was found.
    pub fn bad_input(&mut self, reason: &str, place: &str, detail: String, sample: &str) {
        self.bad.add("input", reason, place, detail, sample);
    }

    /// A packet, heard or merely stored. Returns whether it is one.
    pub fn hear(&mut self, heard: &Heard<'_>) -> bool {
        let parsed = Packet::parse(heard.frame);
        let packet = match parsed {
            Ok(packet) => Some(packet),
            Err(_) if heard.frame.is_empty() && heard.stored => None,
            Err(error) => {
                self.bad.add(
                    "frame",
                    error.code(),
                    heard.place,
                    error.to_string(),
                    &hex::encode(heard.frame),
                );
                if !heard.stored {
                    return false;
                }
                None
            }
        };
        let hash = match (heard.hash, &packet) {
            (Some(hash), _) => hash.to_owned(),
            (None, Some(packet)) => packet_hash(packet).to_string(),
            (None, None) => hex::encode(heard.frame.get(..8).unwrap_or(heard.frame)),
        };
        let mut state = match self.packets.remove(&*hash) {
            Some(state) => state,
            None => self.first_time(heard, packet.as_ref()),
        };
        if let Some(hearing) = &heard.hearing {
            self.hearing(&mut state, heard, packet.as_ref(), hearing);
        }
        self.packets.insert(hash.into(), state);
        packet.is_some()
    }

    fn first_time(&mut self, heard: &Heard<'_>, packet: Option<&Packet<'_>>) -> PacketState {
        let number = packet.map(|packet| packet.payload_type().number()).or(heard.payload_type);
        let type_slot = number.map_or(NO_TYPE, |number| usize::from(number).min(NO_TYPE));
        let route = packet.map(|packet| packet.route_type() as u8).or(heard.route_type);
        self.routes[route.map_or(4, |route| usize::from(route).min(4))] += 1;
        let airtime_ms = (self.radio.airtime_us(heard.frame.len()) / 1000) as u32;
        let tally = &mut self.types[type_slot];
        tally.transmissions += 1;
        tally.airtime_ms += u64::from(airtime_ms);
        if heard.frame.is_empty() {
            self.frameless += 1;
        } else {
            self.sizes.add(heard.frame.len() as f64);
        }
        if let Some(scope) = heard.scope {
            *self.scopes.entry(scope.to_owned()).or_default() += 1;
        } else if packet.is_some_and(|p| p.transport_codes().is_some_and(|codes| codes.scope != 0)) {
            *self.scopes.entry(String::new()).or_default() += 1;
        }
        let at_ms = heard.hearing.as_ref().and_then(|hearing| hearing.time_ms);
        let first_ms = heard.first_seen_ms.filter(plausible).or(at_ms.filter(plausible));
        if let Some(ms) = first_ms {
            self.clock.transmission(ms);
        }
        if let Some(packet) = packet {
            self.contents(heard, packet, first_ms);
        }
        if type_slot == 5 {
            self.channel(heard, packet);
        }
        PacketState { first_ms, last_ms: None, type_slot, airtime_ms, ..PacketState::default() }
    }

    /// What is inside a new packet, and what is wrong with it.
    fn contents(&mut self, heard: &Heard<'_>, packet: &Packet<'_>, first_ms: Option<i64>) {
        let flood = matches!(packet.route_type() as u8, 0 | 1);
        if flood && packet.payload_type().number() != 9 {
            self.floods += 1;
            self.hash_sizes[packet.path().hash_size().min(3)] += 1;
        }
        let sample = || hex::encode(heard.frame);
        let typed = packet.typed();
        for issue in typed.issues.iter() {
            self.bad.add("payload", issue.kind.code(), heard.place, issue.to_string(), &sample());
        }
        if let Payload::Advert(advert) = typed.payload {
            if !verify_advert(&advert) {
                let detail =
                    format!("the signature does not fit key {}", hex::encode(&advert.public_key[..4]));
                self.bad.add("payload", "bad_signature", heard.place, detail, &sample());
            } else if matches!(advert.public_key[0], 0x00 | 0xFF) {
                let detail = format!("key {}", hex::encode(&advert.public_key[..4]));
                self.bad.add("payload", "reserved_key", heard.place, detail, &sample());
            } else {
                self.nodes.advert(&advert, first_ms);
            }
        }
        if let Some(hash) =
            heard.hash.filter(|hash| StoredHash::classify(hash, heard.frame) != StoredHash::Current)
        {
            self.old_hashes.0 += 1;
            self.old_hashes.1.get_or_insert_with(|| hash.to_owned());
        }
        if heard.payload_type.is_some_and(|stored| stored != packet.payload_type().number()) {
            self.forged_count += 1;
            if self.forged.len() < 8 {
                self.forged.push(heard.hash.unwrap_or(heard.place).to_owned());
            }
        }
    }

    fn channel(&mut self, heard: &Heard<'_>, packet: Option<&Packet<'_>>) {
        let json = heard.decoded_json.and_then(|json| serde_json::from_str::<serde_json::Value>(json).ok());
        if heard.decoded_json.is_some_and(|text| !text.is_empty()) && json.is_none() {
            let detail = "decoded_json is not JSON".to_owned();
            self.bad.add(
                "input",
                "decoded_json",
                heard.place,
                detail,
                heard.decoded_json.unwrap_or_default(),
            );
        }
        let text = |json: &serde_json::Value, name: &str| json[name].as_str().map(str::to_owned);
        let stored = json.as_ref().filter(|json| json["type"] == "CHAN");
        let (name, sender) = match stored {
            Some(json) => (text(json, "channel"), text(json, "sender")),
            // What was stored sealed may open with a key given today.
            None => packet.map_or((None, None), |packet| {
                let decoded = compat::go::decoded_json(packet, Some(&self.ring), false);
                let json: serde_json::Value = serde_json::from_str(&decoded.json).unwrap_or_default();
                if json["type"] == "CHAN" {
                    (text(&json, "channel"), text(&json, "sender"))
                } else {
                    (None, None)
                }
            }),
        };
        let decrypted = name.is_some();
        let hash = packet.and_then(|packet| packet.payload().first().copied());
        let sealed = || hash.map(compat::go::encrypted_channel);
        let stored_name = || heard.channel.filter(|channel| !channel.is_empty()).map(str::to_owned);
        let name = name.or_else(stored_name).or_else(sealed).unwrap_or_else(|| "unknown".to_owned());
        let tally = self.channels.entry(name).or_default();
        tally.messages += 1;
        tally.decrypted += u64::from(decrypted);
        if let Some(sender) = sender.filter(|sender| !sender.is_empty()) {
            tally.senders.insert(sender);
        }
    }

    fn hearing(
        &mut self,
        state: &mut PacketState,
        heard: &Heard<'_>,
        packet: Option<&Packet<'_>>,
        hearing: &Hearing<'_>,
    ) {
        let hops = match (&hearing.hops, packet) {
            (Some(hops), _) => hops.clone(),
            (None, Some(packet)) => compat::go::hops(packet),
            (None, None) => Vec::new(),
        };
        let observer = hearing.observer.map(|id| self.observer_number(id));
        let key = {
            let mut hasher = DefaultHasher::new();
            (observer, &hops).hash(&mut hasher);
            hasher.finish()
        };
        // The rule of a database's unique index. Its rows are taken as they are.
        if state.seen.contains(&key) && !heard.stored {
            self.duplicates += 1;
            return;
        }
        state.seen.push(key);
        self.observations += 1;
        self.types[state.type_slot].observations += 1;
        if let Some(ms) = hearing.time_ms.filter(plausible) {
            self.clock.observation(ms);
            state.first_ms = Some(state.first_ms.map_or(ms, |first| first.min(ms)));
            state.last_ms = state.last_ms.max(Some(ms));
        }
        hearing.snr_db.into_iter().for_each(|snr| self.snr.add(snr));
        hearing.rssi_dbm.into_iter().for_each(|rssi| self.rssi.add(rssi));
        if let Some(number) = observer {
            self.observed(state, number, hearing);
        }
        let flood = packet.is_some_and(|packet| matches!(packet.route_type() as u8, 0 | 1));
        if flood && state.type_slot != 9 {
            self.flood_hops[hops.len().min(64)] += 1;
            for hop in &hops {
                let number = self.hops.number(hop);
                let new = !state.relays.contains(&number);
                if let Some(tally) = self.hops.tallies.get_mut(number as usize) {
                    tally.observations += 1;
                    tally.transmissions += u64::from(new);
                }
                if new {
                    state.relays.push(number);
                }
            }
        }
    }

    fn observed(&mut self, state: &mut PacketState, number: u32, hearing: &Hearing<'_>) {
        let new = !state.observers.contains(&number);
        if new {
            state.observers.push(number);
        }
        let Some(observer) = self.observers.get_mut(number as usize) else { return };
        observer.observations += 1;
        observer.transmissions += u64::from(new);
        if let Some(ms) = hearing.time_ms.filter(plausible) {
            observer.first_ms = Some(observer.first_ms.map_or(ms, |first| first.min(ms)));
            observer.last_ms = observer.last_ms.max(Some(ms));
        }
        hearing.snr_db.into_iter().for_each(|snr| observer.snr.add(snr));
        let own = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        if observer.name.is_none() {
            observer.name = own(hearing.observer_name);
        }
        if observer.iata.is_none() {
            observer.iata = own(hearing.iata);
        }
    }

    /// Observers are told apart by their id without regard to case.
    fn observer_number(&mut self, id: &str) -> u32 {
        let key = id.to_lowercase();
        if let Some(number) = self.observer_numbers.get(&key) {
            return *number;
        }
        let number = self.observers.len() as u32;
        self.observers.push(ObserverTally::new(id));
        self.observer_numbers.insert(key, number);
        number
    }

    /// Radio settings for airtime figures; those of most observers, if the caller knows them
    /// before the packets.
    pub fn set_radio(&mut self, radio: LoraPreset) {
        self.radio = radio;
    }

    /// The report.
    pub fn finish(self) -> Report {
        super::finish::report(self)
    }
}

/// A broken clock must not stretch everything else into a single column.
fn plausible(ms: &i64) -> bool {
    is_plausible(*ms)
}
