//! The `decoded_json` of the Go analyzer: databases and clients carry it.
//!
//! One flat object per transmission. A field that is empty or zero is absent, except those that
//! are pointers there. Values follow the firmware where the Go program misread it (which keys are
//! tried, how much appdata counts); names, order and letter case follow the Go program.

use alloc::format;
use alloc::string::String;

use super::json::{Object, list, strings};
use crate::frame::{Packet, PayloadType};
use crate::hex::Hex;
use crate::issue::Issues;
use crate::payload::{
    Ack, Advert, Control, ControlBody, Group, Multipart, MultipartBody, NodeType, Partial, Payload, Peer,
    ResponderKey, Trace,
};
use crate::time::Utc;

#[cfg(feature = "crypto")]
use crate::crypto::KeyRing;
#[cfg(feature = "crypto")]
use crate::payload::{GroupData, GroupText};
#[cfg(feature = "crypto")]
use crate::text::Text;

/// Stands in for a key ring where the crate is built without `crypto`.
#[cfg(not(feature = "crypto"))]
#[derive(Clone, Copy, Debug)]
pub enum KeyRing {}

/// What the database keeps of a packet's payload.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Decoded {
    /// The column `decoded_json`.
    pub json: String,
    /// The `type` in it, such as `CHAN`.
    pub kind: &'static str,
    /// The column `channel_hash` of group texts: the channel's name when decrypted, else `enc_XX`.
    pub channel_hash: Option<String>,
    /// The column `from_pubkey` of adverts: the sender's key.
    pub from_pubkey: Option<[u8; 32]>,
    /// Whether an advert's signature is valid; `None` if it was not checked.
    pub signature_valid: Option<bool>,
}

/// Decodes a packet's payload as the Go analyzer stores it.
///
/// `ring` opens group messages; `None` or an empty one gives `no_key`. `verify` checks adverts'
/// signatures, if the crate has the feature `signatures`. Payload versions 2 to 4 are read as if
/// they were version 1, as the Go program does; only the header tells.
pub fn decoded_json(packet: &Packet<'_>, ring: Option<&KeyRing>, verify: bool) -> Decoded {
    let mut issues = Issues::new();
    let mut decoded = Decoded::default();
    let payload = packet.typed_as_version_1(&mut issues);
    decoded.kind = type_name(packet.payload_type());
    let mut o = Object::new();
    match payload {
        Payload::GroupText(group) => group_text(&mut o, &group, ring, &mut decoded),
        Payload::GroupData(group) => group_data(&mut o, &group, ring),
        _ => {
            o.plain("type", decoded.kind);
            match payload {
                Payload::Request(peer) | Payload::Response(peer) | Payload::TextMessage(peer) => {
                    envelope(&mut o, &peer, "encryptedData");
                }
                Payload::Path(peer) => envelope(&mut o, &peer, "pathData"),
                Payload::Ack(ack) => {
                    o.plain("extraHash", crc(&ack));
                    ack_tail(&mut o, &ack, "ackLen", "ackAttempt", "ackRand");
                }
                Payload::Advert(advert) => advert_fields(&mut o, &advert, verify, &mut decoded),
                Payload::AnonRequest(request) => {
                    o.hex("destHash", &[request.dest_hash]);
                    o.hex("mac", &request.mac);
                    o.hex("encryptedData", request.ciphertext);
                    o.hex("ephemeralPubKey", request.public_key);
                }
                Payload::Trace(trace) => trace_fields(&mut o, &trace),
                Payload::Multipart(part) => multipart(&mut o, &part),
                Payload::Control(control) => control_fields(&mut o, &control, packet.payload()),
                Payload::RawCustom(raw) => {
                    o.hex("raw", raw.data);
                    o.raw("rawLength", raw.data.len());
                    if let Some(first) = raw.data.first() {
                        o.plain("firstByteTag", format_args!("{first:02X}"));
                    }
                }
                Payload::Partial(partial) => too_short(&mut o, &partial),
                _ => o.hex("raw", packet.payload()),
            }
        }
    }
    decoded.json = o.end();
    decoded
}

/// The Go program's name of a payload type; `UNKNOWN` for the reserved ones.
pub const fn type_name(kind: PayloadType) -> &'static str {
    if kind.is_reserved() { "UNKNOWN" } else { kind.name() }
}

/// The hops as the Go program shows them, upper-case hex. Of a trace they are those of its payload.
pub fn hops(packet: &Packet<'_>) -> alloc::vec::Vec<String> {
    let upper = |hop: &[u8]| format!("{:X}", Hex(hop));
    match packet.typed_as_version_1(&mut Issues::new()) {
        Payload::Trace(trace) if !trace.hashes.is_empty() => trace.hops().map(upper).collect(),
        _ => packet.path().hops().map(upper).collect(),
    }
}

/// The column `path_json`: the hops as a JSON array.
pub fn path_json(packet: &Packet<'_>) -> String {
    strings(hops(packet))
}

/// The channel column of a group text that no key opens: `enc_` and the channel hash.
pub fn encrypted_channel(channel_hash: u8) -> String {
    format!("enc_{channel_hash:02X}")
}

fn envelope(o: &mut Object, peer: &Peer<'_>, ciphertext: &str) {
    o.hex("destHash", &[peer.dest_hash]);
    o.hex("srcHash", &[peer.src_hash]);
    o.hex("mac", &peer.mac);
    o.hex(ciphertext, peer.ciphertext);
}

/// The checksum as the Go program shows it: the number's digits, so the bytes in reverse.
fn crc(ack: &Ack<'_>) -> String {
    format!("{:08x}", ack.checksum_u32())
}

fn ack_tail(o: &mut Object, ack: &Ack<'_>, len: &str, attempt: &str, random: &str) {
    o.raw(len, (4 + ack.tail.len()).min(6));
    if let Some(value) = ack.attempt() {
        o.raw(attempt, value);
    }
    if let Some(value) = ack.random() {
        o.raw(random, value);
    }
}

fn advert_fields(o: &mut Object, advert: &Advert<'_>, verify: bool, decoded: &mut Decoded) {
    decoded.from_pubkey = Some(*advert.public_key);
    decoded.signature_valid = if verify { signature_valid(advert) } else { None };
    o.hex("pubKey", advert.public_key);
    o.number("timestamp", advert.timestamp);
    let (year, month, day, hour, minute, second) = Utc(advert.timestamp).parts();
    o.plain(
        "timestampISO",
        format_args!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z"),
    );
    o.hex("signature", advert.signature);
    if let Some(valid) = decoded.signature_valid {
        o.raw("signatureValid", valid);
    }
    if let Some(flags) = advert.flags {
        let kind = flags.node_type();
        let mut f = Object::new();
        f.raw("raw", flags.0);
        f.raw("type", kind.number());
        f.raw("chat", kind == NodeType::Chat);
        f.raw("repeater", kind == NodeType::Repeater);
        f.raw("room", kind == NodeType::Room);
        f.raw("sensor", kind == NodeType::Sensor);
        f.raw("hasLocation", flags.has_position());
        f.raw("hasFeat1", flags.has_feature1());
        f.raw("hasFeat2", flags.has_feature2());
        f.raw("hasName", flags.has_name());
        o.raw("flags", f.end());
    }
    if let Some(position) = advert.position {
        o.raw("lat", f64::from(position.lat_e6) / 1e6);
        o.raw("lon", f64::from(position.lon_e6) / 1e6);
    }
    if let Some(name) = advert.name {
        o.text("name", name.as_bytes());
    }
    if let Some(value) = advert.feature1 {
        o.raw("feat1", value);
    }
    if let Some(value) = advert.feature2 {
        o.raw("feat2", value);
    }
    if advert.node_type() == NodeType::Sensor {
        let reading = sensor_reading(advert);
        if let Some(millivolts) = reading.battery_mv {
            o.raw("battery_mv", millivolts);
        }
        if let Some(hundredths) = reading.temperature_c100 {
            o.raw("temperature_c", f64::from(hundredths) / 100.0);
        }
    }
}

#[cfg(feature = "signatures")]
fn signature_valid(advert: &Advert<'_>) -> Option<bool> {
    Some(crate::crypto::verify_advert(advert))
}

#[cfg(not(feature = "signatures"))]
fn signature_valid(_: &Advert<'_>) -> Option<bool> {
    None
}

/// What the Go program reads after the name of a sensor's advert. No firmware we know writes it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SensorReading {
    /// Battery in millivolts, 1 to 10 000.
    pub battery_mv: Option<u16>,
    /// Temperature in hundredths of a degree Celsius, −5000 to 10 000.
    pub temperature_c100: Option<i16>,
}

/// Reads a sensor's battery and temperature after the NULs that end its name.
pub fn sensor_reading(advert: &Advert<'_>) -> SensorReading {
    let after = advert.after_name();
    let from = after.iter().position(|&b| b != 0).unwrap_or(after.len());
    let bytes = if from == 0 { &[] } else { after.get(from..).unwrap_or_default() };
    let battery = bytes.first_chunk::<2>().map(|b| u16::from_le_bytes(*b));
    let temperature = bytes.get(2..).and_then(|b| b.first_chunk::<2>()).map(|b| i16::from_le_bytes(*b));
    SensorReading {
        battery_mv: battery.filter(|mv| (1..=10_000).contains(mv)),
        temperature_c100: temperature.filter(|t| (-5_000..=10_000).contains(t)),
    }
}

fn trace_fields(o: &mut Object, trace: &Trace<'_>) {
    let whole = [trace.hashes, trace.unaligned].concat();
    o.hex("pathData", &whole);
    if !trace.snr.is_empty() {
        o.raw("snrValues", list(trace.snr_quarters().map(|q| f64::from(q) / 4.0)));
    }
    o.number("tag", trace.tag);
    o.number("authCode", trace.auth_code);
    o.raw("traceFlags", trace.flags);
}

fn multipart(o: &mut Object, part: &Multipart<'_>) {
    o.raw("remaining", part.remaining);
    o.raw("innerType", part.inner_type);
    o.plain("innerTypeName", type_name(PayloadType::from_number(part.inner_type)));
    match part.body {
        MultipartBody::Ack(ack) => {
            o.plain("innerAckCrc", crc(&ack));
            ack_tail(o, &ack, "innerAckLen", "innerAckAttempt", "innerAckRand");
        }
        MultipartBody::Other(bytes) => o.hex("innerPayload", bytes),
    }
}

fn control_fields(o: &mut Object, control: &Control<'_>, raw: &[u8]) {
    o.hex("raw", raw);
    o.plain("ctrlFlags", Hex(&[control.flags]));
    o.raw("ctrlZeroHop", control.flags & 0x80 != 0);
    o.raw("ctrlLength", raw.len());
    o.plain(
        "ctrlSubtype",
        match control.sub_type() {
            8 => "DISCOVER_REQ",
            9 => "DISCOVER_RESP",
            _ => "UNKNOWN",
        },
    );
    match control.body {
        ControlBody::DiscoverRequest(request) => {
            o.raw("ctrlFilter", request.type_filter);
            o.raw("ctrlTag", request.tag);
            if let Some(since) = request.since {
                o.raw("ctrlSince", since);
            }
        }
        ControlBody::DiscoverResponse(response) => {
            o.raw("ctrlTag", response.tag);
            o.raw("ctrlNodeType", response.node_type.number());
            o.raw("ctrlSNR", response.snr_q);
            match response.key {
                Some(ResponderKey::Full(key)) => o.hex("ctrlPubKey", key),
                Some(ResponderKey::Prefix(key)) => o.hex("ctrlPubKey", key),
                None => {}
            }
        }
        _ => {}
    }
}

fn too_short(o: &mut Object, partial: &Partial<'_>) {
    if let Some((remaining, inner_type)) = partial.multipart {
        o.raw("remaining", remaining);
        o.raw("innerType", inner_type);
        o.plain("innerTypeName", type_name(PayloadType::from_number(inner_type)));
        o.hex("innerPayload", partial.bytes.get(1..).unwrap_or_default());
        return;
    }
    o.hex("raw", partial.bytes);
    let advert = partial.payload_type == PayloadType::Advert;
    o.plain("error", if advert { "too short for advert" } else { "too short" });
}

fn group_text(o: &mut Object, group: &Group<'_>, ring: Option<&KeyRing>, decoded: &mut Decoded) {
    #[cfg(feature = "crypto")]
    if let Some(opened) = ring.and_then(|ring| readable(ring, group)) {
        let channel = display_name(&opened.channel.name);
        decoded.kind = "CHAN";
        decoded.channel_hash = Some(channel.into());
        o.plain("type", "CHAN");
        o.number("channelHash", group.channel_hash.into());
        o.plain("channelHashHex", format_args!("{:02X}", group.channel_hash));
        o.plain("decryptionStatus", "decrypted");
        o.text("channel", channel.as_bytes());
        if let Some(message) = GroupText::parse(opened.plaintext.as_bytes()) {
            let text = Text::until_nul(message.body);
            o.text("text", text.as_bytes());
            if let (Some(sender), _) = text.split_sender() {
                o.text("sender", sender.as_bytes());
            }
            o.number("sender_timestamp", message.timestamp);
        }
        return;
    }
    decoded.channel_hash = Some(encrypted_channel(group.channel_hash));
    o.plain("type", "GRP_TXT");
    sealed(o, group, ring);
}

fn group_data(o: &mut Object, group: &Group<'_>, ring: Option<&KeyRing>) {
    o.plain("type", "GRP_DATA");
    #[cfg(feature = "crypto")]
    if let Some(opened) = ring.and_then(|ring| ring.open(group).ok()) {
        o.number("channelHash", group.channel_hash.into());
        o.plain("channelHashHex", format_args!("{:02X}", group.channel_hash));
        o.plain("decryptionStatus", "decrypted");
        o.text("channel", display_name(&opened.channel.name).as_bytes());
        let data = GroupData::parse(opened.plaintext.as_bytes()).unwrap_or_default();
        o.raw("dataType", data.data_type);
        o.raw("dataLen", data.data_len);
        match data.data {
            Some(blob) => o.hex("decryptedBlob", blob),
            None => o.plain("error", "data length exceeds payload"),
        }
        return;
    }
    sealed(o, group, ring);
}

/// The fields of a group message that stays encrypted.
fn sealed(o: &mut Object, group: &Group<'_>, ring: Option<&KeyRing>) {
    o.hex("mac", &group.mac);
    o.hex("encryptedData", group.ciphertext);
    o.number("channelHash", group.channel_hash.into());
    o.plain("channelHashHex", format_args!("{:02X}", group.channel_hash));
    o.plain("decryptionStatus", if has_keys(ring) { "decryption_failed" } else { "no_key" });
}

#[cfg(feature = "crypto")]
fn has_keys(ring: Option<&KeyRing>) -> bool {
    ring.is_some_and(|ring| !ring.is_empty())
}

#[cfg(not(feature = "crypto"))]
fn has_keys(_: Option<&KeyRing>) -> bool {
    false
}

/// The first reading that a person could have written: the Go program takes text that is not UTF-8
/// or has more than two control characters for a false match of the two-byte MAC.
#[cfg(feature = "crypto")]
fn readable<'k>(ring: &'k KeyRing, group: &Group<'k>) -> Option<crate::crypto::Opened<'k>> {
    ring.open_all(group).find(|opened| {
        GroupText::parse(opened.plaintext.as_bytes())
            .and_then(|message| core::str::from_utf8(Text::until_nul(message.body).as_bytes()).ok())
            .is_some_and(|text| {
                text.chars().filter(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')).count() <= 2
            })
    })
}

/// `public` was renamed once.
#[cfg(feature = "crypto")]
fn display_name(name: &str) -> &str {
    if name == "public" { "Public" } else { name }
}
