//! Where decoders of the mesh disagree, the firmware is right: a test for each known case, by its
//! number in the list that this decoder follows. Number 20 is about time on air: see the tests of
//! `corescope-core`.

#![cfg(all(feature = "encode", feature = "signatures"))]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::{advert, flooded, frame, grouped, ring};
use corescope_decode::compat::go::{self, decoded_json};
use corescope_decode::crypto::{KeyPair, verify_advert};
use corescope_decode::encode::AdvertBuilder;
use corescope_decode::payload::*;
use corescope_decode::*;

fn payload(frame: &[u8]) -> Payload<'_> {
    Packet::parse(frame).unwrap().typed().payload
}

fn issues(frame: &[u8]) -> Issues {
    Packet::parse(frame).unwrap().typed().issues
}

fn go_form(frame: &[u8]) -> String {
    decoded_json(&Packet::parse(frame).unwrap(), Some(&ring()), false).json
}

#[test]
fn case_01_appdata_is_cut_to_32_bytes_before_it_is_verified_and_read() {
    let bytes = frame(PayloadType::Advert, &advert(&[0x81; 40]));
    let Payload::Advert(long) = payload(&bytes) else { panic!() };
    assert!(verify_advert(&long));
    assert_eq!((long.name.unwrap().as_bytes().len(), long.excess.len()), (31, 8));
}

#[test]
fn case_02_of_a_long_key_aes_takes_the_first_half_and_the_mac_and_the_hash_all() {
    let (mut one, mut two) = ([7; 32], [7; 32]);
    (one[31], two[31]) = (1, 2);
    let (one, two) = (ChannelKey::from_256(one), ChannelKey::from_256(two));
    let (sealed_one, sealed_two) =
        (Group::seal(&one, &GroupText::new(1, "x")), Group::seal(&two, &GroupText::new(1, "x")));
    assert_eq!(sealed_one[3..], sealed_two[3..], "the same cipher");
    assert_ne!(sealed_one[1..3], sealed_two[1..3], "but not the same MAC");
    assert_ne!(one.hash(), two.hash());
    assert_eq!(one.hash(), crypto::sha256(&[one.as_bytes()])[0]);
}

#[test]
fn case_03_path_is_encrypted() {
    let bytes = frame(PayloadType::Path, &[&[1, 2, 3, 4][..], &[5; 16]].concat());
    let Payload::Path(path) = payload(&bytes) else { panic!() };
    assert_eq!((path.dest_hash, path.src_hash, path.mac, path.ciphertext.len()), (1, 2, [3, 4], 16));
}

#[test]
fn case_04_long_paths_and_payloads_are_invalid() {
    assert!(Packet::parse(&[&[0x15, 0x60][..], &[0; 64 + 184]].concat()).is_ok());
    let error = Packet::parse(&[&[0x15, 0x61][..], &[0; 80]].concat()).unwrap_err();
    assert_eq!(error.kind, FrameErrorKind::PathTooLong);
    let error = Packet::parse(&[&[0x15, 0x60][..], &[0; 64 + 185]].concat()).unwrap_err();
    assert_eq!(error.kind, FrameErrorKind::PayloadTooLong);
}

#[test]
fn case_05_an_advert_without_appdata_is_an_advert() {
    let bytes = frame(PayloadType::Advert, &advert(&[]));
    let Payload::Advert(bare) = payload(&bytes) else { panic!() };
    assert!(verify_advert(&bare) && bare.flags.is_none());
}

#[test]
fn case_06_only_keys_with_the_right_channel_hash_are_tried() {
    let mut sealed = Group::seal(&ChannelKey::from_hashtag("#test"), &GroupText::new(1, "x"));
    sealed[0] ^= 1;
    let bytes = flooded(PayloadType::GroupText, &sealed);
    let Payload::GroupText(group) = payload(&bytes) else { panic!() };
    assert_eq!(ring().open(&group).unwrap_err(), OpenError::NoKey);
}

#[test]
fn case_07_what_a_key_opens_is_shown_as_it_is() {
    let bytes = grouped(PayloadType::GroupText, &[0, 0, 0, 0, 0, 1, 2, 3, 0xFF]);
    let Payload::GroupText(group) = payload(&bytes) else { panic!() };
    let (ring, text) = (ring(), [1, 2, 3, 0xFF]);
    let opened = ring.open(&group).unwrap();
    let message = GroupText::parse(opened.plaintext.as_bytes()).unwrap();
    assert_eq!(message.text().unwrap().as_bytes(), text);
    assert_eq!(message.text().unwrap().to_string(), "\u{1}\u{2}\u{3}\u{fffd}");
}

#[test]
fn case_08_hop_hashes_of_a_trace_have_a_power_of_two_bytes_and_whole_ones_are_shown() {
    for (flags, size) in [(0, 1), (1, 2), (2, 4), (3, 8), (0xFC, 1)] {
        let bytes =
            frame(PayloadType::Trace, &[&[0, 0, 0, 0, 0, 0, 0, 0, flags][..], &[7; 8], &[8]].concat());
        let Payload::Trace(trace) = payload(&bytes) else { panic!() };
        assert_eq!((trace.hash_size(), trace.hops().count()), (size, 9 / size), "{flags:#x}");
        assert_eq!(trace.unaligned.len(), 9 % size);
    }
}

#[test]
fn case_09_the_hash_is_of_type_and_payload_whatever_the_route() {
    let scoped = Packet::parse(&[0x0C, 0xAA, 0xBB, 1, 0, 0x00, 1, 2, 3, 4]).unwrap();
    let direct = Packet::parse(&[0x0E, 0x02, 9, 9, 1, 2, 3, 4]).unwrap();
    assert_eq!(packet_hash(&scoped), packet_hash(&direct));
    let expected = crypto::sha256(&[&[3, 1, 2, 3, 4]]);
    assert_eq!(packet_hash(&direct).0, expected[..8]);
}

#[test]
fn case_10_transport_codes_are_little_endian_numbers() {
    let packet = Packet::parse(&[0x0C, 0xAA, 0xBB, 1, 0, 0x00, 1, 2, 3, 4]).unwrap();
    assert_eq!(packet.transport_codes().unwrap(), TransportCodes { scope: 0xBBAA, home: 1 });
}

#[test]
fn case_11_no_readings_follow_the_name_of_a_sensor_but_in_the_go_form() {
    let sensor = [&[0x84_u8][..], b"s\0\x74\x0e\x1e\xfb"].concat();
    let bytes = frame(PayloadType::Advert, &advert(&sensor));
    let Payload::Advert(named) = payload(&bytes) else { panic!() };
    assert_eq!(named.name.unwrap().as_bytes(), b"s");
    let json = go_form(&bytes);
    assert!(json.ends_with(r#""name":"s","battery_mv":3700,"temperature_c":-12.5}"#), "{json}");
    // The same bytes of a repeater are none.
    let repeater = [&[0x82_u8][..], b"s\0\x74\x0e\x1e\xfb"].concat();
    assert!(go_form(&frame(PayloadType::Advert, &advert(&repeater))).ends_with(r#""name":"s"}"#));
}

#[test]
fn case_12_a_name_ends_at_its_first_nul() {
    let bytes = frame(PayloadType::Advert, &advert(b"\x81ab\0cd\0"));
    let Payload::Advert(named) = payload(&bytes) else { panic!() };
    assert_eq!(named.name.unwrap().as_bytes(), b"ab");
    assert_eq!(named.after_name(), b"\0cd\0");
}

#[test]
fn case_13_a_position_that_does_not_fit_ends_the_reading() {
    let bytes = frame(PayloadType::Advert, &advert(&[0x91, b'a', b'b']));
    let Payload::Advert(cut) = payload(&bytes) else { panic!() };
    assert_eq!((cut.position, cut.name), (None, None));
    assert!(issues(&bytes).contains(IssueKind::AppdataTruncated));
}

#[test]
fn case_14_bytes_after_the_checksum_of_an_ack_are_shown() {
    let bytes = frame(PayloadType::Ack, &[1, 2, 3, 4, 9]);
    let Payload::Ack(ack) = payload(&bytes) else { panic!() };
    assert_eq!((ack.checksum, ack.attempt(), ack.random()), ([1, 2, 3, 4], Some(9), None));
}

#[test]
fn case_15_the_checksum_of_an_ack_is_four_bytes_and_the_go_form_turns_them_round() {
    let bytes = frame(PayloadType::Ack, &[1, 2, 3, 4]);
    let Payload::Ack(ack) = payload(&bytes) else { panic!() };
    assert_eq!((ack.checksum, ack.checksum_u32()), ([1, 2, 3, 4], 0x0403_0201));
    assert!(go_form(&bytes).contains(r#""extraHash":"04030201""#));
}

#[test]
fn case_16_a_responders_key_is_whole_or_eight_bytes() {
    for (len, whole, prefix) in [(7, false, false), (8, false, true), (31, false, true), (32, true, false)] {
        let bytes = frame(PayloadType::Control, &[&[0x92, 0, 0, 0, 0, 0][..], &vec![5; len]].concat());
        let Payload::Control(Control { body: ControlBody::DiscoverResponse(answer), .. }) = payload(&bytes)
        else {
            panic!()
        };
        assert_eq!(matches!(answer.key, Some(ResponderKey::Full(_))), whole, "{len}");
        assert_eq!(matches!(answer.key, Some(ResponderKey::Prefix(_))), prefix, "{len}");
    }
}

#[test]
fn case_17_the_signal_of_a_discovery_is_in_quarter_decibels() {
    let bytes = frame(PayloadType::Control, &[&[0x92, 0xF7, 0, 0, 0, 0][..], &[5; 8]].concat());
    let tree = dissect(&bytes, &ring()).to_string();
    assert!(tree.contains("-2.25 dB"), "{tree}");
    assert!(go_form(&bytes).contains(r#""ctrlSNR":-9"#));
}

#[test]
fn case_18_an_unknown_node_type_is_its_number() {
    let bytes = frame(PayloadType::Advert, &advert(&[0x89, b'x']));
    let Payload::Advert(other) = payload(&bytes) else { panic!() };
    assert_eq!((other.node_type(), other.node_type().number()), (NodeType::Other(9), 9));
}

#[test]
fn case_19_size_bits_without_hops_are_kept_and_the_go_form_says_0_when_direct() {
    let packet = [0x0E, 0x80, 1, 2, 3, 4];
    let packet = Packet::parse(&packet).unwrap();
    assert_eq!((packet.path().hash_size(), packet.path().len()), (3, 0));
    assert_eq!(go::path_json(&packet), "[]");
}

#[test]
fn case_21_versions_2_to_4_are_opaque_and_only_the_go_form_reads_them() {
    for version in 1..4 {
        let bytes = [0x0E | version << 6, 0x00, 1, 2, 3, 4];
        assert!(matches!(payload(&bytes), Payload::Opaque(_)));
        assert!(issues(&bytes).contains(IssueKind::UnsupportedVersion));
        assert_eq!(go_form(&bytes), r#"{"type":"ACK","extraHash":"04030201","ackLen":4}"#);
    }
}

#[test]
fn case_22_a_message_without_ciphertext_keeps_its_envelope() {
    let bytes = [0x02, 0x00, 1, 2, 3, 4];
    assert!(issues(&bytes).contains(IssueKind::CiphertextMissing));
    let Payload::Request(peer) = payload(&bytes) else { panic!() };
    assert_eq!((peer.dest_hash, peer.src_hash, peer.mac, peer.ciphertext.len()), (1, 2, [3, 4], 0));
}

#[test]
fn case_23_an_empty_payload_is_a_packet_with_a_hash_and_one_issue() {
    for kind in PayloadType::ALL {
        let bytes = frame(kind, &[]);
        let packet = Packet::parse(&bytes).unwrap();
        let typed = packet.typed();
        assert_eq!(typed.issues.iter().next().unwrap().kind, IssueKind::EmptyPayload, "{kind}");
        assert!(!typed.issues.contains(IssueKind::PayloadTooShort), "{kind}");
        let path_len: &[u8] = if kind == PayloadType::Trace { &[0, 0] } else { &[] };
        assert_eq!(packet_hash(&packet).0, crypto::sha256(&[&[kind.number()], path_len])[..8], "{kind}");
    }
}

#[test]
fn case_24_times_have_no_sign() {
    let late = AdvertBuilder::new(NodeType::Chat, u32::MAX).sign(&KeyPair::from_seed(&[1; 32]));
    let bytes = frame(PayloadType::Advert, &late);
    let Payload::Advert(late) = payload(&bytes) else { panic!() };
    assert_eq!(late.timestamp, u32::MAX);
    assert!(go_form(&bytes).contains(r#""timestamp":4294967295,"timestampISO":"2106-02-07T06:28:15.000Z""#));
}

#[test]
fn case_25_the_place_of_the_senders_end_counts_bytes_of_utf_8() {
    for (name, is_sender) in [("ö".repeat(25), false), ("ö".repeat(24), true), ("x".repeat(49), true)] {
        let text = format!("{name}: x");
        assert_eq!(text::Text(text.as_bytes()).split_sender().0.is_some(), is_sender, "{name}");
    }
}

#[test]
fn case_26_zero_hop_is_a_matter_of_the_route_and_not_of_a_bit() {
    let flooded = [0x2D, 0x00, 0x80, 4, 1, 2, 3, 4];
    assert!(!Packet::parse(&flooded).unwrap().is_zero_hop());
    assert!(issues(&flooded).contains(IssueKind::ControlNotZeroHop));
    assert!(go_form(&flooded).contains(r#""ctrlZeroHop":true"#));
    let direct = [0x2E, 0x00, 0x80, 4, 1, 2, 3, 4];
    assert!(Packet::parse(&direct).unwrap().is_zero_hop() && issues(&direct).is_empty());
}
