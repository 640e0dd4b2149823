//! KISS: raw frames on a serial line, as modems speak it.
//!
//! FEND 0xC0 ends a frame; inside, DB DC stands for C0 and DB DD for DB. The first byte says port
//! (high nibble) and command (low). Command 0 carries a raw frame; the signal follows in a frame of
//! its own: command 6, sub-command 0xF9, SNR in quarter dB, RSSI in dBm. It may be missing.
//!
//! Source of fact: MeshCore `examples/kiss_modem/KissModem.cpp`.

const FEND: u8 = 0xC0;
const FESC: u8 = 0xDB;
const TFEND: u8 = 0xDC;
const TFESC: u8 = 0xDD;

/// The longest frame after its escapes are undone, first byte included.
pub const MAX_FRAME: usize = 512;

/// One KISS frame, borrowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Frame<'a> {
    /// 0 to 15.
    pub port: u8,
    /// 0 to 15; 0 is data.
    pub command: u8,
    /// What follows.
    pub data: &'a [u8],
}

/// How well the frame before was heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RxMeta {
    /// Quarter dB.
    pub snr_q: i8,
    /// dBm.
    pub rssi: i8,
}

impl<'a> Frame<'a> {
    /// From the bytes between two FENDs, their escapes undone; `None` if there are none.
    pub const fn from_unescaped(bytes: &'a [u8]) -> Option<Self> {
        match bytes.split_first() {
            Some((&first, data)) => Some(Self { port: first >> 4, command: first & 0x0F, data }),
            None => None,
        }
    }

    /// The raw frame, of command 0.
    pub fn packet(&self) -> Option<&'a [u8]> {
        (self.command == 0).then_some(self.data)
    }

    /// The signal of the frame before, if this tells it.
    pub const fn rx_meta(&self) -> Option<RxMeta> {
        match self.data {
            &[0xF9, snr, rssi] if self.command == 6 => Some(RxMeta { snr_q: snr as i8, rssi: rssi as i8 }),
            _ => None,
        }
    }

    /// Writes it between two FENDs.
    #[cfg(feature = "encode")]
    pub fn encode(&self, out: &mut alloc::vec::Vec<u8>) {
        out.push(FEND);
        let first = self.port << 4 | self.command & 0x0F;
        for byte in core::iter::once(first).chain(self.data.iter().copied()) {
            match byte {
                FEND => out.extend([FESC, TFEND]),
                FESC => out.extend([FESC, TFESC]),
                byte => out.push(byte),
            }
        }
        out.push(FEND);
    }
}

/// Cuts a byte stream into KISS frames, byte by byte, without allocation.
#[derive(Clone, Debug)]
pub struct Decoder {
    escaped: bool,
    /// Before the first FEND everything is noise.
    synced: bool,
    len: usize,
    ended: bool,
    bytes: [u8; MAX_FRAME],
    dropped: u64,
}

impl Decoder {
    /// Before the first frame.
    pub const fn new() -> Self {
        Self { escaped: false, synced: false, len: 0, ended: false, bytes: [0; MAX_FRAME], dropped: 0 }
    }

    /// Takes one byte; returns the frame that it ends, if it does. Empty frames are none; one that
    /// is longer than [`MAX_FRAME`] is dropped and counted.
    pub fn push(&mut self, byte: u8) -> Option<Frame<'_>> {
        if self.ended {
            self.len = 0;
            self.ended = false;
        }
        if byte == FEND {
            return self.end();
        }
        if !self.synced {
            return None;
        }
        if self.escaped {
            self.escaped = false;
            match byte {
                TFEND => self.keep(FEND),
                TFESC => self.keep(FESC),
                // As firmware does: the byte is dropped, the frame goes on.
                _ => {}
            }
        } else if byte == FESC {
            self.escaped = true;
        } else {
            self.keep(byte);
        }
        None
    }

    fn end(&mut self) -> Option<Frame<'_>> {
        self.synced = true;
        self.escaped = false;
        self.ended = true;
        if self.len > MAX_FRAME {
            self.dropped += 1;
            return None;
        }
        Frame::from_unescaped(self.bytes.get(..self.len).unwrap_or_default())
    }

    fn keep(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
        }
        self.len = (self.len + 1).min(MAX_FRAME + 1);
    }

    /// Frames that were too long so far.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn frames(stream: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut decoder = Decoder::new();
        stream
            .iter()
            .filter_map(|&b| decoder.push(b).map(|frame| (frame.command, frame.data.to_vec())))
            .collect()
    }

    #[test]
    fn escapes_are_undone_and_strangers_after_one_dropped() {
        assert_eq!(
            frames(&[0xC0, 0, 0xDB, 0xDC, 0xDB, 0xDD, 0xDB, 1, 2, 0xC0]),
            [(0, alloc::vec![0xC0, 0xDB, 2])]
        );
        assert_eq!(frames(&[9, 9, 0xC0, 0xC0, 0x06, 0xF9, 0xC0]), [(6, alloc::vec![0xF9])]);
    }

    #[test]
    fn a_frame_that_is_too_long_is_dropped_and_the_next_one_read() {
        let mut stream = alloc::vec![0xC0];
        stream.extend([1; MAX_FRAME + 1]);
        stream.extend([0xC0, 0, 7, 0xC0]);
        assert_eq!(frames(&stream), [(0, alloc::vec![7])]);
    }
}
