//! The plaintext of ANON_REQ.
//!
//! To a room server: timestamp u32, `sync_since` u32, password. To anything else: timestamp u32,
//! then byte 4 decides:
//!
//! | byte 4       | meaning                                        |
//! |--------------|------------------------------------------------|
//! | 0x00, ≥ 0x20 | login; the password begins here                |
//! | 0x01         | which regions? a reply path follows            |
//! | 0x02         | who owns you? a reply path follows             |
//! | 0x03         | what are you? a reply path follows             |
//!
//! The plaintext does not say which kind of node it is for: its advert does.
//!
//! Source of fact: MeshCore `examples/simple_repeater/MyMesh.cpp` and
//! `examples/simple_room_server/MyMesh.cpp`, `onAnonDataRecv`.

use super::NodeType;
use super::path::inner_path;
use crate::cursor::{self, Cursor, checked_text};
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::frame::{Path, PathLen};
use crate::issue::{Detail, IssueKind, Issues};
use crate::listener::{Listener, Value};
use crate::text::Text;

/// What somebody asks who may be unknown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AnonBody<'a> {
    /// Unix seconds by the sender's clock; also the tag of the answer.
    pub timestamp: u32,
    /// What it asks.
    pub variant: AnonVariant<'a>,
}

/// What an anonymous request asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum AnonVariant<'a> {
    /// Log in to a repeater or sensor. An empty password asks "am I on the list?".
    Login {
        /// At most 15 bytes.
        password: Text<'a>,
    },
    /// Log in to a room server.
    RoomLogin {
        /// The newest post the client has, Unix seconds.
        sync_since: u32,
        /// At most 15 bytes.
        password: Text<'a>,
    },
    /// Which regions do you serve?
    Regions(ReplyPath<'a>),
    /// Who owns you?
    Owner(ReplyPath<'a>),
    /// What are you?
    Basic(ReplyPath<'a>),
    /// A sub-type without a meaning yet.
    Unknown {
        /// Its number.
        sub_type: u8,
        /// What follows it, with its padding.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
        data: &'a [u8],
    },
    /// It cannot be told without the kind of node it is for.
    Undetermined(#[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))] &'a [u8]),
}

/// The way an answer should take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ReplyPath<'a> {
    /// Its length byte.
    pub path_len: PathLen,
    /// The path, in the order of the wire; absent if the length is invalid or runs past the end.
    pub path: Option<Path<'a>>,
}

impl<'a> AnonBody<'a> {
    /// Reads decrypted bytes that are for a node of the kind `target`; `None` below five bytes.
    pub fn parse(plaintext: &'a [u8], target: Option<NodeType>) -> Option<Self> {
        Self::parse_with(plaintext, target, &mut Issues::new())
    }

    /// The same, telling `listener` each field and issue.
    pub fn parse_with<L: Listener>(
        plaintext: &'a [u8],
        target: Option<NodeType>,
        listener: &mut L,
    ) -> Option<Self> {
        let mut c = Cursor::plaintext(plaintext, listener);
        if !c.has_head("timestamp and request", 5) {
            return None;
        }
        let timestamp = c.time("timestamp")?;
        let variant = match target {
            None => {
                let rest = c.remainder("request", |_| Value::Note("needs the kind of node it is for"));
                AnonVariant::Undetermined(rest)
            }
            Some(NodeType::Room) => match c.time("sync since") {
                Some(sync_since) => AnonVariant::RoomLogin { sync_since, password: password(&mut c) },
                None => {
                    c.needs(IssueKind::InnerTruncated, "sync since", 4);
                    AnonVariant::Undetermined(c.remainder("cut off", |_| Value::Bytes))
                }
            },
            Some(_) => AnonVariant::read(&mut c),
        };
        Some(Self { timestamp, variant })
    }
}

impl<'a> AnonVariant<'a> {
    fn read<L: Listener>(c: &mut Cursor<'a, '_, L>) -> Self {
        let first = c.peek().first().copied().unwrap_or_default();
        if first == 0 || first >= 0x20 {
            return Self::Login { password: password(c) };
        }
        let at = c.at();
        c.field("request", cursor::u8, |&n| {
            let names = ["", "regions", "owner", "basic"];
            Value::Named(n.into(), names.get(usize::from(n)).copied().unwrap_or("unassigned"))
        });
        let make = match first {
            1 => Self::Regions,
            2 => Self::Owner,
            3 => Self::Basic,
            sub_type => {
                let detail = Detail::Value { came: sub_type.into(), expected: "1, 2, 3 or a password" };
                c.issue_at(at, IssueKind::UnknownRequestType, "request", detail);
                let data = c.remainder("data", |_| Value::Note("of an unassigned request"));
                return Self::Unknown { sub_type, data };
            }
        };
        let Some((path_len, path)) = inner_path(c) else {
            return Self::Unknown { sub_type: first, data: &[] };
        };
        c.remainder("padding", |_| Value::Note("up to the cipher block"));
        make(ReplyPath { path_len, path })
    }
}

fn password<'a, L: Listener>(c: &mut Cursor<'a, '_, L>) -> Text<'a> {
    let at = c.at();
    let text = Text::until_nul(c.peek());
    c.up_to("password", text.as_bytes().len(), Value::Text);
    let text = checked_text(c, "password", text.as_bytes(), at);
    c.remainder("padding", |_| Value::Note("after the password's end"));
    text
}

#[cfg(feature = "encode")]
impl Encode for AnonBody<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        let reply = |out: &mut Vec<u8>, number: u8, reply: &ReplyPath<'_>| {
            out.extend([number, reply.path_len.0]);
            out.extend(reply.path.iter().flat_map(Path::as_bytes));
        };
        out.extend(self.timestamp.to_le_bytes());
        match &self.variant {
            AnonVariant::Login { password } => {
                out.extend(password.as_bytes());
                // Its end marks it: a blank password is told by a zero.
                out.push(0);
            }
            AnonVariant::RoomLogin { sync_since, password } => {
                out.extend(sync_since.to_le_bytes());
                out.extend(password.as_bytes());
            }
            AnonVariant::Regions(path) => reply(out, 1, path),
            AnonVariant::Owner(path) => reply(out, 2, path),
            AnonVariant::Basic(path) => reply(out, 3, path),
            AnonVariant::Unknown { sub_type, data } => {
                out.push(*sub_type);
                out.extend(*data);
            }
            AnonVariant::Undetermined(bytes) => out.extend(*bytes),
        }
    }
}
