//! The `decoded_json` of the Go program, byte for byte, on what that program wrote.

#![cfg(all(feature = "alloc", feature = "crypto"))]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use corescope_decode::compat::go::decoded_json;
use corescope_decode::{ChannelKey, KeyRing, Packet, hex};
use serde_json::Value;

/// Every object with `raw_hex` and `decoded_json` in the recorded answers.
fn recorded() -> Option<BTreeMap<String, String>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures");
    if !folder.is_dir() {
        println!("skipped: {} is not here", folder.display());
        return None;
    }
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
fn ring(found: &BTreeMap<String, String>) -> KeyRing {
    let mut ring = KeyRing::with_public();
    for json in found.values() {
        let value: Value = serde_json::from_str(json).unwrap();
        if let Some(name) = value["channel"].as_str().filter(|name| name.starts_with('#')) {
            ring.insert_hashtag(name);
        }
    }
    ring
}

/// The records went through other hands: those wrote `&` where Go writes `\\u0026`, and the old
/// name of the public channel.
fn normal(json: &str) -> String {
    json.replace("\\u0026", "&")
        .replace("\\u003c", "<")
        .replace("\\u003e", ">")
        .replace(r#""channel":"public""#, r#""channel":"Public""#)
}

/// Rows of older versions of the Go program: they lack fields that today's have.
fn is_of_an_older_version(old: &Value) -> bool {
    let kind = old["type"].as_str().unwrap_or_default();
    match kind {
        "ADVERT" => old["flags"].get("hasFeat1").is_none(),
        "TRACE" => old.get("traceFlags").is_none(),
        "ACK" => old.get("ackLen").is_none(),
        "UNKNOWN" => true,
        // A test record whose sender was not split by the rule.
        "CHAN" => old["sender"].as_str().is_some_and(|sender| sender.len() >= 50),
        "CONTROL" => old.get("ctrlFlags").is_none(),
        // Some bridges stored messages of their own.
        "DM" => true,
        _ => false,
    }
}

#[test]
fn what_the_go_program_wrote_is_what_we_write() {
    let Some(found) = recorded() else { return };
    let ring = ring(&found);
    let (mut same, mut older) = (BTreeMap::<String, usize>::new(), 0);
    let mut different = Vec::new();
    for (raw, json) in found {
        let Ok(bytes) = hex::parse(&raw) else { continue };
        let Ok(packet) = Packet::parse(&bytes) else { continue };
        let old: Value = serde_json::from_str(&json).unwrap();
        if is_of_an_older_version(&old) {
            older += 1;
            continue;
        }
        let verify = old.get("signatureValid").is_some();
        let keys = if old["decryptionStatus"] == "no_key" { None } else { Some(&ring) };
        let ours = decoded_json(&packet, keys, verify).json;
        if normal(&ours) == normal(&json) {
            *same.entry(old["type"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        } else {
            different.push(format!("{raw}\n  theirs {json}\n  ours   {ours}"));
        }
    }
    println!("same: {same:?}, of older versions: {older}, different: {}", different.len());
    assert!(same.values().sum::<usize>() > 100, "too few records to say anything: {same:?}");
    assert!(different.is_empty(), "{}", different[..different.len().min(12)].join("\n"));
}

#[test]
fn a_group_text_that_no_key_opens_says_why() {
    let bytes = hex::parse("150011fdaf9b0c207bde27857e43f9223c676c19a3").unwrap();
    let packet = Packet::parse(&bytes).unwrap();
    let none = decoded_json(&packet, None, false);
    assert!(none.json.ends_with(r#""channelHash":17,"channelHashHex":"11","decryptionStatus":"no_key"}"#));
    assert_eq!(none.channel_hash.as_deref(), Some("enc_11"));
    let other: KeyRing = [("x", ChannelKey::from_128([1; 16]))].into_iter().collect();
    let failed = decoded_json(&packet, Some(&other), false);
    assert!(failed.json.ends_with(r#""decryptionStatus":"decryption_failed"}"#));
}
