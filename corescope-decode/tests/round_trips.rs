//! What is written is read: values of every kind come back from the bytes that they make.

#![cfg(all(feature = "encode", feature = "signatures"))]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use corescope_decode::encode::{AdvertBuilder, Encode, FrameBuilder};
use corescope_decode::payload::*;
use corescope_decode::text::Text;
use corescope_decode::transport::companion::Message;
use corescope_decode::transport::{kiss, uri::Uri};
use corescope_decode::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_messages_come_back(time: u32, attempt: u8, text in "[^\0]{0,40}", cli: bool) {
        let message = if cli { TextMessage::cli(time, &text) } else { TextMessage::plain(time, attempt, &text) };
        let bytes = padded(&message);
        let read = TextMessage::parse(&bytes).unwrap();
        prop_assert_eq!(read, message);
        prop_assert_eq!(&padded(&read), &bytes);
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
        prop_assert_eq!(&padded(&read), &bytes);
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
    fn payloads_in_the_open_come_back(tag: u32, auth_code: u32, a: u8, b: u8, since: Option<u32>, key: [u8; 32], bytes in proptest::collection::vec(any::<u8>(), 1..40)) {
        let checksum = tag.to_be_bytes();
        let ack = Ack { checksum, tail: &bytes[..bytes.len().min(usize::from(b % 3))] };
        let size = 1 << (a & 3);
        let (hashes, unaligned) = bytes.split_at(bytes.len() - bytes.len() % size);
        let snr = &key[..usize::from(b % 32)];
        let trace = Trace { snr, tag, auth_code, flags: a, hashes, unaligned };
        let request = DiscoverRequest { type_filter: a, tag, since };
        let responder = [ResponderKey::Full(&key), ResponderKey::Prefix(key.first_chunk().unwrap())][usize::from(b & 1)];
        let node_type = NodeType::from_number(a & 15);
        let response = DiscoverResponse { node_type, snr_q: b as i8, tag, key: Some(responder) };
        let inner_type = if a & 15 == 3 { 4 } else { a & 15 };
        let remaining = b >> 4;
        let mac = [a, b];
        let peer = Peer { dest_hash: a, src_hash: b, mac, ciphertext: &bytes };
        let group = Group { channel_hash: a, mac, ciphertext: &bytes };
        for payload in [
            Payload::Ack(ack),
            Payload::Multipart(Multipart { remaining, inner_type: 3, body: MultipartBody::Ack(ack) }),
            Payload::Multipart(Multipart { remaining, inner_type, body: MultipartBody::Other(&bytes) }),
            Payload::Trace(trace),
            Payload::Control(Control::discover(request, b & 1 == 1)),
            Payload::Control(Control::discovered(response)),
            Payload::Control(Control { flags: a & 0x7F, body: ControlBody::Unknown(&bytes) }),
            Payload::RawCustom(RawCustom { data: &bytes }),
            Payload::Request(peer),
            Payload::Response(peer),
            Payload::TextMessage(peer),
            Payload::Path(peer),
            Payload::GroupText(group),
            Payload::GroupData(group),
            Payload::AnonRequest(AnonRequest { dest_hash: a, public_key: &key, mac, ciphertext: &bytes }),
        ] {
            let kind = kind_of(&payload);
            let path = if kind == PayloadType::Trace { snr } else { &[] };
            let frame = FrameBuilder::direct().path(1, path).unwrap().build(kind, &payload).unwrap();
            prop_assert_eq!(Packet::parse(&frame).unwrap().typed().payload, payload);
        }
    }

    #[test]
    fn anonymous_requests_come_back(timestamp: u32, sync_since: u32, password in "([ -~][^\0]{0,14})?", size in 1_usize..4, hops in 0_usize..4, sub_type in 4_u8..32, bytes in proptest::collection::vec(1_u8.., 0..20)) {
        let path: Vec<u8> = (0..size * hops).map(|n| n as u8).collect();
        let path = Path::from_bytes(size, &path).unwrap();
        let reply = ReplyPath { path_len: path.path_len(), path: Some(path) };
        let password = Text(password.as_bytes());
        for (target, variant) in [
            (NodeType::Repeater, AnonVariant::Login { password }),
            (NodeType::Room, AnonVariant::RoomLogin { sync_since, password }),
            (NodeType::Repeater, AnonVariant::Regions(reply)),
            (NodeType::Sensor, AnonVariant::Owner(reply)),
            (NodeType::Repeater, AnonVariant::Basic(reply)),
            (NodeType::Repeater, AnonVariant::Unknown { sub_type, data: &bytes }),
        ] {
            let body = AnonBody { timestamp, variant };
            let bytes = padded(&body);
            let read = AnonBody::parse(&bytes, Some(target)).unwrap();
            if !matches!(variant, AnonVariant::Unknown { .. }) {
                prop_assert_eq!(read, body);
            }
            prop_assert_eq!(&padded(&read), &bytes);
        }
    }

    #[test]
    fn paths_back_come_back(size in 1_usize..4, hops in 0_usize..20, ack in proptest::collection::vec(any::<u8>(), 4..7), random: [u8; 4], answer in proptest::collection::vec(any::<u8>(), 4..40)) {
        let path: Vec<u8> = (0..size * hops).map(|n| n as u8).collect();
        let path = Path::from_bytes(size, &path).unwrap();
        for back in [ReturnPath::with_ack(path, &ack), ReturnPath::with_response(path, &answer), ReturnPath::alone(path, &random)] {
            let bytes = padded(&back);
            let read = ReturnPath::parse(&bytes, ReplyTo::Unknown).unwrap();
            prop_assert_eq!((read.path, read.extra_byte), (Some(path), back.extra_byte));
            prop_assert_eq!(&padded(&read), &bytes);
            match read.body {
                Extra::Ack(read) => prop_assert_eq!(&read.checksum, ack.first_chunk().unwrap()),
                Extra::Response(read) => prop_assert_eq!(read.tag.to_le_bytes(), *answer.first_chunk().unwrap()),
                other => prop_assert_eq!(other, Extra::None),
            }
        }
    }
}

fn kind_of(payload: &Payload<'_>) -> PayloadType {
    match payload {
        Payload::Request(_) => PayloadType::Request,
        Payload::Response(_) => PayloadType::Response,
        Payload::TextMessage(_) => PayloadType::TextMessage,
        Payload::Ack(_) => PayloadType::Ack,
        Payload::GroupText(_) => PayloadType::GroupText,
        Payload::GroupData(_) => PayloadType::GroupData,
        Payload::AnonRequest(_) => PayloadType::AnonRequest,
        Payload::Path(_) => PayloadType::Path,
        Payload::Trace(_) => PayloadType::Trace,
        Payload::Multipart(_) => PayloadType::Multipart,
        Payload::Control(_) => PayloadType::Control,
        Payload::RawCustom(_) => PayloadType::RawCustom,
        other => panic!("{other:?} is not written on purpose"),
    }
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
    OwnerReply(u32, String, Option<String>),
    Regions(u32, String),
    AvgMinMax(u32, Vec<u8>),
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
            Self::OwnerReply(clock, name, owner) => (
                ResponseBody::Owner(response::OwnerReply {
                    clock: *clock,
                    node_name: Text(name.as_bytes()),
                    owner_info: owner.as_ref().map(|owner| Text(owner.as_bytes())),
                }),
                ReplyTo::AnonOwner,
            ),
            Self::Regions(clock, names) => (
                ResponseBody::Regions(response::Regions { clock: *clock, names: Text(names.as_bytes()) }),
                ReplyTo::AnonRegions,
            ),
            Self::AvgMinMax(now, bytes) => {
                (ResponseBody::AvgMinMax(response::AvgMinMax::from_bytes(*now, bytes)), ReplyTo::AvgMinMax)
            }
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
        (any::<u32>(), "[^\0\n]{0,10}", proptest::option::of("[^\0]{0,10}"))
            .prop_map(|(clock, name, owner)| Answer::OwnerReply(clock, name, owner)),
        (any::<u32>(), "[a-z,*]{0,20}").prop_map(|(clock, names)| Answer::Regions(clock, names)),
        (any::<u32>(), proptest::collection::vec((1_u8..=255, any::<u8>(), any::<u8>()), 0..5)).prop_map(
            |(now, series)| {
                let mut bytes = Vec::new();
                for (channel, lpp_type, number) in series {
                    let value = f64::from(number);
                    response::Series { channel, lpp_type, min: value, max: value, avg: value }
                        .encode(&mut bytes);
                }
                Answer::AvgMinMax(now, bytes)
            }
        ),
        any::<(u32, u8)>().prop_map(|(clock, features)| Answer::Basic(clock, features)),
    ]
}
