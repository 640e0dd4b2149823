//! Malformed input, kind by kind: what is reported, at which byte, what was expected and what came,
//! and what is shown all the same.

#![cfg(all(feature = "encode", feature = "signatures"))]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use std::collections::BTreeSet;

use common::{SECRET, advert, anonymous, flooded, frame, grouped, ring, sealed};
use corescope_decode::compat::vector::{Context, packet_json};
use corescope_decode::payload::*;
use corescope_decode::transport::{companion::Message, uri::Uri};
use corescope_decode::*;
use serde_json::Value;

fn vector(frame: &[u8], request: ReplyTo) -> Value {
    let context = Context {
        ring: ring(),
        secret: Some(SharedSecret::new(SECRET)),
        target: Some(NodeType::Repeater),
        request,
        ..Context::default()
    };
    serde_json::from_str(&packet_json(frame, &context)).unwrap()
}

fn codes(value: &Value) -> Vec<&str> {
    value["issues"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect()
}

/// What a packet is reported to have wrong, in words that name the byte.
fn issues(frame: &[u8], request: ReplyTo) -> Vec<Issue> {
    let (ring, secrets) = (ring(), [("secret".to_owned(), SharedSecret::new(SECRET))]);
    let dissector = Dissector::new()
        .with_ring(&ring)
        .with_secrets(&secrets)
        .with_target(NodeType::Repeater)
        .with_request(request)
        .verifying();
    dissector.dissect(frame).issues
}

#[test]
fn frame_errors_come_in_the_order_of_the_rules() {
    let long = [&[0x3E, 0x00][..], &[0; 185]].concat();
    for (code, bytes, text) in [
        ("empty", &[][..], "the frame is empty: it needs at least 2 bytes"),
        (
            "truncated_transport_codes",
            &[0x14, 1, 2, 3],
            "byte 1: transport codes need 4 bytes, 3 left: the frame is cut off",
        ),
        ("truncated_path_len", &[0x15], "byte 1: the path length is missing: the frame is cut off"),
        (
            "truncated_path_len",
            &[0x14, 1, 2, 3, 4],
            "byte 5: the path length is missing: the frame is cut off",
        ),
        ("reserved_hash_size", &[0x15, 0xC0, 1], "byte 1: path hashes have 1 to 3 bytes, 4 is reserved"),
        ("path_too_long", &[0x15, 0x7F, 1], "byte 1: a path has at most 64 bytes, this one would have 126"),
        ("truncated_path", &[0x15, 0x05, 1], "byte 2: the path needs 5 bytes, 1 left: the frame is cut off"),
        ("payload_too_long", &long, "byte 2: a payload has at most 184 bytes, this one has 185"),
    ] {
        let error = Packet::parse(bytes).unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), (code, text));
        assert_eq!(vector(bytes, ReplyTo::Unknown)["error"], code);
        assert_eq!(error.header.is_some(), !bytes.is_empty(), "{code}");
    }
}

/// Code and words of the one issue, the frame, what it answers, and the fields that are shown.
type Row = (&'static str, &'static str, Vec<u8>, ReplyTo, &'static [&'static str]);

fn rows() -> Vec<Row> {
    let row =
        |code, words, frame, shown: &'static [&'static str]| (code, words, frame, ReplyTo::Unknown, shown);
    let good = advert(&[0x81, b'o', b'k']);
    let mut forged = good.clone();
    forged[50] ^= 1;
    let peer: &'static [&'static str] = &["ciphertext", "dest_hash", "mac", "src_hash"];
    let group: &'static [&'static str] = &["channel_hash", "ciphertext", "mac", "status"];
    let trace: &'static [&'static str] = &["auth_code", "flags", "hash_size", "hashes", "snr_q", "tag"];
    let request: &'static [&'static str] =
        &["flags", "name", "prefix_only", "sub_type", "tag", "type_filter"];
    let whole: &'static [&'static str] =
        &["flags", "name", "node_type", "public_key", "signature", "signature_valid", "timestamp"];
    vec![
        row("empty_payload", "byte 2: payload needs 1 bytes, 0 left", frame(PayloadType::Ack, &[]), &[]),
        row(
            "payload_too_short",
            "byte 2: hashes and MAC needs 4 bytes, 3 left",
            frame(PayloadType::Request, &[1, 2, 3]),
            &["dest_hash", "src_hash"],
        ),
        row(
            "payload_too_short",
            "byte 2: hashes and MAC needs 4 bytes, 1 left",
            frame(PayloadType::Path, &[1]),
            &["dest_hash"],
        ),
        row(
            "payload_too_short",
            "byte 2: channel hash and MAC needs 3 bytes, 2 left",
            frame(PayloadType::GroupText, &[1, 2]),
            &["channel_hash"],
        ),
        row(
            "payload_too_short",
            "byte 2: hash, key and MAC needs 35 bytes, 32 left",
            frame(PayloadType::AnonRequest, &[1; 32]),
            &["dest_hash"],
        ),
        row(
            "payload_too_short",
            "byte 2: hash, key and MAC needs 35 bytes, 34 left",
            frame(PayloadType::AnonRequest, &[1; 34]),
            &["dest_hash", "public_key"],
        ),
        row(
            "payload_too_short",
            "byte 2: checksum needs 4 bytes, 3 left",
            frame(PayloadType::Ack, &[1, 2, 3]),
            &[],
        ),
        row(
            "payload_too_short",
            "byte 2: key, timestamp and signature needs 100 bytes, 31 left",
            frame(PayloadType::Advert, &good[..31]),
            &[],
        ),
        row(
            "payload_too_short",
            "byte 2: key, timestamp and signature needs 100 bytes, 35 left",
            frame(PayloadType::Advert, &good[..35]),
            &["public_key"],
        ),
        row(
            "payload_too_short",
            "byte 2: key, timestamp and signature needs 100 bytes, 99 left",
            frame(PayloadType::Advert, &good[..99]),
            &["public_key", "timestamp"],
        ),
        row(
            "payload_too_short",
            "byte 2: tag, auth code and flags needs 9 bytes, 8 left",
            frame(PayloadType::Trace, &[1; 8]),
            &["snr_q"],
        ),
        row(
            "payload_too_short",
            "byte 3: checksum needs 4 bytes, 3 left",
            frame(PayloadType::Multipart, &[0x13, 1, 2, 3]),
            &["inner_type", "remaining"],
        ),
        row(
            "payload_too_short",
            "byte 2: discovery needs 6 bytes, 5 left",
            frame(PayloadType::Control, &[0x80, 4, 1, 2, 3]),
            &["flags", "name", "prefix_only", "sub_type"],
        ),
        row(
            "payload_too_short",
            "byte 8: public key needs 8 bytes, 3 left",
            frame(PayloadType::Control, &[0x92, 4, 1, 2, 3, 4, 5, 5, 5]),
            &["flags", "name", "node_type", "snr_q", "sub_type", "tag"],
        ),
        row(
            "ciphertext_missing",
            "byte 6: ciphertext needs 16 bytes, 0 left",
            frame(PayloadType::TextMessage, &[1, 2, 3, 4]),
            peer,
        ),
        row(
            "ciphertext_missing",
            "byte 37: ciphertext needs 16 bytes, 0 left",
            frame(PayloadType::AnonRequest, &[1; 35]),
            &["ciphertext", "dest_hash", "mac", "public_key"],
        ),
        row(
            "ciphertext_unaligned",
            "byte 5: ciphertext should be a multiple of 16 bytes, 1 came",
            frame(PayloadType::GroupData, &[0xD9, 2, 3, 4]),
            group,
        ),
        row(
            "mac_mismatch",
            "byte 3: MAC does not match with any key that is known for it",
            frame(PayloadType::GroupText, &[&[0xD9, 2, 3][..], &[4; 16]].concat()),
            group,
        ),
        row(
            "mac_mismatch",
            "byte 4: MAC does not match with any key that is known for it",
            frame(PayloadType::Response, &[&[1, 2, 3, 3][..], &[4; 16]].concat()),
            peer,
        ),
        row(
            "mac_mismatch",
            "byte 35: MAC does not match with any key that is known for it",
            frame(PayloadType::AnonRequest, &[1; 35 + 16]),
            &["ciphertext", "dest_hash", "mac", "public_key"],
        ),
        row(
            "bad_signature",
            "byte 38: signature is not the node's over these bytes",
            frame(PayloadType::Advert, &forged),
            whole,
        ),
        row(
            "appdata_missing",
            "byte 102: appdata needs 1 bytes, 0 left",
            frame(PayloadType::Advert, &advert(&[])),
            &["public_key", "signature", "signature_valid", "timestamp"],
        ),
        row(
            "appdata_too_long",
            "byte 102: appdata may have 32 bytes, 33 came",
            frame(PayloadType::Advert, &advert(&[&[0x81][..], &[b'n'; 32]].concat())),
            whole,
        ),
        row(
            "appdata_truncated",
            "byte 103: position needs 8 bytes, 3 left",
            frame(PayloadType::Advert, &advert(&[0x91, 1, 2, 3])),
            &["flags", "node_type", "public_key", "signature", "signature_valid", "timestamp"],
        ),
        row(
            "appdata_truncated",
            "byte 105: feature 2 needs 2 bytes, 1 left",
            frame(PayloadType::Advert, &advert(&[0xE1, 1, 2, 3])),
            &["feat1", "flags", "node_type", "public_key", "signature", "signature_valid", "timestamp"],
        ),
        row(
            "coordinate_out_of_range",
            "byte 103: position should be within ±90° and ±180°, 2130706432 came",
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
        row(
            "invalid_utf8",
            "byte 103: name is not UTF-8",
            frame(PayloadType::Advert, &advert(&[0x81, b'a', 0xC3])),
            whole,
        ),
        row(
            "trailing_bytes",
            "byte 8: ACK may have 6 bytes, 7 came",
            frame(PayloadType::Ack, &[1, 2, 3, 4, 5, 6, 7]),
            &["ack", "attempt", "checksum", "random"],
        ),
        row(
            "trailing_bytes",
            "byte 9: ACK may have 6 bytes, 7 came",
            frame(PayloadType::Multipart, &[3, 1, 2, 3, 4, 5, 6, 7]),
            &["ack", "attempt", "checksum", "inner_type", "random", "remaining"],
        ),
        row(
            "trailing_bytes",
            "byte 8: payload may have 6 bytes, 7 came",
            frame(PayloadType::Control, &[0x80, 4, 1, 2, 3, 4, 5]),
            request,
        ),
        row(
            "trailing_bytes",
            "byte 16: payload may have 14 bytes, 18 came",
            frame(PayloadType::Control, &[&[0x92, 4, 1, 2, 3, 4][..], &[0xAB; 12]].concat()),
            &["flags", "name", "node_type", "public_key_prefix", "snr_q", "sub_type", "tag"],
        ),
        row(
            "trace_unaligned",
            "byte 11: hop hashes should be a multiple of the hash size, 3 came",
            frame(PayloadType::Trace, &[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3]),
            trace,
        ),
        row(
            "trace_not_direct",
            "byte 0: route type of a trace should be direct",
            flooded(PayloadType::Trace, &[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2]),
            trace,
        ),
        row(
            "trace_bad_path_len",
            "byte 1: path_len should be below 64, 64 came",
            vec![0x26, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            trace,
        ),
        row(
            "unknown_control_type",
            "byte 2: sub-type should be 8 or 9, 7 came",
            frame(PayloadType::Control, &[0x70, 1]),
            &["data", "flags", "sub_type"],
        ),
        row(
            "control_not_zero_hop",
            "byte 2: control packet of this sub-type should be direct with no hops",
            flooded(PayloadType::Control, &[0x80, 4, 1, 2, 3, 4]),
            request,
        ),
        row(
            "unsupported_version",
            "byte 0: payload version should be 1, 2 came",
            vec![0x4D, 0x00, 1, 2],
            &["data"],
        ),
        row(
            "reserved_payload_type",
            "byte 0: payload type should be 0 to 11 or 15, 13 came",
            vec![0x35, 0x00, 1, 2],
            &["data"],
        ),
    ]
}

/// What is wrong inside a plaintext; the whole plaintext is shown in each.
fn inner_rows() -> Vec<Row> {
    let row = |code, words, frame| (code, words, frame, ReplyTo::Unknown, &[][..]);
    let with = |rest: &[u8]| [&[0, 0, 0, 0x60][..], rest].concat();
    let answer = |rest: &[u8]| sealed(PayloadType::Response, &with(rest));
    vec![
        row(
            "invalid_utf8",
            "plaintext byte 5: text is not UTF-8",
            grouped(PayloadType::GroupText, &with(&[0, b'a', 0xFF])),
        ),
        row(
            "unknown_text_type",
            "plaintext byte 4: text type should be 0, 2 came",
            grouped(PayloadType::GroupText, &with(&[8, b'a'])),
        ),
        row(
            "unknown_text_type",
            "plaintext byte 4: text type should be 0, 1 or 2, 5 came",
            sealed(PayloadType::TextMessage, &with(&[0x14, b'a'])),
        ),
        row(
            "inner_truncated",
            "plaintext byte 2: data needs 200 bytes, 13 left",
            grouped(PayloadType::GroupData, &[0, 1, 200, 1]),
        ),
        row(
            "inner_truncated",
            "plaintext byte 1: path needs 32 bytes, 15 left",
            sealed(PayloadType::Path, &[0x20, 1, 2]),
        ),
        row(
            "inner_truncated",
            "plaintext byte 16: extra type needs 1 bytes, 0 left",
            sealed(PayloadType::Path, &[&[15_u8][..], &[7; 15]].concat()),
        ),
        row(
            "inner_truncated",
            "plaintext byte 15: checksum needs 4 bytes, 1 left",
            sealed(PayloadType::Path, &[&[13][..], &[7; 13], &[3, 1]].concat()),
        ),
        row(
            "bad_inner_path_len",
            "plaintext byte 0: path_len should be a path of at most 64 bytes, 193 came",
            sealed(PayloadType::Path, &[0xC1, 1, 2]),
        ),
        row(
            "unknown_request_type",
            "plaintext byte 4: request type should be 1 to 7, 66 came",
            sealed(PayloadType::Request, &with(&[0x42])),
        ),
        row(
            "unknown_request_type",
            "plaintext byte 4: request should be 1, 2, 3 or a password, 9 came",
            anonymous(&with(&[9])),
        ),
        row(
            "bad_inner_path_len",
            "plaintext byte 5: path_len should be a path of at most 64 bytes, 255 came",
            anonymous(&with(&[1, 0xFF])),
        ),
        row(
            "inner_truncated",
            "plaintext byte 6: path needs 63 bytes, 10 left",
            anonymous(&with(&[2, 0x3F])),
        ),
        (
            "unknown_lpp_type",
            "plaintext byte 5: telemetry type should be a type of known length, 222 came",
            answer(&[1, 222, 9]),
            ReplyTo::Telemetry,
            &[],
        ),
        // Two records of a byte and a position that the block cuts off: no padding follows.
        (
            "lpp_truncated",
            "plaintext byte 10: telemetry value needs 9 bytes, 4 left",
            answer(&[1, 102, 1, 1, 102, 0, 1, 136, 1, 2, 3, 4]),
            ReplyTo::Telemetry,
            &[],
        ),
        (
            "inner_truncated",
            "plaintext byte 4: status needs 48 bytes, 12 left",
            answer(&[1]),
            ReplyTo::Status(NodeType::Repeater),
            &[],
        ),
        (
            "inner_truncated",
            "plaintext byte 6: neighbours needs 22 bytes, 8 left",
            answer(&[9, 0, 2, 0]),
            ReplyTo::Neighbours { prefix_len: 6 },
            &[],
        ),
    ]
}

#[test]
fn each_issue_is_raised_where_the_table_says_and_the_rest_is_shown() {
    for (code, words, frame, request, shown) in rows() {
        let value = vector(&frame, request);
        assert_eq!(codes(&value), [code], "{value}");
        let fields: Vec<&str> = value["decoded"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, shown, "{code}: {value}");
        let told: Vec<String> = issues(&frame, request).iter().map(ToString::to_string).collect();
        assert_eq!(told, [words], "{code}");
    }
}

#[test]
fn issues_inside_a_plaintext_name_its_bytes() {
    for (code, words, frame, request, _) in inner_rows() {
        let value = vector(&frame, request);
        assert_eq!(codes(&value), [code], "{value}");
        assert!(value["decoded"]["decrypted"].is_object(), "{value}");
        let found = issues(&frame, request);
        assert_eq!(found[0].to_string(), words, "{code}");
        assert_eq!((found.len(), found[0].space), (1, Space::Plaintext));
    }
}

#[test]
fn every_kind_of_issue_is_in_the_tables_above() {
    let tested: BTreeSet<&str> = rows().iter().chain(&inner_rows()).map(|row| row.0).collect();
    let all: BTreeSet<&str> = IssueKind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(tested, all);
}

#[test]
fn several_issues_come_in_the_order_of_the_fields() {
    let codes_of = |frame: &[u8]| -> Vec<&str> {
        let told = issues(frame, ReplyTo::Unknown);
        let value = vector(frame, ReplyTo::Unknown);
        let told: Vec<&str> = told.iter().map(|issue| issue.kind.code()).collect();
        assert_eq!(told, codes(&value), "the tree and the vector form agree");
        told
    };
    let mut forged = advert(&[0x91; 40]);
    forged[40] ^= 1;
    assert_eq!(
        codes_of(&frame(PayloadType::Advert, &forged)),
        ["bad_signature", "appdata_too_long", "coordinate_out_of_range", "invalid_utf8"]
    );
    assert_eq!(
        codes_of(&[0x25, 0x41, 1, 2, 0, 0, 0]),
        ["trace_not_direct", "trace_bad_path_len", "payload_too_short"]
    );
    assert_eq!(
        codes_of(&flooded(PayloadType::Control, &[0x80, 1])),
        ["control_not_zero_hop", "payload_too_short"]
    );
    assert_eq!(codes_of(&frame(PayloadType::RawCustom, &[])), ["empty_payload"]);
}

#[test]
fn text_and_transport_errors() {
    assert!(hex::parse("0A0").is_err() && hex::parse("0x0A").is_err() && hex::parse("zz").is_err());
    assert!(Message::parse(&[0x88, 1]).is_err() && Message::parse(&[]).is_err());
    for text in ["meshcore://channel/add?name=x&secret=abcd", "http://x", "meshcore://0900", "meshcore://"] {
        assert!(Uri::parse(text).is_err(), "{text}");
    }
}
