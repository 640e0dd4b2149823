//! Frames made for a test, and records of real ones.

#![expect(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use corescope_decode::crypto::KeyPair;
use corescope_decode::dissect::Node;
use corescope_decode::encode::FrameBuilder;
use corescope_decode::payload::{AnonRequest, Group, MAX_APPDATA, Peer};
use corescope_decode::{ChannelKey, KeyRing, PayloadType, SharedSecret};
use serde_json::Value;

/// What the two ends of every message here share.
pub const SECRET: [u8; 32] = [0x42; 32];

/// The one channel of these tests.
pub fn ring() -> KeyRing {
    let mut ring = KeyRing::new();
    ring.insert_hashtag("#test");
    ring
}

/// A direct packet without hops.
pub fn frame(kind: PayloadType, payload: &[u8]) -> Vec<u8> {
    FrameBuilder::direct().build(kind, payload).unwrap()
}

/// A flooded packet without hops yet.
pub fn flooded(kind: PayloadType, payload: &[u8]) -> Vec<u8> {
    FrameBuilder::flood().build(kind, payload).unwrap()
}

/// A message between two nodes.
pub fn sealed(kind: PayloadType, plaintext: &[u8]) -> Vec<u8> {
    frame(kind, &Peer::seal(&[1; 32], &[2; 32], &SharedSecret::new(SECRET), &plaintext.to_vec()))
}

/// An anonymous request.
pub fn anonymous(plaintext: &[u8]) -> Vec<u8> {
    let payload = AnonRequest::seal(&[1; 32], &[2; 32], &SharedSecret::new(SECRET), &plaintext.to_vec());
    frame(PayloadType::AnonRequest, &payload)
}

/// A message on the channel.
pub fn grouped(kind: PayloadType, plaintext: &[u8]) -> Vec<u8> {
    flooded(kind, &Group::seal(&ChannelKey::from_hashtag("#test"), &plaintext.to_vec()))
}

/// An advert's payload with a valid signature over appdata of any length.
pub fn advert(appdata: &[u8]) -> Vec<u8> {
    let keys = KeyPair::from_seed(&[9; 32]);
    let mut message = keys.public().to_vec();
    message.extend(1_770_000_000_u32.to_le_bytes());
    let clamped = &appdata[..appdata.len().min(MAX_APPDATA)];
    let signature = keys.sign(&[&message[..], clamped].concat());
    [&message[..], &signature, appdata].concat()
}

/// The leaves cover every bit of the bytes, once and in order.
pub fn assert_tiled(leaves: &[&Node], bytes: &[u8]) {
    // In bits: byte × 8, counted from the high end.
    let mut at = 0;
    for leaf in leaves {
        let (start, end) = match leaf.bits {
            Some((high, low)) => {
                let base = leaf.range.start * 8;
                (base + 7 - usize::from(high), base + 8 - usize::from(low))
            }
            None => (leaf.range.start * 8, leaf.range.end * 8),
        };
        assert_eq!(start, at, "{leaf:?} does not begin where the one before ends");
        assert!(end > start, "{leaf:?} is empty");
        at = end;
    }
    assert_eq!(at, bytes.len() * 8, "the leaves end early: {leaves:#?}");
}

/// The folder of recorded packets beside the project; `None`, saying so, where it is not.
pub fn shared(part: &str) -> Option<PathBuf> {
    let place = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(part);
    if !place.exists() {
        println!("skipped: {} is not here", place.display());
        return None;
    }
    Some(place)
}

/// Real packets with what the Go program wrote of them: every object with `raw_hex` and
/// `decoded_json` in its recorded answers.
pub fn recorded() -> Option<BTreeMap<String, String>> {
    let folder = shared("fixtures")?;
    let mut found = BTreeMap::new();
    for part in ["golden-api", "golden-mesh"] {
        for entry in std::fs::read_dir(folder.join(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "json") {
                let text = std::fs::read_to_string(&path).unwrap();
                if let Ok(value) = serde_json::from_str::<Value>(&text) {
                    collect(&value, &mut found);
                }
            }
        }
    }
    Some(found)
}

fn collect(value: &Value, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => {
            if let (Some(Value::String(raw)), Some(Value::String(json))) =
                (fields.get("raw_hex"), fields.get("decoded_json"))
            {
                found.insert(raw.clone(), json.clone());
            }
            fields.values().for_each(|item| collect(item, found));
        }
        _ => {}
    }
}

/// The hashtag channels that the records name, and the public one.
pub fn ring_of(found: &BTreeMap<String, String>) -> KeyRing {
    let mut ring = KeyRing::with_public();
    for json in found.values() {
        let value: Value = serde_json::from_str(json).unwrap();
        if let Some(name) = value["channel"].as_str().filter(|name| name.starts_with('#')) {
            ring.insert_hashtag(name);
        }
    }
    ring
}
