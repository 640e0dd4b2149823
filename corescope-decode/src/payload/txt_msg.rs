//! The plaintext of TXT_MSG.
//!
//! | offset | size | field                                                    |
//! |-------:|-----:|----------------------------------------------------------|
//! |      0 |    4 | timestamp, Unix seconds by the sender's clock            |
//! |      4 |    1 | text type above, attempt in bits 0–1                     |
//! |      5 | rest | by type                                                  |
//!
//! Type 0 is text, type 1 a command or its answer, type 2 four bytes of the author's key and then
//! text (a room server passes a post on). Attempts above 3 stand after the text's NUL.
//!
//! Source of fact: MeshCore `src/helpers/BaseChatMesh.cpp`, `composeMsgPacket` and `onPeerDataRecv`.

use crate::cursor::{Cursor, checked_text};
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::issue::{Detail, IssueKind, Issues};
use crate::listener::{Listener, Value};
use crate::text::Text;

/// A message to one node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TextMessage<'a> {
    /// Unix seconds by the sender's clock.
    pub timestamp: u32,
    /// 0 plain, 1 CLI, 2 signed plain; others are not assigned.
    pub text_type: u8,
    /// The attempt number's lower two bits; random in type 2.
    pub attempt: u8,
    /// What the type says.
    pub body: TextBody<'a>,
}

/// What a text message holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum TextBody<'a> {
    /// Type 0.
    Plain {
        /// The text.
        text: Text<'a>,
        /// The whole attempt number, where it does not fit two bits.
        extended_attempt: Option<u8>,
    },
    /// Type 1: a command or its answer. Not acknowledged.
    Cli {
        /// The text.
        text: Text<'a>,
    },
    /// Type 2: a room server passes on what somebody wrote.
    Signed {
        /// The first four bytes of the author's public key.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
        author: [u8; 4],
        /// The text.
        text: Text<'a>,
    },
    /// Another type.
    Unknown(#[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))] &'a [u8]),
}

impl<'a> TextMessage<'a> {
    /// Reads decrypted bytes; `None` below five.
    pub fn parse(plaintext: &'a [u8]) -> Option<Self> {
        Self::parse_with(plaintext, &mut Issues::new())
    }

    /// The same, telling `listener` each field and issue.
    pub fn parse_with<L: Listener>(plaintext: &'a [u8], listener: &mut L) -> Option<Self> {
        let mut c = Cursor::plaintext(plaintext, listener);
        let (timestamp, text_type, attempt) = head(&mut c)?;
        let body = match text_type {
            0 => {
                let (text, extended_attempt) = plain_body(&mut c, attempt);
                TextBody::Plain { text, extended_attempt }
            }
            1 => TextBody::Cli { text: text_body(&mut c) },
            2 => match c.array::<4>("author key prefix") {
                Some(author) => TextBody::Signed { author: *author, text: text_body(&mut c) },
                None => {
                    c.needs(IssueKind::InnerTruncated, "author key prefix", 4);
                    TextBody::Unknown(c.remainder("cut off", |_| Value::Bytes))
                }
            },
            other => {
                let detail = Detail::Value { came: other.into(), expected: "0, 1 or 2" };
                c.issue_at(4, IssueKind::UnknownTextType, "text type", detail);
                TextBody::Unknown(c.remainder("data", |_| Value::Note("of an unassigned text type")))
            }
        };
        Some(Self { timestamp, text_type, attempt, body })
    }

    /// The text, if it is one.
    pub const fn text(&self) -> Option<Text<'a>> {
        match self.body {
            TextBody::Plain { text, .. } | TextBody::Cli { text } | TextBody::Signed { text, .. } => {
                Some(text)
            }
            TextBody::Unknown(_) => None,
        }
    }

    /// The checksum of the ACK it should get; `None` for CLI and unknown types, which get none.
    ///
    /// `sender` and `receiver` are the public keys of this packet's ends.
    #[cfg(feature = "crypto")]
    pub fn expected_ack(&self, sender: &[u8; 32], receiver: &[u8; 32]) -> Option<[u8; 4]> {
        use crate::crypto::expected_text_ack;
        let time = self.timestamp.to_le_bytes();
        let kind = [self.type_byte()];
        match self.body {
            TextBody::Plain { text, .. } => {
                Some(expected_text_ack([&time, &kind, &[], text.as_bytes()], sender))
            }
            TextBody::Signed { author, text } => {
                Some(expected_text_ack([&time, &kind, &author, text.as_bytes()], receiver))
            }
            TextBody::Cli { .. } | TextBody::Unknown(_) => None,
        }
    }

    #[cfg(feature = "crypto")]
    const fn type_byte(&self) -> u8 {
        self.text_type << 2 | self.attempt & 3
    }
}

/// What group messages begin with too: time, text type, attempt.
pub(super) fn head<L: Listener>(c: &mut Cursor<'_, '_, L>) -> Option<(u32, u8, u8)> {
    if !c.has_head("timestamp and type", 5) {
        return None;
    }
    let timestamp = c.time("timestamp")?;
    let byte = c.bits("type", type_bits)?;
    Some((timestamp, byte >> 2, byte & 3))
}

/// Text up to a NUL or the end, then the padding.
pub(super) fn text_body<'a, L: Listener>(c: &mut Cursor<'a, '_, L>) -> Text<'a> {
    let text = text_field(c);
    c.remainder("padding", |_| Value::Note("after the text's end"));
    text
}

/// Text up to a NUL or the end.
fn text_field<'a, L: Listener>(c: &mut Cursor<'a, '_, L>) -> Text<'a> {
    let at = c.at();
    let text = Text::until_nul(c.peek());
    c.up_to("text", text.as_bytes().len(), Value::Text);
    checked_text(c, "text", text.as_bytes(), at)
}

/// Text, and the attempt number that hides behind its NUL when it is above 3.
fn plain_body<'a, L: Listener>(c: &mut Cursor<'a, '_, L>, attempt: u8) -> (Text<'a>, Option<u8>) {
    let text = text_field(c);
    let extended = c.peek().get(1).copied().filter(|&n| n > 3 && n & 3 == attempt);
    if extended.is_some() {
        c.up_to("end of text", 1, |_| Value::Note("NUL"));
        c.u8("extended attempt");
    }
    c.remainder("padding", |_| Value::Note("after the text's end"));
    (text, extended)
}

fn type_bits(byte: u8, part: &mut dyn FnMut(&'static str, u8, u8, Value<'static>)) {
    let name = match byte >> 2 {
        0 => "plain",
        1 => "CLI",
        2 => "signed plain",
        _ => "unassigned",
    };
    part("text type", 7, 2, Value::Named(u64::from(byte >> 2), name));
    part("attempt", 1, 0, Value::Unsigned(u64::from(byte & 3)));
}

#[cfg(feature = "encode")]
impl Encode for TextMessage<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.timestamp.to_le_bytes());
        out.push(self.type_byte());
        match self.body {
            TextBody::Plain { text, extended_attempt } => {
                out.extend(text.as_bytes());
                out.extend(extended_attempt.into_iter().flat_map(|attempt| [0, attempt]));
            }
            TextBody::Cli { text } => out.extend(text.as_bytes()),
            TextBody::Signed { author, text } => {
                out.extend(author);
                out.extend(text.as_bytes());
            }
            TextBody::Unknown(bytes) => out.extend(bytes),
        }
    }
}

#[cfg(feature = "encode")]
impl<'a> TextMessage<'a> {
    /// A plain message of at most 160 bytes. Attempts count from 0; those above 3 are written
    /// behind the text.
    pub fn plain(timestamp: u32, attempt: u8, text: &'a str) -> Self {
        let extended_attempt = (attempt > 3).then_some(attempt);
        let body = TextBody::Plain { text: Text(text.as_bytes()), extended_attempt };
        Self { timestamp, text_type: 0, attempt: attempt & 3, body }
    }

    /// A command to a node, or its answer.
    pub const fn cli(timestamp: u32, text: &'a str) -> Self {
        let body = TextBody::Cli { text: Text(text.as_bytes()) };
        Self { timestamp, text_type: 1, attempt: 0, body }
    }
}
