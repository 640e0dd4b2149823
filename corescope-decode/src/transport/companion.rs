//! Companion protocol messages that carry what a radio heard.
//!
//! | code | layout                                                                     |
//! |-----:|----------------------------------------------------------------------------|
//! | 0x88 | code, snr i8 quarter dB, rssi i8 dBm, raw frame: every frame heard          |
//! | 0x84 | code, snr, rssi, 0xFF, payload of a RAW_CUSTOM packet                       |
//! | 0x8E | code, snr, rssi, path_len, payload of a CONTROL packet                      |
//! | 0x89 | code, 0, hash bytes n, flags, tag 4, auth 4, n hash bytes, n >> s SNR, SNR   |
//! |   65 | code, priority, raw frame: a command to the radio                           |
//!
//! Frames longer than 173 bytes do not fit a message: a companion observer never sees them.
//!
//! Source of fact: MeshCore `examples/companion_radio/MyMesh.cpp`, `logRxRaw` and its neighbours.

use core::fmt;

use crate::cursor::{self, Cursor};
use crate::issue::{Issues, Space};

/// The longest message body.
pub const MAX_BODY: usize = 176;

/// The longest raw frame that fits a message.
pub const MAX_RAW: usize = MAX_BODY - 3;

/// A message between a companion radio and its computer, borrowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Message<'a> {
    /// 0x88 LOG_RX_DATA: a frame as heard, valid or not.
    LogRx {
        /// Quarter dB.
        snr_q: i8,
        /// dBm; an `i8` that wraps below −128.
        rssi: i8,
        /// The frame.
        raw: &'a [u8],
    },
    /// 0x84 RAW_DATA: the payload of a RAW_CUSTOM packet, not a frame.
    RawData {
        /// Quarter dB.
        snr_q: i8,
        /// dBm.
        rssi: i8,
        /// 0xFF today.
        reserved: u8,
        /// The payload.
        data: &'a [u8],
    },
    /// 0x8E CONTROL_DATA: the payload of a CONTROL packet, not a frame.
    ControlData {
        /// Quarter dB.
        snr_q: i8,
        /// dBm.
        rssi: i8,
        /// The packet's path length byte.
        path_len: u8,
        /// The payload.
        payload: &'a [u8],
    },
    /// 0x89 TRACE_DATA: a trace has come back.
    TraceData {
        /// Bits 0–1 say the hash size, 2^s.
        flags: u8,
        /// Chosen by the sender.
        tag: u32,
        /// Chosen by the sender.
        auth_code: u32,
        /// The hashes of all hops.
        hashes: &'a [u8],
        /// The signal at each hop, quarter dB as signed bytes.
        snr: &'a [u8],
        /// The signal at this node, quarter dB.
        final_snr_q: i8,
    },
    /// Command 65 SEND_RAW_PACKET.
    SendRawPacket {
        /// 0 is most urgent.
        priority: u8,
        /// The frame.
        raw: &'a [u8],
    },
    /// Any other message: its code and what follows.
    Other {
        /// The first byte.
        code: u8,
        /// The others.
        data: &'a [u8],
    },
}

impl<'a> Message<'a> {
    /// Reads the body of a message.
    ///
    /// # Errors
    ///
    /// [`TruncatedMessage`] if it is shorter than the fixed part of its code.
    pub fn parse(body: &'a [u8]) -> Result<Self, TruncatedMessage> {
        let mut none = Issues::new();
        let mut c = Cursor::new(body, 0, Space::Frame, &mut none);
        let code = c.u8("code").ok_or(TruncatedMessage { code: None, needs: 1, came: 0 })?;
        let message = match code {
            0x88 => Self::log_rx(&mut c),
            0x84 => Self::raw_data(&mut c),
            0x8E => Self::control_data(&mut c),
            0x89 => Self::trace_data(&mut c),
            65 => c.u8("priority").map(|priority| Self::SendRawPacket { priority, raw: c.peek() }),
            code => Some(Self::Other { code, data: c.peek() }),
        };
        let needs = match code {
            0x88 => 3,
            0x84 | 0x8E => 4,
            65 => 2,
            _ => body.get(2).map_or(12, |&n| 13 + usize::from(n)),
        };
        message.ok_or(TruncatedMessage { code: Some(code), needs, came: body.len() })
    }

    fn log_rx(c: &mut Cursor<'a, '_, Issues>) -> Option<Self> {
        let (snr_q, rssi) = signal(c)?;
        Some(Self::LogRx { snr_q, rssi, raw: c.peek() })
    }

    fn raw_data(c: &mut Cursor<'a, '_, Issues>) -> Option<Self> {
        let (snr_q, rssi) = signal(c)?;
        let reserved = c.u8("reserved")?;
        Some(Self::RawData { snr_q, rssi, reserved, data: c.peek() })
    }

    fn control_data(c: &mut Cursor<'a, '_, Issues>) -> Option<Self> {
        let (snr_q, rssi) = signal(c)?;
        let path_len = c.u8("path_len")?;
        Some(Self::ControlData { snr_q, rssi, path_len, payload: c.peek() })
    }

    fn trace_data(c: &mut Cursor<'a, '_, Issues>) -> Option<Self> {
        c.u8("reserved")?;
        let len = usize::from(c.u8("hash bytes")?);
        let flags = c.u8("flags")?;
        let tag = c.u32("tag")?;
        let auth_code = c.u32("auth code")?;
        let hashes = c.field("hashes", cursor::bytes(len), |_| crate::Value::Bytes)?;
        let snr = c.field("SNR", cursor::bytes(len >> (flags & 3)), |_| crate::Value::Bytes)?;
        let final_snr_q = c.snr("final SNR")?;
        Some(Self::TraceData { flags, tag, auth_code, hashes, snr, final_snr_q })
    }

    /// The first byte.
    pub const fn code(&self) -> u8 {
        match self {
            Self::LogRx { .. } => 0x88,
            Self::RawData { .. } => 0x84,
            Self::ControlData { .. } => 0x8E,
            Self::TraceData { .. } => 0x89,
            Self::SendRawPacket { .. } => 65,
            Self::Other { code, .. } => *code,
        }
    }

    /// The frame it carries, if it carries one whole.
    pub const fn frame(&self) -> Option<&'a [u8]> {
        match self {
            Self::LogRx { raw, .. } | Self::SendRawPacket { raw, .. } => Some(raw),
            _ => None,
        }
    }

    /// Writes the body.
    #[cfg(feature = "encode")]
    pub fn encode(&self, out: &mut alloc::vec::Vec<u8>) {
        out.push(self.code());
        match *self {
            Self::LogRx { snr_q, rssi, raw } => {
                out.extend([snr_q as u8, rssi as u8]);
                out.extend(raw);
            }
            Self::RawData { snr_q, rssi, reserved, data } => {
                out.extend([snr_q as u8, rssi as u8, reserved]);
                out.extend(data);
            }
            Self::ControlData { snr_q, rssi, path_len, payload } => {
                out.extend([snr_q as u8, rssi as u8, path_len]);
                out.extend(payload);
            }
            Self::TraceData { flags, tag, auth_code, hashes, snr, final_snr_q } => {
                out.extend([0, hashes.len() as u8, flags]);
                out.extend(tag.to_le_bytes());
                out.extend(auth_code.to_le_bytes());
                out.extend(hashes);
                out.extend(snr);
                out.push(final_snr_q as u8);
            }
            Self::SendRawPacket { priority, raw } => {
                out.push(priority);
                out.extend(raw);
            }
            Self::Other { data, .. } => out.extend(data),
        }
    }
}

fn signal(c: &mut Cursor<'_, '_, Issues>) -> Option<(i8, i8)> {
    Some((c.snr("SNR")?, c.field("RSSI", cursor::i8, |&n| crate::Value::Signed(n.into()))?))
}

/// A companion message is shorter than the fixed part of its code. Its stable code is
/// `truncated_companion_frame`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TruncatedMessage {
    /// The message's code, if there is one.
    pub code: Option<u8>,
    /// Bytes it needs.
    pub needs: usize,
    /// Bytes that came.
    pub came: usize,
}

impl fmt::Display for TruncatedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => {
                write!(f, "a companion message {code:#04x} needs {} bytes, {} came", self.needs, self.came)
            }
            None => f.write_str("a companion message needs at least its code: it is empty"),
        }
    }
}

impl core::error::Error for TruncatedMessage {}
