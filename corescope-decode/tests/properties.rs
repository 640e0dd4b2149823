//! What holds for all bytes. What is written is read: see `round_trips.rs`.

#![cfg(all(feature = "encode", feature = "signatures"))]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::assert_tiled;
use corescope_decode::compat::{go, vector};
use corescope_decode::dissect::Node;
use corescope_decode::encode::sample::traffic;
use corescope_decode::encode::{Encode, FrameBuilder};
use corescope_decode::payload::*;
use corescope_decode::plugin::{Registry, Subject};
use corescope_decode::transport::companion::Message;
use corescope_decode::transport::{StreamDecoder, kiss, uri::Uri};
use corescope_decode::*;
use proptest::prelude::*;

/// Bytes that look like a frame more often than chance would have it.
fn frame_like() -> impl Strategy<Value = Vec<u8>> {
    let random = proptest::collection::vec(any::<u8>(), 0..260);
    let shaped = (any::<u8>(), 0_u8..0xC8, proptest::collection::vec(any::<u8>(), 0..220)).prop_map(
        |(header, path_len, rest)| {
            let mut bytes = vec![header & 0x3F];
            if Header(header).route_type().has_transport_codes() {
                bytes.extend([1, 2, 3, 4]);
            }
            bytes.push(path_len);
            bytes.extend(rest);
            bytes
        },
    );
    let damaged = (0_usize..400, any::<u64>(), any::<prop::sample::Index>(), any::<u8>(), 0_usize..30)
        .prop_map(|(pick, _, place, byte, cut)| {
            let mut frame = traffic(400, 5).swap_remove(pick);
            let at = place.index(frame.len());
            frame[at] = byte;
            frame.truncate(frame.len().saturating_sub(cut));
            frame
        });
    prop_oneof![2 => random, 5 => shaped, 1 => damaged]
}

fn ring() -> KeyRing {
    let mut ring = KeyRing::with_public();
    for name in ["#test", "#bot", "#weather"] {
        ring.insert_hashtag(name);
    }
    ring
}

/// Every node with a plaintext beneath it.
fn decrypted<'t>(nodes: &'t [Node], visit: &mut impl FnMut(&'t dissect::Decrypted)) {
    for node in nodes {
        if let Some(plain) = &node.decrypted {
            visit(plain);
            decrypted(&plain.fields, visit);
        }
        decrypted(&node.children, visit);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_decoded_or_refused_and_the_tree_covers_them(bytes in frame_like()) {
        let ring = ring();
        let tree = Dissector::new().with_ring(&ring).dissect(&bytes);
        assert_tiled(&tree.leaves(), &bytes);
        for leaf in tree.leaves() {
            prop_assert!(leaf.range.len() <= 8 || leaf.name != "payload" || is_opaque(&bytes), "{leaf:?}");
        }
        prop_assert!(!tree.to_string().is_empty());
        match Packet::parse(&bytes) {
            Ok(packet) => {
                prop_assert_eq!(tree.error, None);
                let typed = packet.typed();
                // What the tree says is wrong is what decoding says, in the same order.
                let told: Vec<_> = typed.issues.iter().copied().collect();
                prop_assert_eq!(&tree.issues[..told.len()], &told[..]);
                prop_assert_eq!(FrameBuilder::like(&packet).build(packet.payload_type(), packet.payload()).unwrap(), bytes.clone());
                // What no firmware writes after the last field is read, reported and not written.
                let canonical = !typed.issues.contains(IssueKind::TrailingBytes)
                    && !typed.issues.contains(IssueKind::PayloadTooShort);
                if canonical {
                    prop_assert_eq!(typed.payload.to_vec(), packet.payload());
                }
                go::decoded_json(&packet, Some(&ring), false);
                go::path_json(&packet);
            }
            Err(error) => {
                prop_assert_eq!(tree.error, Some(error));
                prop_assert!(!error.to_string().is_empty());
            }
        }
        let json = vector::packet_json(&bytes, &vector::Context { ring, ..Default::default() });
        prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{}", json);
    }

    #[test]
    fn any_plaintext_is_read_to_its_last_byte(
        bytes in proptest::collection::vec(any::<u8>(), 0..180),
        prefix_len in 0_u8..40,
        kind in 0_u8..6,
    ) {
        let target = NodeType::from_number(kind);
        let secret = SharedSecret::new([7; 32]);
        let secrets = [("x".to_owned(), secret.clone())];
        for request in [
            ReplyTo::Unknown, ReplyTo::Login, ReplyTo::Status(target), ReplyTo::Telemetry, ReplyTo::AvgMinMax,
            ReplyTo::AccessList, ReplyTo::Neighbours { prefix_len }, ReplyTo::OwnerInfo, ReplyTo::AnonRegions,
            ReplyTo::AnonOwner, ReplyTo::AnonBasic,
        ] {
            for payload_type in [PayloadType::Response, PayloadType::Path, PayloadType::Request, PayloadType::TextMessage] {
                let payload = Peer::seal(&[1; 32], &[2; 32], &secret, &bytes);
                let Ok(frame) = FrameBuilder::direct().build(payload_type, &payload) else { continue };
                let dissector = Dissector::new().with_secrets(&secrets).with_target(target).with_request(request);
                let tree = dissector.dissect(&frame);
                let mut seen = 0;
                decrypted(&tree.fields, &mut |plain| { seen += 1; covered(plain); });
                prop_assert_eq!(seen, usize::from(!bytes.is_empty()));
            }
        }
        let payload = AnonRequest::seal(&[1; 32], &[2; 32], &secret, &bytes);
        if let Ok(frame) = FrameBuilder::direct().build(PayloadType::AnonRequest, &payload) {
            let tree = Dissector::new().with_secrets(&secrets).with_target(target).dissect(&frame);
            decrypted(&tree.fields, &mut covered);
        }
        let key = ChannelKey::from_hashtag("#test");
        let ring: KeyRing = [("#test", key.clone())].into_iter().collect();
        for payload_type in [PayloadType::GroupText, PayloadType::GroupData] {
            let Ok(frame) = FrameBuilder::flood().build(payload_type, &Group::seal(&key, &bytes)) else { continue };
            let tree = Dissector::new().with_ring(&ring).dissect(&frame);
            decrypted(&tree.fields, &mut covered);
        }
        for record in response::Telemetry::parse(&bytes).records() {
            prop_assert!(record.values().all(f64::is_finite));
        }
    }

    #[test]
    fn streams_uris_and_hex_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..700), text in ".{0,80}") {
        let mut stream = StreamDecoder::new();
        let mut modem = kiss::Decoder::new();
        for &byte in &bytes {
            if let Some(frame) = stream.push(byte) {
                let _ = Message::parse(frame.body);
            }
            if let Some(frame) = modem.push(byte) {
                let _ = (frame.packet(), frame.rx_meta());
            }
        }
        let _ = Message::parse(&bytes);
        let _ = hex::parse(&text);
        let _ = Uri::parse(&text);
        let _ = Uri::parse(&format!("meshcore://channel/add?name={text}&secret={text}"));
        let _ = Uri::parse(&format!("meshcore://{}", hex::Hex(&bytes)));
    }

    #[test]
    fn the_registry_of_built_ins_tells_the_same_tree(bytes in frame_like()) {
        let registry = Registry::with_built_ins();
        let ring = ring();
        let plain = Dissector::new().with_ring(&ring).dissect(&bytes);
        let through = Dissector::new().with_ring(&ring).with_registry(&registry).dissect(&bytes);
        prop_assert_eq!(plain.fields, through.fields);
        if let Ok(packet) = Packet::parse(&bytes)
            && let Some(decoded) = registry.decode(&Subject::Payload(&packet))
        {
            let value = decoded.downcast_ref::<plugin::OwnedPayload>().unwrap();
            prop_assert_eq!(value.get(), Some(packet.typed().payload));
        }
    }
}

/// The fields of a plaintext cover it, and none of them is its payload as a whole.
fn covered(plain: &dissect::Decrypted) {
    assert_tiled(&plain.leaves(), &plain.bytes);
    assert!(plain.leaves().iter().all(|leaf| leaf.name != "payload"));
}

fn is_opaque(bytes: &[u8]) -> bool {
    Packet::parse(bytes).is_ok_and(|packet| matches!(packet.typed().payload, Payload::Opaque(_)))
}
