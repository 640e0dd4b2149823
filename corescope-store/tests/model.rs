//! The writer against a model that does the obvious: whatever the messages, their order
//! and how they fall into batches, both end with the same rows.
#![cfg(feature = "write")]
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod support;

use std::collections::BTreeMap;

use corescope_store::write::{Accepted, Message, Outcome};
use proptest::prelude::*;
use support::*;

/// What a message can be, small enough that they collide all the time.
#[derive(Debug, Clone)]
struct Heard {
    observer: u8,
    packet: u64,
    path: u8,
    snr: Option<i8>,
    second: i64,
}

fn heard_somehow() -> impl Strategy<Value = Heard> {
    (0_u8..4, 0_u64..5, 0_u8..3, proptest::option::of(-3_i8..3), 0_i64..100)
        .prop_map(|(observer, packet, path, snr, second)| Heard { observer, packet, path, snr, second })
}

const PATHS: [&[&[u8]]; 3] = [&[], &[&[0xAA]], &[&[0xAA], &[0xBB]]];
const PATH_TEXT: [&str; 3] = ["[]", r#"["AA"]"#, r#"["AA","BB"]"#];

impl Heard {
    /// Observer 0 is none.
    fn id(&self) -> String {
        if self.observer == 0 { String::new() } else { format!("O{}", self.observer) }
    }

    fn message(&self) -> Accepted {
        let raw = frame(FLOOD, GROUP_TEXT, PATHS[self.path as usize], &text(self.packet));
        let mut message = heard(&self.id(), &raw, T0 + self.second);
        if let Message::Packet(packet) = &mut message.message {
            packet.snr = self.snr.map(f64::from);
        }
        message
    }
}

/// packet -> first, last; (packet, observer, path) -> time, SNR; observer -> messages, last.
#[derive(Debug, Default)]
struct Model {
    packets: BTreeMap<u64, (i64, i64)>,
    observations: BTreeMap<(u64, String, u8), (i64, Option<i8>)>,
    observers: BTreeMap<String, (i64, i64)>,
}

impl Model {
    fn hear(&mut self, h: &Heard) -> bool {
        let packet = self.packets.entry(h.packet).or_insert((h.second, h.second));
        *packet = (packet.0.min(h.second), packet.1.max(h.second));
        if h.observer != 0 {
            let observer = self.observers.entry(h.id()).or_default();
            *observer = (observer.0 + 1, h.second);
        }
        let key = (h.packet, h.id(), h.path);
        if let Some(known) = self.observations.get_mut(&key) {
            known.1 = h.snr.or(known.1);
            return false;
        }
        self.observations.insert(key, (h.second, h.snr));
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_those_of_the_model(
        messages in proptest::collection::vec(heard_somehow(), 1..60),
        cuts in proptest::collection::vec(1_usize..9, 1..20),
        reopen in any::<bool>(),
    ) {
        let place = Place::new();
        let mut writer = place.writer();
        let mut model = Model::default();
        let mut rest = messages.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            let batch: Vec<_> = now.iter().map(Heard::message).collect();
            let report = writer.batch(&batch).unwrap();
            for (heard, outcome) in now.iter().zip(report.outcomes) {
                let is_new = matches!(outcome, Outcome::Stored { .. });
                prop_assert_eq!(is_new, model.hear(heard), "{:?}", heard);
            }
            if reopen {
                writer.close().unwrap();
                writer = place.writer();
            }
            rest = later;
        }
        writer.close().unwrap();

        let hash_of: BTreeMap<u64, String> = (0..5)
            .map(|n| {
                let raw = hex::decode(frame(FLOOD, GROUP_TEXT, &[], &text(n))).unwrap();
                let packet = corescope_decode::Packet::parse(&raw).unwrap();
                (n, corescope_decode::packet_hash(&packet).to_string())
            })
            .collect();
        let mut expected: Vec<_> = model
            .packets
            .iter()
            .map(|(n, (first, last))| {
                format!("{}|{}|{}", hash_of[n], corescope_core::time::rfc3339(T0 + first), T0 + last)
            })
            .collect();
        expected.sort();
        prop_assert_eq!(place.rows("SELECT hash, first_seen, last_seen FROM transmissions ORDER BY hash"), expected);

        let mut expected: Vec<_> = model
            .observations
            .iter()
            .map(|((n, id, path), (second, snr))| {
                let id = if id.is_empty() { "NULL" } else { id };
                let snr = snr.map_or_else(|| "NULL".to_owned(), |s| s.to_string());
                format!("{}|{id}|{}|{}|{snr}", hash_of[n], PATH_TEXT[*path as usize], T0 + second)
            })
            .collect();
        expected.sort();
        let mut found = place.rows(
            "SELECT t.hash, b.id, o.path_json, o.timestamp, o.snr FROM observations o
               JOIN transmissions t ON t.id = o.transmission_id LEFT JOIN observers b ON b.rowid = o.observer_idx",
        );
        found.sort();
        prop_assert_eq!(found, expected);

        let expected: Vec<_> = model
            .observers
            .iter()
            .map(|(id, (count, last))| format!("{id}|{count}|{}", corescope_core::time::rfc3339(T0 + last)))
            .collect();
        prop_assert_eq!(place.rows("SELECT id, packet_count, last_seen FROM observers ORDER BY id"), expected);

        prop_assert_eq!(
            place.rows("SELECT sum(received), sum(stored), sum(duplicate), sum(filtered) + sum(rejected) FROM cs_ledger"),
            [format!(
                "{}|{}|{}|0",
                messages.len(),
                model.observations.len(),
                messages.len() - model.observations.len()
            )]
        );
    }
}
