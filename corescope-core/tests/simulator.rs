//! The simulator through its public face.
#![cfg(feature = "sim")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use corescope_core::sim::{Mesh, Preset, Traffic};

const START_MS: i64 = 1_780_315_200_000;

#[test]
fn messages_come_in_order_and_parse() {
    let mesh = Mesh::new(Preset::Town, 1);
    let mut before = START_MS;
    let mut kinds = BTreeMap::new();
    for message in mesh.messages(START_MS, 10.0).take(2000) {
        assert!(message.time_ms >= before);
        before = message.time_ms;
        let json: serde_json::Value = serde_json::from_str(&message.payload).unwrap();
        let last = message.topic.rsplit('/').next().unwrap().to_owned();
        if last == "packets" {
            assert!(json["raw"].as_str().unwrap().len() > 4);
            assert_eq!(json["hash"].as_str().unwrap().len(), 16);
        }
        *kinds.entry(last).or_insert(0) += 1;
    }
    assert!(kinds["status"] >= mesh.observers().len());
    assert!(kinds["packets"] > 1500, "{kinds:?}");
}

#[test]
fn the_rate_is_about_what_was_asked_for() {
    let mesh = Mesh::new(Preset::Town, 4);
    let last = mesh.messages(START_MS, 20.0).take(4000).last().unwrap();
    let seconds = (last.time_ms - START_MS) as f64 / 1000.0;
    let rate = 4000.0 / seconds;
    assert!((8.0..45.0).contains(&rate), "{rate} messages a second");
}

#[test]
fn the_first_packet_does_not_keep_a_viewer_waiting() {
    let mesh = Mesh::new(Preset::Town, 1);
    let first = mesh.messages(START_MS, 5.0).find(|message| message.topic.ends_with("/packets")).unwrap();
    assert!(first.time_ms - START_MS < 1500, "{} ms", first.time_ms - START_MS);
}

#[test]
fn the_truth_names_everything() {
    let mesh = Mesh::new(Preset::Town, 1);
    let truth = mesh.truth();
    assert_eq!(truth["nodes"].as_array().unwrap().len(), mesh.nodes().len());
    let mut lines = 0;
    let mut messages = mesh.messages(START_MS, 10.0);
    for _ in 0..200 {
        messages.next_with(|mesh, emission| {
            let line = emission.truth(mesh);
            assert_eq!(line["origin_key"].as_str().unwrap().len(), 64);
            lines += 1;
        });
    }
    assert!(lines > 0);
}

#[test]
#[ignore = "prints figures to judge the presets by"]
fn figures() {
    for preset in Preset::ALL {
        let started = std::time::Instant::now();
        let mesh = Mesh::new(preset, 1);
        let built = started.elapsed();
        let traffic = Traffic::new(&mesh, START_MS, 1000.0);
        let (mut packets, mut heard, mut hops, mut floods) = (0, 0, 0, 0);
        let mut observers = std::collections::HashSet::new();
        let mut distinct = 0;
        for emission in traffic.take(300) {
            packets += 1;
            heard += emission.receptions.len();
            let mut seen = std::collections::HashSet::new();
            for reception in &emission.receptions {
                observers.insert(reception.observer);
                seen.insert(reception.observer);
                if emission.route_type < 2 {
                    hops += reception.via.len();
                    floods += 1;
                }
            }
            distinct += seen.len();
        }
        println!(
            "{preset}: built {built:?}, {packets} packets {heard} receptions by {} of {} observers, {:.1} observers a packet, {:.1} hops; {:?}",
            observers.len(),
            mesh.observers().len(),
            distinct as f64 / packets as f64,
            hops as f64 / floods as f64,
            started.elapsed()
        );
    }
}
