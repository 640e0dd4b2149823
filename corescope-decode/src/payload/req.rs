//! The plaintext of REQ.
//!
//! | offset | size | field                                              |
//! |-------:|-----:|----------------------------------------------------|
//! |      0 |    4 | timestamp; the answer repeats it as its tag        |
//! |      4 |    1 | request type                                       |
//! |      5 | rest | parameters by type, then random bytes, then padding |
//!
//! Source of fact: MeshCore `examples/simple_repeater/MyMesh.cpp`, `handleRequest`, and its
//! siblings of room server and sensor.

use crate::cursor::Cursor;
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::issue::{Detail, IssueKind, Issues};
use crate::listener::{Listener, Value};

/// A request to a node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Request<'a> {
    /// Unix seconds by the sender's clock; also the tag of the answer.
    pub timestamp: u32,
    /// The request type's number.
    pub request_type: u8,
    /// What it asks.
    pub body: RequestBody<'a>,
}

/// What a request asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum RequestBody<'a> {
    /// 0x01: how are you?
    Status,
    /// 0x02: keep my session.
    KeepAlive {
        /// The newest post the client has, Unix seconds; absent when zero, as padding is.
        since: Option<u32>,
    },
    /// 0x03: your readings.
    Telemetry {
        /// What may be told: bit 0 base, 1 location, 2 environment. On the wire it is inverted.
        permissions: u8,
    },
    /// 0x04: average, minimum, maximum of a time.
    AvgMinMax {
        /// Begin, in seconds before now.
        start_secs_ago: u32,
        /// End, in seconds before now.
        end_secs_ago: u32,
        /// Zero today.
        reserved: [u8; 2],
    },
    /// 0x05: who may do what?
    AccessList {
        /// Zero today.
        reserved: [u8; 2],
    },
    /// 0x06: whom do you hear?
    Neighbours {
        /// Of the request's format: 0.
        version: u8,
        /// How many at most.
        count: u8,
        /// From which on.
        offset: u16,
        /// 0 newest first, 1 oldest, 2 strongest, 3 weakest.
        order: u8,
        /// How many bytes of each key.
        prefix_len: u8,
    },
    /// 0x07: who owns you?
    OwnerInfo,
    /// Another type, or too few bytes for it.
    Unknown(#[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))] &'a [u8]),
}

impl<'a> Request<'a> {
    /// Reads decrypted bytes; `None` below five.
    pub fn parse(plaintext: &'a [u8]) -> Option<Self> {
        Self::parse_with(plaintext, &mut Issues::new())
    }

    /// The same, telling `listener` each field and issue.
    pub fn parse_with<L: Listener>(plaintext: &'a [u8], listener: &mut L) -> Option<Self> {
        let mut c = Cursor::plaintext(plaintext, listener);
        if !c.has_head("timestamp and type", 5) {
            return None;
        }
        let timestamp = c.time("timestamp")?;
        let request_type = c.field("request type", crate::cursor::u8, |&n| {
            Value::Named(n.into(), name_of(n).unwrap_or("unassigned"))
        })?;
        let body = RequestBody::read(request_type, &mut c);
        Some(Self { timestamp, request_type, body })
    }

    /// The request's name, such as `get_status`; `None` for unassigned types.
    pub const fn name(&self) -> Option<&'static str> {
        name_of(self.request_type)
    }
}

/// The name of a request type.
const fn name_of(request_type: u8) -> Option<&'static str> {
    Some(match request_type {
        0x01 => "get_status",
        0x02 => "keep_alive",
        0x03 => "get_telemetry",
        0x04 => "get_avg_min_max",
        0x05 => "get_access_list",
        0x06 => "get_neighbours",
        0x07 => "get_owner_info",
        _ => return None,
    })
}

impl<'a> RequestBody<'a> {
    fn read<L: Listener>(request_type: u8, c: &mut Cursor<'a, '_, L>) -> Self {
        let needed = match request_type {
            0x03 => 1,
            0x04 => 10,
            0x05 => 2,
            0x06 => 6,
            _ => 0,
        };
        if c.left() < needed {
            c.needs(IssueKind::InnerTruncated, "parameters", needed);
            return Self::Unknown(c.remainder("cut off", |_| Value::Note("too short for its request type")));
        }
        let rest = c.peek();
        let body = match request_type {
            0x01 => {
                c.up_to("reserved", 4, |_| Value::Bytes);
                c.up_to("random", 4, |_| Value::Note("so that the packet is unique"));
                Some(Self::Status)
            }
            0x02 => Some(Self::KeepAlive { since: c.time("since").filter(|&since| since != 0) }),
            0x03 => Self::read_telemetry(c),
            0x04 => Self::read_avg_min_max(c),
            0x05 => c.array::<2>("reserved").map(|reserved| Self::AccessList { reserved: *reserved }),
            0x06 => Self::read_neighbours(c),
            0x07 => Some(Self::OwnerInfo),
            _ => {
                let detail = Detail::Value { came: request_type.into(), expected: "1 to 7" };
                c.issue_at(4, IssueKind::UnknownRequestType, "request type", detail);
                return Self::Unknown(c.remainder("data", |_| Value::Note("of an unassigned request type")));
            }
        };
        c.remainder("padding", |_| Value::Note("up to the cipher block"));
        body.unwrap_or(Self::Unknown(rest))
    }

    fn read_telemetry<L: Listener>(c: &mut Cursor<'a, '_, L>) -> Option<Self> {
        let inverted = c.bits("inverted permissions", permission_bits)?;
        c.up_to("reserved", 3, |_| Value::Bytes);
        c.up_to("random", 4, |_| Value::Note("so that the packet is unique"));
        Some(Self::Telemetry { permissions: !inverted })
    }

    fn read_avg_min_max<L: Listener>(c: &mut Cursor<'a, '_, L>) -> Option<Self> {
        let start_secs_ago = c.u32("start, seconds ago")?;
        let end_secs_ago = c.u32("end, seconds ago")?;
        let reserved = *c.array::<2>("reserved")?;
        Some(Self::AvgMinMax { start_secs_ago, end_secs_ago, reserved })
    }

    fn read_neighbours<L: Listener>(c: &mut Cursor<'a, '_, L>) -> Option<Self> {
        let version = c.u8("version")?;
        let count = c.u8("count")?;
        let offset = c.u16("offset")?;
        let order = c.field("order", crate::cursor::u8, |&n| {
            let names = ["newest first", "oldest first", "strongest first", "weakest first"];
            Value::Named(n.into(), names.get(usize::from(n)).copied().unwrap_or("unassigned"))
        })?;
        let prefix_len = c.u8("key prefix length")?;
        c.up_to("random", 4, |_| Value::Note("so that the packet is unique"));
        Some(Self::Neighbours { version, count, offset, order, prefix_len })
    }
}

fn permission_bits(byte: u8, part: &mut dyn FnMut(&'static str, u8, u8, Value<'static>)) {
    part("reserved", 7, 3, Value::Unsigned(u64::from(byte >> 3)));
    part("environment withheld", 2, 2, Value::Flag(byte & 4 != 0));
    part("location withheld", 1, 1, Value::Flag(byte & 2 != 0));
    part("base withheld", 0, 0, Value::Flag(byte & 1 != 0));
}

#[cfg(feature = "encode")]
impl Encode for Request<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.timestamp.to_le_bytes());
        out.push(self.request_type);
        match self.body {
            RequestBody::Status => out.extend([0; 4]),
            RequestBody::KeepAlive { since } => out.extend(since.into_iter().flat_map(u32::to_le_bytes)),
            RequestBody::Telemetry { permissions } => out.extend([!permissions, 0, 0, 0]),
            RequestBody::AvgMinMax { start_secs_ago, end_secs_ago, reserved } => {
                out.extend(start_secs_ago.to_le_bytes());
                out.extend(end_secs_ago.to_le_bytes());
                out.extend(reserved);
            }
            RequestBody::AccessList { reserved } => out.extend(reserved),
            RequestBody::Neighbours { version, count, offset, order, prefix_len } => {
                out.extend([version, count]);
                out.extend(offset.to_le_bytes());
                out.extend([order, prefix_len]);
            }
            RequestBody::OwnerInfo => {}
            RequestBody::Unknown(bytes) => out.extend(bytes),
        }
    }
}

#[cfg(feature = "encode")]
impl<'a> Request<'a> {
    /// A request, numbered by its body; an unknown one gets 0xFF.
    pub const fn new(timestamp: u32, body: RequestBody<'a>) -> Self {
        let request_type = match body {
            RequestBody::Status => 0x01,
            RequestBody::KeepAlive { .. } => 0x02,
            RequestBody::Telemetry { .. } => 0x03,
            RequestBody::AvgMinMax { .. } => 0x04,
            RequestBody::AccessList { .. } => 0x05,
            RequestBody::Neighbours { .. } => 0x06,
            RequestBody::OwnerInfo => 0x07,
            RequestBody::Unknown(_) => 0xFF,
        };
        Self { timestamp, request_type, body }
    }
}
