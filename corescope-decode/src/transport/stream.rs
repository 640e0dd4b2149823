//! Companion messages in a byte stream, serial or TCP.
//!
//! `'>' len_lo len_hi body` comes from the radio, `'<' len_lo len_hi body` goes to it.
//!
//! Source of fact: MeshCore `src/helpers/ArduinoSerialInterface.cpp`.

use super::companion::MAX_BODY;

/// Who sent a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// `>`: the radio.
    FromRadio,
    /// `<`: the computer.
    ToRadio,
}

impl Direction {
    /// The byte that begins a message.
    pub const fn mark(self) -> u8 {
        match self {
            Self::FromRadio => b'>',
            Self::ToRadio => b'<',
        }
    }
}

/// One message of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StreamFrame<'a> {
    /// Who sent it.
    pub direction: Direction,
    /// Its body: see [`Message`](super::companion::Message).
    pub body: &'a [u8],
}

/// Cuts a byte stream into messages, byte by byte, without allocation. Noise between messages is
/// skipped and counted, and so is a message that claims more than 176 bytes.
#[derive(Clone, Debug)]
pub struct StreamDecoder {
    state: State,
    len: usize,
    filled: usize,
    body: [u8; MAX_BODY],
    skipped: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Mark,
    LenLow(Direction),
    LenHigh(Direction),
    Body(Direction),
}

impl StreamDecoder {
    /// Before the first message.
    pub const fn new() -> Self {
        Self { state: State::Mark, len: 0, filled: 0, body: [0; MAX_BODY], skipped: 0 }
    }

    /// Takes one byte; returns the message that it ends, if it does.
    pub fn push(&mut self, byte: u8) -> Option<StreamFrame<'_>> {
        match self.state {
            State::Mark => self.begin(byte),
            State::LenLow(direction) => {
                self.len = usize::from(byte);
                self.state = State::LenHigh(direction);
            }
            State::LenHigh(direction) => match self.len | usize::from(byte) << 8 {
                0 => self.state = State::Mark,
                len @ ..=MAX_BODY => {
                    self.len = len;
                    self.filled = 0;
                    self.state = State::Body(direction);
                }
                _ => self.take_back(byte),
            },
            State::Body(direction) => {
                if let Some(place) = self.body.get_mut(self.filled) {
                    *place = byte;
                }
                self.filled += 1;
                if self.filled == self.len {
                    self.state = State::Mark;
                    let body = self.body.get(..self.len).unwrap_or_default();
                    return Some(StreamFrame { direction, body });
                }
            }
        }
        None
    }

    /// No radio sends so long a message: its mark was noise, and the two bytes of its length may
    /// hold the true one.
    fn take_back(&mut self, high: u8) {
        self.skipped += 1;
        self.begin(self.len as u8);
        if let State::LenLow(direction) = self.state {
            self.len = usize::from(high);
            self.state = State::LenHigh(direction);
        } else {
            self.begin(high);
        }
    }

    fn begin(&mut self, byte: u8) {
        self.state = match byte {
            b'>' => State::LenLow(Direction::FromRadio),
            b'<' => State::LenLow(Direction::ToRadio),
            _ => {
                self.skipped += 1;
                State::Mark
            }
        };
    }

    /// Bytes that belonged to no message so far.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }
}

impl Default for StreamDecoder {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn bodies(stream: &[u8]) -> (Vec<Vec<u8>>, u64) {
        let mut decoder = StreamDecoder::new();
        let bodies =
            stream.iter().filter_map(|&b| decoder.push(b).map(|frame| frame.body.to_vec())).collect();
        (bodies, decoder.skipped())
    }

    #[test]
    fn noise_between_messages_is_skipped_and_counted() {
        let (found, skipped) = bodies(b"xx>\x02\x00ab\n<\x01\x00c>\x00\x00>\x01\x00d");
        assert_eq!(found, [b"ab".to_vec(), b"c".to_vec(), b"d".to_vec()]);
        assert_eq!(skipped, 3);
    }

    #[test]
    fn a_length_that_no_radio_sends_does_not_swallow_the_stream() {
        let (found, skipped) = bodies(b">\xff\xff>\x01\x00a");
        assert_eq!((found, skipped), (alloc::vec![b"a".to_vec()], 3));
    }

    #[test]
    fn a_mark_that_noise_made_does_not_hide_the_one_behind_it() {
        for (stream, noise) in [(&b"x>>\x01\x00a"[..], 2), (b"<\xff>\x01\x00a", 2), (b">><>\x01\x00a", 3)] {
            assert_eq!(bodies(stream), (alloc::vec![b"a".to_vec()], noise), "{stream:?}");
        }
    }
}
