//! CONTROL: discovery of neighbours, unencrypted.
//!
//! DISCOVER_REQ, 6 or 10 bytes:
//!
//! | offset | size | field                                                     |
//! |-------:|-----:|-----------------------------------------------------------|
//! |      0 |    1 | 0x8 in the high nibble; bit 0 = answer with a key prefix  |
//! |      1 |    1 | type filter: bit n asks nodes of advert type n            |
//! |      2 |    4 | tag                                                       |
//! |      6 |    4 | optional: answer only if modified since                   |
//!
//! DISCOVER_RESP, 14 or 38 bytes:
//!
//! | offset | size    | field                                        |
//! |-------:|--------:|----------------------------------------------|
//! |      0 |       1 | 0x9 in the high nibble; low nibble node type |
//! |      1 |       1 | SNR of the request, quarter dB               |
//! |      2 |       4 | tag, copied                                  |
//! |      6 | 32 or 8 | public key or its first bytes                |
//!
//! Source of fact: MeshCore `src/Mesh.cpp`, `createControlData`, and
//! `examples/simple_repeater/MyMesh.cpp`, `onControlDataRecv`.

use super::NodeType;
use crate::cursor::Cursor;
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::frame::Packet;
use crate::issue::{Detail, IssueKind};
use crate::listener::{Listener, Value};

/// A control packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Control<'a> {
    /// The first byte: sub-type above, its own flags below.
    pub flags: u8,
    /// What the sub-type says.
    pub body: ControlBody<'a>,
}

/// What a control packet says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ControlBody<'a> {
    /// Sub-type 8: who is there?
    DiscoverRequest(DiscoverRequest),
    /// Sub-type 9: I am.
    DiscoverResponse(DiscoverResponse<'a>),
    /// Sub-type 8 or 9, too short to say it.
    Short(#[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))] &'a [u8]),
    /// A sub-type without a meaning yet.
    Unknown(#[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))] &'a [u8]),
}

/// Who is there?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct DiscoverRequest {
    /// Bit n asks nodes of advert type n.
    pub type_filter: u8,
    /// Copied into the answers.
    pub tag: u32,
    /// Answer only if modified since, Unix seconds.
    pub since: Option<u32>,
}

/// I am.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct DiscoverResponse<'a> {
    /// What kind of node answers.
    pub node_type: NodeType,
    /// How well it heard the request, quarter dB.
    pub snr_q: i8,
    /// Copied from the request.
    pub tag: u32,
    /// Its key; absent if fewer than 8 bytes came.
    pub key: Option<ResponderKey<'a>>,
}

/// The key of who answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum ResponderKey<'a> {
    /// All of it: a repeater takes the node as a neighbour.
    Full(#[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))] &'a [u8; 32]),
    /// Its first eight bytes.
    Prefix(#[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))] &'a [u8; 8]),
}

impl<'a> Control<'a> {
    #[inline(always)]
    pub(super) fn read<L: Listener>(packet: &Packet<'a>, c: &mut Cursor<'a, '_, L>) -> Self {
        let at = c.at();
        let flags = c.bits("control", control_bits).unwrap_or_default();
        if flags & 0x80 != 0 && !packet.is_zero_hop() {
            let detail = Detail::Rule("of this sub-type should be direct with no hops");
            c.issue_at(at, IssueKind::ControlNotZeroHop, "control packet", detail);
        }
        let body = match flags >> 4 {
            8 | 9 if c.left() < 5 => {
                let detail = Detail::Needs { bytes: 6, left: 1 + c.left() as u16 };
                c.issue_at(at, IssueKind::PayloadTooShort, "discovery", detail);
                let rest = c.remainder("cut off", |_| Value::Note("the payload is too short for its type"));
                ControlBody::Short(rest)
            }
            8 => ControlBody::DiscoverRequest(DiscoverRequest::read(at, c)),
            9 => ControlBody::DiscoverResponse(DiscoverResponse::read(at, flags, c)),
            other => {
                let detail = Detail::Value { came: other.into(), expected: "8 or 9" };
                c.issue_at(at, IssueKind::UnknownControlType, "sub-type", detail);
                ControlBody::Unknown(c.remainder("data", |_| Value::Note("of an unassigned sub-type")))
            }
        };
        Self { flags, body }
    }

    /// The upper half of the first byte, 0 to 15.
    pub const fn sub_type(&self) -> u8 {
        self.flags >> 4
    }

    /// DISCOVER_REQ: whether eight bytes of the key are enough.
    pub const fn prefix_only(&self) -> bool {
        self.flags & 1 != 0
    }
}

impl DiscoverRequest {
    fn read<L: Listener>(start: usize, c: &mut Cursor<'_, '_, L>) -> Self {
        let type_filter = c.bits("type filter", filter_bits).unwrap_or_default();
        let tag = c.u32("tag").unwrap_or_default();
        let since = c.time("since");
        c.trailing(start);
        Self { type_filter, tag, since }
    }
}

impl<'a> DiscoverResponse<'a> {
    fn read<L: Listener>(start: usize, flags: u8, c: &mut Cursor<'a, '_, L>) -> Self {
        let snr_q = c.snr("SNR of the request").unwrap_or_default();
        let tag = c.u32("tag").unwrap_or_default();
        let node_type = NodeType::from_number(flags & 0x0F);
        let key = if let Some(key) = c.array::<32>("public key") {
            Some(ResponderKey::Full(key))
        } else if let Some(key) = c.array::<8>("public key prefix") {
            Some(ResponderKey::Prefix(key))
        } else {
            c.needs(IssueKind::PayloadTooShort, "public key", 8);
            c.remainder("cut off", |_| Value::Note("part of a public key"));
            None
        };
        c.trailing(start);
        Self { node_type, snr_q, tag, key }
    }
}

fn control_bits(byte: u8, part: &mut dyn FnMut(&'static str, u8, u8, Value<'static>)) {
    let name = match byte >> 4 {
        8 => "DISCOVER_REQ",
        9 => "DISCOVER_RESP",
        _ => "unassigned",
    };
    part("sub-type", 7, 4, Value::Named(u64::from(byte >> 4), name));
    match byte >> 4 {
        8 => {
            part("reserved", 3, 1, Value::Unsigned(u64::from(byte >> 1 & 7)));
            part("prefix only", 0, 0, Value::Flag(byte & 1 != 0));
        }
        9 => {
            let number = byte & 0x0F;
            part("node type", 3, 0, Value::Named(number.into(), NodeType::from_number(number).name()));
        }
        _ => part("flags", 3, 0, Value::Unsigned(u64::from(byte & 0x0F))),
    }
}

fn filter_bits(byte: u8, part: &mut dyn FnMut(&'static str, u8, u8, Value<'static>)) {
    part("types 5 to 7", 7, 5, Value::Unsigned(u64::from(byte >> 5)));
    part("sensors", 4, 4, Value::Flag(byte & 0x10 != 0));
    part("room servers", 3, 3, Value::Flag(byte & 0x08 != 0));
    part("repeaters", 2, 2, Value::Flag(byte & 0x04 != 0));
    part("companions", 1, 1, Value::Flag(byte & 0x02 != 0));
    part("type 0", 0, 0, Value::Flag(byte & 0x01 != 0));
}

/// Writes the payload. The first byte is [`flags`](Control::flags), whatever the body.
#[cfg(feature = "encode")]
impl Encode for Control<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.flags);
        match self.body {
            ControlBody::DiscoverRequest(request) => {
                out.push(request.type_filter);
                out.extend(request.tag.to_le_bytes());
                out.extend(request.since.into_iter().flat_map(u32::to_le_bytes));
            }
            ControlBody::DiscoverResponse(response) => {
                out.push(response.snr_q as u8);
                out.extend(response.tag.to_le_bytes());
                match response.key {
                    Some(ResponderKey::Full(key)) => out.extend(key),
                    Some(ResponderKey::Prefix(key)) => out.extend(key),
                    None => {}
                }
            }
            ControlBody::Short(bytes) | ControlBody::Unknown(bytes) => out.extend(bytes),
        }
    }
}

impl<'a> Control<'a> {
    /// Who is there? Eight bytes of the key are enough if `prefix_only`.
    pub const fn discover(request: DiscoverRequest, prefix_only: bool) -> Self {
        Self { flags: 0x80 | prefix_only as u8, body: ControlBody::DiscoverRequest(request) }
    }

    /// I am.
    pub const fn discovered(response: DiscoverResponse<'a>) -> Self {
        let flags = 0x90 | response.node_type.number() & 0x0F;
        Self { flags, body: ControlBody::DiscoverResponse(response) }
    }
}
