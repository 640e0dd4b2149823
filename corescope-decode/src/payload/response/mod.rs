//! The plaintext of RESPONSE.
//!
//! It begins with the request's timestamp as a tag (a login's answer with the server's clock), and
//! does not say what it answers: that has to come from the request.

mod access_list;
mod anon;
mod avg_min_max;
mod login;
mod neighbours;
mod owner;
mod status;
mod telemetry;

pub use access_list::{AccessEntry, AccessList};
pub use anon::{BasicInfo, OwnerReply, Regions};
pub use avg_min_max::{AvgMinMax, Series};
pub use login::Login;
pub use neighbours::{Neighbour, Neighbours};
pub use owner::OwnerInfo;
pub use status::{Status, StatusTail};
pub use telemetry::{LppKind, LppRecord, Telemetry};

use super::NodeType;
use super::req::{Request, RequestBody};
use crate::cursor::Cursor;
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::issue::{IssueKind, Issues};
use crate::listener::{Listener, Value};

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Response<'a> {
    /// The request's timestamp; of a login's answer the server's clock.
    pub tag: u32,
    /// What it says.
    pub body: ResponseBody<'a>,
}

/// What a response answers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ReplyTo {
    /// Not known: tag and bytes are shown.
    #[default]
    Unknown,
    /// A login.
    Login,
    /// Request 0x01, to a node of this kind.
    Status(NodeType),
    /// Request 0x03.
    Telemetry,
    /// Request 0x04.
    AvgMinMax,
    /// Request 0x05.
    AccessList,
    /// Request 0x06, which asked for keys of so many bytes.
    Neighbours {
        /// 0 to 32; more are 32, as in firmware.
        prefix_len: u8,
    },
    /// Request 0x07.
    OwnerInfo,
    /// An anonymous request for the regions.
    AnonRegions,
    /// An anonymous request for the owner.
    AnonOwner,
    /// An anonymous request for the features.
    AnonBasic,
}

impl ReplyTo {
    /// The answer to expect to a request that was sent to a node of the kind `server`.
    pub fn to(request: &Request<'_>, server: NodeType) -> Self {
        match request.body {
            RequestBody::Status => Self::Status(server),
            RequestBody::Telemetry { .. } => Self::Telemetry,
            RequestBody::AvgMinMax { .. } => Self::AvgMinMax,
            RequestBody::AccessList { .. } => Self::AccessList,
            RequestBody::Neighbours { prefix_len, .. } => Self::Neighbours { prefix_len },
            RequestBody::OwnerInfo => Self::OwnerInfo,
            RequestBody::KeepAlive { .. } | RequestBody::Unknown(_) => Self::Unknown,
        }
    }
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ResponseBody<'a> {
    /// Not known, or too short for what it should be.
    Unknown(#[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))] &'a [u8]),
    /// You are in.
    Login(Login),
    /// How the node does.
    Status(Status),
    /// Its readings.
    Telemetry(Telemetry<'a>),
    /// Average, minimum, maximum.
    AvgMinMax(AvgMinMax<'a>),
    /// Who may do what.
    AccessList(AccessList<'a>),
    /// Whom it hears.
    Neighbours(Neighbours<'a>),
    /// Its firmware, name and owner.
    OwnerInfo(OwnerInfo<'a>),
    /// Its regions.
    Regions(Regions<'a>),
    /// Its name and owner, for anybody.
    Owner(OwnerReply<'a>),
    /// Its features.
    Basic(BasicInfo),
}

impl<'a> Response<'a> {
    /// Reads decrypted bytes as a reply to `request`; `None` below four.
    pub fn parse(plaintext: &'a [u8], request: ReplyTo) -> Option<Self> {
        Self::parse_with(plaintext, request, &mut Issues::new())
    }

    /// The same, telling `listener` each field and issue.
    pub fn parse_with<L: Listener>(plaintext: &'a [u8], request: ReplyTo, listener: &mut L) -> Option<Self> {
        Self::read(&mut Cursor::plaintext(plaintext, listener), request)
    }

    /// The same wherever it stands: alone or in a PATH.
    pub(super) fn read<L: Listener>(c: &mut Cursor<'a, '_, L>, request: ReplyTo) -> Option<Self> {
        let tag = match request {
            ReplyTo::Login => c.time("server clock"),
            _ => c.u32("tag"),
        };
        let Some(tag) = tag else {
            c.needs(IssueKind::InnerTruncated, "tag", 4);
            c.remainder("cut off", |_| Value::Bytes);
            return None;
        };
        let rest = c.peek();
        let body = match request {
            ReplyTo::Unknown => None,
            ReplyTo::Login => Login::read(c).map(ResponseBody::Login),
            ReplyTo::Status(server) => Status::read(c, server).map(ResponseBody::Status),
            ReplyTo::Telemetry => Some(ResponseBody::Telemetry(Telemetry::read(c))),
            ReplyTo::AvgMinMax => AvgMinMax::read(c).map(ResponseBody::AvgMinMax),
            ReplyTo::AccessList => Some(ResponseBody::AccessList(AccessList::read(c))),
            ReplyTo::Neighbours { prefix_len } => {
                Neighbours::read(c, prefix_len).map(ResponseBody::Neighbours)
            }
            ReplyTo::OwnerInfo => Some(ResponseBody::OwnerInfo(OwnerInfo::read(c))),
            ReplyTo::AnonRegions => Regions::read(c).map(ResponseBody::Regions),
            ReplyTo::AnonOwner => OwnerReply::read(c).map(ResponseBody::Owner),
            ReplyTo::AnonBasic => BasicInfo::read(c).map(ResponseBody::Basic),
        };
        let left = match (&body, request) {
            (Some(_), _) => "up to the cipher block",
            (None, ReplyTo::Unknown) => "its layout depends on the request",
            (None, _) => "too short for what it should answer",
        };
        let name = if body.is_some() { "padding" } else { "answer" };
        c.remainder(name, |_| Value::Note(left));
        Some(Self { tag, body: body.unwrap_or(ResponseBody::Unknown(rest)) })
    }
}

/// Reports that an answer is shorter than its fixed part.
#[cold]
fn too_short<T, L: Listener>(c: &mut Cursor<'_, '_, L>, field: &'static str, bytes: usize) -> Option<T> {
    c.needs(IssueKind::InnerTruncated, field, bytes);
    None
}

#[cfg(feature = "encode")]
impl Encode for Response<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.tag.to_le_bytes());
        match &self.body {
            ResponseBody::Unknown(bytes) => out.extend(*bytes),
            ResponseBody::Login(login) => login.encode(out),
            ResponseBody::Status(status) => status.encode(out),
            ResponseBody::Telemetry(telemetry) => out.extend(telemetry.as_bytes()),
            ResponseBody::AvgMinMax(answer) => answer.encode(out),
            ResponseBody::AccessList(list) => out.extend(list.as_bytes()),
            ResponseBody::Neighbours(neighbours) => neighbours.encode(out),
            ResponseBody::OwnerInfo(info) => info.encode(out),
            ResponseBody::Regions(regions) => regions.encode(out),
            ResponseBody::Owner(owner) => owner.encode(out),
            ResponseBody::Basic(info) => info.encode(out),
        }
    }
}
