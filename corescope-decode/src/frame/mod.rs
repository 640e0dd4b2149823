//! The frame: header, transport codes, path, payload.
//!
//! ```text
//! [header 1][transport codes 4, only route types 0 and 3][path_len 1][path 0..64][payload 0..184]
//! ```
//!
//! Source of fact: MeshCore `src/Packet.cpp`, `readFrom`, and `src/Dispatcher.cpp`, `tryParsePacket`.

mod error;
mod header;
mod path;

pub use error::{FrameError, FrameErrorKind};
pub use header::{Header, PayloadType, RouteType};
pub use path::{Path, PathLen};

use crate::cursor::{self, Cursor};
use crate::issue::{Issues, Space};
#[cfg(feature = "alloc")]
use crate::listener::Leaf;
use crate::listener::{Listener, Silent, Value};
use crate::payload::{self, Payload};

/// The largest frame that can be valid: 1 + 4 + 1 + 64 + 184 bytes.
pub const MAX_FRAME: usize = 254;

/// The largest payload, in bytes.
pub const MAX_PAYLOAD: usize = 184;

/// The two numbers that scope a packet to a region.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TransportCodes {
    /// The code of the region the packet is meant for; 0x0000 and 0xFFFF are never produced.
    pub scope: u16,
    /// Reserved for the sender's home region; senders write 0 today.
    pub home: u16,
}

/// One packet, borrowed from the bytes it was read from.
#[derive(Clone, Copy, Eq, PartialEq, Hash)]
pub struct Packet<'a> {
    raw: &'a [u8],
    header: Header,
    codes: Option<TransportCodes>,
    path: Path<'a>,
    payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a frame. The payload is not looked at yet: [`typed`](Self::typed) does that.
    ///
    /// # Errors
    ///
    /// [`FrameError`] says what is missing and where. It keeps the fields before that.
    #[inline(always)]
    pub fn parse(raw: &'a [u8]) -> Result<Self, FrameError> {
        Self::parse_with(raw, &mut Silent)
    }

    /// Reads a frame and tells `listener` each field, all but the payload.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    #[inline(always)]
    pub fn parse_with<L: Listener>(raw: &'a [u8], listener: &mut L) -> Result<Self, FrameError> {
        let mut cursor = Cursor::new(raw, 0, Space::Frame, listener);
        let c = &mut cursor;
        let Some(byte) = c.bits("header", header_bits) else {
            return Err(FrameError::new(FrameErrorKind::Empty, 0, 1, 0));
        };
        let header = Header(byte);
        let codes = if header.route_type().has_transport_codes() {
            if c.left() < 4 {
                return Err(FrameError::new(FrameErrorKind::TruncatedTransportCodes, c.at(), 4, c.left())
                    .with_header(header));
            }
            let scope = c.u16("scope code");
            let home = c.u16("home code");
            scope.zip(home).map(|(scope, home)| TransportCodes { scope, home })
        } else {
            None
        };
        let Some(len) = c.bits("path_len", path_len_bits) else {
            return Err(FrameError::new(FrameErrorKind::TruncatedPathLen, c.at(), 1, 0)
                .with_header(header)
                .with_codes(codes));
        };
        let len = PathLen(len);
        let fail = |kind, at, needs, left| {
            Err(FrameError::new(kind, at, needs, left)
                .with_header(header)
                .with_codes(codes)
                .with_path_len(len))
        };
        if len.is_reserved() {
            return fail(FrameErrorKind::ReservedHashSize, c.at() - 1, 3, len.hash_size());
        }
        if len.byte_len() > PathLen::MAX_BYTES {
            return fail(FrameErrorKind::PathTooLong, c.at() - 1, PathLen::MAX_BYTES, len.byte_len());
        }
        if len.byte_len() > c.left() {
            return fail(FrameErrorKind::TruncatedPath, c.at(), len.byte_len(), c.left());
        }
        let path = read_path(c, header, len);
        if c.left() > MAX_PAYLOAD {
            return fail(FrameErrorKind::PayloadTooLong, c.at(), MAX_PAYLOAD, c.left());
        }
        Ok(Self { raw, header, codes, path: Path::new(len, path), payload: c.peek() })
    }

    /// The whole frame.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }

    /// The header byte.
    pub const fn header(&self) -> Header {
        self.header
    }

    /// How it travels.
    pub const fn route_type(&self) -> RouteType {
        self.header.route_type()
    }

    /// What it carries.
    pub const fn payload_type(&self) -> PayloadType {
        self.header.payload_type()
    }

    /// Payload version minus one, 0 to 3. Only 0 has a known layout.
    pub const fn version(&self) -> u8 {
        self.header.version()
    }

    /// The transport codes, of route types 0 and 3.
    pub const fn transport_codes(&self) -> Option<TransportCodes> {
        self.codes
    }

    /// The path. In a TRACE its bytes are signal values, not hashes: see
    /// [`Trace`](crate::payload::Trace).
    pub const fn path(&self) -> Path<'a> {
        self.path
    }

    /// The payload's bytes, 0 to 184.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Where the payload begins in the frame.
    pub const fn payload_offset(&self) -> usize {
        self.raw.len() - self.payload.len()
    }

    /// Whether it is for those in radio range alone: direct with no hops.
    pub const fn is_zero_hop(&self) -> bool {
        self.route_type().is_direct() && self.path.is_empty()
    }

    /// Reads the payload by its type. What is wrong with it is told beside it; a payload that is
    /// too short for its type comes as [`Payload::Partial`] with the fields that are certain.
    #[inline(always)]
    pub fn typed(&self) -> Typed<'a> {
        let mut issues = Issues::new();
        let payload = self.typed_with(&mut issues);
        Typed { payload, issues }
    }

    /// Reads the payload by its type and tells `listener` each field and issue.
    #[inline(always)]
    pub fn typed_with<L: Listener>(&self, listener: &mut L) -> Payload<'a> {
        payload::read(self, listener)
    }

    /// The same with versions 2 to 4 read as if they were version 1, which is a guess: old
    /// analyzers did it.
    #[inline]
    pub fn typed_as_version_1<L: Listener>(&self, listener: &mut L) -> Payload<'a> {
        payload::read_version_1(self, listener)
    }
}

impl core::fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Packet")
            .field("route_type", &self.route_type())
            .field("payload_type", &self.payload_type())
            .field("version", &self.version())
            .field("transport_codes", &self.codes)
            .field("path", &self.path)
            .field("payload", &crate::hex::Hex(self.payload))
            .finish()
    }
}

/// A payload read by its type, and what is wrong with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Typed<'a> {
    /// What the payload says.
    pub payload: Payload<'a>,
    /// What is wrong with it, in the order of the fields.
    pub issues: Issues,
}

fn header_bits(byte: u8, part: &mut dyn FnMut(&'static str, u8, u8, Value<'static>)) {
    let header = Header(byte);
    part("payload version", 7, 6, Value::Named(header.version().into(), version_name(header.version())));
    let payload = header.payload_type();
    part("payload type", 5, 2, Value::Named(payload.number().into(), payload.name()));
    let route = header.route_type();
    part("route type", 1, 0, Value::Named(route as u64, route.name()));
}

const fn version_name(version: u8) -> &'static str {
    match version {
        0 => "version 1",
        1 => "version 2, layout unknown",
        2 => "version 3, layout unknown",
        _ => "version 4, layout unknown",
    }
}

pub(crate) fn path_len_bits(byte: u8, part: &mut dyn FnMut(&'static str, u8, u8, Value<'static>)) {
    let len = PathLen(byte);
    let size = match len.hash_size() {
        1 => "1 byte a hop",
        2 => "2 bytes a hop",
        3 => "3 bytes a hop",
        _ => "reserved",
    };
    part("hash size", 7, 6, Value::Named(u64::from(byte >> 6), size));
    part("hop count", 5, 0, Value::Unsigned(len.hop_count() as u64));
}

/// The path's bytes as one slice; a listener hears each hop.
#[inline(always)]
fn read_path<'a, L: Listener>(c: &mut Cursor<'a, '_, L>, header: Header, len: PathLen) -> &'a [u8] {
    if !L::FIELDS {
        return c.field("path", cursor::bytes(len.byte_len()), |_| Value::Bytes).unwrap_or_default();
    }
    if len.byte_len() == 0 {
        return &[];
    }
    let whole = c.peek().get(..len.byte_len()).unwrap_or_default();
    c.open("path");
    for _ in 0..len.hop_count() {
        if header.payload_type() == PayloadType::Trace && len.hash_size() == 1 {
            c.snr("SNR");
        } else {
            c.field("hop", cursor::bytes(len.hash_size()), |hop| hop_value(hop));
        }
    }
    c.close();
    whole
}

/// Node hashes that begin with 00 or FF belong to no node of current firmware.
pub(crate) fn hop_value(hop: &[u8]) -> Value<'_> {
    match hop.first() {
        Some(0x00 | 0xFF) => Value::Note("reserved prefix"),
        _ => Value::Bytes,
    }
}

/// What a frame that could not be read leaves over, told as one field.
#[cfg(feature = "alloc")]
pub(crate) fn unread<L: Listener>(raw: &[u8], from: usize, listener: &mut L) {
    let bytes = raw.get(from..).unwrap_or_default();
    if !bytes.is_empty() {
        let value = Value::Note("not a valid frame");
        listener.leaf(Leaf { name: "unread", start: from, bytes, bits: None, value });
    }
}
