//! Where in the stream a socket is.

use std::fmt;
use std::str::FromStr;

/// A place in the stream of events; opaque to clients.
///
/// Events are made per batch of rows, one per transmission in order of its id. The cursor names
/// the batch by the highest ids before and in it, and how many of its events are delivered, so
/// that the rest of the batch can be made again from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// Highest transmission and observation id before the batch.
    pub(super) from: (i64, i64),
    /// Highest ids in the batch.
    pub(super) to: (i64, i64),
    /// Events of the batch that are delivered.
    pub(super) done: u32,
}

impl Cursor {
    /// Behind everything up to these ids.
    pub(super) fn at(ids: (i64, i64)) -> Self {
        Self { from: ids, to: ids, done: 0 }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from, self.to);
        if from == to {
            write!(f, "{:x}.{:x}", to.0, to.1)
        } else {
            write!(f, "{:x}.{:x}.{:x}.{:x}.{:x}", from.0, from.1, to.0, to.1, self.done)
        }
    }
}

/// The text is no cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this feed; use the one that came with an event")]
pub struct BadCursor;

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        if text.len() > 100 {
            return Err(BadCursor);
        }
        let numbers: Vec<i64> = text
            .split('.')
            .map(|part| i64::from_str_radix(part, 16).ok().filter(|n| *n >= 0))
            .collect::<Option<_>>()
            .ok_or(BadCursor)?;
        match *numbers.as_slice() {
            [t, o] => Ok(Self::at((t, o))),
            [ft, fo, tt, to, done] if ft <= tt && fo <= to => {
                let done = u32::try_from(done).map_err(|_| BadCursor)?;
                Ok(Self { from: (ft, fo), to: (tt, to), done })
            }
            _ => Err(BadCursor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_they_are_written() {
        for cursor in
            [Cursor::at((17, 4711)), Cursor { from: (1, 2), to: (3, 40), done: 2 }, Cursor::default()]
        {
            assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
        }
        for bad in ["", "1", "1.2.3", "x.y", "-1.2", "3.1.2.1.0", "1.2.3.4.ffffffffff"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
