//! Our own vectors: a line each, data and not code. A new case is a line in
//! `tests/data/vectors.jsonl`; with `UPDATE_VECTORS=1` the expectations are written anew, for a
//! person to read the difference.

#![cfg(all(feature = "encode", feature = "signatures"))]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::PathBuf;

use corescope_decode::compat::vector::{Context, packet_json};
use corescope_decode::{ChannelKey, SharedSecret, hex};
use serde_json::{Value, json};

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors.jsonl")
}

fn context(vector: &Value) -> Context {
    let mut context = Context::default();
    for (name, key) in vector["keys"]["channels"].as_object().into_iter().flatten() {
        context.ring.insert(name, ChannelKey::from_hex(key.as_str().unwrap()).unwrap());
    }
    let secret = vector["keys"]["shared_secret"].as_str();
    context.secret = secret.map(|text| SharedSecret::new(hex::parse_array(text).unwrap()));
    if let Some(regions) = vector["keys"]["regions"].as_array() {
        context.regions = Some(regions.iter().map(|name| name.as_str().unwrap().to_owned()).collect());
    }
    context
}

#[test]
fn every_line_comes_out_as_written() {
    let text = std::fs::read_to_string(file()).unwrap();
    let update = std::env::var_os("UPDATE_VECTORS").is_some();
    let mut lines = Vec::new();
    let mut wrong = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let mut vector: Value = serde_json::from_str(line).unwrap();
        let frame = hex::parse(vector["raw_hex"].as_str().unwrap()).unwrap();
        let ours: Value = serde_json::from_str(&packet_json(&frame, &context(&vector))).unwrap();
        if vector["expect"] != ours {
            wrong.push(format!("{}\n  expected {}\n  ours     {ours}", vector["name"], vector["expect"]));
            vector["expect"] = ours;
        }
        lines.push(vector.to_string());
    }
    if update {
        std::fs::write(file(), lines.join("\n") + "\n").unwrap();
        return;
    }
    assert!(lines.len() > 60, "only {} vectors", lines.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Writes the made-up lines of the file. Not a test of anything: run by hand when cases are added.
#[test]
#[ignore = "writes the data file"]
fn write_lines() {
    let secret = SharedSecret::new([0x5A; 32]);
    let mut lines = Vec::new();
    for (name, frame, keys) in cases::all(&secret) {
        lines
            .push(json!({ "name": name, "raw_hex": hex::Hex(&frame).to_string(), "keys": keys }).to_string());
    }
    std::fs::write(file(), lines.join("\n") + "\n").unwrap();
}

mod cases {
    use super::*;
    use corescope_decode::encode::sample::traffic;
    use corescope_decode::encode::{AdvertBuilder, Encode, FrameBuilder};
    use corescope_decode::payload::*;
    use corescope_decode::{PayloadType, RegionKey, RouteType};

    type Case = (String, Vec<u8>, Value);

    pub(super) fn all(secret: &SharedSecret) -> Vec<Case> {
        let test = ChannelKey::from_hashtag("#test");
        let channels = json!({ "channels": { "#test": hex::Hex(test.as_bytes()).to_string() } });
        let mut cases: Vec<Case> = traffic(24, 99)
            .into_iter()
            .enumerate()
            .map(|(n, frame)| (format!("traffic-{n}"), frame, channels.clone()))
            .collect();
        let mut add = |name: &str, frame: Vec<u8>, keys: Value| cases.push((name.to_owned(), frame, keys));
        let flood = FrameBuilder::flood();
        let direct = FrameBuilder::direct();
        let peer = json!({ "shared_secret": hex::Hex(secret.as_bytes()).to_string() });
        let (to, from) = ([0xA1; 32], [0xB2; 32]);
        let text = |body: &str| Group::seal(&test, &GroupText::new(1_770_000_000, body));
        for (name, body) in [
            ("sender", "Ann: hello"),
            ("no-sender", "hello"),
            ("markup", "<b>&\"x\": y"),
            ("empty", ""),
            ("umlaut", "Öb: grüße 🏔"),
        ] {
            add(
                &format!("group-{name}"),
                flood.build(PayloadType::GroupText, &text(body)).unwrap(),
                channels.clone(),
            );
        }
        let region = RegionKey::from_name("ottawa").unwrap();
        add(
            "scoped",
            FrameBuilder::new(RouteType::TransportFlood)
                .build_scoped(PayloadType::GroupText, &text("Bo: here"), &region)
                .unwrap(),
            json!({ "regions": ["ottawa", "ember"], "channels": channels["channels"] }),
        );
        for (name, body) in [
            ("status", RequestBody::Status),
            ("keep-alive", RequestBody::KeepAlive { since: Some(1_769_000_000) }),
            ("telemetry", RequestBody::Telemetry { permissions: 0xFF }),
            ("owner", RequestBody::OwnerInfo),
            ("unknown", RequestBody::Unknown(b"what?")),
            (
                "neighbours",
                RequestBody::Neighbours { version: 0, count: 9, offset: 300, order: 3, prefix_len: 4 },
            ),
        ] {
            let payload = Peer::seal(&to, &from, secret, &Request::new(1_770_000_000, body));
            add(
                &format!("request-{name}"),
                direct.build(PayloadType::Request, &payload).unwrap(),
                peer.clone(),
            );
        }
        for (name, message) in [
            ("plain", TextMessage::plain(1_770_000_000, 2, "on my way")),
            ("attempt-9", TextMessage::plain(1_770_000_000, 9, "on my way")),
            ("cli", TextMessage::cli(1_770_000_000, "get name")),
        ] {
            let payload = Peer::seal(&to, &from, secret, &message);
            add(
                &format!("text-{name}"),
                direct.build(PayloadType::TextMessage, &payload).unwrap(),
                peer.clone(),
            );
        }
        let path = corescope_decode::Path::from_bytes(2, &[1, 2, 3, 4]).unwrap();
        for (name, back) in [
            ("ack", ReturnPath::with_ack(path, &[9, 8, 7, 6, 0, 0x33])),
            ("response", ReturnPath::with_response(path, &[1, 0, 0, 0, 5])),
            ("alone", ReturnPath::alone(path, &[1, 2, 3, 4])),
        ] {
            let payload = Peer::seal(&to, &from, secret, &back);
            add(&format!("path-{name}"), flood.build(PayloadType::Path, &payload).unwrap(), peer.clone());
        }
        let keys = corescope_decode::crypto::KeyPair::from_seed(&[3; 32]);
        for (name, builder) in [
            ("bare", AdvertBuilder::new(NodeType::None, 0)),
            ("named", AdvertBuilder::new(NodeType::Room, 1).name("Harbour room")),
            (
                "full",
                AdvertBuilder::new(NodeType::Sensor, u32::MAX)
                    .position(Position { lat_e6: -1, lon_e6: 179_999_999 })
                    .feature1(1)
                    .feature2(0xFFFF)
                    .name("a name that is far too long to fit"),
            ),
        ] {
            let payload = builder.sign(&keys);
            add(&format!("advert-{name}"), flood.build(PayloadType::Advert, &payload).unwrap(), json!({}));
            for cut in [0, 31, 35, 99, 100] {
                let frame = flood.build(PayloadType::Advert, &payload[..cut.min(payload.len())]).unwrap();
                add(&format!("advert-{name}-cut-{cut}"), frame, json!({}));
            }
        }
        let hashes = [1, 2, 3, 4, 5, 6, 7, 8];
        for flags in 0..4 {
            let trace = Trace { snr: &[], tag: 7, auth_code: 0, flags, hashes: &hashes, unaligned: &[] };
            let frame = FrameBuilder::direct().path(1, &[0xF0, 0x10]).unwrap();
            add(&format!("trace-{flags}"), frame.build(PayloadType::Trace, &trace).unwrap(), json!({}));
        }
        let request = DiscoverRequest { type_filter: 0x1E, tag: 5, since: Some(9) };
        let control = Control::discover(request, true);
        add("discover", direct.build(PayloadType::Control, &control).unwrap(), json!({}));
        add("discover-flooded", flood.build(PayloadType::Control, &control).unwrap(), json!({}));
        let response = DiscoverResponse {
            node_type: NodeType::Repeater,
            snr_q: -7,
            tag: 5,
            key: Some(ResponderKey::Full(&[0xC3; 32])),
        };
        let control = Control::discovered(response);
        add("discovered", direct.build(PayloadType::Control, &control).unwrap(), json!({}));
        let ack = Ack { checksum: [1, 2, 3, 4], tail: &[2, 0x77] };
        add("ack", flood.build(PayloadType::Ack, &ack).unwrap(), json!({}));
        let part = Multipart { remaining: 2, inner_type: 3, body: MultipartBody::Ack(ack) };
        add("multipart", direct.build(PayloadType::Multipart, &part).unwrap(), json!({}));
        for kind in PayloadType::ALL {
            for len in [0, 1, 5] {
                let payload = vec![0x91_u8; len];
                add(&format!("{kind}-{len}"), direct.build(kind, &payload).unwrap(), json!({}));
            }
        }
        let odd = flood.clone().version(2).build(PayloadType::Ack, &ack.to_vec()).unwrap();
        add("version-3", odd, json!({}));
        for (name, text) in
            [("nothing", ""), ("header", "15"), ("reserved-size", "15C0"), ("long-path", "157F01")]
        {
            add(&format!("frame-{name}"), hex::parse(text).unwrap(), json!({}));
        }
        cases
    }
}
