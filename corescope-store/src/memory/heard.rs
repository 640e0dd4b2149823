//! What was heard of nodes: sums over the transmissions that they take part in.
//!
//! A transmission counts with its display observation, the copy that came the longest way. Which transmissions a node
//! takes part in may change with the nodes that are known, so nothing of this is kept: it is summed up from posting
//! lists and columns when somebody asks, a few nanoseconds a row.

use hashbrown::HashMap;

use super::bits::Bits;
use super::matcher::{certain_hops, resolved_keys};
use super::owned::key_hash;
use super::segment::{Segment, code_of_hex};
use super::snapshot::Snapshot;
use super::view::Transmission;

/// What was heard of one node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// Transmissions that it takes part in: as sender, in the payload, as resolved relay, or as the only relay that a
    /// hop can stand for.
    pub transmissions: u64,
    /// Observations of these.
    pub observations: u64,
    /// Of the transmissions, those first heard at or after the moment asked for.
    pub lately: u64,
    /// The transmission that was first heard last, by first reception (unix seconds) and id.
    pub newest: Option<(i64, i64)>,
    /// SNR of the display observations, dB.
    pub snr: Mean,
    /// Hops of the display observations that have any; where they were [wanted](Want::hops).
    pub hops: Mean,
    /// Who heard the display observations, in no particular order.
    pub observers: Vec<HeardBy>,
    /// The highest ids of the transmissions, descending, as many as were [wanted](Want::ids).
    pub ids: Vec<i64>,
    /// Rowids of all who heard any of the transmissions, ascending; where they were [wanted](Want::everyone).
    pub everyone: Vec<i64>,
}

impl Heard {
    /// Adds what was heard in other transmissions; of the ids so many stay.
    pub(crate) fn add(&mut self, other: &Self, ids: usize) {
        self.transmissions += other.transmissions;
        self.observations += other.observations;
        self.lately += other.lately;
        self.newest = self.newest.max(other.newest);
        self.snr.add_all(other.snr);
        self.hops.add_all(other.hops);
        for by in &other.observers {
            match self.observers.iter_mut().find(|mine| mine.observer == by.observer) {
                Some(mine) => {
                    mine.transmissions += by.transmissions;
                    mine.snr.add_all(by.snr);
                    mine.rssi.add_all(by.rssi);
                }
                None => self.observers.push(*by),
            }
        }
        self.ids.extend(&other.ids);
        self.keep_ids(ids);
        self.everyone.extend(&other.everyone);
        self.everyone.sort_unstable();
        self.everyone.dedup();
    }

    fn keep_ids(&mut self, most: usize) {
        self.ids.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
        self.ids.truncate(most);
    }
}

/// What to sum up beside what costs nothing more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// Unix seconds, for [`Heard::lately`].
    pub since: i64,
    /// Whether to fill [`Heard::hops`]: paths lie far from the other columns.
    pub hops: bool,
    /// How many ids [`Heard::ids`] gets.
    pub ids: usize,
    /// Whether to fill [`Heard::everyone`].
    pub everyone: bool,
}

/// What one observer heard of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HeardBy {
    /// Rowid of the observer.
    pub observer: i64,
    /// Transmissions whose display observation is its.
    pub transmissions: u64,
    /// SNR of these, dB.
    pub snr: Mean,
    /// RSSI of these, dBm.
    pub rssi: Mean,
}

/// A mean in the making.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.count += 1;
        }
    }

    fn add_all(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }

    /// The mean; `None` without a value.
    pub fn get(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

impl Snapshot {
    /// Codes of the hops that stand for this node (lower-case key) and for no other relay.
    pub(crate) fn certain_hops(&self, key: &str) -> impl Iterator<Item = u32> {
        certain_hops(key, self)
    }

    /// What was heard of these nodes (public keys, any case), in their order.
    pub fn heard_of(&self, keys: &[&str], want: Want) -> Vec<Heard> {
        // Each once, however often it is asked for.
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut asked: Vec<Asked> = Vec::new();
        let of_keys: Vec<usize> = keys
            .iter()
            .map(|key| {
                *numbers.entry(key.to_ascii_lowercase()).or_insert_with_key(|key| {
                    asked.push(Asked { hops: certain_hops(key, self).collect(), key: key.clone() });
                    asked.len() - 1
                })
            })
            .collect();
        let mut sums = vec![Sum::default(); asked.len()];
        let mut places = Places::default();
        for part in &self.parts {
            let mut columns = Columns::new(&part.segment, want, &mut places);
            let replaced: Vec<u32> = part.overlay.rows.iter().filter_map(|row| row.instead_of).collect();
            for (asked, sum) in asked.iter().zip(&mut sums) {
                columns.add_rows_of(asked, &replaced, sum);
            }
        }
        let in_full = self.parts.iter().flat_map(|part| part.changed());
        let in_full = in_full.chain(self.recent.rows.iter().map(|row| Transmission::from(&**row)));
        add_in_full(in_full, &asked, want, &mut places, &mut sums);
        let heard: Vec<Heard> = sums.into_iter().map(|sum| sum.finish(&places, want.ids)).collect();
        of_keys.into_iter().filter_map(|at| heard.get(at).cloned()).collect()
    }
}

/// A node whose transmissions are looked for.
struct Asked {
    key: String,
    /// Hops that stand for it and for no other relay.
    hops: Vec<u32>,
}

/// Observers that occur, each with its place in the sums.
#[derive(Default)]
struct Places {
    by_rowid: HashMap<i64, usize>,
    rowids: Vec<i64>,
}

impl Places {
    fn of(&mut self, rowid: i64) -> usize {
        *self.by_rowid.entry(rowid).or_insert_with(|| {
            self.rowids.push(rowid);
            self.rowids.len() - 1
        })
    }
}

/// The sums of one node. Observers stand at their places.
#[derive(Clone, Default)]
struct Sum {
    heard: Heard,
    by_place: Vec<HeardBy>,
    /// Whether the observer of each place heard anything.
    anything: Vec<bool>,
}

impl Sum {
    fn row(&mut self, first_seen: i64, id: i64, observations: usize, want: Want) {
        let heard = &mut self.heard;
        if want.ids > 0 {
            heard.ids.push(id);
            if heard.ids.len() > want.ids.saturating_mul(2) {
                heard.keep_ids(want.ids);
            }
        }
        heard.transmissions += 1;
        heard.observations += observations as u64;
        heard.lately += u64::from(first_seen >= want.since);
        heard.newest = heard.newest.max(Some((first_seen, id)));
    }

    fn shown(&mut self, hops: usize, snr: Option<f64>, rssi: Option<f64>, place: Option<usize>) {
        self.heard.snr.add(snr);
        self.heard.hops.add((hops > 0).then_some(hops as f64));
        let Some(place) = place else { return };
        if self.by_place.len() <= place {
            self.by_place.resize(place + 1, HeardBy::default());
        }
        if let Some(by) = self.by_place.get_mut(place) {
            by.transmissions += 1;
            by.snr.add(snr);
            by.rssi.add(rssi);
        }
    }

    fn heard_anything(&mut self, place: usize) {
        if self.anything.len() <= place {
            self.anything.resize(place + 1, false);
        }
        if let Some(heard) = self.anything.get_mut(place) {
            *heard = true;
        }
    }

    fn finish(mut self, places: &Places, ids: usize) -> Heard {
        self.heard.keep_ids(ids);
        let everyone = self.anything.iter().zip(&places.rowids).filter(|(heard, _)| **heard);
        self.heard.everyone = everyone.map(|(_, rowid)| *rowid).collect();
        self.heard.everyone.sort_unstable();
        let observers = self.by_place.into_iter().zip(&places.rowids);
        self.heard.observers = observers
            .filter(|(by, _)| by.transmissions > 0)
            .map(|(by, rowid)| HeardBy { observer: *rowid, ..by })
            .collect();
        self.heard
    }
}

/// One segment with what is the same for all its rows.
struct Columns<'a> {
    segment: &'a Segment,
    want: Want,
    /// Place of each observer of the segment.
    places: Vec<usize>,
    rows: Bits,
}

impl<'a> Columns<'a> {
    fn new(segment: &'a Segment, want: Want, places: &mut Places) -> Self {
        Self {
            segment,
            want,
            places: segment.observers().iter().map(|rowid| places.of(*rowid)).collect(),
            rows: Bits::none(segment.len()),
        }
    }

    fn add_rows_of(&mut self, asked: &Asked, replaced: &[u32], sum: &mut Sum) {
        let segment = self.segment;
        let direct = segment.rows_of_node(&asked.key);
        let by_hop = || asked.hops.iter().map(|hop| segment.rows_of_hop(*hop));
        if replaced.is_empty() && by_hop().all(<[u16]>::is_empty) {
            for row in direct {
                self.add(usize::from(*row), sum);
            }
            return;
        }
        // A row may be in several lists.
        self.rows.clear_all();
        for row in std::iter::once(direct).chain(by_hop()).flatten() {
            self.rows.set(usize::from(*row));
        }
        for row in replaced {
            self.rows.clear(*row as usize);
        }
        for row in self.rows.iter() {
            self.add(row, sum);
        }
    }

    fn add(&self, row: usize, sum: &mut Sum) {
        let segment = self.segment;
        let observations = segment.observations(row).len();
        sum.row(segment.first_seen_unix(row), segment.id(row), observations, self.want);
        if self.want.everyone {
            let numbers = segment.observations(row).filter_map(|at| segment.observer_number(at));
            numbers.filter_map(|n| self.places.get(n)).for_each(|place| sum.heard_anything(*place));
        }
        let Some(at) = segment.display(row) else { return };
        let place = segment.observer_number(at).and_then(|n| self.places.get(n)).copied();
        let hops = if self.want.hops { segment.hop_count(at) } else { 0 };
        sum.shown(hops, segment.snr(at), segment.rssi(at), place);
    }
}

/// The rows that are kept in full: for each of them which of the nodes take part.
fn add_in_full<'a>(
    rows: impl Iterator<Item = Transmission<'a>>,
    asked: &[Asked],
    want: Want,
    places: &mut Places,
    sums: &mut [Sum],
) {
    let by_key: HashMap<u64, usize> =
        asked.iter().enumerate().map(|(at, a)| (key_hash(&a.key), at)).collect();
    let mut by_hop: HashMap<u32, usize> = HashMap::new();
    for (at, asked) in asked.iter().enumerate() {
        by_hop.extend(asked.hops.iter().map(|hop| (*hop, at)));
    }
    let mut found: Vec<usize> = Vec::new();
    for row in rows {
        found.clear();
        row.for_each_node_hash(|hash, _| found.extend(by_key.get(&hash).copied()));
        if !by_hop.is_empty() {
            for path in row.observations().filter(|o| !o.is_resolved()).filter_map(|o| o.path_json()) {
                let hops = resolved_keys(&path).filter_map(code_of_hex);
                found.extend(hops.filter_map(|hop| by_hop.get(&hop).copied()));
            }
        }
        found.sort_unstable();
        found.dedup();
        if found.is_empty() {
            continue;
        }
        let display = row.display();
        let place = display.and_then(|o| o.observer()).map(|rowid| places.of(rowid));
        for at in &found {
            let Some(sum) = sums.get_mut(*at) else { continue };
            sum.row(row.first_seen_unix(), row.id(), row.observation_count(), want);
            if want.everyone {
                let rowids = row.observations().filter_map(|o| o.observer());
                rowids.for_each(|rowid| sum.heard_anything(places.of(rowid)));
            }
            if let Some(display) = display {
                let hops = if want.hops { display.hop_count() } else { 0 };
                sum.shown(hops, display.snr(), display.rssi(), place);
            }
        }
    }
}
