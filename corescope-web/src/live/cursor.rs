//! Where in the stream a socket is.

use std::fmt;
use std::str::FromStr;

use corescope_store::memory::Snapshot;

/// The end of a history of rows.
///
/// Ids alone do not name it: after a restore from a backup the same ids are given to other rows.
/// The mark, made from what the named rows say, tells the two histories apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct End {
    /// Highest transmission and observation id.
    pub(super) ids: (i64, i64),
    /// Made from the rows with these ids; none before the first row, and in cursors of servers
    /// that did not write it yet.
    pub(super) mark: Option<u32>,
}

impl End {
    /// The end of what a snapshot holds.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let ids = snapshot.last_ids();
        Self { ids, mark: mark(snapshot, ids) }
    }

    /// Whether the rows up to here are the beginning of what the snapshot holds. The beginning of
    /// all histories is the same.
    pub(super) fn is_in(&self, snapshot: &Snapshot) -> bool {
        let last = snapshot.last_ids();
        let reached = self.ids.0 <= last.0 && self.ids.1 <= last.1;
        reached && (self.ids == (0, 0) || (self.mark.is_some() && self.mark == mark(snapshot, self.ids)))
    }
}

/// What the rows with these ids say that never changes. None where the transmission is not in
/// memory; an observation may lie outside it when its transmission is old.
fn mark(snapshot: &Snapshot, ids: (i64, i64)) -> Option<u32> {
    let transmission = snapshot.by_id(ids.0)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(transmission.hash().as_bytes());
    if let Some(observation) = snapshot.observation_by_id(ids.1) {
        hasher.update(observation.transmission().hash().as_bytes());
        hasher.update(&observation.timestamp().to_le_bytes());
    }
    Some(hasher.finalize())
}

/// A place in the stream of events; opaque to clients.
///
/// Events are made per batch of rows, one per transmission in order of its id. The cursor names
/// the batch by the highest ids before and in it, and how many of its events are delivered, so
/// that the rest of the batch can be made again from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// Highest transmission and observation id before the batch.
    pub(super) from: (i64, i64),
    /// The end of the batch.
    pub(super) to: End,
    /// Events of the batch that are delivered.
    pub(super) done: u32,
}

impl Cursor {
    /// Behind everything up to this end.
    pub(super) fn at(end: End) -> Self {
        Self { from: end.ids, to: end, done: 0 }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from, self.to.ids);
        if from == to {
            write!(f, "{:x}.{:x}", to.0, to.1)?;
        } else {
            write!(f, "{:x}.{:x}.{:x}.{:x}.{:x}", from.0, from.1, to.0, to.1, self.done)?;
        }
        match self.to.mark {
            Some(mark) => write!(f, ".{mark:08x}"),
            None => Ok(()),
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
        // Without a mark at the end it is one that older servers wrote.
        let (numbers, mark) = match *numbers.as_slice() {
            [ref numbers @ .., mark] if matches!(numbers.len(), 2 | 5) => {
                (numbers, Some(u32::try_from(mark).map_err(|_| BadCursor)?))
            }
            ref numbers => (numbers, None),
        };
        match *numbers {
            [t, o] => Ok(Self::at(End { ids: (t, o), mark })),
            [ft, fo, tt, to, done] if ft <= tt && fo <= to => {
                let done = u32::try_from(done).map_err(|_| BadCursor)?;
                Ok(Self { from: (ft, fo), to: End { ids: (tt, to), mark }, done })
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
        let end = |ids, mark| End { ids, mark };
        for cursor in [
            Cursor::at(end((17, 4711), Some(0xfe))),
            Cursor::at(end((17, 4711), None)),
            Cursor { from: (1, 2), to: end((3, 40), Some(u32::MAX)), done: 2 },
            Cursor { from: (1, 2), to: end((3, 40), None), done: 2 },
            Cursor::default(),
        ] {
            assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
        }
        for bad in [
            "",
            "1",
            "1.2.3.4",
            "x.y",
            "-1.2",
            "1.2.-3",
            "1.2.100000000",
            "3.1.2.1.0",
            "1.2.3.4.ffffffffff",
            "1.2.3.4.5.6.7",
        ] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
