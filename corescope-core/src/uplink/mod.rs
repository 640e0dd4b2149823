//! What observers publish: a topic and a JSON object become one typed [`Uplink`].
//!
//! Publishers differ in everything but the outline: numbers come as strings, fields are missing, clocks
//! have no zone. All of that is met here, without a clock, a socket or a panic; what cannot be used comes
//! back as a [`BadInput`] with a reason that is counted.
//!
//! ```
//! use corescope_core::uplink::{self, Uplink};
//!
//! let message = br#"{"origin":"Hill","raw":"1505AABB","SNR":"-3","RSSI":"-97 dBm"}"#;
//! let Uplink::Packet(packet) = uplink::parse("meshcore/SJC/7E76/packets", message)? else { panic!() };
//! assert_eq!(packet.observer.as_deref(), Some("7E76"));
//! assert_eq!(packet.frame, [0x15, 0x05, 0xAA, 0xBB]);
//! assert_eq!((packet.snr_db, packet.rssi_dbm), (Some(-3.0), Some(-97.0)));
//! # Ok::<(), uplink::BadInput>(())
//! ```

mod admission;
mod bad;
mod bridge;
mod clock;
mod json;
mod packet;
mod reception;
mod scalar;
mod status;
mod text;
mod topic;

use std::borrow::Cow;

pub use admission::{Admission, FilteredBy};
pub use bad::{BadInput, BadReason, Remark, Remarks};
pub use bridge::{BridgeNode, BridgeText};
pub use clock::{ClockRemark, EnvelopeStamp, EnvelopeTime, envelope_time};
pub use packet::PacketMessage;
pub use reception::Reception;
pub use scalar::Scalar;
pub use status::{ObserverStats, StatusMessage};
pub use text::{MAX_NAME, clean_name};
pub use topic::{Topic, TopicKind};

/// Largest message that is parsed, bytes.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// One message, typed. Text is borrowed from it where possible.
#[derive(Debug, Clone, PartialEq)]
pub enum Uplink<'a> {
    /// An observer heard a packet.
    Packet(PacketMessage<'a>),
    /// An observer tells how it is.
    Status(StatusMessage<'a>),
    /// A phone heard a packet at a place.
    Reception(Reception<'a>),
    /// A companion bridge read a channel message.
    ChannelText(BridgeText<'a>),
    /// A companion bridge read a direct message.
    DirectText(BridgeText<'a>),
    /// A companion bridge heard an advert of a node, or tells who it is.
    Node(BridgeNode<'a>),
    /// A topic that carries nothing we store.
    Ignored(TopicKind),
}

/// Reads one message.
///
/// # Errors
///
/// [`BadInput`] when the message cannot be used; the reason is stable and meant to be counted.
pub fn parse<'a>(topic: &'a str, payload: &'a [u8]) -> Result<Uplink<'a>, BadInput> {
    let topic = Topic::parse(topic);
    if let TopicKind::BridgeOther | TopicKind::Serial | TopicKind::Debug | TopicKind::Neighbors = topic.kind {
        return Ok(Uplink::Ignored(topic.kind));
    }
    if payload.len() > MAX_PAYLOAD {
        return Err(BadInput::new(
            BadReason::Size,
            format!("{} bytes; at most {MAX_PAYLOAD} are read", payload.len()),
        ));
    }
    match std::str::from_utf8(payload) {
        Ok(text) => match json::fields(text) {
            Ok(fields) => dispatch(topic, fields),
            // Escaped halves of a character (`\ud83d`) are what cutting a name at a byte limit leaves behind.
            Err(error) => match text::without_lone_surrogates(text) {
                Some(mended) => dispatch(topic, json::fields(&mended)?).map(Uplink::into_owned),
                None => Err(error),
            },
        },
        Err(_) => {
            let replaced = String::from_utf8_lossy(payload);
            dispatch(topic, json::fields(&replaced)?).map(Uplink::into_owned)
        }
    }
}

fn dispatch<'a>(topic: Topic<'a>, fields: json::Fields<'a>) -> Result<Uplink<'a>, BadInput> {
    match topic.kind {
        TopicKind::Client => Reception::read(topic, fields).map(Uplink::Reception),
        TopicKind::Status => Ok(Uplink::Status(StatusMessage::read(topic, fields))),
        TopicKind::BridgeChannel => BridgeText::read(topic, fields).map(Uplink::ChannelText),
        TopicKind::BridgeDirect => BridgeText::read(topic, fields).map(Uplink::DirectText),
        TopicKind::BridgeNode => BridgeNode::read(fields).map(Uplink::Node),
        TopicKind::Raw => Ok(match PacketMessage::read_raw_topic(topic, fields)? {
            Some(packet) => Uplink::Packet(packet),
            None => Uplink::Ignored(TopicKind::Raw),
        }),
        kind => match PacketMessage::read(topic, fields)? {
            Some(packet) => Ok(Uplink::Packet(packet)),
            None if kind == TopicKind::Other => Err(BadInput::new(
                BadReason::Topic,
                "neither a known topic nor a message with raw".to_owned(),
            )),
            None => {
                Err(BadInput::new(BadReason::RawType, "raw: expected hex digits, found nothing".to_owned()))
            }
        },
    }
}

impl Uplink<'_> {
    /// The same, borrowing nothing.
    pub fn into_owned(self) -> Uplink<'static> {
        match self {
            Self::Packet(packet) => Uplink::Packet(packet.into_owned()),
            Self::Status(status) => Uplink::Status(status.into_owned()),
            Self::Reception(reception) => Uplink::Reception(reception.into_owned()),
            Self::ChannelText(text) => Uplink::ChannelText(text.into_owned()),
            Self::DirectText(text) => Uplink::DirectText(text.into_owned()),
            Self::Node(node) => Uplink::Node(node.into_owned()),
            Self::Ignored(kind) => Uplink::Ignored(kind),
        }
    }
}

fn own(text: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
    text.map(|text| Cow::Owned(text.into_owned()))
}
