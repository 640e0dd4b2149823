//! What a socket missed, read from the store: the events behind a cursor, in the order and the
//! portions in which they were (or would have been) sent live.

use corescope_store::memory::Snapshot;

use super::cursor::Cursor;

/// Transmissions told in one go; who missed more reads the list again.
const MAX_EVENTS: usize = 20_000;

/// One event to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Which transmission.
    pub(super) id: i64,
    /// It is new to the socket.
    pub(super) is_new: bool,
    /// Ids of its observations that are new: above the first, up to the second.
    pub(super) observations: (i64, i64),
    /// Where the stream is behind this event.
    pub(super) cursor: Cursor,
}

/// The events between a cursor and a snapshot's end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Backlog {
    /// All of them, in order.
    Events(Vec<Entry>),
    /// They cannot be told.
    Gap(&'static str),
}

/// Everything behind `cursor` up to `end` (the snapshot's highest ids).
pub(super) fn behind(cursor: Cursor, snapshot: &Snapshot, end: (i64, i64)) -> Backlog {
    if cursor.to.0 > end.0 || cursor.to.1 > end.1 {
        // Ids only grow: this cursor is of another database.
        return Backlog::Gap("unknown");
    }
    let first = snapshot.transmissions().next().map_or(0, |t| t.id());
    if cursor.from.0 + 1 < first && cursor.from != (0, 0) {
        return Backlog::Gap("too_old");
    }
    let mut events = batch(snapshot, cursor.from, cursor.to);
    events.drain(..events.len().min(cursor.done as usize));
    events.extend(batch(snapshot, cursor.to, end));
    if events.len() > MAX_EVENTS { Backlog::Gap("too_many") } else { Backlog::Events(events) }
}

/// The events of the rows above `from` up to `to`, one per transmission, by ascending id.
pub(super) fn batch(snapshot: &Snapshot, from: (i64, i64), to: (i64, i64)) -> Vec<Entry> {
    if from == to {
        return Vec::new();
    }
    let mut events = Vec::new();
    for row in snapshot.transmissions() {
        let is_new = row.id() > from.0 && row.id() <= to.0;
        // Observations ascend by id: the last one tells whether any is new.
        let newest = row.observations().next_back().map_or(0, |o| o.id());
        if !is_new && (newest <= from.1 || !row.observations().any(|o| o.id() > from.1 && o.id() <= to.1)) {
            continue;
        }
        if row.id() > to.0 {
            break;
        }
        events.push(Entry { id: row.id(), is_new, observations: (from.1, to.1), cursor: Cursor::default() });
    }
    number(&mut events, from, to);
    events
}

/// Gives each event of a batch the cursor behind it.
pub(super) fn number(events: &mut [Entry], from: (i64, i64), to: (i64, i64)) {
    let count = events.len();
    for (at, event) in events.iter_mut().enumerate() {
        event.cursor = if at + 1 == count {
            Cursor::at(to)
        } else {
            Cursor { from, to, done: u32::try_from(at + 1).unwrap_or(u32::MAX) }
        };
    }
}

#[cfg(test)]
mod tests {
    use corescope_store::memory::{Batch, ObservationRow, Store, TransmissionRow};

    use super::*;

    fn transmission(id: i64, hash: &str) -> TransmissionRow<'_> {
        TransmissionRow {
            id,
            raw_hex: "06001f5d97f8ed9eec25bdb2c1dfdb0250be49517647",
            hash,
            first_seen: "2026-06-01T12:00:00Z",
            last_seen: 0,
            route_type: Some(2),
            payload_type: Some(1),
            payload_version: Some(0),
            decoded_json: None,
            from_pubkey: None,
            channel_hash: None,
            scope_name: None,
        }
    }

    fn observation(id: i64, transmission_id: i64) -> ObservationRow<'static> {
        ObservationRow {
            id,
            transmission_id,
            observer: None,
            direction: None,
            snr: None,
            rssi: None,
            score: None,
            path_json: Some("[]"),
            timestamp: 1_780_315_200,
            resolved_path: None,
            raw_hex: None,
        }
    }

    fn store() -> Store {
        let store = Store::new();
        store.append(&Batch {
            transmissions: &[transmission(1, "aaaaaaaaaaaaaaaa"), transmission(2, "bbbbbbbbbbbbbbbb")],
            observations: &[observation(1, 1), observation(2, 2), observation(3, 1), observation(4, 2)],
        });
        store
    }

    fn told(backlog: Backlog) -> Vec<(i64, bool)> {
        match backlog {
            Backlog::Events(events) => events.iter().map(|e| (e.id, e.is_new)).collect(),
            Backlog::Gap(reason) => panic!("{reason}"),
        }
    }

    #[test]
    fn every_cut_of_a_batch_resumes_without_gap_or_repetition() {
        let snapshot = store().snapshot();
        let whole = batch(&snapshot, (0, 0), (2, 4));
        assert_eq!(whole.len(), 2);
        assert_eq!(whole[1].cursor, Cursor::at((2, 4)));
        assert_eq!(told(behind(Cursor::default(), &snapshot, (2, 4))), [(1, true), (2, true)]);
        assert_eq!(told(behind(whole[0].cursor, &snapshot, (2, 4))), [(2, true)]);
        assert_eq!(told(behind(whole[1].cursor, &snapshot, (2, 4))), []);
        // The second observations came in a batch of their own.
        assert_eq!(told(behind(Cursor::at((2, 2)), &snapshot, (2, 4))), [(1, false), (2, false)]);
    }

    #[test]
    fn a_cursor_of_another_database_is_a_gap() {
        let snapshot = store().snapshot();
        assert_eq!(behind(Cursor::at((9, 9)), &snapshot, (2, 4)), Backlog::Gap("unknown"));
    }
}
