//! The `decoded_json` of the Go program, byte for byte, on what that program wrote.

#![cfg(all(feature = "encode", feature = "signatures"))]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use std::collections::BTreeMap;

use common::{flooded, frame, grouped, recorded, ring, ring_of};
use corescope_decode::compat::go::{self, decoded_json};
use corescope_decode::crypto::KeyPair;
use corescope_decode::encode::{AdvertBuilder, FrameBuilder};
use corescope_decode::payload::{NodeType, Position, Trace};
use corescope_decode::{ChannelKey, KeyRing, Packet, PayloadType, hex};
use serde_json::Value;

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
    let ring = ring_of(&found);
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

/// The Go form, one line for each of its types.
#[test]
fn the_go_form_of_each_type() {
    let ring = ring();
    let go = |bytes: &[u8]| decoded_json(&Packet::parse(bytes).unwrap(), Some(&ring), false).json;
    let cipher = [0x55; 16];
    let hex16 = "55".repeat(16);
    let peer = [&[1, 2, 3, 4][..], &cipher].concat();
    for (kind, name) in [
        (PayloadType::Request, "REQ"),
        (PayloadType::Response, "RESPONSE"),
        (PayloadType::TextMessage, "TXT_MSG"),
    ] {
        assert_eq!(
            go(&frame(kind, &peer)),
            format!(
                r#"{{"type":"{name}","destHash":"01","srcHash":"02","mac":"0304","encryptedData":"{hex16}"}}"#
            )
        );
    }
    assert_eq!(
        go(&frame(PayloadType::Path, &peer)),
        format!(r#"{{"type":"PATH","destHash":"01","srcHash":"02","mac":"0304","pathData":"{hex16}"}}"#)
    );
    assert_eq!(
        go(&frame(PayloadType::Ack, &[1, 2, 3, 4, 0, 9, 9])),
        r#"{"type":"ACK","extraHash":"04030201","ackLen":6,"ackAttempt":0,"ackRand":9}"#
    );
    assert_eq!(
        go(&grouped(PayloadType::GroupText, &[0, 0, 0, 0x60, 0, b'A', b':', b' ', b'<'])),
        r##"{"type":"CHAN","channelHash":217,"channelHashHex":"D9","decryptionStatus":"decrypted","channel":"#test","text":"A: \u003c","sender":"A","sender_timestamp":1610612736}"##
    );
    let unknown = [&[0, 3, 4][..], &cipher].concat();
    assert_eq!(
        go(&flooded(PayloadType::GroupText, &unknown)),
        format!(
            r#"{{"type":"GRP_TXT","mac":"0304","encryptedData":"{hex16}","channelHashHex":"00","decryptionStatus":"decryption_failed"}}"#
        )
    );
    assert_eq!(
        decoded_json(&Packet::parse(&flooded(PayloadType::GroupData, &unknown)).unwrap(), None, false).json,
        format!(
            r#"{{"type":"GRP_DATA","mac":"0304","encryptedData":"{hex16}","channelHashHex":"00","decryptionStatus":"no_key"}}"#
        )
    );
    assert_eq!(
        go(&grouped(PayloadType::GroupData, &[0, 0, 2, 7, 8])),
        r##"{"type":"GRP_DATA","channelHash":217,"channelHashHex":"D9","decryptionStatus":"decrypted","channel":"#test","dataType":0,"dataLen":2,"decryptedBlob":"0708"}"##
    );
    let overrun = go(&grouped(PayloadType::GroupData, &[0, 1, 200, 7]));
    assert!(overrun.contains(r#""dataType":256,"dataLen":200,"error":"#), "{overrun}");
    assert_eq!(
        go(&frame(PayloadType::AnonRequest, &[&[1][..], &[0xAB; 32], &[3, 4], &cipher].concat())),
        format!(
            r#"{{"type":"ANON_REQ","destHash":"01","mac":"0304","encryptedData":"{hex16}","ephemeralPubKey":"{}"}}"#,
            "ab".repeat(32)
        )
    );
    let trace = Trace { snr: &[], tag: 0, auth_code: 5, flags: 0, hashes: &[0xAA, 0xBB], unaligned: &[] };
    let bytes = FrameBuilder::direct().path(1, &[0xF1]).unwrap().build(PayloadType::Trace, &trace).unwrap();
    assert_eq!(
        go(&bytes),
        r#"{"type":"TRACE","pathData":"aabb","snrValues":[-3.75],"authCode":5,"traceFlags":0}"#
    );
    assert_eq!(go::path_json(&Packet::parse(&bytes).unwrap()), r#"["AA","BB"]"#);
    assert_eq!(
        go(&frame(PayloadType::Multipart, &[0x23, 1, 2, 3, 4])),
        r#"{"type":"MULTIPART","remaining":2,"innerType":3,"innerTypeName":"ACK","innerAckCrc":"04030201","innerAckLen":4}"#
    );
    assert_eq!(
        go(&frame(PayloadType::Multipart, &[0x02, 9])),
        r#"{"type":"MULTIPART","remaining":0,"innerType":2,"innerTypeName":"TXT_MSG","innerPayload":"09"}"#
    );
    assert_eq!(
        go(&frame(PayloadType::Control, &[0x92, 0xF7, 1, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9])),
        r#"{"type":"CONTROL","raw":"92f7010000000909090909090909","ctrlFlags":"92","ctrlZeroHop":true,"ctrlLength":14,"ctrlSubtype":"DISCOVER_RESP","ctrlTag":1,"ctrlNodeType":2,"ctrlSNR":-9,"ctrlPubKey":"0909090909090909"}"#
    );
    assert_eq!(
        go(&frame(PayloadType::RawCustom, &[0x7F, 1])),
        r#"{"type":"RAW_CUSTOM","raw":"7f01","rawLength":2,"firstByteTag":"7F"}"#
    );
    assert_eq!(go(&frame(PayloadType::Reserved0D, &[1])), r#"{"type":"UNKNOWN","raw":"01"}"#);
    assert_eq!(go(&frame(PayloadType::Ack, &[1])), r#"{"type":"ACK","raw":"01","error":"too short"}"#);
    assert_eq!(
        go(&frame(PayloadType::Advert, &[1])),
        r#"{"type":"ADVERT","raw":"01","error":"too short for advert"}"#
    );
    let keys = KeyPair::from_seed(&[1; 32]);
    let builder = AdvertBuilder::new(NodeType::Repeater, 0)
        .position(Position { lat_e6: 0, lon_e6: -500_000 })
        .name("Öz");
    let payload = builder.sign(&keys);
    let bytes = frame(PayloadType::Advert, &payload);
    let decoded = decoded_json(&Packet::parse(&bytes).unwrap(), None, true);
    assert_eq!(
        decoded.json,
        format!(
            r#"{{"type":"ADVERT","pubKey":"{}","timestampISO":"1970-01-01T00:00:00.000Z","signature":"{}","signatureValid":true,"flags":{{"raw":146,"type":2,"chat":false,"repeater":true,"room":false,"sensor":false,"hasLocation":true,"hasFeat1":false,"hasFeat2":false,"hasName":true}},"lat":0,"lon":-0.5,"name":"Öz"}}"#,
            hex::Hex(keys.public()),
            hex::Hex(&payload[36..100]),
        )
    );
    assert_eq!(decoded.from_pubkey.as_ref(), Some(keys.public()));
}
