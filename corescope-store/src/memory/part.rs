//! A range of transmission ids: a segment, and the rows of it that changed since it was packed.

use std::sync::Arc;

use super::brief::Brief;
use super::owned::OwnedTransmission;
use super::segment::{Segment, lookup_key};
use super::view::{Observation, Transmission};

/// All transmissions with ids from `low` to `high`.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) low: i64,
    pub(crate) high: i64,
    pub(crate) segment: Arc<Segment>,
    pub(crate) overlay: Arc<Overlay>,
}

/// Rows that take the place of the segment's, ascending by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overlay {
    pub(crate) rows: Vec<OverlayRow>,
}

/// What holds in place of a row of the segment.
#[derive(Clone, Debug)]
pub(crate) struct OverlayRow {
    pub(crate) id: i64,
    /// The row of the segment that no longer counts.
    pub(crate) instead_of: Option<u32>,
    /// `None`: removed.
    pub(crate) now: Option<Arc<OwnedTransmission>>,
}

impl Part {
    pub(crate) fn new(low: i64, high: i64, segment: Arc<Segment>) -> Self {
        Self { low, high, segment, overlay: Arc::default() }
    }

    /// Number of transmissions.
    pub(crate) fn len(&self) -> usize {
        let replaced = self.overlay.rows.iter().filter(|r| r.instead_of.is_some()).count();
        let now = self.overlay.rows.iter().filter(|r| r.now.is_some()).count();
        self.segment.len() - replaced + now
    }

    /// Number of observations.
    pub(crate) fn observation_count(&self) -> usize {
        let mut count = self.segment.observation_count();
        for row in &self.overlay.rows {
            if let Some(old) = row.instead_of {
                count -= self.segment.observations(old as usize).len();
            }
            count += row.now.as_ref().map_or(0, |t| t.observations.len());
        }
        count
    }

    /// Highest `latest` of a transmission.
    pub(crate) fn newest(&self) -> i64 {
        self.overlay
            .rows
            .iter()
            .filter_map(|r| r.now.as_ref())
            .map(|t| t.brief.latest)
            .fold(self.segment.newest(), i64::max)
    }

    /// Newest reception of all that are not later than `now`; `i64::MIN` when there is none.
    pub(crate) fn newest_until(&self, now: i64) -> i64 {
        let newest = self.newest();
        if newest <= now {
            return newest;
        }
        let until = |row: Transmission<'_>| {
            if row.latest() <= now {
                return row.latest();
            }
            let times =
                std::iter::once(row.first_seen_unix()).chain(row.observations().map(|o| o.timestamp()));
            times.filter(|time| *time <= now).max().unwrap_or(i64::MIN)
        };
        self.transmissions().map(until).max().unwrap_or(i64::MIN)
    }

    /// No transmission was first heard before this, unix seconds.
    pub(crate) fn oldest(&self) -> i64 {
        self.changed().map(|t| t.first_seen_unix()).fold(self.segment.oldest(), i64::min)
    }

    pub(crate) fn by_id(&self, id: i64) -> Option<Transmission<'_>> {
        if !self.overlay.rows.is_empty()
            && let Ok(at) = self.overlay.rows.binary_search_by_key(&id, |r| r.id)
        {
            return self.overlay.rows[at].now.as_deref().map(Transmission::from);
        }
        self.segment.find(id).map(|row| Transmission::packed(&self.segment, row))
    }

    /// Of several whose hashes differ in letter case alone, the newest.
    pub(crate) fn by_hash(&self, key: u64, hash: &str) -> Option<Transmission<'_>> {
        let changed = self.changed().filter(|row| row.hash().eq_ignore_ascii_case(hash));
        let packed = self.segment.rows_of_hash(key, hash).filter(|row| !self.is_replaced(*row));
        let packed = packed.map(|row| Transmission::packed(&self.segment, row));
        changed.chain(packed).max_by_key(|row| row.id())
    }

    pub(crate) fn observation_by_id(&self, id: i64) -> Option<Observation<'_>> {
        for row in self.overlay.rows.iter().filter_map(|r| r.now.as_deref()) {
            if let Ok(at) = row.observations.binary_search_by_key(&id, |o| o.id) {
                return Transmission::from(row).observation(at);
            }
        }
        let (row, at) = self.segment.find_observation(id)?;
        if self.is_replaced(row) {
            return None;
        }
        Transmission::packed(&self.segment, row).observation(at - self.segment.observations(row).start)
    }

    /// Whether a row of the segment no longer counts.
    pub(crate) fn is_replaced(&self, row: usize) -> bool {
        // Asked for row after row: the overlay is searched by id, in the order of which it is.
        !self.overlay.rows.is_empty()
            && self.overlay.rows.binary_search_by_key(&self.segment.id(row), |r| r.id).is_ok()
    }

    /// Those of these rows of the segment that still count.
    pub(crate) fn packed<'a>(&'a self, rows: &'a [u16]) -> impl Iterator<Item = Transmission<'a>> {
        let rows = rows.iter().map(|row| usize::from(*row));
        rows.filter(|row| !self.is_replaced(*row)).map(|row| Transmission::packed(&self.segment, row))
    }

    /// Rows of the overlay.
    pub(crate) fn changed(&self) -> impl Iterator<Item = Transmission<'_>> {
        self.overlay.rows.iter().filter_map(|r| r.now.as_deref()).map(Transmission::from)
    }

    /// Where its transmissions are, ascending by id.
    pub(crate) fn places(&self) -> Places {
        if self.overlay.rows.is_empty() {
            return Places::Plain(0..self.segment.len() as u32);
        }
        let mut places = Vec::with_capacity(self.len());
        let mut changed = self.overlay.rows.iter().enumerate().peekable();
        let mut replaced: Vec<u32> = self.overlay.rows.iter().filter_map(|r| r.instead_of).collect();
        replaced.sort_unstable();
        for row in 0..self.segment.len() {
            let id = self.segment.id(row);
            while let Some((at, change)) = changed.next_if(|(_, change)| change.id <= id) {
                if change.now.is_some() {
                    places.push(Place::Changed(at as u32));
                }
            }
            if replaced.binary_search(&(row as u32)).is_err() {
                places.push(Place::Row(row as u32));
            }
        }
        places.extend(changed.filter(|(_, c)| c.now.is_some()).map(|(at, _)| Place::Changed(at as u32)));
        Places::Merged(places.into_iter())
    }

    pub(crate) fn at(&self, place: Place) -> Option<Transmission<'_>> {
        match place {
            Place::Row(row) => Some(Transmission::packed(&self.segment, row as usize)),
            Place::Changed(at) => self.overlay.rows.get(at as usize)?.now.as_deref().map(Transmission::from),
        }
    }

    /// Its transmissions, ascending by id.
    pub(crate) fn transmissions(&self) -> impl DoubleEndedIterator<Item = Transmission<'_>> + Clone {
        self.places().filter_map(|place| self.at(place))
    }

    /// Puts a row in place of the segment's, or removes it.
    pub(crate) fn put(&mut self, id: i64, now: Option<Arc<OwnedTransmission>>) {
        let overlay = Arc::make_mut(&mut self.overlay);
        match overlay.rows.binary_search_by_key(&id, |r| r.id) {
            Ok(at) => overlay.rows[at].now = now,
            Err(at) => {
                let instead_of = self.segment.find(id).map(|row| row as u32);
                overlay.rows.insert(at, OverlayRow { id, instead_of, now });
            }
        }
    }

    /// The row with this id in full: the very one that lies over the segment, if one does.
    pub(crate) fn in_full(&self, id: i64) -> Option<Arc<OwnedTransmission>> {
        match self.overlay.rows.binary_search_by_key(&id, |r| r.id) {
            Ok(at) => self.overlay.rows[at].now.clone(),
            Err(_) => self.by_id(id).map(|row| Arc::new(row.to_owned_row())),
        }
    }

    /// Changes a row that lies over the segment; nothing where none does.
    pub(crate) fn edit<T>(&mut self, id: i64, edit: impl FnOnce(&mut OwnedTransmission) -> T) -> Option<T> {
        let at = self.overlay.rows.binary_search_by_key(&id, |r| r.id).ok()?;
        let row = Arc::make_mut(&mut self.overlay).rows.get_mut(at)?;
        row.now.as_mut().map(|row| edit(Arc::make_mut(row)))
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.segment.bytes()
            + self
                .overlay
                .rows
                .iter()
                .map(|r| size_of::<OverlayRow>() + r.now.as_ref().map_or(0, |t| t.bytes()))
                .sum::<usize>()
    }
}

/// Where a transmission of a part is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// A row of the segment.
    Row(u32),
    /// An entry of the overlay.
    Changed(u32),
}

/// Places, ascending by id.
#[derive(Clone, Debug)]
pub(crate) enum Places {
    Plain(std::ops::Range<u32>),
    Merged(std::vec::IntoIter<Place>),
}

impl Iterator for Places {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        match self {
            Self::Plain(range) => range.next().map(Place::Row),
            Self::Merged(places) => places.next(),
        }
    }
}

impl DoubleEndedIterator for Places {
    fn next_back(&mut self) -> Option<Place> {
        match self {
            Self::Plain(range) => range.next_back().map(Place::Row),
            Self::Merged(places) => places.next_back(),
        }
    }
}

/// The newest transmissions, in full, ascending by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    pub(crate) rows: Vec<Arc<OwnedTransmission>>,
    /// What each is looked up with by hash.
    keys: Vec<u64>,
    /// Lowest and highest observation id of each.
    spans: Vec<(i64, i64)>,
    /// [`OwnedTransmission::brief`] of each.
    briefs: Vec<Brief>,
    bytes: usize,
}

impl Recent {
    /// These rows, ascending by id.
    pub(crate) fn from_rows(rows: Vec<Arc<OwnedTransmission>>) -> Self {
        Self {
            keys: rows.iter().map(|row| lookup_key(&row.head.hash)).collect(),
            spans: rows.iter().map(|row| span(row)).collect(),
            briefs: rows.iter().map(|row| row.brief).collect(),
            bytes: rows.iter().map(|row| row.bytes()).sum(),
            rows,
        }
    }

    pub(crate) fn find(&self, id: i64) -> Result<usize, usize> {
        let Some(last) = self.briefs.last() else { return Err(0) };
        if last.id < id {
            return Err(self.briefs.len());
        }
        // Ids mostly have no gaps.
        let back = usize::try_from(last.id.abs_diff(id)).unwrap_or(usize::MAX);
        match self.briefs.len().checked_sub(1).and_then(|end| end.checked_sub(back)) {
            Some(at) if self.briefs.get(at).is_some_and(|brief| brief.id == id) => Ok(at),
            _ => self.briefs.binary_search_by_key(&id, |brief| brief.id),
        }
    }

    pub(crate) fn insert(&mut self, at: usize, row: OwnedTransmission) {
        self.keys.insert(at, lookup_key(&row.head.hash));
        self.spans.insert(at, span(&row));
        self.briefs.insert(at, row.brief);
        self.bytes += row.bytes();
        self.rows.insert(at, Arc::new(row));
    }

    pub(crate) fn replace(&mut self, at: usize, row: OwnedTransmission) {
        self.keys[at] = lookup_key(&row.head.hash);
        self.spans[at] = span(&row);
        self.briefs[at] = row.brief;
        self.bytes = self.bytes + row.bytes() - self.rows[at].bytes();
        self.rows[at] = Arc::new(row);
    }

    pub(crate) fn edit<T>(&mut self, at: usize, edit: impl FnOnce(&mut OwnedTransmission) -> T) -> T {
        // A copy may hold less than what it is of.
        self.bytes -= self.rows[at].bytes();
        let row = Arc::make_mut(&mut self.rows[at]);
        let result = edit(row);
        self.bytes += row.bytes();
        self.spans[at] = span(row);
        self.briefs[at] = row.brief;
        result
    }

    pub(crate) fn remove(&mut self, at: usize) -> Arc<OwnedTransmission> {
        self.keys.remove(at);
        self.spans.remove(at);
        self.briefs.remove(at);
        let row = self.rows.remove(at);
        self.bytes -= row.bytes();
        row
    }

    /// Takes the oldest rows off.
    pub(crate) fn drain(&mut self, count: usize) -> Vec<Arc<OwnedTransmission>> {
        self.keys.drain(..count);
        self.spans.drain(..count);
        self.briefs.drain(..count);
        let drained: Vec<Arc<OwnedTransmission>> = self.rows.drain(..count).collect();
        self.bytes -= drained.iter().map(|t| t.bytes()).sum::<usize>();
        // The room of a large append is not kept for the next.
        self.rows.shrink_to_fit();
        self.keys.shrink_to_fit();
        self.spans.shrink_to_fit();
        self.briefs.shrink_to_fit();
        drained
    }

    pub(crate) fn by_hash(&self, key: u64, hash: &str) -> Option<&Arc<OwnedTransmission>> {
        let mut same = self.keys.iter().zip(&self.rows).rev().filter(|(k, _)| **k == key);
        same.find(|(_, row)| row.head.hash.eq_ignore_ascii_case(hash)).map(|(_, row)| row)
    }

    pub(crate) fn observation_by_id(&self, id: i64) -> Option<Observation<'_>> {
        let around =
            self.spans.iter().zip(&self.rows).filter(|((low, high), _)| (*low..=*high).contains(&id));
        around.rev().find_map(|(_, row)| {
            let at = row.observations.binary_search_by_key(&id, |o| o.id).ok()?;
            Transmission::from(&**row).observation(at)
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
            + self.rows.capacity() * 8
            + self.keys.capacity() * 8
            + self.spans.capacity() * 16
            + self.briefs.capacity() * size_of::<Brief>()
    }

    /// The brief of each row.
    pub(crate) fn briefs(&self) -> &[Brief] {
        &self.briefs
    }

    /// The row at a position.
    pub(crate) fn at(&self, at: usize) -> Option<Transmission<'_>> {
        self.rows.get(at).map(|row| Transmission::from(&**row))
    }
}

fn span(row: &OwnedTransmission) -> (i64, i64) {
    match (row.observations.first(), row.observations.last()) {
        (Some(first), Some(last)) => (first.id, last.id),
        _ => (i64::MAX, i64::MIN),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::memory::owned::OwnedObservation;
    use crate::memory::{ObservationRow, TransmissionRow};

    fn owned(raw_hex: &str) -> OwnedTransmission {
        let row = TransmissionRow { raw_hex, ..TransmissionRow::bare(1, "00") };
        OwnedTransmission::new(&row).expect("a row")
    }

    fn heard(id: i64) -> ObservationRow<'static> {
        ObservationRow { observer: Some(id), ..ObservationRow::bare(id, 1, id) }
    }

    #[test]
    fn bytes_are_those_of_the_rows_there_are_however_often_they_were_copied_and_changed() {
        let mut recent = Recent::default();
        recent.insert(0, owned("1500C0FFEE"));
        let mut before = Vec::new();
        for id in 0..20 {
            // Somebody holds the row: it is copied before it changes.
            before.push(recent.clone());
            recent.edit(0, |row| row.put(&heard(id))).expect("an observation");
            assert_eq!(recent.bytes, recent.rows[0].bytes());
        }
        recent.edit(0, |row| row.remove_unsettled(&BTreeSet::from([3])));
        assert_eq!(recent.bytes, recent.rows[0].bytes());
        recent.remove(0);
        assert_eq!(recent.bytes, 0);
    }

    #[test]
    fn what_a_row_holds_beside_its_columns_counts() {
        assert_eq!(owned("15aB").bytes(), owned("15AB").bytes() + 4, "the text of mixed case");
        let mut row = owned("1500");
        for id in 0..9 {
            row.put(&heard(id)).expect("an observation");
        }
        let (held, room) = (row.bytes(), row.observations.capacity());
        row.remove_unsettled(&BTreeSet::from([8]));
        let observation = held - row.bytes();
        assert!(room > 9 && row.observations.capacity() == room);
        row.observations.shrink_to_fit();
        assert_eq!(
            held - observation - row.bytes(),
            (room - 8) * size_of::<OwnedObservation>(),
            "room for observations to come"
        );
    }
}
