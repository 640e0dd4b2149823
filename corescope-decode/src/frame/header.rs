//! The header byte: `0bVVPPPPRR`.
//!
//! | bits | field                                          |
//! |-----:|------------------------------------------------|
//! |  0–1 | route type                                     |
//! |  2–5 | payload type                                   |
//! |  6–7 | payload version, stored minus one              |
//!
//! Source of fact: MeshCore `src/Packet.h`, `PH_ROUTE_MASK` and its neighbours.

use core::fmt;

/// The first byte of every frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Header(pub u8);

impl Header {
    /// A header of payload version 1.
    pub const fn new(route: RouteType, payload: PayloadType) -> Self {
        Self(route as u8 | (payload.number() << 2))
    }

    /// How the packet travels.
    pub const fn route_type(self) -> RouteType {
        match self.0 & 3 {
            0 => RouteType::TransportFlood,
            1 => RouteType::Flood,
            2 => RouteType::Direct,
            _ => RouteType::TransportDirect,
        }
    }

    /// What it carries.
    pub const fn payload_type(self) -> PayloadType {
        PayloadType::from_number(self.0 >> 2)
    }

    /// Payload version minus one, 0 to 3, as the bits say.
    pub const fn version(self) -> u8 {
        self.0 >> 6
    }
}

/// How a packet travels.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[repr(u8)]
pub enum RouteType {
    /// Flood with transport codes.
    TransportFlood = 0,
    /// Flood: each repeater that forwards it appends its hash to the path.
    Flood = 1,
    /// Direct: the path holds the repeaters still to visit.
    Direct = 2,
    /// Direct with transport codes.
    TransportDirect = 3,
}

impl RouteType {
    /// Whether transport codes follow the header.
    pub const fn has_transport_codes(self) -> bool {
        matches!(self, Self::TransportFlood | Self::TransportDirect)
    }

    /// Whether every repeater forwards it.
    pub const fn is_flood(self) -> bool {
        matches!(self, Self::TransportFlood | Self::Flood)
    }

    /// Whether it follows a given path.
    pub const fn is_direct(self) -> bool {
        !self.is_flood()
    }

    /// The firmware's name, such as `TRANSPORT_FLOOD`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TransportFlood => "TRANSPORT_FLOOD",
            Self::Flood => "FLOOD",
            Self::Direct => "DIRECT",
            Self::TransportDirect => "TRANSPORT_DIRECT",
        }
    }
}

impl fmt::Display for RouteType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a packet carries. All sixteen numbers have a value here; the reserved ones are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[repr(u8)]
pub enum PayloadType {
    /// 0x00: a request to a node that knows us.
    Request = 0x00,
    /// 0x01: its answer.
    Response = 0x01,
    /// 0x02: a text message to one node.
    TextMessage = 0x02,
    /// 0x03: an acknowledgement.
    Ack = 0x03,
    /// 0x04: a node tells who it is.
    Advert = 0x04,
    /// 0x05: a text message on a channel.
    GroupText = 0x05,
    /// 0x06: a datagram on a channel.
    GroupData = 0x06,
    /// 0x07: a request that carries its sender's full key.
    AnonRequest = 0x07,
    /// 0x08: a path back, perhaps with an answer in it.
    Path = 0x08,
    /// 0x09: a trace along a given route.
    Trace = 0x09,
    /// 0x0A: one part of several.
    Multipart = 0x0A,
    /// 0x0B: discovery, unencrypted.
    Control = 0x0B,
    /// 0x0C, reserved.
    Reserved0C = 0x0C,
    /// 0x0D, reserved.
    Reserved0D = 0x0D,
    /// 0x0E, reserved.
    Reserved0E = 0x0E,
    /// 0x0F: bytes of an application.
    RawCustom = 0x0F,
}

impl PayloadType {
    /// All sixteen, by number.
    pub const ALL: [Self; 16] = [
        Self::Request,
        Self::Response,
        Self::TextMessage,
        Self::Ack,
        Self::Advert,
        Self::GroupText,
        Self::GroupData,
        Self::AnonRequest,
        Self::Path,
        Self::Trace,
        Self::Multipart,
        Self::Control,
        Self::Reserved0C,
        Self::Reserved0D,
        Self::Reserved0E,
        Self::RawCustom,
    ];

    /// From the lower four bits of `number`.
    pub const fn from_number(number: u8) -> Self {
        Self::ALL[(number & 0x0F) as usize]
    }

    /// 0x00 to 0x0F.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The firmware's name, such as `GRP_TXT`; `RESERVED` for the three without one.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "REQ",
            Self::Response => "RESPONSE",
            Self::TextMessage => "TXT_MSG",
            Self::Ack => "ACK",
            Self::Advert => "ADVERT",
            Self::GroupText => "GRP_TXT",
            Self::GroupData => "GRP_DATA",
            Self::AnonRequest => "ANON_REQ",
            Self::Path => "PATH",
            Self::Trace => "TRACE",
            Self::Multipart => "MULTIPART",
            Self::Control => "CONTROL",
            Self::Reserved0C | Self::Reserved0D | Self::Reserved0E => "RESERVED",
            Self::RawCustom => "RAW_CUSTOM",
        }
    }

    /// Whether it is 0x0C, 0x0D or 0x0E.
    pub const fn is_reserved(self) -> bool {
        matches!(self, Self::Reserved0C | Self::Reserved0D | Self::Reserved0E)
    }
}

impl fmt::Display for PayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_splits_into_its_three_fields() {
        for byte in 0..=u8::MAX {
            let header = Header(byte);
            let again =
                header.route_type() as u8 | header.payload_type().number() << 2 | header.version() << 6;
            assert_eq!(again, byte);
        }
    }

    #[test]
    fn numbers_and_types_are_inverse() {
        for (number, kind) in PayloadType::ALL.iter().enumerate() {
            assert_eq!(usize::from(kind.number()), number);
        }
    }
}
