//! What a socket missed, read from the store: the events behind a cursor, in the order and the
//! portions in which they were (or would have been) sent live.

use std::collections::BTreeMap;

use corescope_store::memory::{Snapshot, Transmission};

use super::cursor::{Cursor, End};

/// Transmissions told in one go; who missed more reads the list again.
const MAX_EVENTS: usize = 20_000;

/// Up to this many observations are looked up one by one.
const LOOKED_UP: i64 = 1024;

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

/// Everything behind `cursor` up to the snapshot's end.
pub(super) fn behind(cursor: Cursor, snapshot: &Snapshot, end: End) -> Backlog {
    let first = snapshot.transmissions().next().map_or(0, |t| t.id());
    if cursor.from.0 + 1 < first && cursor.from != (0, 0) {
        return Backlog::Gap("too_old");
    }
    if !cursor.to.is_in(snapshot) {
        return Backlog::Gap("unknown");
    }
    let mut events = batch(snapshot, cursor.from, cursor.to);
    events.drain(..events.len().min(cursor.done as usize));
    events.extend(batch(snapshot, cursor.to.ids, end));
    if events.len() > MAX_EVENTS { Backlog::Gap("too_many") } else { Backlog::Events(events) }
}

/// The events of the rows above `from` up to `to`, one per transmission, by ascending id.
pub(super) fn batch(snapshot: &Snapshot, from: (i64, i64), end: End) -> Vec<Entry> {
    let to = end.ids;
    if from == to {
        return Vec::new();
    }
    // A few new rows are looked up; walking over everything would cost more than telling them.
    let rows = if to.1 - from.1 <= LOOKED_UP {
        looked_up(snapshot, from, to)
    } else {
        snapshot.transmissions().collect()
    };
    let mut events = among(rows, from, to);
    number(&mut events, from, end);
    events
}

/// What is new of these transmissions.
fn among(rows: Vec<Transmission<'_>>, from: (i64, i64), to: (i64, i64)) -> Vec<Entry> {
    let mut events = Vec::new();
    for row in rows {
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
    events
}

/// The transmissions with rows above `from` up to `to`, ascending by id.
fn looked_up(snapshot: &Snapshot, from: (i64, i64), to: (i64, i64)) -> Vec<Transmission<'_>> {
    let new = snapshot.transmissions().rev().take_while(|row| row.id() > from.0);
    let heard = (from.1 + 1..=to.1).filter_map(|id| snapshot.observation_by_id(id)).map(|o| o.transmission());
    let by_id: BTreeMap<i64, Transmission<'_>> = new.chain(heard).map(|row| (row.id(), row)).collect();
    by_id.into_values().collect()
}

/// Gives each event of a batch the cursor behind it.
fn number(events: &mut [Entry], from: (i64, i64), to: End) {
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
        let end = End::of(&snapshot);
        let whole = batch(&snapshot, (0, 0), end);
        assert_eq!(whole.len(), 2);
        assert_eq!(whole[1].cursor, Cursor::at(end));
        assert_eq!(told(behind(Cursor::default(), &snapshot, end)), [(1, true), (2, true)]);
        assert_eq!(told(behind(whole[0].cursor, &snapshot, end)), [(2, true)]);
        assert_eq!(told(behind(whole[1].cursor, &snapshot, end)), []);
        // The second observations came in a batch of their own.
        let earlier = Store::new();
        earlier.append(&Batch {
            transmissions: &[transmission(1, "aaaaaaaaaaaaaaaa"), transmission(2, "bbbbbbbbbbbbbbbb")],
            observations: &[observation(1, 1), observation(2, 2)],
        });
        let cursor = Cursor::at(End::of(&earlier.snapshot()));
        assert_eq!(told(behind(cursor, &snapshot, end)), [(1, false), (2, false)]);
    }

    #[test]
    fn looking_up_finds_what_walking_finds() {
        let store = store();
        store.append(&Batch {
            transmissions: &[transmission(5, "cccccccccccccccc"), transmission(6, "dddddddddddddddd")],
            observations: &[observation(7, 2), observation(8, 5), observation(11, 1), observation(12, 5)],
        });
        let snapshot = store.snapshot();
        for from in (0..=6).flat_map(|t| (0..=12).map(move |o| (t, o))) {
            for to in (from.0..=6).flat_map(|t| (from.1..=12).map(move |o| (t, o))) {
                let walked = among(snapshot.transmissions().collect(), from, to);
                assert_eq!(among(looked_up(&snapshot, from, to), from, to), walked, "{from:?} {to:?}");
            }
        }
    }

    #[test]
    fn a_cursor_of_another_history_is_a_gap() {
        let snapshot = store().snapshot();
        let end = End::of(&snapshot);
        let gap = Backlog::Gap("unknown");
        let ahead = End { ids: (9, 9), mark: Some(1) };
        assert_eq!(behind(Cursor::at(ahead), &snapshot, end), gap);
        // The ids are there, but are those of other rows.
        for other in [
            Batch {
                transmissions: &[transmission(1, "aaaaaaaaaaaaaaaa"), transmission(2, "cccccccccccccccc")],
                observations: &[observation(1, 1), observation(2, 1)],
            },
            Batch {
                transmissions: &[transmission(1, "aaaaaaaaaaaaaaaa"), transmission(2, "bbbbbbbbbbbbbbbb")],
                observations: &[observation(1, 1), observation(2, 1)],
            },
        ] {
            let store = Store::new();
            store.append(&other);
            let cursor = Cursor::at(End::of(&store.snapshot()));
            assert_eq!(cursor.to.ids, (2, 2));
            assert_eq!(behind(cursor, &snapshot, end), gap);
        }
        // One without a mark may be of any history.
        let unmarked = Cursor::at(End { mark: None, ..end });
        assert_eq!(behind(unmarked, &snapshot, end), gap);
    }
}
