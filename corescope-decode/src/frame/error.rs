//! Why bytes are no packet.

use core::fmt;

use super::{Header, PathLen, TransportCodes};

/// The kinds of frame error, in the order the rules are checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum FrameErrorKind {
    /// There are no bytes.
    Empty,
    /// The route type promises transport codes that are not there.
    TruncatedTransportCodes,
    /// There is no path length byte.
    TruncatedPathLen,
    /// The path length has the reserved size bits.
    ReservedHashSize,
    /// The path would be longer than 64 bytes.
    PathTooLong,
    /// The path runs past the end.
    TruncatedPath,
    /// More than 184 bytes of payload.
    PayloadTooLong,
}

impl FrameErrorKind {
    /// The stable name, as databases and tools write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TruncatedTransportCodes => "truncated_transport_codes",
            Self::TruncatedPathLen => "truncated_path_len",
            Self::ReservedHashSize => "reserved_hash_size",
            Self::PathTooLong => "path_too_long",
            Self::TruncatedPath => "truncated_path",
            Self::PayloadTooLong => "payload_too_long",
        }
    }
}

/// Why bytes are no packet, where, and what was read before.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub struct FrameError {
    /// What kind of error.
    pub kind: FrameErrorKind,
    /// Where, in bytes from the start of the frame.
    pub offset: u16,
    /// What was needed: a number of bytes, or the limit that was passed.
    pub expected: u16,
    /// What was there: bytes left, or the value that is over the limit.
    pub came: u16,
    /// The header, if there was one.
    pub header: Option<Header>,
    /// The transport codes, if they were read.
    pub transport_codes: Option<TransportCodes>,
    /// The path length byte, if it was read.
    pub path_len: Option<PathLen>,
}

impl FrameError {
    #[cold]
    pub(super) fn new(kind: FrameErrorKind, offset: usize, expected: usize, came: usize) -> Self {
        let small = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        Self {
            kind,
            offset: small(offset),
            expected: small(expected),
            came: small(came),
            header: None,
            transport_codes: None,
            path_len: None,
        }
    }

    pub(super) const fn with_header(mut self, header: Header) -> Self {
        self.header = Some(header);
        self
    }

    pub(super) const fn with_codes(mut self, codes: Option<TransportCodes>) -> Self {
        self.transport_codes = codes;
        self
    }

    pub(super) const fn with_path_len(mut self, len: PathLen) -> Self {
        self.path_len = Some(len);
        self
    }

    /// The stable name of its kind.
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// Bytes that were read as fields before the error.
    #[cfg(feature = "alloc")]
    pub(crate) fn read(&self) -> usize {
        match self.kind {
            FrameErrorKind::ReservedHashSize | FrameErrorKind::PathTooLong => usize::from(self.offset) + 1,
            _ => usize::from(self.offset),
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, expected, came, .. } = self;
        match self.kind {
            FrameErrorKind::Empty => f.write_str("the frame is empty: it needs at least 2 bytes"),
            FrameErrorKind::TruncatedTransportCodes => write!(
                f,
                "byte {offset}: transport codes need {expected} bytes, {came} left: the frame is cut off"
            ),
            FrameErrorKind::TruncatedPathLen => {
                write!(f, "byte {offset}: the path length is missing: the frame is cut off")
            }
            FrameErrorKind::ReservedHashSize => {
                write!(f, "byte {offset}: path hashes have 1 to {expected} bytes, {came} is reserved")
            }
            FrameErrorKind::PathTooLong => {
                write!(f, "byte {offset}: a path has at most {expected} bytes, this one would have {came}")
            }
            FrameErrorKind::TruncatedPath => {
                write!(f, "byte {offset}: the path needs {expected} bytes, {came} left: the frame is cut off")
            }
            FrameErrorKind::PayloadTooLong => {
                write!(f, "byte {offset}: a payload has at most {expected} bytes, this one has {came}")
            }
        }
    }
}

impl core::error::Error for FrameError {}
