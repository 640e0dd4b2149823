//! What holds for all bytes, and for all values that can be written.

#![cfg(all(feature = "encode", feature = "signatures"))]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::assert_tiled;
use corescope_decode::compat::{go, vector};
use corescope_decode::dissect::Node;
use corescope_decode::encode::sample::traffic;
use corescope_decode::encode::{AdvertBuilder, Encode, FrameBuilder};
use corescope_decode::payload::*;
use corescope_decode::plugin::{Registry, Subject};
use corescope_decode::text::Text;
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
                decrypted(&tree.fields, &mut |plain| { seen += 1; assert_tiled(&plain.leaves(), &plain.bytes); });
                prop_assert_eq!(seen, usize::from(!bytes.is_empty()));
            }
        }
        let payload = AnonRequest::seal(&[1; 32], &[2; 32], &secret, &bytes);
        if let Ok(frame) = FrameBuilder::direct().build(PayloadType::AnonRequest, &payload) {
            let tree = Dissector::new().with_secrets(&secrets).with_target(target).dissect(&frame);
            decrypted(&tree.fields, &mut |plain| assert_tiled(&plain.leaves(), &plain.bytes));
        }
        let key = ChannelKey::from_hashtag("#test");
        let ring: KeyRing = [("#test", key.clone())].into_iter().collect();
        for payload_type in [PayloadType::GroupText, PayloadType::GroupData] {
            let Ok(frame) = FrameBuilder::flood().build(payload_type, &Group::seal(&key, &bytes)) else { continue };
            let tree = Dissector::new().with_ring(&ring).dissect(&frame);
            decrypted(&tree.fields, &mut |plain| assert_tiled(&plain.leaves(), &plain.bytes));
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
    fn text_messages_come_back(time: u32, attempt: u8, text in "[^\0]{0,40}", cli: bool) {
        let message = if cli { TextMessage::cli(time, &text) } else { TextMessage::plain(time, attempt, &text) };
        let bytes = padded(&message);
        let read = TextMessage::parse(&bytes).unwrap();
        prop_assert_eq!(read, message);
        prop_assert_eq!(padded(&read), bytes);
    }

    #[test]
    fn group_messages_come_back_through_their_key(time: u32, text in "[^\0]{0,40}", data_type: u16, blob in proptest::collection::vec(any::<u8>(), 0..165), key: [u8; 32], long: bool) {
        let key = if long { ChannelKey::from_256(key) } else { ChannelKey::from_bytes(&key[..16]).unwrap() };
        let ring: KeyRing = [("c", key.clone())].into_iter().collect();
        let payload = Group::seal(&key, &GroupText::new(time, &text));
        let frame = FrameBuilder::flood().build(PayloadType::GroupText, &payload).unwrap();
        let Payload::GroupText(group) = Packet::parse(&frame).unwrap().typed().payload else { panic!() };
        let opened = ring.open(&group).unwrap();
        let message = GroupText::parse(opened.plaintext.as_bytes()).unwrap();
        prop_assert_eq!((message.timestamp, message.text().unwrap().as_str()), (time, Some(text.as_str())));
        let data = GroupData::new(data_type, &blob).unwrap();
        let payload = Group::seal(&key, &data);
        let frame = FrameBuilder::flood().build(PayloadType::GroupData, &payload).unwrap();
        let Payload::GroupData(group) = Packet::parse(&frame).unwrap().typed().payload else { panic!() };
        let opened = ring.open(&group).unwrap();
        prop_assert_eq!(GroupData::parse(opened.plaintext.as_bytes()).unwrap(), data);
    }

    #[test]
    fn requests_and_answers_come_back(time: u32, body in request_body(), answer in answer()) {
        let request = Request::new(time, body);
        let bytes = padded(&request);
        let read = Request::parse(&bytes).unwrap();
        prop_assert_eq!(read, request);
        let (response, context) = answer.borrow(time);
        let bytes = padded(&response);
        let read = Response::parse(&bytes, context).unwrap();
        prop_assert_eq!(padded(&read), bytes);
    }

    #[test]
    fn frames_come_back(route in 0_u8..4, version in 0_u8..4, kind in 0_u8..16, size in 1_usize..4, hops in 0_usize..22, scope: u16, home: u16, payload in proptest::collection::vec(any::<u8>(), 0..185)) {
        let path: Vec<u8> = (0..hops * size).map(|n| n as u8).collect();
        let builder = FrameBuilder::new(Header(route).route_type())
            .codes(TransportCodes { scope, home })
            .version(version)
            .path(size, &path)
            .unwrap();
        let bytes = builder.build(PayloadType::from_number(kind), &payload).unwrap();
        let packet = Packet::parse(&bytes).unwrap();
        prop_assert_eq!(packet.route_type() as u8, route);
        prop_assert_eq!((packet.version(), packet.payload_type().number()), (version, kind));
        prop_assert_eq!(packet.path().as_bytes(), &path);
        prop_assert_eq!(packet.payload(), &payload);
        let codes = packet.route_type().has_transport_codes().then_some(TransportCodes { scope, home });
        prop_assert_eq!(packet.transport_codes(), codes);
    }

    #[test]
    fn adverts_come_back_signed(seed: [u8; 32], time: u32, kind in 0_u8..16, lat in -90_000_000..=90_000_000_i32, lon in -180_000_000..=180_000_000_i32, place: bool, feature: Option<u16>, name in "[^\0]{0,12}", flip in any::<prop::sample::Index>()) {
        let keys = crypto::KeyPair::from_seed(&seed);
        let mut builder = AdvertBuilder::new(NodeType::from_number(kind), time).name(&name);
        if place {
            builder = builder.position(Position { lat_e6: lat, lon_e6: lon });
        }
        if let Some(value) = feature {
            builder = builder.feature1(value).feature2(value);
        }
        let payload = builder.sign(&keys);
        let mut frame = FrameBuilder::flood().build(PayloadType::Advert, &payload).unwrap();
        {
            let typed = Packet::parse(&frame).unwrap().typed();
            prop_assert!(typed.issues.is_empty(), "{:?}", typed.issues);
            let Payload::Advert(advert) = typed.payload else { panic!() };
            prop_assert_eq!((advert.timestamp, advert.node_type().number()), (time, kind));
            prop_assert_eq!(advert.position.is_some(), place);
            prop_assert_eq!((advert.feature1, advert.feature2), (feature, feature));
            let shown = advert.name.map_or("", |name| name.as_str().unwrap());
            prop_assert!(name.starts_with(shown) && (shown.len() == name.len() || advert.appdata.len() > 28));
            prop_assert!(crypto::verify_advert(&advert));
            prop_assert_eq!(crypto::verify_adverts(&[advert, advert]), [true, true]);
        }
        let at = 2 + flip.index(frame.len() - 2);
        frame[at] ^= 1;
        if let Payload::Advert(advert) = Packet::parse(&frame).unwrap().typed().payload {
            prop_assert!(!crypto::verify_advert(&advert));
        }
    }

    #[test]
    fn peers_share_a_secret(a: [u8; 32], b: [u8; 32]) {
        let (a, b) = (crypto::KeyPair::from_seed(&a), crypto::KeyPair::from_seed(&b));
        let (one, two) = (a.shared_secret(b.public()).unwrap(), b.shared_secret(a.public()).unwrap());
        prop_assert_eq!(one.as_bytes(), two.as_bytes());
    }

    #[test]
    fn kiss_and_companion_messages_come_back(data in proptest::collection::vec(any::<u8>(), 1..170), port in 0_u8..16, command in 0_u8..16, snr_q: i8, rssi: i8) {
        let mut wire = Vec::new();
        kiss::Frame { port, command, data: &data }.encode(&mut wire);
        let mut decoder = kiss::Decoder::new();
        let frames: Vec<_> = wire.iter().filter_map(|&b| decoder.push(b).map(|f| (f.port, f.command, f.data.to_vec()))).collect();
        prop_assert_eq!(frames, vec![(port, command, data.clone())]);
        let message = Message::LogRx { snr_q, rssi, raw: &data };
        let mut body = Vec::new();
        message.encode(&mut body);
        prop_assert_eq!(Message::parse(&body), Ok(message));
    }

    #[test]
    fn uris_come_back(name in "\\PC{0,20}", secret: [u8; 16], key: [u8; 32], kind in 1_u8..5, scope in proptest::option::of("\\PC{0,10}")) {
        for uri in [
            Uri::Channel { name: name.clone(), secret, region_scope: scope },
            Uri::Contact { name, public_key: key, node_type: NodeType::from_number(kind) },
        ] {
            prop_assert_eq!(Uri::parse(&uri.to_string()), Ok(uri));
        }
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

fn is_opaque(bytes: &[u8]) -> bool {
    Packet::parse(bytes).is_ok_and(|packet| matches!(packet.typed().payload, Payload::Opaque(_)))
}

/// As the cipher pads it.
fn padded(value: &impl Encode) -> Vec<u8> {
    let mut bytes = value.to_vec();
    bytes.resize(bytes.len().next_multiple_of(16), 0);
    bytes
}

fn request_body() -> impl Strategy<Value = RequestBody<'static>> {
    prop_oneof![
        Just(RequestBody::Status),
        Just(RequestBody::OwnerInfo),
        proptest::option::of(1..u32::MAX).prop_map(|since| RequestBody::KeepAlive { since }),
        any::<u8>().prop_map(|permissions| RequestBody::Telemetry { permissions }),
        any::<(u32, u32, [u8; 2])>().prop_map(|(start_secs_ago, end_secs_ago, reserved)| {
            RequestBody::AvgMinMax { start_secs_ago, end_secs_ago, reserved }
        }),
        any::<[u8; 2]>().prop_map(|reserved| RequestBody::AccessList { reserved }),
        any::<(u8, u8, u16, u8, u8)>().prop_map(|(version, count, offset, order, prefix_len)| {
            RequestBody::Neighbours { version, count, offset, order, prefix_len }
        }),
    ]
}

/// An answer with what it borrows.
#[derive(Debug)]
enum Answer {
    Login(response::Login),
    Room(u16, u16, i16),
    Telemetry(Vec<u8>),
    Access(Vec<u8>),
    Neighbours(u16, u8, Vec<u8>),
    Owner(String, String, String),
    Basic(u32, u8),
}

impl Answer {
    fn borrow(&self, tag: u32) -> (Response<'_>, ReplyTo) {
        let (body, context) = match self {
            Self::Login(login) => (ResponseBody::Login(*login), ReplyTo::Login),
            Self::Room(posted, battery, noise) => {
                let status = response::Status {
                    batt_milli_volts: *battery,
                    curr_tx_queue_len: 1,
                    noise_floor: *noise,
                    last_rssi: -90,
                    n_packets_recv: tag,
                    n_packets_sent: 3,
                    total_air_time_secs: 4,
                    total_up_time_secs: 5,
                    n_sent_flood: 6,
                    n_sent_direct: 7,
                    n_recv_flood: 8,
                    n_recv_direct: 9,
                    err_events: 10,
                    last_snr_q: -11,
                    n_direct_dups: 12,
                    n_flood_dups: 13,
                    tail: response::StatusTail::Room { n_posted: Some(*posted), n_post_push: Some(2) },
                };
                (ResponseBody::Status(status), ReplyTo::Status(NodeType::Room))
            }
            Self::Telemetry(bytes) => {
                (ResponseBody::Telemetry(response::Telemetry::parse(bytes)), ReplyTo::Telemetry)
            }
            Self::Access(bytes) => {
                (ResponseBody::AccessList(response::AccessList::from_bytes(bytes)), ReplyTo::AccessList)
            }
            Self::Neighbours(total, prefix_len, bytes) => (
                ResponseBody::Neighbours(response::Neighbours::new(*total, *prefix_len, bytes)),
                ReplyTo::Neighbours { prefix_len: *prefix_len },
            ),
            Self::Owner(version, name, owner) => (
                ResponseBody::OwnerInfo(response::OwnerInfo {
                    firmware_version: Text(version.as_bytes()),
                    node_name: Some(Text(name.as_bytes())),
                    owner_info: Some(Text(owner.as_bytes())),
                }),
                ReplyTo::OwnerInfo,
            ),
            Self::Basic(clock, features) => (
                ResponseBody::Basic(response::BasicInfo { clock: *clock, features: *features }),
                ReplyTo::AnonBasic,
            ),
        };
        (Response { tag, body }, context)
    }
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        any::<([u8; 4], [u8; 4], u8)>().prop_map(|(numbers, random, firmware_level)| {
            let [result, legacy_keep_alive, is_admin, permissions] = numbers;
            Answer::Login(response::Login {
                result,
                legacy_keep_alive,
                is_admin,
                permissions,
                random,
                firmware_level,
            })
        }),
        any::<(u16, u16, i16)>().prop_map(|(a, b, c)| Answer::Room(a, b, c)),
        proptest::collection::vec((1_u8..=255, any::<i16>()), 0..20).prop_map(|records| {
            let mut bytes = Vec::new();
            for (channel, number) in records {
                response::LppRecord::new(channel, 103, &[number.into()]).unwrap().encode(&mut bytes);
            }
            Answer::Telemetry(bytes)
        }),
        proptest::collection::vec(any::<([u8; 6], u8)>(), 0..12).prop_map(|entries| {
            let mut bytes = Vec::new();
            for (prefix, permissions) in entries {
                response::AccessEntry { prefix, permissions }.encode(&mut bytes);
            }
            Answer::Access(bytes)
        }),
        (any::<u16>(), 1_u8..=32, 0_usize..5).prop_map(|(total, prefix_len, count)| {
            let bytes = (0..count * (usize::from(prefix_len) + 5)).map(|n| n as u8).collect();
            Answer::Neighbours(total, prefix_len, bytes)
        }),
        ("[^\0\n]{0,10}", "[^\0\n]{0,10}", "[^\0]{0,10}").prop_map(|(a, b, c)| Answer::Owner(a, b, c)),
        any::<(u32, u8)>().prop_map(|(clock, features)| Answer::Basic(clock, features)),
    ]
}
