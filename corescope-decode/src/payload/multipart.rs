//! MULTIPART: one of several packets that belong together; today only repeated ACKs.
//!
//! | offset | size | field                                                        |
//! |-------:|-----:|--------------------------------------------------------------|
//! |      0 |    1 | high nibble: packets still to come; low: inner payload type  |
//! |      1 | rest | inner payload                                                |
//!
//! Source of fact: MeshCore `src/Mesh.cpp`, `createMultiAck` and the `PAYLOAD_TYPE_MULTIPART` arm.

use super::ack::Ending;
use super::{Ack, Partial};
use crate::cursor::Cursor;
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::frame::PayloadType;
use crate::listener::{Listener, Value};

/// One part of several.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Multipart<'a> {
    /// Packets still to come, 0 to 15.
    pub remaining: u8,
    /// The inner payload's type, 0 to 15.
    pub inner_type: u8,
    /// The inner payload.
    pub body: MultipartBody<'a>,
}

/// What is inside a part.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum MultipartBody<'a> {
    /// An acknowledgement, sent ahead of the plain one.
    Ack(Ack<'a>),
    /// Another type: no firmware sends one yet.
    Other(#[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))] &'a [u8]),
}

impl<'a> Multipart<'a> {
    #[inline(always)]
    pub(super) fn read<L: Listener>(c: &mut Cursor<'a, '_, L>) -> Result<Self, Partial<'a>> {
        let mut partial = Partial::new(PayloadType::Multipart, c.peek());
        let Some(byte) = c.bits("part", part_bits) else { return Err(partial.end(c)) };
        let (remaining, inner_type) = (byte >> 4, byte & 0x0F);
        let body = if inner_type == PayloadType::Ack.number() {
            match Ack::read_fields(c, Ending::Packet) {
                Some(ack) => MultipartBody::Ack(ack),
                None => {
                    partial.multipart = Some((remaining, inner_type));
                    return Err(partial.end(c));
                }
            }
        } else {
            MultipartBody::Other(c.remainder("inner payload", |_| Value::Note("of an unassigned type")))
        };
        Ok(Self { remaining, inner_type, body })
    }
}

fn part_bits(byte: u8, part: &mut dyn FnMut(&'static str, u8, u8, Value<'static>)) {
    part("still to come", 7, 4, Value::Unsigned(u64::from(byte >> 4)));
    let inner = PayloadType::from_number(byte);
    part("inner type", 3, 0, Value::Named(inner.number().into(), inner.name()));
}

#[cfg(feature = "encode")]
impl Encode for Multipart<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.remaining << 4 | self.inner_type & 0x0F);
        match self.body {
            MultipartBody::Ack(ack) => ack.encode(out),
            MultipartBody::Other(bytes) => out.extend(bytes),
        }
    }
}
