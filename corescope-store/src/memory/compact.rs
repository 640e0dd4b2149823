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
/// … and so many stay, because observations still arrive for them.
const RECENT_KEPT: usize = 256;
/// Segments are not merged beyond so many transmissions …
const FULL_TRANSMISSIONS: usize = 16_384;
/// … or observations …
const FULL_OBSERVATIONS: usize = 500_000;
/// … or this share of everything: what a merge takes for a while is then little beside the whole.
const FULL_SHARE: usize = 20;

impl Snapshot {
    /// Packs the older recent rows into a segment of their own.
    pub(super) fn pack_recent(&mut self) {
        self.pack_all_but(RECENT_KEPT);
    }

    pub(super) fn pack_all_but(&mut self, kept: usize) {
        let count = self.recent.rows.len().saturating_sub(kept);
        let Some(last) = count.checked_sub(1).and_then(|at| self.recent.rows.get(at)) else { return };
        let high = last.head.id;
        let low = self.parts.last().map_or(self.floor, |p| p.high + 1);
        let mut builder = Builder::default();
        for row in &self.recent.rows[..count] {
            add(&mut builder, &Transmission::from(&**row));
        }
        if builder.len() == count {
            self.recent.drain(count);
            self.parts.push(Part::new(low, high, Arc::new(builder.finish())));
        }
    }
}

impl Store {
    /// Packs every row that is still held in full, whatever may still change in it. Answers are the same before and
    /// after; it saves memory when nothing more is expected.
    pub fn pack(&self) {
        self.change(|next| next.pack_all_but(0));
    }

    /// One step of packing, away from the appender: merges two neighbouring segments that are small, or packs one
    /// anew that many rows have changed in. False when there was nothing to do.
    ///
    /// A follower does this by itself; a program that appends by other means calls it now and then. Answers are the
    /// same before and after.
    pub fn compact(&self) -> bool {
        let snapshot = self.snapshot();
        let Some((from, to)) = step(&snapshot.parts) else { return false };
        let old = &snapshot.parts[from..to];
        let mut builder = Builder::default();
        for row in old.iter().flat_map(Part::transmissions) {
            add(&mut builder, &row);
        }
        let segment = Arc::new(builder.finish());
        let mut appender = self.appender();
        let mut next = Snapshot::clone(&self.snapshot());
        let same = |a: &Part, b: &Part| Arc::ptr_eq(&a.segment, &b.segment);
        let Some(at) = next.parts.iter().position(|p| same(p, &old[0])) else { return true };
        let Some(now) = next.parts.get(at..at + old.len()) else { return true };
        if !now.iter().zip(old).all(|(a, b)| same(a, b)) {
            return true;
        }
        let rows = now.iter().zip(old).flat_map(|(now, old)| changed_since(&old.overlay, &now.overlay));
        let rows = rows.map(|row| OverlayRow { instead_of: segment.find(row.id).map(|r| r as u32), ..row });
        let part = Part {
            low: old[0].low,
            high: old[old.len() - 1].high,
            overlay: Arc::new(Overlay { rows: rows.collect() }),
            segment,
        };
        next.parts.splice(at..at + old.len(), [part]);
        self.publish(&mut appender, &mut next);
        true
    }
}

impl Part {
    /// Its rows in one segment, changed ones in their places.
    pub(super) fn settled(&self) -> Arc<Segment> {
        if self.overlay.rows.is_empty() {
            return Arc::clone(&self.segment);
        }
        let mut builder = Builder::default();
        self.transmissions().for_each(|row| add(&mut builder, &row));
        Arc::new(builder.finish())
    }
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

/// The next parts to pack into one.
fn step(parts: &[Part]) -> Option<(usize, usize)> {
    let rebuild = |p: &Part| p.overlay.rows.len() > 64.max(p.segment.len() / 16);
    if let Some(at) = parts.iter().position(rebuild) {
        return Some((at, at + 1));
    }
    let all: usize = parts.iter().map(|p| p.segment.len()).sum();
    let full = (all / FULL_SHARE).clamp(4 * RECENT_MOST, FULL_TRANSMISSIONS);
    let fits = |a: &Part, b: &Part| {
        a.len() + b.len() <= full && a.observation_count() + b.observation_count() <= FULL_OBSERVATIONS
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
