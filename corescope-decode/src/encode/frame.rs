//! Frames around payloads.

use core::fmt;

use super::{Encode, Vec};
use crate::frame::{Header, MAX_PAYLOAD, Packet, PathLen, PayloadType, RouteType, TransportCodes};

/// Builds a frame: how it travels first, then what it carries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FrameBuilder {
    route: RouteType,
    codes: TransportCodes,
    len: PathLen,
    path: Vec<u8>,
    version: u8,
}

/// Why something does not fit a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EncodeError {
    /// Hashes are of 1 to 3 bytes, this says how many were asked for.
    HashSize(usize),
    /// Paths have at most 64 bytes and 63 hops, this says how many bytes came.
    PathTooLong(usize),
    /// The path's bytes are no multiple of the hash size.
    PathUnaligned(usize),
    /// Payloads have at most 184 bytes, this says how many came.
    PayloadTooLong(usize),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HashSize(size) => write!(f, "path hashes have 1 to 3 bytes, not {size}"),
            Self::PathTooLong(len) => {
                write!(f, "a path has at most 64 bytes and 63 hops, this one has {len} bytes")
            }
            Self::PathUnaligned(len) => write!(f, "the path's {len} bytes are no multiple of its hash size"),
            Self::PayloadTooLong(len) => {
                write!(f, "a payload has at most {MAX_PAYLOAD} bytes, this one has {len}")
            }
        }
    }
}

impl core::error::Error for EncodeError {}

impl FrameBuilder {
    /// On this route, with no hops.
    pub const fn new(route: RouteType) -> Self {
        let codes = TransportCodes { scope: 0, home: 0 };
        Self { route, codes, len: PathLen(0), path: Vec::new(), version: 0 }
    }

    /// By flood.
    pub const fn flood() -> Self {
        Self::new(RouteType::Flood)
    }

    /// Direct; with no path, to those in radio range alone.
    pub const fn direct() -> Self {
        Self::new(RouteType::Direct)
    }

    /// The same way as another packet travelled.
    pub fn like(packet: &Packet<'_>) -> Self {
        Self {
            route: packet.route_type(),
            codes: packet.transport_codes().unwrap_or_default(),
            len: packet.path().path_len(),
            path: packet.path().as_bytes().to_vec(),
            version: packet.version(),
        }
    }

    /// The transport codes; they are written on routes 0 and 3 alone.
    #[must_use]
    pub const fn codes(mut self, codes: TransportCodes) -> Self {
        self.codes = codes;
        self
    }

    /// The path: hashes of `size` bytes, one after another. Of a TRACE they are signal values, and
    /// the size is 1.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if that is no valid path.
    pub fn path(mut self, size: usize, hops: &[u8]) -> Result<Self, EncodeError> {
        if !(1..=3).contains(&size) {
            return Err(EncodeError::HashSize(size));
        }
        if !hops.len().is_multiple_of(size) {
            return Err(EncodeError::PathUnaligned(hops.len()));
        }
        self.len = PathLen::new(size, hops.len() / size).ok_or(EncodeError::PathTooLong(hops.len()))?;
        self.path = hops.to_vec();
        Ok(self)
    }

    /// Payload version minus one, 0 to 3; only 0 has a known layout.
    #[must_use]
    pub const fn version(mut self, version: u8) -> Self {
        self.version = version & 3;
        self
    }

    /// The frame around a payload.
    ///
    /// # Errors
    ///
    /// [`EncodeError::PayloadTooLong`] beyond 184 bytes.
    pub fn build(&self, kind: PayloadType, payload: &(impl Encode + ?Sized)) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::with_capacity(6 + self.path.len() + 64);
        out.push(Header::new(self.route, kind).0 | self.version << 6);
        if self.route.has_transport_codes() {
            out.extend(self.codes.scope.to_le_bytes());
            out.extend(self.codes.home.to_le_bytes());
        }
        out.push(self.len.0);
        out.extend(&self.path);
        let before = out.len();
        payload.encode(&mut out);
        let len = out.len() - before;
        if len > MAX_PAYLOAD { Err(EncodeError::PayloadTooLong(len)) } else { Ok(out) }
    }

    /// The same scoped to a region: on routes 0 and 3 the scope code is computed.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_scoped(
        &self,
        kind: PayloadType,
        payload: &(impl Encode + ?Sized),
        region: &crate::RegionKey,
    ) -> Result<Vec<u8>, EncodeError> {
        let bytes = payload.to_vec();
        let codes = TransportCodes { scope: region.code(kind, &bytes), home: self.codes.home };
        self.clone().codes(codes).build(kind, &bytes)
    }
}
