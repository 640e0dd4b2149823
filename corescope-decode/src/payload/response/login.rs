//! The answer to a login, after the server's clock.
//!
//! | offset | size | field                                                    |
//! |-------:|-----:|----------------------------------------------------------|
//! |      4 |    1 | 0 = OK; a wrong password gets silence                    |
//! |      5 |    1 | 0 (was the keep-alive interval / 16)                     |
//! |      6 |    1 | 1 admin, 0 not; room servers also 2 = guest              |
//! |      7 |    1 | permissions: bits 0–1 role, upper bits flags             |
//! |      8 |    4 | random                                                   |
//! |     12 |    1 | firmware level                                           |
//!
//! Source of fact: MeshCore `examples/simple_repeater/MyMesh.cpp`, `handleLoginReq`.

use super::too_short;
use crate::cursor::{self, Cursor};
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::listener::{Listener, Value};

/// You are in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Login {
    /// 0 = OK.
    pub result: u8,
    /// 0 today.
    pub legacy_keep_alive: u8,
    /// 1 admin, 0 not, 2 guest of a room server.
    pub is_admin: u8,
    /// Bits 0–1: 0 guest, 1 read only, 2 read and write, 3 admin; upper bits are flags.
    pub permissions: u8,
    /// So that the packet is unique.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub random: [u8; 4],
    /// What the firmware can do: 2 repeater, 1 room server and sensor.
    pub firmware_level: u8,
}

impl Login {
    pub(super) fn read<L: Listener>(c: &mut Cursor<'_, '_, L>) -> Option<Self> {
        if c.left() < 9 {
            return too_short(c, "login answer", 9);
        }
        Some(Self {
            result: c.field("result", cursor::u8, |&n| {
                if n == 0 { Value::Named(0, "OK") } else { Value::Unsigned(n.into()) }
            })?,
            legacy_keep_alive: c.u8("legacy keep-alive")?,
            is_admin: c.field("admin", cursor::u8, |&n| {
                let names = ["no", "yes", "guest"];
                Value::Named(n.into(), names.get(usize::from(n)).copied().unwrap_or("unassigned"))
            })?,
            permissions: c.bits("permissions", permission_bits)?,
            random: *c.array::<4>("random")?,
            firmware_level: c.u8("firmware level")?,
        })
    }
}

/// Role and flags of somebody on an access list.
pub(super) fn permission_bits(byte: u8, part: &mut dyn FnMut(&'static str, u8, u8, Value<'static>)) {
    part("flags", 7, 2, Value::Unsigned(u64::from(byte >> 2)));
    let names = ["guest", "read only", "read and write", "admin"];
    let role = byte & 3;
    part("role", 1, 0, Value::Named(role.into(), names.get(usize::from(role)).copied().unwrap_or_default()));
}

#[cfg(feature = "encode")]
impl Encode for Login {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.result, self.legacy_keep_alive, self.is_admin, self.permissions]);
        out.extend(self.random);
        out.push(self.firmware_level);
    }
}
