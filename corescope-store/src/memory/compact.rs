//! Packing: recent rows become segments, small segments become larger ones, changed rows go back into theirs.

use std::sync::Arc;

use super::owned::OwnedTransmission;
use super::part::{Overlay, OverlayRow, Part};
use super::record::{ObservationRow, TransmissionRow};
use super::segment::{Builder, Segment};
use super::snapshot::Snapshot;
use super::store::Store;
use super::view::Transmission;

/// Recent rows are packed when there are this many …
pub(super) const RECENT_MOST: usize = 1024;
/// … by the appender itself when there are so many, because the thread that packs does not keep up …
pub(super) const RECENT_BOUND: usize = 3 * RECENT_MOST;
/// … and so many stay, because observations still arrive for them.
const RECENT_KEPT: usize = 256;
/// Segments hold at most so many transmissions …
const FULL_TRANSMISSIONS: usize = 16_384;
/// … and observations, beside one that was heard more often. They are not merged beyond that …
const FULL_OBSERVATIONS: usize = 500_000;
/// … or this share of everything: what a merge takes for a while is then little beside the whole.
const FULL_SHARE: usize = 20;
/// Rows that hold more bytes may not settle in one segment.
const MOST_SETTLED: usize = 1 << 30;

impl Snapshot {
    /// Packs the older recent rows into a segment of their own.
    pub(super) fn pack_recent(&mut self) {
        self.pack_all_but(RECENT_KEPT);
    }

    pub(super) fn pack_all_but(&mut self, kept: usize) {
        while let Some(sealed) = self.seal(kept)
            && self.settle(&sealed)
        {}
    }

    /// Packs everything, so that each part [settles](Part::settled) in one segment.
    pub(super) fn pack_whole(&mut self) {
        self.pack_all_but(0);
        let fits = |part: &Part| {
            part.overlay.rows.is_empty()
                || (part.len() <= FULL_TRANSMISSIONS
                    && part.observation_count() <= FULL_OBSERVATIONS
                    && part.bytes() <= MOST_SETTLED)
        };
        let parts = std::mem::take(&mut self.parts);
        for part in parts {
            if fits(&part) {
                self.parts.push(part);
            } else {
                let segments = segments(part.transmissions(), || ());
                self.parts.extend(side_by_side(segments, part.low, part.high, Vec::new()));
            }
        }
    }

    /// The id that the next part begins with.
    fn next_low(&self) -> i64 {
        self.parts.last().map_or(self.floor, |p| p.high.saturating_add(1))
    }

    /// The older recent rows, as many as fit, in a segment of their own, which is not part of the snapshot yet.
    fn seal(&self, kept: usize) -> Option<Sealed> {
        let count = self.recent.rows.len().saturating_sub(kept);
        let mut filling = Filling::default();
        let rows = self.recent.rows.get(..count)?.iter();
        let rows: Vec<_> =
            rows.take_while(|row| filling.add(&Transmission::from(&***row))).cloned().collect();
        let high = rows.last()?.head.id;
        (filling.builder.len() == rows.len()).then(|| Sealed {
            low: self.next_low(),
            high,
            rows,
            segment: Arc::new(filling.builder.finish()),
        })
    }

    /// Puts a sealed segment in place of its recent rows. Rows that came, changed or went since lie over it. False
    /// when others were packed in the meantime.
    fn settle(&mut self, sealed: &Sealed) -> bool {
        if self.next_low() != sealed.low {
            return false;
        }
        let count = self.recent.rows.partition_point(|row| row.head.id <= sealed.high);
        let mut now = self.recent.drain(count).into_iter().peekable();
        let mut overlay = Overlay::default();
        let mut put = |id: i64, now: Option<Arc<OwnedTransmission>>| {
            let instead_of = sealed.segment.find(id).map(|row| row as u32);
            overlay.rows.push(OverlayRow { id, instead_of, now });
        };
        for packed in &sealed.rows {
            let id = packed.head.id;
            while let Some(new) = now.next_if(|row| row.head.id < id) {
                put(new.head.id, Some(new));
            }
            match now.next_if(|row| row.head.id == id) {
                Some(same) if Arc::ptr_eq(&same, packed) => {}
                changed => put(id, changed),
            }
        }
        self.parts.push(Part {
            low: sealed.low,
            high: sealed.high,
            segment: Arc::clone(&sealed.segment),
            overlay: Arc::new(overlay),
        });
        true
    }
}

/// Recent rows that were packed, for a snapshot that may have moved on since.
struct Sealed {
    low: i64,
    high: i64,
    rows: Vec<Arc<OwnedTransmission>>,
    segment: Arc<Segment>,
}

/// While it lives, the thread that made it packs the store's recent rows: see [`Store::pack_here`].
#[derive(Debug)]
pub struct PackedHere<'s> {
    store: &'s Store,
}

impl Drop for PackedHere<'_> {
    fn drop(&mut self) {
        self.store.turn().maker.packer = None;
    }
}

impl Store {
    /// Packs every row that is still held in full, whatever may still change in it. Answers are the same before and
    /// after; it saves memory when nothing more is expected.
    pub fn pack(&self) {
        self.change(|next| next.pack_all_but(0));
    }

    /// From now on this thread calls [`compact`](Self::compact) again and again, so that the appender need not pack
    /// recent rows while it appends; it unparks the thread when there are enough of them. When the thread does not keep
    /// up, the appender packs all the same: rows in full are bounded. Ends when the result is dropped.
    pub fn pack_here(&self) -> PackedHere<'_> {
        self.turn().maker.packer = Some(std::thread::current());
        PackedHere { store: self }
    }

    /// Packs the older recent rows, if there are enough that the appender has left.
    fn pack_recent(&self) -> bool {
        let snapshot = self.snapshot();
        if snapshot.recent.rows.len() < RECENT_MOST {
            return false;
        }
        let Some(sealed) = snapshot.seal(RECENT_KEPT) else { return false };
        drop(snapshot);
        let mut next = self.turn();
        if next.settle(&sealed) {
            next.maker.packed.extend(sealed.rows);
            next.publish();
        }
        true
    }

    /// One step of packing, away from the appender: packs recent rows that the appender left to
    /// [a thread](Self::pack_here), merges two neighbouring segments that are small, or packs one anew that many rows
    /// have changed in. False when there was nothing to do.
    ///
    /// A follower does this by itself; a program that appends by other means calls it now and then. Answers are the
    /// same before and after.
    pub fn compact(&self) -> bool {
        if self.pack_recent() {
            return true;
        }
        let snapshot = self.snapshot();
        let Some((from, to)) = step(&snapshot.parts, MOST_SETTLED) else {
            // Nobody may append for long.
            let packed = std::mem::take(&mut self.turn().maker.packed);
            drop(packed);
            return false;
        };
        let old = &snapshot.parts[from..to];
        let mut at = 0;
        let segments = segments(old.iter().flat_map(Part::transmissions), || {
            // A merge takes long, and recent rows do not wait for it.
            if at % 256 == 0 {
                self.pack_recent();
            }
            at += 1;
        });
        let mut next = self.turn();
        let same = |a: &Part, b: &Part| Arc::ptr_eq(&a.segment, &b.segment);
        let Some(at) = next.parts.iter().position(|p| same(p, &old[0])) else { return true };
        let Some(now) = next.parts.get(at..at + old.len()) else { return true };
        if !now.iter().zip(old).all(|(a, b)| same(a, b)) {
            return true;
        }
        let rows = now.iter().zip(old).flat_map(|(now, old)| changed_since(&old.overlay, &now.overlay));
        let parts = side_by_side(segments, old[0].low, old[old.len() - 1].high, rows.collect());
        next.parts.splice(at..at + old.len(), parts);
        next.publish();
        true
    }
}

impl Part {
    /// Its rows in one segment, changed ones in their places. It [fits](Snapshot::pack_whole).
    pub(super) fn settled(&self) -> Arc<Segment> {
        if self.overlay.rows.is_empty() {
            return Arc::clone(&self.segment);
        }
        let mut builder = Builder::default();
        self.transmissions().for_each(|row| add(&mut builder, &row));
        Arc::new(builder.finish())
    }
}

/// A segment in the making that takes rows until it is full.
#[derive(Default)]
struct Filling {
    builder: Builder,
    observations: usize,
}

impl Filling {
    /// False when the row did not fit any more; the first always does.
    fn add(&mut self, row: &Transmission<'_>) -> bool {
        let observations = self.observations + row.observation_count();
        let full = self.builder.len() >= FULL_TRANSMISSIONS
            || observations > FULL_OBSERVATIONS
            || self.builder.is_full();
        if full && self.builder.len() > 0 {
            return false;
        }
        self.observations = observations;
        add(&mut self.builder, row);
        true
    }
}

/// Packs rows, ascending by id, into as many segments as they need: one at least. `each` is called before each row.
fn segments<'a>(rows: impl Iterator<Item = Transmission<'a>>, mut each: impl FnMut()) -> Vec<Segment> {
    let mut full = Vec::new();
    let mut filling = Filling::default();
    for row in rows {
        each();
        if !filling.add(&row) {
            full.push(std::mem::take(&mut filling).builder.finish());
            filling.add(&row);
        }
    }
    full.push(filling.builder.finish());
    full
}

/// Parts of these segments that stand for all ids from `low` to `high`, with these rows, ascending by id, over them.
fn side_by_side(segments: Vec<Segment>, mut low: i64, high: i64, rows: Vec<OverlayRow>) -> Vec<Part> {
    let last = segments.len().saturating_sub(1);
    let mut rows = rows.into_iter().peekable();
    let mut parts = Vec::with_capacity(segments.len());
    for (at, segment) in segments.into_iter().enumerate() {
        let high = segment.id_range().filter(|_| at < last).map_or(high, |(_, highest)| highest);
        let over = std::iter::from_fn(|| rows.next_if(|row| row.id <= high))
            .map(|row| OverlayRow { instead_of: segment.find(row.id).map(|r| r as u32), ..row })
            .collect();
        parts.push(Part { low, high, overlay: Arc::new(Overlay { rows: over }), segment: Arc::new(segment) });
        low = high.saturating_add(1);
    }
    parts
}

/// Rows that changed after the overlay was packed.
fn changed_since(packed: &Overlay, now: &Overlay) -> Vec<OverlayRow> {
    let same = |a: &Option<Arc<OwnedTransmission>>, b: &Option<Arc<OwnedTransmission>>| match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    };
    let is_packed = |row: &OverlayRow| {
        packed
            .rows
            .binary_search_by_key(&row.id, |p| p.id)
            .is_ok_and(|at| same(&packed.rows[at].now, &row.now))
    };
    now.rows.iter().filter(|row| !is_packed(row)).cloned().collect()
}

/// The next parts to pack into one. Together they hold at most so many bytes: what does not settle in one segment would
/// be packed again and again.
fn step(parts: &[Part], most_bytes: usize) -> Option<(usize, usize)> {
    let rebuild = |p: &Part| p.overlay.rows.len() > 64.max(p.segment.len() / 16);
    if let Some(at) = parts.iter().position(rebuild) {
        return Some((at, at + 1));
    }
    let all: usize = parts.iter().map(|p| p.segment.len()).sum();
    let full = (all / FULL_SHARE).clamp(4 * RECENT_MOST, FULL_TRANSMISSIONS);
    let fits = |a: &Part, b: &Part| {
        a.len() + b.len() <= full
            && a.observation_count() + b.observation_count() <= FULL_OBSERVATIONS
            && a.bytes() + b.bytes() <= most_bytes
    };
    let balanced =
        |a: &Part, b: &Part| a.segment.len() <= 2 * b.segment.len() && b.segment.len() <= 8 * a.segment.len();
    let at = parts.windows(2).rposition(|w| matches!(w, [a, b] if fits(a, b) && balanced(a, b)))?;
    Some((at, at + 2))
}

/// Adds a kept row to a segment in the making. What was kept once can be kept again.
pub(super) fn add(builder: &mut Builder, row: &Transmission<'_>) {
    let at = builder.len();
    let (raw_hex, hash, first_seen) = (row.raw_hex(), row.hash(), row.first_seen());
    let (decoded_json, from_pubkey) = (row.decoded_json(), row.from_pubkey());
    let added = builder.transmission(&TransmissionRow {
        id: row.id(),
        raw_hex: &raw_hex,
        hash: &hash,
        first_seen: &first_seen,
        last_seen: row.last_seen(),
        route_type: row.route_type(),
        payload_type: row.payload_type(),
        payload_version: row.payload_version(),
        decoded_json: decoded_json.as_deref(),
        from_pubkey: from_pubkey.as_deref(),
        channel_hash: row.channel_hash(),
        scope_name: row.scope_name(),
    });
    debug_assert!(added.is_ok());
    if added.is_err() {
        return;
    }
    for o in row.observations() {
        let (path_json, resolved_path, raw_hex) = (o.path_json(), o.resolved_path(), o.raw_hex());
        let added = builder.observation(
            at,
            &ObservationRow {
                id: o.id(),
                transmission_id: row.id(),
                observer: o.observer(),
                direction: o.direction(),
                snr: o.snr(),
                rssi: o.rssi(),
                score: o.score(),
                path_json: path_json.as_deref(),
                timestamp: o.timestamp(),
                resolved_path: resolved_path.as_deref(),
                raw_hex: raw_hex.as_deref(),
            },
        );
        debug_assert!(added.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::record::Batch;

    fn transmission(id: i64, hash: &str) -> TransmissionRow<'_> {
        TransmissionRow {
            raw_hex: "150011",
            first_seen: "2026-01-01T00:00:00Z",
            ..TransmissionRow::bare(id, hash)
        }
    }

    fn observation(id: i64, transmission_id: i64) -> ObservationRow<'static> {
        ObservationRow {
            observer: Some(id % 7),
            direction: Some("rx"),
            snr: Some(2.5),
            path_json: Some(r#"["AB","CD"]"#),
            resolved_path: Some(r#"["abcd",null]"#),
            raw_hex: Some("1502ABCD11"),
            ..ObservationRow::bare(id, transmission_id, 1_767_225_600 + id)
        }
    }

    fn append(store: &Store, ids: impl IntoIterator<Item = i64>) {
        let ids: Vec<i64> = ids.into_iter().collect();
        let hashes: Vec<String> = ids.iter().map(|id| format!("{id:016x}")).collect();
        let transmissions: Vec<_> =
            ids.iter().zip(&hashes).map(|(id, hash)| transmission(*id, hash)).collect();
        let observations: Vec<_> = ids.iter().map(|id| observation(id * 10, *id)).collect();
        store.append(&Batch { transmissions: &transmissions, observations: &observations });
    }

    fn contents(snapshot: &Snapshot) -> Vec<String> {
        snapshot.transmissions().map(|row| format!("{:?}", row.to_owned_row())).collect()
    }

    #[test]
    fn what_happens_to_rows_while_they_are_packed_holds() {
        let store = Store::new();
        append(&store, (1..=10).map(|n| n * 2));
        let sealed = store.snapshot().seal(2).expect("eight rows");
        append(&store, [5, 30]);
        let mut later = store.begin();
        later.observation(&observation(41, 4));
        later.observation(&observation(201, 20));
        later.transmission(&TransmissionRow { payload_type: Some(2), ..transmission(6, "0000000000000006") });
        assert!(later.remove_transmission(8) && later.remove_transmission(16));
        later.publish();

        let before = store.snapshot();
        let mut after = Snapshot::clone(&before);
        assert!(after.settle(&sealed));
        assert_eq!(contents(&after), contents(&before));
        let ids = |rows: &[Arc<OwnedTransmission>]| rows.iter().map(|row| row.head.id).collect::<Vec<_>>();
        assert_eq!(ids(&after.recent.rows), [18, 20, 30]);
        let [part] = &after.parts[..] else { panic!("one part") };
        assert_eq!(part.overlay.rows.iter().map(|row| row.id).collect::<Vec<_>>(), [4, 5, 6, 8, 16]);
        for id in [2, 4, 5, 8, 16, 30] {
            let found = |s: &Snapshot| s.by_hash(&format!("{id:016x}")).map(|row| row.id());
            assert_eq!(found(&after), found(&before), "transmission {id}");
            let heard = |s: &Snapshot| s.observation_by_id(id * 10).map(|o| o.transmission().id());
            assert_eq!(heard(&after), heard(&before), "observation of {id}");
        }
        assert!(!after.settle(&sealed), "rows that are packed are not packed again");
        assert_eq!(contents(&after), contents(&before));
    }

    #[test]
    fn parts_that_are_few_rows_but_many_bytes_are_left_apart() {
        let store = Store::new();
        for ids in [1..=10, 11..=20] {
            append(&store, ids);
            store.pack();
        }
        let parts = &store.snapshot().parts;
        let bytes = parts.iter().map(Part::bytes).sum();
        assert_eq!((step(parts, bytes), step(parts, bytes - 1)), (Some((0, 2)), None));
    }

    #[test]
    fn the_appender_leaves_packing_to_the_thread_that_does_it_but_bounded() {
        let store = Store::new();
        let in_full = || store.snapshot().recent.rows.len();
        let here = store.pack_here();
        append(&store, 1..=2000);
        assert_eq!(in_full(), 2000);
        let before = contents(&store.snapshot());
        assert!(store.compact());
        assert_eq!(in_full(), RECENT_KEPT);
        assert_eq!(contents(&store.snapshot()), before);
        append(&store, 2001..=2001 + RECENT_BOUND as i64);
        assert_eq!(in_full(), RECENT_KEPT, "the appender packs when nobody does");
        drop(here);
        append(&store, 6001..=6000 + RECENT_MOST as i64);
        assert_eq!(in_full(), RECENT_KEPT, "the appender packs again");
        assert_eq!(store.snapshot().transmissions().count() as u64, store.snapshot().transmission_count());
    }
}
