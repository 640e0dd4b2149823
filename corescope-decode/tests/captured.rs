//! Real packets, and published vectors: each is covered by its tree, also beneath its ciphertext,
//! and comes out of the encoder as it went in.

#![cfg(all(feature = "encode", feature = "signatures"))]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::{assert_tiled, recorded, ring_of, shared};
use corescope_decode::dissect::{Decrypted, Node};
use corescope_decode::encode::{Encode, FrameBuilder};
use corescope_decode::payload::*;
use corescope_decode::*;
use serde_json::Value;

/// A packet and what is known of it.
struct Known {
    frame: Vec<u8>,
    ring: KeyRing,
    secret: Option<SharedSecret>,
}

fn captured() -> Vec<Known> {
    let Some(found) = recorded() else { return Vec::new() };
    let ring = ring_of(&found);
    let frames = found.keys().filter_map(|raw| hex::parse(raw).ok());
    frames.map(|frame| Known { frame, ring: ring.clone(), secret: None }).collect()
}

fn vectors() -> Vec<Known> {
    let own = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/vectors.jsonl"));
    let published = shared("spec/vectors.jsonl").map(|path| std::fs::read_to_string(path).unwrap());
    let text = [own.unwrap(), published.unwrap_or_default()].concat();
    let values = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    values.filter(|value| value.get("kind").is_none()).map(|value| known(&value)).collect()
}

fn known(vector: &Value) -> Known {
    let keys = &vector["keys"];
    let channels = keys["channels"].as_object().into_iter().flatten();
    let key = |(name, key): (&String, &Value)| (name.clone(), ChannelKey::from_hex(key.as_str().unwrap()));
    Known {
        frame: hex::parse(vector["raw_hex"].as_str().unwrap()).unwrap_or_default(),
        ring: channels.map(key).map(|(name, key)| (name, key.unwrap())).collect(),
        secret: keys["shared_secret"].as_str().map(|t| SharedSecret::new(hex::parse_array(t).unwrap())),
    }
}

/// Checks one packet; says whether it was one, and whether it was opened.
fn check(known: &Known) -> (bool, bool) {
    let bytes = &known.frame[..];
    let secrets: Vec<_> = known.secret.iter().map(|secret| (String::new(), secret.clone())).collect();
    let dissector = Dissector::new().with_ring(&known.ring).with_secrets(&secrets);
    let tree = dissector.with_target(NodeType::Repeater).dissect(bytes);
    assert_tiled(&tree.leaves(), bytes);
    let Ok(packet) = Packet::parse(bytes) else { return (false, false) };
    let again = FrameBuilder::like(&packet).build(packet.payload_type(), packet.payload());
    assert_eq!(again.as_deref(), Ok(bytes));
    let typed = packet.typed();
    let opaque = matches!(typed.payload, Payload::Opaque(_));
    for leaf in tree.leaves() {
        assert!(opaque || leaf.name != "payload" || leaf.range.len() <= 8, "{leaf:?}");
    }
    let lost = [IssueKind::TrailingBytes, IssueKind::PayloadTooShort];
    if !lost.iter().any(|kind| typed.issues.contains(*kind)) {
        assert_eq!(typed.payload.to_vec(), packet.payload(), "{:?}", typed.payload);
    }
    let Some(plain) = decrypted(&tree.fields) else { return (true, false) };
    assert_tiled(&plain.leaves(), &plain.bytes);
    plaintext_comes_back(&typed.payload, &plain.bytes);
    (true, true)
}

fn decrypted(fields: &[Node]) -> Option<&Decrypted> {
    fields.iter().find_map(|node| node.decrypted.as_deref())
}

/// Written again, a plaintext reads the same, and is the same but for what its layout leaves free:
/// random bytes, and whatever stands after a text's end.
fn plaintext_comes_back(payload: &Payload<'_>, plain: &[u8]) {
    let padded = |value: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = Vec::new();
        value(&mut bytes);
        bytes.resize(bytes.len().next_multiple_of(16).max(plain.len()), 0);
        bytes
    };
    match payload {
        Payload::GroupText(_) => {
            let read = GroupText::parse(plain).unwrap();
            assert_eq!(padded(&|out| read.encode(out)), plain);
        }
        Payload::GroupData(_) => {
            let read = GroupData::parse(plain).unwrap();
            let again = padded(&|out| read.encode(out));
            assert_eq!(GroupData::parse(&again).unwrap().data_len, read.data_len);
            if read.data.is_some() {
                assert_eq!(again, plain);
            }
        }
        Payload::TextMessage(_) => {
            let read = TextMessage::parse(plain).unwrap();
            let again = padded(&|out| read.encode(out));
            assert_eq!(TextMessage::parse(&again).unwrap(), read);
            let len = 5 + read.text().map_or(0, |text| text.as_bytes().len());
            assert_eq!(again[..len], plain[..len]);
        }
        Payload::Request(_) => {
            let read = Request::parse(plain).unwrap();
            let again = padded(&|out| read.encode(out));
            assert_eq!(Request::parse(&again).unwrap(), read);
        }
        Payload::Response(_) => {
            let read = Response::parse(plain, ReplyTo::Unknown).unwrap();
            assert_eq!(padded(&|out| read.encode(out)), plain);
        }
        Payload::Path(_) => {
            let read = ReturnPath::parse(plain, ReplyTo::Unknown).unwrap();
            if read.path.is_some() {
                assert_eq!(padded(&|out| read.encode(out)), plain);
            }
        }
        Payload::AnonRequest(_) => {
            let read = AnonBody::parse(plain, Some(NodeType::Repeater)).unwrap();
            let again = padded(&|out| read.encode(out));
            assert_eq!(AnonBody::parse(&again, Some(NodeType::Repeater)).unwrap(), read);
        }
        other => panic!("{other:?} has no plaintext"),
    }
}

#[test]
fn captured_packets_are_covered_and_come_back() {
    let all = captured();
    let (mut packets, mut opened) = (0, 0);
    for (is_packet, is_open) in all.iter().map(check) {
        packets += usize::from(is_packet);
        opened += usize::from(is_open);
    }
    println!("{packets} packets of {}, {opened} opened", all.len());
    assert!(all.is_empty() || packets > 200 && opened > 20, "{packets} packets, {opened} opened");
}

#[test]
fn vectors_are_covered_and_come_back() {
    let (mut packets, mut opened) = (0, 0);
    for (is_packet, is_open) in vectors().iter().map(check) {
        packets += usize::from(is_packet);
        opened += usize::from(is_open);
    }
    println!("{packets} packets, {opened} opened");
    assert!(packets > 80 && opened > 10, "{packets} packets, {opened} opened");
}
