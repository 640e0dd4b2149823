//! What the fuzz targets do with their bytes. An ordinary test calls the same functions on the
//! seeds and on past crashes, so that a broken target is noticed without a fuzzer.

use std::sync::LazyLock;

use corescope_decode::compat::{go, vector};
use corescope_decode::dissect::Node;
use corescope_decode::encode::{Encode, FrameBuilder};
use corescope_decode::payload::{
    AnonBody, AnonRequest, Group, GroupData, GroupText, NodeType, Peer, ReplyTo, Request, Response,
    ReturnPath, TextMessage, response,
};
use corescope_decode::transport::companion::Message;
use corescope_decode::transport::{StreamDecoder, kiss, uri::Uri};
use corescope_decode::{
    ChannelKey, Dissector, IssueKind, KeyRing, Packet, PayloadType, SharedSecret, hex, packet_hash,
};

/// Every target, by the name of its file.
pub const TARGETS: &[(&str, fn(&[u8]))] = &[
    ("frame", frame),
    ("plain_txt_msg", plain_txt_msg),
    ("plain_grp_txt", plain_grp_txt),
    ("plain_grp_data", plain_grp_data),
    ("plain_req", plain_req),
    ("plain_response", plain_response),
    ("plain_path", plain_path),
    ("plain_anon_req", plain_anon_req),
    ("companion", companion),
    ("kiss", kiss_stream),
    ("uri", uri),
    ("uplink_json", uplink_json),
    ("filter_language", filter_language),
];

/// What frames are read with: made once, since a run should spend its time on its bytes.
static CONTEXT: LazyLock<vector::Context> =
    LazyLock::new(|| vector::Context { ring: KeyRing::with_public(), ..Default::default() });

/// The secret of two nodes, and the key of a channel.
static SECRETS: LazyLock<[(String, SharedSecret); 1]> =
    LazyLock::new(|| [("x".to_owned(), SharedSecret::new([7; 32]))]);
static TEST_RING: LazyLock<KeyRing> =
    LazyLock::new(|| [("#test", ChannelKey::from_hashtag("#test"))].into_iter().collect());

/// A frame: decoded, dissected, hashed, written again.
pub fn frame(bytes: &[u8]) {
    let ring = &CONTEXT.ring;
    let tree = Dissector::new().with_ring(ring).verifying().dissect(bytes);
    covers(&tree.fields, bytes.len());
    let _ = vector::packet_json(bytes, &CONTEXT);
    let Ok(packet) = Packet::parse(bytes) else { return };
    packet_hash(&packet);
    go::decoded_json(&packet, Some(ring), false);
    let again = FrameBuilder::like(&packet).build(packet.payload_type(), packet.payload());
    assert_eq!(again.as_deref(), Ok(bytes));
    let typed = packet.typed();
    if !typed.issues.contains(IssueKind::TrailingBytes) && !typed.issues.contains(IssueKind::PayloadTooShort)
    {
        assert_eq!(typed.payload.to_vec(), packet.payload());
    }
}

/// The fields follow one another from the first byte to the last.
fn covers(fields: &[Node], len: usize) {
    let mut at = 0;
    for node in fields {
        assert_eq!(node.range.start, at, "{node:?}");
        at = node.range.end;
    }
    assert_eq!(at, len);
}

fn in_peer(kind: PayloadType, plain: &[u8], target: NodeType, request: ReplyTo) {
    let secrets = &*SECRETS;
    let payload = match kind {
        PayloadType::AnonRequest => AnonRequest::seal(&[1; 32], &[2; 32], &secrets[0].1, &plain.to_vec()),
        _ => Peer::seal(&[1; 32], &[2; 32], &secrets[0].1, &plain.to_vec()),
    };
    let Ok(frame) = FrameBuilder::direct().build(kind, &payload) else { return };
    let dissector = Dissector::new().with_secrets(secrets).with_target(target).with_request(request);
    covers(&dissector.dissect(&frame).fields, frame.len());
}

fn on_channel(kind: PayloadType, plain: &[u8]) {
    let Some(channel) = TEST_RING.get("#test") else { return };
    let payload = Group::seal(&channel.key, &plain.to_vec());
    let Ok(frame) = FrameBuilder::flood().build(kind, &payload) else { return };
    covers(&Dissector::new().with_ring(&TEST_RING).dissect(&frame).fields, frame.len());
    if let Ok(packet) = Packet::parse(&frame) {
        go::decoded_json(&packet, Some(&TEST_RING), false);
    }
}

/// The plaintext of TXT_MSG.
pub fn plain_txt_msg(bytes: &[u8]) {
    if let Some(message) = TextMessage::parse(bytes) {
        let _ = (message.expected_ack(&[1; 32], &[2; 32]), message.to_vec());
    }
    in_peer(PayloadType::TextMessage, bytes, NodeType::None, ReplyTo::Unknown);
}

/// The plaintext of GRP_TXT.
pub fn plain_grp_txt(bytes: &[u8]) {
    if let Some(message) = GroupText::parse(bytes) {
        let _ = message.text().map(|text| (text.split_sender(), text.to_string()));
    }
    on_channel(PayloadType::GroupText, bytes);
}

/// The plaintext of GRP_DATA.
pub fn plain_grp_data(bytes: &[u8]) {
    let _ = GroupData::parse(bytes).map(|data| (data.owner(), data.to_vec()));
    on_channel(PayloadType::GroupData, bytes);
}

/// The plaintext of REQ.
pub fn plain_req(bytes: &[u8]) {
    let _ = Request::parse(bytes).map(|request| (request.name(), request.to_vec()));
    in_peer(PayloadType::Request, bytes, NodeType::None, ReplyTo::Unknown);
}

/// The plaintext of RESPONSE: the first byte says what it answers.
pub fn plain_response(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let (request, target) = context(choice);
    if let Some(answer) = Response::parse(bytes, request) {
        let _ = answer.to_vec();
    }
    let _: Vec<String> =
        response::Telemetry::parse(bytes).records().map(|record| record.to_string()).collect();
    in_peer(PayloadType::Response, bytes, target, request);
}

/// The plaintext of PATH: the first byte says what an answer inside answers.
pub fn plain_path(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let (request, target) = context(choice);
    let _ = ReturnPath::parse(bytes, request).map(|path| path.to_vec());
    in_peer(PayloadType::Path, bytes, target, request);
}

/// The plaintext of ANON_REQ: the first byte says for what kind of node.
pub fn plain_anon_req(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let target = NodeType::from_number(choice & 0x0F);
    let _ = AnonBody::parse(bytes, Some(target)).map(|body| body.to_vec());
    in_peer(PayloadType::AnonRequest, bytes, target, ReplyTo::Unknown);
}

fn context(choice: u8) -> (ReplyTo, NodeType) {
    let target = NodeType::from_number(choice >> 4);
    let request = match choice & 0x0F {
        0 => ReplyTo::Login,
        1 => ReplyTo::Status(target),
        2 => ReplyTo::Telemetry,
        3 => ReplyTo::AvgMinMax,
        4 => ReplyTo::AccessList,
        5 => ReplyTo::Neighbours { prefix_len: choice >> 2 },
        6 => ReplyTo::OwnerInfo,
        7 => ReplyTo::AnonRegions,
        8 => ReplyTo::AnonOwner,
        9 => ReplyTo::AnonBasic,
        _ => ReplyTo::Unknown,
    };
    (request, target)
}

/// A companion's byte stream, and one message of it.
pub fn companion(bytes: &[u8]) {
    let mut decoder = StreamDecoder::new();
    for &byte in bytes {
        if let Some(frame) = decoder.push(byte) {
            let _ = Message::parse(frame.body).map(|message| message.frame().map(<[u8]>::len));
        }
    }
    if let Ok(message) = Message::parse(bytes) {
        let mut again = Vec::new();
        message.encode(&mut again);
        // Bytes after the last field, and a reserved one, are not kept.
        assert!(again.len() <= bytes.len());
    }
}

/// A KISS byte stream.
pub fn kiss_stream(bytes: &[u8]) {
    let mut decoder = kiss::Decoder::new();
    for &byte in bytes {
        if let Some(frame) = decoder.push(byte) {
            let mut again = Vec::new();
            frame.encode(&mut again);
            let _ = frame.rx_meta();
        }
    }
}

/// A URI, and hex.
pub fn uri(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = hex::parse(text);
    if let Ok(uri) = Uri::parse(text) {
        assert_eq!(Uri::parse(&uri.to_string()), Ok(uri));
    }
}

/// What an observer publishes: a line with the topic, then JSON.
pub fn uplink_json(bytes: &[u8]) {
    let at = bytes.iter().position(|&b| b == b'\n').unwrap_or(0);
    let (topic, payload) = bytes.split_at(at);
    let Ok(topic) = std::str::from_utf8(topic) else { return };
    let topic = if topic.is_empty() { "meshcore/SJC/7E76/packets" } else { topic };
    let _ = corescope_core::uplink::parse(topic, payload);
}

/// A filter expression.
pub fn filter_language(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(error) = corescope_core::filter::parse(text) {
        let _ = error.to_string();
    }
}
