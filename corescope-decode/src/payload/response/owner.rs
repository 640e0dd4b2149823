//! The answer to GET_OWNER_INFO: `firmware version \n node name \n owner info`.
//!
//! Source of fact: MeshCore `examples/simple_repeater/MyMesh.cpp`, `REQ_TYPE_GET_OWNER_INFO`.

use crate::cursor::{Cursor, checked_text};
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::listener::{Listener, Value};
use crate::text::Text;

/// A node's firmware, name and owner.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct OwnerInfo<'a> {
    /// Such as `v1.16.0`.
    pub firmware_version: Text<'a>,
    /// Absent if there is no such line.
    pub node_name: Option<Text<'a>>,
    /// May hold more lines; absent if there is no such line.
    pub owner_info: Option<Text<'a>>,
}

impl<'a> OwnerInfo<'a> {
    pub(super) fn read<L: Listener>(c: &mut Cursor<'a, '_, L>) -> Self {
        let (firmware_version, more) = line(c, "firmware version");
        let (node_name, more) = if more { some(line(c, "node name")) } else { (None, false) };
        let owner_info = more.then(|| last(c, "owner info"));
        Self { firmware_version, node_name, owner_info }
    }
}

fn some<T>((value, more): (T, bool)) -> (Option<T>, bool) {
    (Some(value), more)
}

/// Text up to a line end, and whether there was one.
pub(super) fn line<'a, L: Listener>(c: &mut Cursor<'a, '_, L>, name: &'static str) -> (Text<'a>, bool) {
    let at = c.at();
    let text = Text::until_nul(c.peek()).as_bytes();
    let end = text.iter().position(|&b| b == b'\n');
    let bytes = c.up_to(name, end.unwrap_or(text.len()), Value::Text);
    if end.is_some() {
        c.up_to("line end", 1, |_| Value::Note("separates the lines"));
    }
    (checked_text(c, name, bytes, at), end.is_some())
}

/// Text up to a NUL or the end.
pub(super) fn last<'a, L: Listener>(c: &mut Cursor<'a, '_, L>, name: &'static str) -> Text<'a> {
    let at = c.at();
    let len = Text::until_nul(c.peek()).as_bytes().len();
    let bytes = c.up_to(name, len, Value::Text);
    checked_text(c, name, bytes, at)
}

#[cfg(feature = "encode")]
impl Encode for OwnerInfo<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.firmware_version.as_bytes());
        for line in self.node_name.iter().chain(&self.owner_info) {
            out.push(b'\n');
            out.extend(line.as_bytes());
        }
    }
}
