//! A payload that is too short for its type, with what is certain.

#![cfg_attr(feature = "serde", expect(clippy::ref_option_ref, reason = "serde hands its fields over so"))]

use crate::cursor::Cursor;
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::frame::{Packet, PayloadType};
use crate::listener::{Listener, Value};

/// The certain fields of a payload that is too short for its type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Partial<'a> {
    /// The type it would have been.
    pub payload_type: PayloadType,
    /// All its bytes.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub bytes: &'a [u8],
    /// REQ, RESPONSE, TXT_MSG, PATH, ANON_REQ: the first byte of the receiver's key.
    pub dest_hash: Option<u8>,
    /// REQ, RESPONSE, TXT_MSG, PATH: the first byte of the sender's key.
    pub src_hash: Option<u8>,
    /// GRP_TXT, GRP_DATA: the channel hash.
    pub channel_hash: Option<u8>,
    /// ADVERT, ANON_REQ: the sender's key.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex_option"))]
    pub public_key: Option<&'a [u8; 32]>,
    /// ADVERT: Unix seconds by the node's clock.
    pub timestamp: Option<u32>,
    /// MULTIPART: packets still to come, and the inner type.
    pub multipart: Option<(u8, u8)>,
    /// TRACE: the signal values of the frame's path, in quarter dB.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex_option"))]
    pub snr: Option<&'a [u8]>,
}

impl<'a> Partial<'a> {
    pub(super) const fn new(payload_type: PayloadType, bytes: &'a [u8]) -> Self {
        Self {
            payload_type,
            bytes,
            dest_hash: None,
            src_hash: None,
            channel_hash: None,
            public_key: None,
            timestamp: None,
            multipart: None,
            snr: None,
        }
    }

    pub(super) const fn trace(packet: &Packet<'a>, bytes: &'a [u8]) -> Self {
        Self { snr: Some(packet.path().as_bytes()), ..Self::new(PayloadType::Trace, bytes) }
    }

    /// Tells the listener the bytes that make no field.
    pub(super) fn end<L: Listener>(self, c: &mut Cursor<'a, '_, L>) -> Self {
        c.remainder("cut off", |_| Value::Note("the payload is too short for its type"));
        self
    }
}

#[cfg(feature = "encode")]
impl Encode for Partial<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.bytes);
    }
}
