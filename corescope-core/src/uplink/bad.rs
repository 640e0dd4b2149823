//! Why a message was not used, and what was odd about one that was.

use std::fmt;

/// A message that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {what}")]
pub struct BadInput {
    /// Stable word, to be counted.
    pub reason: BadReason,
    /// What was expected and what came; printable, short.
    pub what: String,
}

impl BadInput {
    /// A reason with its words.
    pub fn new(reason: BadReason, what: String) -> Self {
        Self { reason, what }
    }
}

/// Stable words for what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum BadReason {
    /// Not JSON, not an object, or empty.
    Json,
    /// Larger than what is parsed.
    Size,
    /// `raw` is not text.
    RawType,
    /// `raw` is not hex, or has an odd number of digits.
    Hex,
    /// The frame ends before its path.
    Short,
    /// The path length byte is reserved or names more than 64 bytes.
    PathLen,
    /// The path is longer than the frame.
    PathOverrun,
    /// The payload is longer than a radio can send.
    PayloadLen,
    /// The key of a mobile observer is not hex.
    Observer,
    /// A mobile reception without a place.
    Gps,
    /// A mobile reception that was not received.
    Direction,
    /// A bridge message without text.
    Text,
    /// A mobile reception whose sender cannot be known.
    Heard,
    /// Nothing we know.
    Topic,
    /// An advert that cannot be: null key, impossible position, unknown role.
    Advert,
    /// The signature does not fit.
    Signature,
    /// The key is reserved by the firmware.
    ReservedKey,
    /// A bridge describes a node without its whole key.
    NodeKey,
}

impl BadReason {
    /// Every reason.
    pub const ALL: [Self; 18] = [
        Self::Json,
        Self::Size,
        Self::RawType,
        Self::Hex,
        Self::Short,
        Self::PathLen,
        Self::PathOverrun,
        Self::PayloadLen,
        Self::Observer,
        Self::Gps,
        Self::Direction,
        Self::Text,
        Self::Heard,
        Self::Topic,
        Self::Advert,
        Self::Signature,
        Self::ReservedKey,
        Self::NodeKey,
    ];

    /// The word of counters and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Size => "size",
            Self::RawType => "raw_type",
            Self::Hex => "hex",
            Self::Short => "short",
            Self::PathLen => "path_len",
            Self::PathOverrun => "path_overrun",
            Self::PayloadLen => "payload_len",
            Self::Observer => "observer",
            Self::Gps => "gps",
            Self::Direction => "direction",
            Self::Text => "text",
            Self::Heard => "heard",
            Self::Topic => "topic",
            Self::Advert => "advert",
            Self::Signature => "signature",
            Self::ReservedKey => "reserved_key",
            Self::NodeKey => "node_key",
        }
    }
}

impl fmt::Display for BadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something odd about a message that is used nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remark {
    /// SNR or RSSI out of range: taken as absent.
    Range,
    /// `len` or `packet_type` contradict `raw`.
    EnvelopeMismatch,
    /// The topic's observer segment is empty.
    Observer,
}

impl Remark {
    /// Every remark.
    pub const ALL: [Self; 3] = [Self::Range, Self::EnvelopeMismatch, Self::Observer];

    /// The word of counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::EnvelopeMismatch => "envelope_mismatch",
            Self::Observer => "observer",
        }
    }
}

/// The remarks on one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Remarks(u8);

impl Remarks {
    /// Adds one.
    pub fn add(&mut self, remark: Remark) {
        self.0 |= 1 << remark as u8;
    }

    /// Whether it is there.
    pub fn has(self, remark: Remark) -> bool {
        self.0 & (1 << remark as u8) != 0
    }

    /// Those that are there.
    pub fn iter(self) -> impl Iterator<Item = Remark> {
        Remark::ALL.into_iter().filter(move |remark| self.has(*remark))
    }
}
