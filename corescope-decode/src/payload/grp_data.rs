//! The plaintext of GRP_DATA.
//!
//! | offset | size     | field                                         |
//! |-------:|---------:|-----------------------------------------------|
//! |      0 |        2 | data type, allocated to applications          |
//! |      2 |        1 | data length                                   |
//! |      3 | that     | data                                          |
//! |      … | rest     | zero padding                                  |
//!
//! Source of fact: MeshCore `src/helpers/BaseChatMesh.cpp`, and `docs/number_allocations.md`.

#![cfg_attr(feature = "serde", expect(clippy::ref_option_ref, reason = "serde hands its fields over so"))]

use crate::cursor::{self, Cursor};
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::issue::{Detail, IssueKind, Issues};
use crate::listener::{Listener, Value};

/// A datagram on a channel.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct GroupData<'a> {
    /// Whose data it is: see [`owner`](Self::owner).
    pub data_type: u16,
    /// Its length as sent.
    pub data_len: u8,
    /// The data; absent if the length runs past the end.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex_option"))]
    pub data: Option<&'a [u8]>,
}

impl<'a> GroupData<'a> {
    /// Reads decrypted bytes; `None` below three.
    pub fn parse(plaintext: &'a [u8]) -> Option<Self> {
        Self::parse_with(plaintext, &mut Issues::new())
    }

    /// The same, telling `listener` each field and issue.
    pub fn parse_with<L: Listener>(plaintext: &'a [u8], listener: &mut L) -> Option<Self> {
        Self::read(plaintext, listener, |c, _, len| {
            c.up_to("data", len, |_| Value::Note("of an application"))
        })
    }

    /// The same, with a registry asked for the data.
    #[cfg(all(feature = "alloc", feature = "crypto"))]
    pub(crate) fn parse_through<L: Listener>(
        plaintext: &'a [u8],
        registry: &crate::plugin::Registry,
        listener: &mut L,
    ) -> Option<Self> {
        use crate::plugin::Subject;
        Self::read(plaintext, listener, |c, data_type, len| {
            let data = c.peek().get(..len).unwrap_or_default();
            let known = c.aside(len, |listener| {
                registry.decode_with(&Subject::GroupData { data_type, data }, listener).is_some()
            });
            if known { data } else { c.up_to("data", len, |_| Value::Note("of an application")) }
        })
    }

    fn read<'l, L: Listener>(
        plaintext: &'a [u8],
        listener: &'l mut L,
        read_data: impl FnOnce(&mut Cursor<'a, 'l, L>, u16, usize) -> &'a [u8],
    ) -> Option<Self> {
        let mut c = Cursor::plaintext(plaintext, listener);
        if !c.has_head("data type and length", 3) {
            return None;
        }
        let data_type = c.field("data type", cursor::u16, |&n| Value::Named(n.into(), Self::owner_of(n)))?;
        let data_len = c.u8("data length")?;
        let len = usize::from(data_len);
        let data = if len > c.left() {
            let detail = Detail::Needs { bytes: len as u16, left: c.left() as u16 };
            c.issue_at(2, IssueKind::InnerTruncated, "data", detail);
            c.remainder("cut off", |_| Value::Note("shorter than its length says"));
            None
        } else {
            let data = read_data(&mut c, data_type, len);
            c.remainder("padding", |_| Value::Note("up to the cipher block"));
            Some(data)
        };
        Some(Self { data_type, data_len, data })
    }

    /// Who the data type is allocated to.
    pub const fn owner(&self) -> &'static str {
        Self::owner_of(self.data_type)
    }

    const fn owner_of(data_type: u16) -> &'static str {
        match data_type {
            0x0000..=0x00FF => "internal use",
            0x0100 => "MeshCore Open",
            0x0110..=0x011F => "Ripple",
            0x0120 => "MCO Advanced",
            0x0130..=0x013F => "StreamSensor",
            0xFF00..=0xFFFF => "testing and development",
            _ => "unallocated",
        }
    }
}

#[cfg(feature = "encode")]
impl Encode for GroupData<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.data_type.to_le_bytes());
        out.push(self.data_len);
        out.extend(self.data.unwrap_or_default());
    }
}

#[cfg(feature = "encode")]
impl<'a> GroupData<'a> {
    /// A datagram; `None` if it has more than 165 bytes.
    pub const fn new(data_type: u16, data: &'a [u8]) -> Option<Self> {
        if data.len() > 165 {
            return None;
        }
        Some(Self { data_type, data_len: data.len() as u8, data: Some(data) })
    }
}
