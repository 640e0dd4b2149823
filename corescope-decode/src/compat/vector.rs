//! The form of the published test vectors: every field of a packet in snake case, with integers
//! where JSON floats would lose, and lower-case hex.
//!
//! It is what `decode --jsonl` prints: a stable, documented form that other decoders can be
//! compared with.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;

use super::json::{Object, list, strings, text};
use crate::frame::{FrameError, Packet, PayloadType};
use crate::hex::Hex;
use crate::issue::{Issue, Issues};
use crate::payload::{
    Ack, Advert, AnonBody, AnonVariant, Control, ControlBody, Group, Multipart, MultipartBody, Partial,
    Payload, Peer, ReplyPath, ReplyTo, ResponderKey, Trace,
};

use crate::crypto::{KeyRing, OpenError, SharedSecret};
use crate::payload::NodeType;

/// What is known besides the frame.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Channels to try.
    pub ring: KeyRing,
    /// Names of regions to match; `None` leaves the field `regions` out.
    pub regions: Option<Vec<String>>,
    /// The secret of the packet's two ends.
    pub secret: Option<SharedSecret>,
    /// The sender's public key, for the expected ACK.
    pub sender: Option<[u8; 32]>,
    /// The receiver's public key, for the expected ACK.
    pub receiver: Option<[u8; 32]>,
    /// The kind of node that a request is for.
    pub target: Option<NodeType>,
    /// The request that a response answers.
    pub request: ReplyTo,
}

/// A frame in the vector form: one JSON object.
pub fn packet_json(frame: &[u8], context: &Context) -> String {
    match Packet::parse(frame) {
        Ok(packet) => whole(&packet, context),
        Err(error) => failed(&error),
    }
}

fn failed(error: &FrameError) -> String {
    let mut o = Object::new();
    if let Some(header) = error.header {
        o.raw("route_type", header.route_type() as u8);
        o.raw("payload_type", header.payload_type().number());
        o.raw("payload_version", header.version());
    }
    if let Some(codes) = error.transport_codes {
        o.raw("transport_codes", format_args!("[{},{}]", codes.scope, codes.home));
    }
    if let Some(len) = error.path_len {
        o.raw("path_len", len.0);
    }
    o.plain("error", error.code());
    o.end()
}

fn whole(packet: &Packet<'_>, context: &Context) -> String {
    let mut o = Object::new();
    o.raw("route_type", packet.route_type() as u8);
    o.raw("payload_type", packet.payload_type().number());
    o.raw("payload_version", packet.version());
    if let Some(codes) = packet.transport_codes() {
        o.raw("transport_codes", format_args!("[{},{}]", codes.scope, codes.home));
    }
    let path = packet.path();
    o.raw("path_len", path.path_len().0);
    o.raw("hash_size", path.hash_size());
    o.raw("hop_count", path.len());
    o.raw("path", strings(path.hops().map(Hex)));
    o.plain("payload", Hex(packet.payload()));
    o.plain("hash", crate::packet_hash(packet));
    let mut typed = packet.typed();
    o.plain("kind", kind(packet.payload_type(), &typed.payload));
    let mut decoded = Object::new();
    payload_fields(&mut decoded, packet, &typed.payload, context, &mut typed.issues);
    o.raw("decoded", decoded.end());
    if let (Some(names), true) = (&context.regions, packet.transport_codes().is_some()) {
        let fits = |name: &&String| crate::RegionKey::from_name(name).is_some_and(|key| key.fits(packet));
        let mut matching = Vec::new();
        for name in names.iter().filter(fits) {
            let mut quoted = String::new();
            super::json::string(&mut quoted, name.as_bytes());
            matching.push(quoted);
        }
        o.raw("regions", list(matching));
    }
    o.raw("issues", strings(typed.issues.iter().map(|issue| issue.kind)));
    o.end()
}

/// The name of a kind of payload.
fn kind(payload_type: PayloadType, payload: &Payload<'_>) -> &'static str {
    if matches!(payload, Payload::Opaque(_)) {
        return "opaque";
    }
    match payload_type {
        PayloadType::Request => "req",
        PayloadType::Response => "response",
        PayloadType::TextMessage => "txt_msg",
        PayloadType::Ack => "ack",
        PayloadType::Advert => "advert",
        PayloadType::GroupText => "grp_txt",
        PayloadType::GroupData => "grp_data",
        PayloadType::AnonRequest => "anon_req",
        PayloadType::Path => "path",
        PayloadType::Trace => "trace",
        PayloadType::Multipart => "multipart",
        PayloadType::Control => "control",
        PayloadType::RawCustom => "raw_custom",
        _ => "opaque",
    }
}

fn payload_fields(
    o: &mut Object,
    packet: &Packet<'_>,
    payload: &Payload<'_>,
    context: &Context,
    issues: &mut Issues,
) {
    // Two bytes of MAC stand before the ciphertext, which ends the frame.
    let mac_at = |ciphertext: &[u8]| packet.as_bytes().len() - ciphertext.len() - 2;
    match payload {
        Payload::Request(peer) => {
            peer_fields(o, peer, mac_at(peer.ciphertext), context, issues, |plain, d, issues| {
                super::vector_inner::request(d, plain, context, issues);
            })
        }
        Payload::Response(peer) => {
            peer_fields(o, peer, mac_at(peer.ciphertext), context, issues, |plain, d, issues| {
                super::vector_inner::response(d, plain, context.request, issues);
            })
        }
        Payload::TextMessage(peer) => {
            peer_fields(o, peer, mac_at(peer.ciphertext), context, issues, |plain, d, issues| {
                super::vector_inner::text_message(d, plain, context, issues);
            })
        }
        Payload::Path(peer) => {
            peer_fields(o, peer, mac_at(peer.ciphertext), context, issues, |plain, d, issues| {
                super::vector_inner::return_path(d, plain, context.request, issues);
            })
        }
        Payload::AnonRequest(request) => {
            o.plain("dest_hash", Hex(&[request.dest_hash]));
            o.plain("public_key", Hex(request.public_key));
            o.plain("mac", Hex(&request.mac));
            o.plain("ciphertext", Hex(request.ciphertext));
            let opened = context.secret.as_ref().map(|secret| secret.open_anon(request));
            open_peer(o, opened, mac_at(request.ciphertext), issues, |plain, d, issues| {
                anon(d, plain, context, issues)
            });
        }
        Payload::GroupText(group) => {
            group_fields(o, group, mac_at(group.ciphertext), context, issues, |name, plain, d, issues| {
                super::vector_inner::group_text(d, name, plain, issues);
            })
        }
        Payload::GroupData(group) => {
            group_fields(o, group, mac_at(group.ciphertext), context, issues, |name, plain, d, issues| {
                super::vector_inner::group_data(d, name, plain, issues);
            })
        }
        Payload::Advert(advert) => advert_fields(o, advert, packet.payload_offset() + 36, issues),
        Payload::Ack(ack) => ack_fields(o, ack),
        Payload::Trace(trace) => trace_fields(o, trace),
        Payload::Multipart(part) => multipart_fields(o, part),
        Payload::Control(control) => control_fields(o, control),
        Payload::RawCustom(raw) => o.plain("data", Hex(raw.data)),
        Payload::Opaque(opaque) => o.plain("data", Hex(opaque.data)),
        Payload::Partial(partial) => partial_fields(o, partial),
    }
}

fn peer_fields(
    o: &mut Object,
    peer: &Peer<'_>,
    mac_at: usize,
    context: &Context,
    issues: &mut Issues,
    inner: impl FnOnce(&[u8], &mut Object, &mut Issues),
) {
    o.plain("dest_hash", Hex(&[peer.dest_hash]));
    o.plain("src_hash", Hex(&[peer.src_hash]));
    o.plain("mac", Hex(&peer.mac));
    o.plain("ciphertext", Hex(peer.ciphertext));
    open_peer(o, context.secret.as_ref().map(|secret| secret.open(peer)), mac_at, issues, inner);
}

fn open_peer(
    o: &mut Object,
    opened: Option<Result<crate::Plaintext, OpenError>>,
    mac_at: usize,
    issues: &mut Issues,
    inner: impl FnOnce(&[u8], &mut Object, &mut Issues),
) {
    match opened {
        Some(Ok(plain)) => {
            o.plain("plaintext", Hex(plain.as_bytes()));
            let mut decrypted = Object::new();
            inner(plain.as_bytes(), &mut decrypted, issues);
            o.raw("decrypted", decrypted.end());
        }
        Some(Err(OpenError::MacMismatch)) => issues.push(Issue::mac_mismatch(mac_at)),
        _ => {}
    }
}

fn group_fields(
    o: &mut Object,
    group: &Group<'_>,
    mac_at: usize,
    context: &Context,
    issues: &mut Issues,
    inner: impl FnOnce(&str, &[u8], &mut Object, &mut Issues),
) {
    o.plain("channel_hash", Hex(&[group.channel_hash]));
    o.plain("mac", Hex(&group.mac));
    o.plain("ciphertext", Hex(group.ciphertext));
    match context.ring.open(group) {
        Ok(opened) => {
            o.plain("status", "decrypted");
            let mut decrypted = Object::new();
            inner(&opened.channel.name, opened.plaintext.as_bytes(), &mut decrypted, issues);
            o.raw("decrypted", decrypted.end());
        }
        Err(OpenError::NoKey) => o.plain("status", "no_key"),
        Err(error) => {
            o.plain("status", "decryption_failed");
            if error == OpenError::MacMismatch {
                issues.push(Issue::mac_mismatch(mac_at));
            }
        }
    }
}

fn anon(d: &mut Object, plain: &[u8], context: &Context, issues: &mut Issues) {
    let Some(body) = AnonBody::parse_with(plain, context.target, issues) else { return };
    d.raw("timestamp", body.timestamp);
    let reply = |d: &mut Object, variant: &str, reply: &ReplyPath<'_>| {
        d.plain("variant", variant);
        d.raw("reply_path_len", reply.path_len.0);
        if let Some(path) = reply.path {
            d.raw("reply_path", strings(path.hops().map(Hex)));
        }
    };
    match body.variant {
        AnonVariant::Login { password } => {
            d.plain("variant", "login");
            d.raw("password", text(password));
        }
        AnonVariant::RoomLogin { sync_since, password } => {
            d.plain("variant", "room_login");
            d.raw("sync_since", sync_since);
            d.raw("password", text(password));
        }
        AnonVariant::Regions(path) => reply(d, "regions", &path),
        AnonVariant::Owner(path) => reply(d, "owner", &path),
        AnonVariant::Basic(path) => reply(d, "basic", &path),
        AnonVariant::Unknown { sub_type, .. } => {
            d.plain("variant", "unknown");
            d.raw("sub_type", sub_type);
        }
        AnonVariant::Undetermined(_) => {}
    }
}

fn advert_fields(o: &mut Object, advert: &Advert<'_>, signature_at: usize, issues: &mut Issues) {
    o.plain("public_key", Hex(advert.public_key));
    o.raw("timestamp", advert.timestamp);
    o.plain("signature", Hex(advert.signature));
    if let Some(valid) = signature_valid(advert, signature_at, issues) {
        o.raw("signature_valid", valid);
    }
    if let Some(flags) = advert.flags {
        o.raw("flags", flags.0);
        o.raw("node_type", flags.node_type().number());
    }
    if let Some(position) = advert.position {
        o.raw("lat_e6", position.lat_e6);
        o.raw("lon_e6", position.lon_e6);
    }
    optional(o, "feat1", advert.feature1);
    optional(o, "feat2", advert.feature2);
    if let Some(name) = advert.name {
        o.raw("name", text(name));
    }
}

#[cfg(feature = "signatures")]
fn signature_valid(advert: &Advert<'_>, at: usize, issues: &mut Issues) -> Option<bool> {
    let valid = crate::crypto::verify_advert(advert);
    if !valid {
        issues.push_front(Issue::bad_signature(at));
    }
    Some(valid)
}

#[cfg(not(feature = "signatures"))]
fn signature_valid(_: &Advert<'_>, _: usize, _: &mut Issues) -> Option<bool> {
    None
}

/// The fields of an ACK, wherever it stands.
fn ack_fields(o: &mut Object, ack: &Ack<'_>) {
    o.raw("checksum", ack.checksum_u32());
    o.plain("ack", Hex(&ack.checksum));
    optional(o, "attempt", ack.attempt());
    optional(o, "random", ack.random());
}

fn snr_list(snr: &[u8]) -> String {
    list(snr.iter().map(|&b| b as i8))
}

fn trace_fields(o: &mut Object, trace: &Trace<'_>) {
    o.raw("snr_q", snr_list(trace.snr));
    o.raw("tag", trace.tag);
    o.raw("auth_code", trace.auth_code);
    o.raw("flags", trace.flags);
    o.raw("hash_size", trace.hash_size());
    o.raw("hashes", strings(trace.hops().map(Hex)));
}

fn multipart_fields(o: &mut Object, part: &Multipart<'_>) {
    o.raw("remaining", part.remaining);
    o.raw("inner_type", part.inner_type);
    match part.body {
        MultipartBody::Ack(ack) => ack_fields(o, &ack),
        MultipartBody::Other(data) => o.plain("data", Hex(data)),
    }
}

fn control_fields(o: &mut Object, control: &Control<'_>) {
    o.raw("flags", control.flags);
    o.raw("sub_type", control.sub_type());
    match control.sub_type() {
        8 => {
            o.plain("name", "discover_req");
            o.raw("prefix_only", control.prefix_only());
        }
        9 => {
            o.plain("name", "discover_resp");
            o.raw("node_type", control.flags & 0x0F);
        }
        _ => {}
    }
    match control.body {
        ControlBody::DiscoverRequest(request) => {
            o.raw("type_filter", request.type_filter);
            o.raw("tag", request.tag);
            optional(o, "since", request.since);
        }
        ControlBody::DiscoverResponse(response) => {
            o.raw("snr_q", response.snr_q);
            o.raw("tag", response.tag);
            match response.key {
                Some(ResponderKey::Full(key)) => o.plain("public_key", Hex(key)),
                Some(ResponderKey::Prefix(key)) => o.plain("public_key_prefix", Hex(key)),
                None => {}
            }
        }
        ControlBody::Unknown(data) => o.plain("data", Hex(data)),
        ControlBody::Short(_) => {}
    }
}

fn partial_fields(o: &mut Object, partial: &Partial<'_>) {
    for (name, hash) in [
        ("dest_hash", partial.dest_hash),
        ("src_hash", partial.src_hash),
        ("channel_hash", partial.channel_hash),
    ] {
        if let Some(hash) = hash {
            o.plain(name, Hex(&[hash]));
        }
    }
    if let Some(key) = partial.public_key {
        o.plain("public_key", Hex(key));
    }
    optional(o, "timestamp", partial.timestamp);
    if let Some((remaining, inner_type)) = partial.multipart {
        o.raw("remaining", remaining);
        o.raw("inner_type", inner_type);
    }
    if let Some(snr) = partial.snr {
        o.raw("snr_q", snr_list(snr));
    }
}

pub(super) fn optional(o: &mut Object, name: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        o.raw(name, value.to_string());
    }
}
