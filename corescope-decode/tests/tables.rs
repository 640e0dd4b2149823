//! The protocol's tables, row by row: malformed input, where decoders disagree, and the names of
//! the Go form.

#![cfg(all(feature = "encode", feature = "signatures"))]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use corescope_decode::compat::go::{self, decoded_json};
use corescope_decode::compat::vector::{Context, packet_json};
use corescope_decode::crypto::{KeyPair, verify_advert};
use corescope_decode::encode::{AdvertBuilder, Encode, FrameBuilder};
use corescope_decode::payload::*;
use corescope_decode::transport::{companion::Message, uri::Uri};
use corescope_decode::*;
use serde_json::Value;

const SECRET: [u8; 32] = [0x42; 32];

fn test_ring() -> KeyRing {
    let mut ring = KeyRing::new();
    ring.insert_hashtag("#test");
    ring
}

fn context() -> Context {
    Context {
        ring: test_ring(),
        secret: Some(SharedSecret::new(SECRET)),
        target: Some(NodeType::Repeater),
        ..Context::default()
    }
}

fn vector(frame: &[u8], context: &Context) -> Value {
    serde_json::from_str(&packet_json(frame, context)).unwrap()
}

fn issues(value: &Value) -> Vec<&str> {
    value["issues"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect()
}

fn fields(value: &Value) -> Vec<&str> {
    value["decoded"].as_object().unwrap().keys().map(String::as_str).collect()
}

fn frame(kind: PayloadType, payload: &[u8]) -> Vec<u8> {
    FrameBuilder::direct().build(kind, payload).unwrap()
}

fn flooded(kind: PayloadType, payload: &[u8]) -> Vec<u8> {
    FrameBuilder::flood().build(kind, payload).unwrap()
}

fn sealed(kind: PayloadType, plaintext: &[u8]) -> Vec<u8> {
    frame(kind, &Peer::seal(&[1; 32], &[2; 32], &SharedSecret::new(SECRET), &plaintext.to_vec()))
}

fn grouped(kind: PayloadType, plaintext: &[u8]) -> Vec<u8> {
    flooded(kind, &Group::seal(&ChannelKey::from_hashtag("#test"), &plaintext.to_vec()))
}

fn advert(appdata: &[u8]) -> Vec<u8> {
    let keys = KeyPair::from_seed(&[9; 32]);
    let mut message = keys.public().to_vec();
    message.extend(1_770_000_000_u32.to_le_bytes());
    let clamped = &appdata[..appdata.len().min(MAX_APPDATA)];
    let signature = keys.sign(&[&message[..], clamped].concat());
    [&message[..], &signature, appdata].concat()
}

#[test]
fn frame_errors_come_in_the_order_of_the_rules() {
    let long = [&[0x3E, 0x00][..], &[0; 185]].concat();
    for (code, bytes) in [
        ("empty", &[][..]),
        ("truncated_transport_codes", &[0x14, 1, 2, 3]),
        ("truncated_path_len", &[0x15]),
        ("truncated_path_len", &[0x14, 1, 2, 3, 4]),
        ("reserved_hash_size", &[0x15, 0xC0, 1]),
        ("path_too_long", &[0x15, 0x7F, 1]),
        ("truncated_path", &[0x15, 0x05, 1]),
        ("payload_too_long", &long),
    ] {
        let error = Packet::parse(bytes).unwrap_err();
        assert_eq!(error.code(), code);
        assert_eq!(vector(bytes, &context())["error"], code);
        assert_eq!(error.header.is_some(), !bytes.is_empty(), "{code}");
    }
    let text = Packet::parse(&[0x15, 0x05, 1]).unwrap_err().to_string();
    assert_eq!(text, "byte 2: the path needs 5 bytes, 1 left: the frame is cut off");
}

#[test]
fn each_issue_is_raised_where_the_table_says_and_the_rest_is_shown() {
    let key = [0xAB; 32];
    let good = advert(&[0x81, b'o', b'k']);
    let mut forged = good.clone();
    forged[50] ^= 1;
    let rows: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("empty_payload", frame(PayloadType::Ack, &[]), &[]),
        ("payload_too_short", frame(PayloadType::Request, &[1, 2, 3]), &["dest_hash", "src_hash"]),
        ("payload_too_short", frame(PayloadType::Path, &[1]), &["dest_hash"]),
        ("payload_too_short", frame(PayloadType::GroupText, &[1, 2]), &["channel_hash"]),
        ("payload_too_short", frame(PayloadType::AnonRequest, &[1; 32]), &["dest_hash"]),
        ("payload_too_short", frame(PayloadType::AnonRequest, &[1; 34]), &["dest_hash", "public_key"]),
        ("payload_too_short", frame(PayloadType::Ack, &[1, 2, 3]), &[]),
        ("payload_too_short", frame(PayloadType::Advert, &good[..31]), &[]),
        ("payload_too_short", frame(PayloadType::Advert, &good[..35]), &["public_key"]),
        ("payload_too_short", frame(PayloadType::Advert, &good[..99]), &["public_key", "timestamp"]),
        ("payload_too_short", frame(PayloadType::Trace, &[1; 8]), &["snr_q"]),
        ("payload_too_short", frame(PayloadType::Multipart, &[0x13, 1, 2, 3]), &["inner_type", "remaining"]),
        (
            "payload_too_short",
            frame(PayloadType::Control, &[0x80, 4, 1, 2, 3]),
            &["flags", "name", "prefix_only", "sub_type"],
        ),
        (
            "payload_too_short",
            frame(PayloadType::Control, &[0x92, 4, 1, 2, 3, 4, 5, 5, 5]),
            &["flags", "name", "node_type", "snr_q", "sub_type", "tag"],
        ),
        (
            "ciphertext_missing",
            frame(PayloadType::TextMessage, &[1, 2, 3, 4]),
            &["ciphertext", "dest_hash", "mac", "src_hash"],
        ),
        (
            "ciphertext_unaligned",
            frame(PayloadType::GroupData, &[0xD9, 2, 3, 4]),
            &["channel_hash", "ciphertext", "mac", "status"],
        ),
        (
            "mac_mismatch",
            frame(PayloadType::GroupText, &[&[0xD9, 2, 3][..], &[4; 16]].concat()),
            &["channel_hash", "ciphertext", "mac", "status"],
        ),
        (
            "mac_mismatch",
            frame(PayloadType::Response, &[&[1, 2, 3, 3][..], &[4; 16]].concat()),
            &["ciphertext", "dest_hash", "mac", "src_hash"],
        ),
        (
            "bad_signature",
            frame(PayloadType::Advert, &forged),
            &["flags", "name", "node_type", "public_key", "signature", "signature_valid", "timestamp"],
        ),
        (
            "appdata_missing",
            frame(PayloadType::Advert, &advert(&[])),
            &["public_key", "signature", "signature_valid", "timestamp"],
        ),
        (
            "appdata_too_long",
            frame(PayloadType::Advert, &advert(&[&[0x81][..], &[b'n'; 32]].concat())),
            &["flags", "name", "node_type", "public_key", "signature", "signature_valid", "timestamp"],
        ),
        (
            "appdata_truncated",
            frame(PayloadType::Advert, &advert(&[0x91, 1, 2, 3])),
            &["flags", "node_type", "public_key", "signature", "signature_valid", "timestamp"],
        ),
        (
            "coordinate_out_of_range",
            frame(PayloadType::Advert, &advert(&[0x11, 0, 0, 0, 0x7F, 0, 0, 0, 0])),
            &[
                "flags",
                "lat_e6",
                "lon_e6",
                "node_type",
                "public_key",
                "signature",
                "signature_valid",
                "timestamp",
            ],
        ),
        (
            "trailing_bytes",
            frame(PayloadType::Ack, &[1, 2, 3, 4, 5, 6, 7]),
            &["ack", "attempt", "checksum", "random"],
        ),
        (
            "trailing_bytes",
            frame(PayloadType::Multipart, &[3, 1, 2, 3, 4, 5, 6, 7]),
            &["ack", "attempt", "checksum", "inner_type", "random", "remaining"],
        ),
        (
            "trailing_bytes",
            frame(PayloadType::Control, &[0x80, 4, 1, 2, 3, 4, 5]),
            &["flags", "name", "prefix_only", "sub_type", "tag", "type_filter"],
        ),
        (
            "trailing_bytes",
            frame(PayloadType::Control, &[&[0x92, 4, 1, 2, 3, 4][..], &key[..12]].concat()),
            &["flags", "name", "node_type", "public_key_prefix", "snr_q", "sub_type", "tag"],
        ),
        (
            "trace_unaligned",
            frame(PayloadType::Trace, &[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3]),
            &["auth_code", "flags", "hash_size", "hashes", "snr_q", "tag"],
        ),
        (
            "trace_not_direct",
            flooded(PayloadType::Trace, &[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2]),
            &["auth_code", "flags", "hash_size", "hashes", "snr_q", "tag"],
        ),
        (
            "trace_bad_path_len",
            vec![0x26, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            &["auth_code", "flags", "hash_size", "hashes", "snr_q", "tag"],
        ),
        ("unknown_control_type", frame(PayloadType::Control, &[0x70, 1]), &["data", "flags", "sub_type"]),
        (
            "control_not_zero_hop",
            flooded(PayloadType::Control, &[0x80, 4, 1, 2, 3, 4]),
            &["flags", "name", "prefix_only", "sub_type", "tag", "type_filter"],
        ),
        ("unsupported_version", vec![0x4D, 0x00, 1, 2], &["data"]),
        ("reserved_payload_type", vec![0x35, 0x00, 1, 2], &["data"]),
    ];
    for (code, bytes, shown) in rows {
        let value = vector(&bytes, &context());
        assert_eq!(issues(&value), [code], "{value}");
        assert_eq!(fields(&value), shown, "{code}: {value}");
    }
}

#[test]
fn issues_inside_a_plaintext() {
    let time = [0, 0, 0, 0x60];
    let with = |rest: &[u8]| [&time[..], rest].concat();
    let rows = [
        ("invalid_utf8", grouped(PayloadType::GroupText, &with(&[0, b'a', 0xFF]))),
        ("unknown_text_type", grouped(PayloadType::GroupText, &with(&[8, b'a']))),
        ("unknown_text_type", sealed(PayloadType::TextMessage, &with(&[0x14, b'a']))),
        ("inner_truncated", grouped(PayloadType::GroupData, &[0, 1, 200, 1])),
        ("inner_truncated", sealed(PayloadType::Path, &[0x20, 1, 2])),
        ("bad_inner_path_len", sealed(PayloadType::Path, &[0xC1, 1, 2])),
        ("unknown_request_type", sealed(PayloadType::Request, &with(&[0x42]))),
    ];
    for (code, bytes) in rows {
        assert_eq!(issues(&vector(&bytes, &context())), [code]);
    }
    let anon = |plaintext: &[u8]| {
        let payload = AnonRequest::seal(&[1; 32], &[2; 32], &SharedSecret::new(SECRET), &plaintext.to_vec());
        frame(PayloadType::AnonRequest, &payload)
    };
    for (code, rest) in [
        ("unknown_request_type", &[9_u8][..]),
        ("bad_inner_path_len", &[1, 0xFF]),
        ("inner_truncated", &[2, 0x3F]),
    ] {
        assert_eq!(issues(&vector(&anon(&with(rest)), &context())), [code]);
    }
    let telemetry = Context { request: ReplyTo::Telemetry, ..context() };
    for (code, records) in [
        ("unknown_lpp_type", &[1_u8, 222, 9][..]),
        // Two records of a byte and a position that the block cuts off: no padding follows.
        ("lpp_truncated", &[1, 102, 1, 1, 102, 0, 1, 136, 1, 2, 3, 4]),
    ] {
        let value = vector(&sealed(PayloadType::Response, &with(records)), &telemetry);
        assert_eq!(issues(&value), [code], "{value}");
    }
}

#[test]
fn several_issues_come_in_the_order_of_the_fields() {
    let mut forged = advert(&[0x91; 40]);
    forged[40] ^= 1;
    let value = vector(&frame(PayloadType::Advert, &forged), &context());
    assert_eq!(
        issues(&value),
        ["bad_signature", "appdata_too_long", "coordinate_out_of_range", "invalid_utf8"]
    );
    let value = vector(&[0x25, 0x41, 1, 2, 0, 0, 0], &context());
    assert_eq!(issues(&value), ["trace_not_direct", "trace_bad_path_len", "payload_too_short"]);
    let value = vector(&flooded(PayloadType::Control, &[0x80, 1]), &context());
    assert_eq!(issues(&value), ["control_not_zero_hop", "payload_too_short"]);
    let value = vector(&frame(PayloadType::RawCustom, &[]), &context());
    assert_eq!(issues(&value), ["empty_payload"]);
}

#[test]
fn text_and_transport_errors() {
    assert!(hex::parse("0A0").is_err() && hex::parse("0x0A").is_err() && hex::parse("zz").is_err());
    assert!(Message::parse(&[0x88, 1]).is_err() && Message::parse(&[]).is_err());
    for text in ["meshcore://channel/add?name=x&secret=abcd", "http://x", "meshcore://0900", "meshcore://"] {
        assert!(Uri::parse(text).is_err(), "{text}");
    }
}

/// Where decoders disagree the firmware is right: one assertion for each row, by its number.
#[test]
fn the_firmware_is_right() {
    // 1: appdata is cut to 32 bytes before it is verified and read.
    let payload = advert(&[0x81; 40]);
    let typed = frame(PayloadType::Advert, &payload);
    let Payload::Advert(long) = Packet::parse(&typed).unwrap().typed().payload else { panic!() };
    assert!(verify_advert(&long));
    assert_eq!((long.name.unwrap().as_bytes().len(), long.excess.len()), (31, 8));
    // 2: of a 256-bit key AES takes the first half and the MAC all.
    let (mut one, mut two) = ([7; 32], [7; 32]);
    (one[31], two[31]) = (1, 2);
    let (one, two) = (ChannelKey::from_256(one), ChannelKey::from_256(two));
    let (sealed_one, sealed_two) =
        (Group::seal(&one, &GroupText::new(1, "x")), Group::seal(&two, &GroupText::new(1, "x")));
    assert_eq!(sealed_one[3..], sealed_two[3..], "the same cipher");
    assert_ne!(sealed_one[1..3], sealed_two[1..3], "but not the same MAC");
    // 3: PATH is encrypted.
    let bytes = frame(PayloadType::Path, &[1, 2, 3, 4]);
    assert!(matches!(Packet::parse(&bytes).unwrap().typed().payload, Payload::Path(_)));
    // 4: long paths and payloads are invalid.
    assert!(Packet::parse(&[&[0x15, 0x61][..], &[0; 80]].concat()).is_err());
    // 5: an advert without appdata is an advert.
    let bytes = frame(PayloadType::Advert, &advert(&[]));
    let Payload::Advert(bare) = Packet::parse(&bytes).unwrap().typed().payload else { panic!() };
    assert!(verify_advert(&bare) && bare.flags.is_none());
    // 6: only keys with the right channel hash are tried.
    let mut payload = Group::seal(&ChannelKey::from_hashtag("#test"), &GroupText::new(1, "x"));
    payload[0] ^= 1;
    let bytes = flooded(PayloadType::GroupText, &payload);
    let Payload::GroupText(group) = Packet::parse(&bytes).unwrap().typed().payload else { panic!() };
    assert_eq!(test_ring().open(&group).unwrap_err(), OpenError::NoKey);
    // 7: what a key opens is shown as it is.
    let value = vector(&grouped(PayloadType::GroupText, &[0, 0, 0, 0, 0, 1, 2, 3, 0xFF]), &context());
    assert_eq!(value["decoded"]["status"], "decrypted");
    // 8: hop hashes of a trace have 2^s bytes, and whole ones are shown.
    let bytes = frame(PayloadType::Trace, &[0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 3, 4, 5]);
    let Payload::Trace(trace) = Packet::parse(&bytes).unwrap().typed().payload else { panic!() };
    assert_eq!((trace.hash_size(), trace.hops().count(), trace.unaligned.len()), (4, 1, 1));
    // 9, 10: the hash, and transport codes as little-endian numbers.
    let packet = Packet::parse(&[0x0C, 0xAA, 0xBB, 1, 0, 0x00, 1, 2, 3, 4]).unwrap();
    assert_eq!(packet.transport_codes().unwrap(), TransportCodes { scope: 0xBBAA, home: 1 });
    assert_eq!(packet_hash(&packet), packet_hash(&Packet::parse(&[0x0E, 0x00, 1, 2, 3, 4]).unwrap()));
    // 11, 12: a name ends at its NUL, and no telemetry follows but in the Go form.
    let sensor = [&[0x84_u8][..], b"s\0\x74\x0e\x1e\xfb"].concat();
    let bytes = frame(PayloadType::Advert, &advert(&sensor));
    let packet = Packet::parse(&bytes).unwrap();
    let Payload::Advert(named) = packet.typed().payload else { panic!() };
    assert_eq!(named.name.unwrap().as_bytes(), b"s");
    let json = decoded_json(&packet, None, false).json;
    assert!(json.ends_with(r#""name":"s","battery_mv":3700,"temperature_c":-12.5}"#), "{json}");
    // 13: a position that does not fit ends the reading.
    let bytes = frame(PayloadType::Advert, &advert(&[0x91, b'a', b'b']));
    let Payload::Advert(cut) = Packet::parse(&bytes).unwrap().typed().payload else { panic!() };
    assert_eq!((cut.position, cut.name), (None, None));
    // 14, 15: the bytes after an ACK's checksum are shown; the checksum is four bytes.
    let bytes = frame(PayloadType::Ack, &[1, 2, 3, 4, 9]);
    let packet = Packet::parse(&bytes).unwrap();
    let Payload::Ack(ack) = packet.typed().payload else { panic!() };
    assert_eq!((ack.checksum, ack.attempt(), ack.random()), ([1, 2, 3, 4], Some(9), None));
    assert!(decoded_json(&packet, None, false).json.contains(r#""extraHash":"04030201""#));
    // 16, 17: keys of an odd length are cut to their prefix; SNR is in quarter dB.
    let value =
        vector(&frame(PayloadType::Control, &[&[0x92, 0xF7, 0, 0, 0, 0][..], &[5; 31]].concat()), &context());
    assert_eq!(value["decoded"]["public_key_prefix"], "0505050505050505");
    assert_eq!(value["decoded"]["snr_q"], -9);
    // 18: an unknown node type is its number.
    assert_eq!(NodeType::from_number(9), NodeType::Other(9));
    // 19: the size bits of a packet without hops are kept.
    assert_eq!(Packet::parse(&[0x0E, 0x80, 1, 2, 3, 4]).unwrap().path().hash_size(), 3);
    // 21: versions 2 to 4 are opaque, and only the Go form reads them as version 1.
    let packet = Packet::parse(&[0x4E, 0x00, 1, 2, 3, 4]).unwrap();
    assert!(matches!(packet.typed().payload, Payload::Opaque(_)));
    assert_eq!(
        decoded_json(&packet, None, false).json,
        r#"{"type":"ACK","extraHash":"04030201","ackLen":4}"#
    );
    // 22, 23: four bytes of a REQ and no bytes at all are valid packets with an issue.
    assert!(
        Packet::parse(&[0x02, 0x00, 1, 2, 3, 4])
            .unwrap()
            .typed()
            .issues
            .contains(IssueKind::CiphertextMissing)
    );
    assert!(Packet::parse(&[0x02, 0x00]).unwrap().typed().issues.contains(IssueKind::EmptyPayload));
    // 24: times have no sign.
    let bytes = frame(
        PayloadType::Advert,
        &AdvertBuilder::new(NodeType::Chat, u32::MAX).sign(&KeyPair::from_seed(&[1; 32])),
    );
    let Payload::Advert(late) = Packet::parse(&bytes).unwrap().typed().payload else { panic!() };
    assert_eq!(late.timestamp, u32::MAX);
    // 25: the sender's length counts bytes of UTF-8.
    let name = "ö".repeat(25);
    assert_eq!(text::Text(format!("{name}: x").as_bytes()).split_sender().0, None);
    // 26: zero-hop is a matter of the route, not of a bit.
    assert!(!Packet::parse(&[0x2D, 0x00, 0x80, 4, 1, 2, 3, 4]).unwrap().is_zero_hop());
}

/// The Go form, one line for each of its types.
#[test]
fn the_go_form_of_each_type() {
    let ring = test_ring();
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

#[test]
fn what_is_read_is_what_was_written() {
    let ack = Ack { checksum: [1, 2, 3, 4], tail: &[5] };
    assert_eq!(ack.to_vec(), [1, 2, 3, 4, 5]);
}
