//! What may be wrong with a payload that is still worth showing.
//!
//! An *issue* accompanies a packet; a [frame error](crate::FrameError) means that there is none.
//! Each has a stable code, and says where it is, what was expected and what came.

use core::fmt;

/// The bytes that an offset counts in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash)]
pub enum Space {
    /// The frame as heard on air.
    #[default]
    Frame,
    /// The decrypted bytes of the payload.
    Plaintext,
}

macro_rules! issue_kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// The kinds of issue. New ones may be added.
        #[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
        #[non_exhaustive]
        pub enum IssueKind { $($(#[$doc])* $name,)* }

        impl IssueKind {
            /// Every kind, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable name, as databases and tools write it.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

issue_kinds! {
    /// The payload has no byte. Never together with [`PayloadTooShort`](Self::PayloadTooShort).
    EmptyPayload = "empty_payload",
    /// The payload is shorter than the fixed part of its type.
    PayloadTooShort = "payload_too_short",
    /// Header and MAC are there, but no ciphertext.
    CiphertextMissing = "ciphertext_missing",
    /// The ciphertext is not a multiple of the cipher block, 16 bytes.
    CiphertextUnaligned = "ciphertext_unaligned",
    /// A key was available and its MAC did not match: normal for hash collisions.
    MacMismatch = "mac_mismatch",
    /// The advert's signature is invalid: it must not create or update a node.
    BadSignature = "bad_signature",
    /// The advert ends after its signature.
    AppdataMissing = "appdata_missing",
    /// More than 32 bytes of appdata; firmware ignores the rest, and so do we.
    AppdataTooLong = "appdata_too_long",
    /// A position or feature that the flags promise does not fit.
    AppdataTruncated = "appdata_truncated",
    /// Latitude beyond ±90° or longitude beyond ±180°.
    CoordinateOutOfRange = "coordinate_out_of_range",
    /// A name or text is not UTF-8; it is shown with replacement characters.
    InvalidUtf8 = "invalid_utf8",
    /// Something inside the plaintext runs past its end.
    InnerTruncated = "inner_truncated",
    /// A path length inside the plaintext is not valid.
    BadInnerPathLen = "bad_inner_path_len",
    /// A text type without a meaning yet.
    UnknownTextType = "unknown_text_type",
    /// A request type without a meaning yet.
    UnknownRequestType = "unknown_request_type",
    /// A control sub-type without a meaning yet.
    UnknownControlType = "unknown_control_type",
    /// A telemetry type without a known length: the records end here.
    UnknownLppType = "unknown_lpp_type",
    /// A telemetry value runs past the end.
    LppTruncated = "lpp_truncated",
    /// Bytes after the last field.
    TrailingBytes = "trailing_bytes",
    /// The hop hashes of a trace are not a multiple of their size.
    TraceUnaligned = "trace_unaligned",
    /// A trace travels by flood.
    TraceNotDirect = "trace_not_direct",
    /// A trace with size bits in its path length.
    TraceBadPathLen = "trace_bad_path_len",
    /// A control packet for direct neighbours that was forwarded or flooded.
    ControlNotZeroHop = "control_not_zero_hop",
    /// Payload version 2, 3 or 4: nothing about its layout is fixed yet.
    UnsupportedVersion = "unsupported_version",
    /// Payload types 0x0C to 0x0E.
    ReservedPayloadType = "reserved_payload_type",
}

impl fmt::Display for IssueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What was expected and what came.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum Detail {
    /// So many bytes were needed, and so many were left.
    Needs {
        /// Bytes the field has.
        bytes: u16,
        /// Bytes that were there.
        left: u16,
    },
    /// There should have been no more than this, and more came.
    AtMost {
        /// Bytes allowed.
        bytes: u16,
        /// Bytes that came.
        came: u16,
    },
    /// A number that came where another kind of number belongs.
    Value {
        /// The number.
        came: i32,
        /// What it should have been.
        expected: &'static str,
    },
    /// A rule in words.
    Rule(&'static str),
}

/// One thing that is wrong with a payload, and where.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub struct Issue {
    /// What kind of thing.
    pub kind: IssueKind,
    /// The bytes that [`offset`](Self::offset) counts in.
    pub space: Space,
    /// Where, in bytes from the start of the frame or of the plaintext.
    pub offset: u16,
    /// The field's name.
    pub field: &'static str,
    /// Expected and actual.
    pub detail: Detail,
}

#[cfg(all(feature = "alloc", feature = "crypto"))]
impl Issue {
    /// None of the keys that are known for a payload fits; `at` is its MAC in the frame.
    pub(crate) fn mac_mismatch(at: usize) -> Self {
        let detail = Detail::Rule("does not match with any key that is known for it");
        Self::in_frame(IssueKind::MacMismatch, at, "MAC", detail)
    }

    /// An advert is not signed by its node; `at` is the signature in the frame.
    #[cfg(feature = "signatures")]
    pub(crate) fn bad_signature(at: usize) -> Self {
        let detail = Detail::Rule("is not the node's over these bytes");
        Self::in_frame(IssueKind::BadSignature, at, "signature", detail)
    }

    fn in_frame(kind: IssueKind, at: usize, field: &'static str, detail: Detail) -> Self {
        let offset = u16::try_from(at).unwrap_or(u16::MAX);
        Self { kind, space: Space::Frame, offset, field, detail }
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.space {
            Space::Frame => "byte",
            Space::Plaintext => "plaintext byte",
        };
        write!(f, "{place} {}: {} ", self.offset, self.field)?;
        match self.detail {
            Detail::Needs { bytes, left } => write!(f, "needs {bytes} bytes, {left} left"),
            Detail::AtMost { bytes, came } => write!(f, "may have {bytes} bytes, {came} came"),
            Detail::Value { came, expected } => write!(f, "should be {expected}, {came} came"),
            Detail::Rule(rule) => f.write_str(rule),
        }
    }
}

/// The issues of one packet, in the order they were found, without allocation.
///
/// No packet can have more than [`Issues::CAPACITY`]: each kind is raised at most once, and those
/// that exclude each other leave fewer.
#[derive(Clone, Copy)]
pub struct Issues {
    len: u8,
    items: [Option<Issue>; Self::CAPACITY],
}

impl Issues {
    /// The most that one packet can have.
    pub const CAPACITY: usize = 4;

    /// None yet.
    pub const fn new() -> Self {
        Self { len: 0, items: [None; Self::CAPACITY] }
    }

    /// Adds one; beyond the capacity it is dropped.
    #[cold]
    pub fn push(&mut self, issue: Issue) {
        if let Some(slot) = self.items.get_mut(usize::from(self.len)) {
            *slot = Some(issue);
            self.len += 1;
        }
    }

    /// Puts one before the others: a signature is checked last and reported first.
    pub fn push_front(&mut self, issue: Issue) {
        self.items.rotate_right(1);
        self.items[0] = Some(issue);
        self.len = (self.len + 1).min(Self::CAPACITY as u8);
    }

    /// In the order they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Issue> {
        self.items.iter().flatten()
    }

    /// Whether there is one of this kind.
    pub fn contains(&self, kind: IssueKind) -> bool {
        self.iter().any(|issue| issue.kind == kind)
    }

    /// How many.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether all is well.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Default for Issues {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Issues {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Issues {}

impl fmt::Debug for Issues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
