//! The plaintext of GRP_TXT.
//!
//! | offset | size | field                                                    |
//! |-------:|-----:|----------------------------------------------------------|
//! |      0 |    4 | timestamp, Unix seconds by the sender's clock            |
//! |      4 |    1 | text type above (must be 0), attempt in bits 0–1         |
//! |      5 | rest | text up to a NUL or the end, by convention `sender: message` |
//!
//! Source of fact: MeshCore `src/helpers/BaseChatMesh.cpp`, `sendGroupMessage` and `onGroupDataRecv`.

use super::txt_msg::{head, text_body};
use crate::cursor::Cursor;
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::issue::{Detail, IssueKind, Issues};
use crate::listener::{Listener, Value};
use crate::text::Text;

/// A message on a channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct GroupText<'a> {
    /// Unix seconds by the sender's clock.
    pub timestamp: u32,
    /// 0 is text; others are not assigned.
    pub text_type: u8,
    /// 0 to 3; senders write 0.
    pub attempt: u8,
    /// Everything after, with its padding.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub body: &'a [u8],
}

impl<'a> GroupText<'a> {
    /// Reads decrypted bytes; `None` below five.
    pub fn parse(plaintext: &'a [u8]) -> Option<Self> {
        Self::parse_with(plaintext, &mut Issues::new())
    }

    /// The same, telling `listener` each field and issue.
    pub fn parse_with<L: Listener>(plaintext: &'a [u8], listener: &mut L) -> Option<Self> {
        let mut c = Cursor::plaintext(plaintext, listener);
        let (timestamp, text_type, attempt) = head(&mut c)?;
        let body = c.peek();
        if text_type == 0 {
            text_body(&mut c);
        } else {
            let detail = Detail::Value { came: text_type.into(), expected: "0" };
            c.issue_at(4, IssueKind::UnknownTextType, "text type", detail);
            c.remainder("data", |_| Value::Note("of an unassigned text type"));
        }
        Some(Self { timestamp, text_type, attempt, body })
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<Text<'a>> {
        (self.text_type == 0).then(|| Text::until_nul(self.body))
    }
}

#[cfg(feature = "encode")]
impl Encode for GroupText<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.timestamp.to_le_bytes());
        out.push(self.text_type << 2 | self.attempt & 3);
        out.extend(self.body);
    }
}

#[cfg(feature = "encode")]
impl<'a> GroupText<'a> {
    /// A message of `text`, which by convention is `sender: message`, at most 160 bytes.
    pub const fn new(timestamp: u32, text: &'a str) -> Self {
        Self { timestamp, text_type: 0, attempt: 0, body: text.as_bytes() }
    }
}
