//! The payload types, one file each: the reader that decoding and dissection share, the type, and
//! the builder that writes it.

mod ack;
mod advert;
mod anon_body;
mod anon_req;
mod control;
mod group;
mod grp_data;
mod grp_txt;
mod multipart;
mod opaque;
mod partial;
mod path;
mod peer;
mod req;
pub mod response;
mod trace;
mod txt_msg;

pub use ack::Ack;
pub use advert::{Advert, AdvertFlags, MAX_APPDATA, NodeType, Position};
pub use anon_body::{AnonBody, AnonVariant, ReplyPath};
pub use anon_req::AnonRequest;
pub use control::{Control, ControlBody, DiscoverRequest, DiscoverResponse, ResponderKey};
pub use group::Group;
pub use grp_data::GroupData;
pub use grp_txt::GroupText;
pub use multipart::{Multipart, MultipartBody};
pub use opaque::{Opaque, OpaqueReason};
pub use partial::Partial;
pub use path::{Extra, ReturnPath};
pub use peer::Peer;
pub use req::{Request, RequestBody};
pub use response::{ReplyTo, Response, ResponseBody};
pub use trace::Trace;
pub use txt_msg::{TextBody, TextMessage};

use crate::cursor::Cursor;
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::frame::{Packet, PayloadType};
use crate::issue::{Detail, IssueKind, Space};
use crate::listener::{Listener, Value};

/// A payload, read by its type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "kind", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Payload<'a> {
    /// REQ: encrypted, readable by its two ends alone.
    Request(Peer<'a>),
    /// RESPONSE: encrypted, readable by its two ends alone.
    Response(Peer<'a>),
    /// TXT_MSG: encrypted, readable by its two ends alone.
    TextMessage(Peer<'a>),
    /// ACK.
    Ack(Ack<'a>),
    /// ADVERT.
    Advert(Advert<'a>),
    /// GRP_TXT: encrypted with a channel's key.
    GroupText(Group<'a>),
    /// GRP_DATA: encrypted with a channel's key.
    GroupData(Group<'a>),
    /// ANON_REQ: encrypted, with the sender's key before it.
    AnonRequest(AnonRequest<'a>),
    /// PATH: encrypted, readable by its two ends alone.
    Path(Peer<'a>),
    /// TRACE.
    Trace(Trace<'a>),
    /// MULTIPART.
    Multipart(Multipart<'a>),
    /// CONTROL.
    Control(Control<'a>),
    /// RAW_CUSTOM: an application's own bytes.
    RawCustom(RawCustom<'a>),
    /// A reserved type or an unknown version: bytes without a known layout.
    Opaque(Opaque<'a>),
    /// Too short for its type: the fields that are certain.
    Partial(Partial<'a>),
}

/// RAW_CUSTOM: an application's own bytes, 0 to 184.
#[derive(Clone, Copy, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct RawCustom<'a> {
    /// All of them.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub data: &'a [u8],
}

impl core::fmt::Debug for RawCustom<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RawCustom({})", crate::hex::Hex(self.data))
    }
}

#[cfg(feature = "encode")]
impl Encode for RawCustom<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.data);
    }
}

#[cfg(feature = "encode")]
impl Encode for Payload<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Request(peer) | Self::Response(peer) | Self::TextMessage(peer) | Self::Path(peer) => {
                peer.encode(out);
            }
            Self::Ack(ack) => ack.encode(out),
            Self::Advert(advert) => advert.encode(out),
            Self::GroupText(group) | Self::GroupData(group) => group.encode(out),
            Self::AnonRequest(request) => request.encode(out),
            Self::Trace(trace) => trace.encode(out),
            Self::Multipart(part) => part.encode(out),
            Self::Control(control) => control.encode(out),
            Self::RawCustom(raw) => raw.encode(out),
            Self::Opaque(opaque) => opaque.encode(out),
            Self::Partial(partial) => partial.encode(out),
        }
    }
}

/// Reads the payload by type and version.
#[inline(always)]
pub(crate) fn read<'a, L: Listener>(packet: &Packet<'a>, listener: &mut L) -> Payload<'a> {
    if packet.version() != 0 {
        let mut c = cursor(packet, listener);
        let version = i32::from(packet.version()) + 1;
        let detail = Detail::Value { came: version, expected: "1" };
        c.issue_at(0, IssueKind::UnsupportedVersion, "payload version", detail);
        return Payload::Opaque(Opaque::read(&mut c, OpaqueReason::Version(packet.version() + 1)));
    }
    read_version_1(packet, listener)
}

/// Reads the payload by type, whatever the version.
#[inline(always)]
pub(crate) fn read_version_1<'a, L: Listener>(packet: &Packet<'a>, listener: &mut L) -> Payload<'a> {
    let kind = packet.payload_type();
    let mut c = cursor(packet, listener);
    if c.left() == 0 {
        c.issue(IssueKind::EmptyPayload, "payload", Detail::Needs { bytes: 1, left: 0 });
        return match kind {
            PayloadType::RawCustom => Payload::RawCustom(RawCustom { data: &[] }),
            kind if kind.is_reserved() => reserved(&mut c, kind),
            PayloadType::Trace => Payload::Partial(Partial::trace(packet, &[])),
            kind => Payload::Partial(Partial::new(kind, &[])),
        };
    }
    match kind {
        PayloadType::Request => peer(kind, &mut c, Payload::Request),
        PayloadType::Response => peer(kind, &mut c, Payload::Response),
        PayloadType::TextMessage => peer(kind, &mut c, Payload::TextMessage),
        PayloadType::Path => peer(kind, &mut c, Payload::Path),
        PayloadType::Ack => Ack::read(&mut c).map_or_else(Payload::Partial, Payload::Ack),
        PayloadType::Advert => Advert::read(&mut c).map_or_else(Payload::Partial, Payload::Advert),
        PayloadType::GroupText => group(kind, &mut c, Payload::GroupText),
        PayloadType::GroupData => group(kind, &mut c, Payload::GroupData),
        PayloadType::AnonRequest => {
            AnonRequest::read(&mut c).map_or_else(Payload::Partial, Payload::AnonRequest)
        }
        PayloadType::Trace => Trace::read(packet, &mut c).map_or_else(Payload::Partial, Payload::Trace),
        PayloadType::Multipart => Multipart::read(&mut c).map_or_else(Payload::Partial, Payload::Multipart),
        PayloadType::Control => Payload::Control(Control::read(packet, &mut c)),
        PayloadType::RawCustom => {
            let data = c.remainder("data", |_| Value::Note("of an application"));
            Payload::RawCustom(RawCustom { data })
        }
        PayloadType::Reserved0C | PayloadType::Reserved0D | PayloadType::Reserved0E => reserved(&mut c, kind),
    }
}

#[inline(always)]
fn cursor<'a, 'l, L: Listener>(packet: &Packet<'a>, listener: &'l mut L) -> Cursor<'a, 'l, L> {
    Cursor::new(packet.payload(), packet.payload_offset(), Space::Frame, listener)
}

#[inline(always)]
fn peer<'a, L: Listener>(
    kind: PayloadType,
    c: &mut Cursor<'a, '_, L>,
    make: impl FnOnce(Peer<'a>) -> Payload<'a>,
) -> Payload<'a> {
    Peer::read(kind, c).map_or_else(Payload::Partial, make)
}

#[inline(always)]
fn group<'a, L: Listener>(
    kind: PayloadType,
    c: &mut Cursor<'a, '_, L>,
    make: impl FnOnce(Group<'a>) -> Payload<'a>,
) -> Payload<'a> {
    Group::read(kind, c).map_or_else(Payload::Partial, make)
}

fn reserved<'a, L: Listener>(c: &mut Cursor<'a, '_, L>, kind: PayloadType) -> Payload<'a> {
    let detail = Detail::Value { came: kind.number().into(), expected: "0 to 11 or 15" };
    c.issue_at(0, IssueKind::ReservedPayloadType, "payload type", detail);
    Payload::Opaque(Opaque::read(c, OpaqueReason::ReservedType(kind.number())))
}

/// Reads the MAC and the ciphertext that end an encrypted payload.
#[inline(always)]
fn sealed<'a, L: Listener>(c: &mut Cursor<'a, '_, L>) -> Option<([u8; 2], &'a [u8])> {
    let mac = c.array::<2>("MAC")?;
    if c.left() == 0 {
        c.issue(IssueKind::CiphertextMissing, "ciphertext", Detail::Needs { bytes: 16, left: 0 });
    } else if !c.left().is_multiple_of(16) {
        let detail = Detail::Value { came: c.left() as i32, expected: "a multiple of 16 bytes" };
        c.issue(IssueKind::CiphertextUnaligned, "ciphertext", detail);
    }
    Some((*mac, c.remainder("ciphertext", |_| Value::Note("encrypted"))))
}
