//! What became of a message, and of a batch.

/// What became of one message. It is final once the batch is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// A packet: a row was added.
    Stored {
        /// Its transmission.
        transmission: i64,
        /// The row added.
        observation: i64,
        /// Whether the transmission is new too.
        new_transmission: bool,
    },
    /// A message of another kind was taken in.
    Noted,
    /// It was here before: nothing, or only a detail, was added.
    Duplicate {
        /// Its transmission; 0 where there is none.
        transmission: i64,
        /// The row that was there; 0 where there is none.
        observation: i64,
    },
    /// A rule of the operator keeps it out.
    Filtered(Filtered),
    /// It cannot be stored.
    Rejected(Rejected),
}

impl Outcome {
    /// Whether something was stored.
    pub fn is_stored(self) -> bool {
        matches!(self, Self::Stored { .. } | Self::Noted)
    }
}

/// The rule that kept a message out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Filtered {
    /// The advert lies outside `geo_filter` and `foreignAdverts.mode` is `drop`.
    Foreign,
    /// Direct messages of a bridge are not stored unless asked for.
    DirectMessage,
}

impl Filtered {
    /// The word used in the ledger, the metrics and the logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::DirectMessage => "direct_message",
        }
    }
}

/// Why a message cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rejected {
    /// The frame is not hex, or of odd length.
    Hex,
    /// The frame is too short for its header.
    Short,
    /// The path length byte is impossible.
    PathLength,
    /// The path is longer than the frame.
    PathOverrun,
    /// The payload is longer than a radio can send.
    PayloadLength,
    /// The advert's values are impossible: key, position, name or role.
    CorruptAdvert,
    /// The advert's signature is wrong.
    Signature,
    /// The advert's key is reserved by the firmware (first byte 00 or FF), `strict` is set.
    ReservedKey,
    /// A reception that cannot be attributed to a node.
    NotAttributable,
    /// A reception without a usable position, key or time.
    Position,
    /// A report that names no observer.
    Observer,
    /// A bridge message without the fields it needs.
    Bridge,
    /// SQLite refuses this one message, whatever is tried.
    Database,
}

impl Rejected {
    /// The word used in the ledger, the metrics and the logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Short => "short",
            Self::PathLength => "path_len",
            Self::PathOverrun => "path_overrun",
            Self::PayloadLength => "payload_len",
            Self::CorruptAdvert => "corrupt_advert",
            Self::Signature => "signature",
            Self::ReservedKey => "reserved_key",
            Self::NotAttributable => "not_attributable",
            Self::Position => "gps",
            Self::Observer => "observer",
            Self::Bridge => "bridge",
            Self::Database => "database",
        }
    }
}

/// What a committed batch did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchReport {
    /// One outcome for each message, in their order.
    pub outcomes: Vec<Outcome>,
    /// Transmissions added.
    pub new_transmissions: usize,
    /// Observations added.
    pub new_observations: usize,
    /// How long the transaction lasted, microseconds, commit included.
    pub took_us: u64,
}
