//! A segment: some ten thousand transmissions with their observations, packed and immutable.
//!
//! A segment depends on nothing outside it: dictionaries, posting lists and arenas are its own. So it is built
//! on any thread, shared by pointer, dropped whole and written to a file as it is. Observations lie behind one
//! another by transmission, ascending by id; whatever a narrow column cannot hold stands in its table of
//! exceptions, and every column gives back what was put in.

mod builder;
mod dictionary;
mod frame;
mod hops;
mod keys;
mod numbers;
mod odd;
mod packed;
mod postings;
mod select;
mod stored;
mod text;
mod way;

use std::borrow::Cow;
use std::ops::Range;

pub(crate) use builder::Builder;
use builder::{JSON_NULL, JSON_PLAIN, JSON_SHORT, KIND_NULL, KIND_ODD, hash_key};
use dictionary::Arena;
pub(crate) use frame::hex_text;
use hops::HopRows;
pub(crate) use hops::code_of_hex;
use keys::Keys;
use numbers::{Distances, Ids};
use odd::Odd;
pub(crate) use packed::Packed;
use postings::{HashIndex, Postings};
pub(crate) use text::skeleton_sum;
use way::{Of, Way};

use super::owned::DisplayKey;
use super::record::Score;

/// Packed rows.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    // Transmissions, by row.
    ids: Ids,
    hashes: Box<[u64]>,
    odd_hashes: Odd<Box<str>>,
    by_hash: HashIndex,
    /// What `first_seen` and `latest` are counted from.
    base_time: i64,
    first_seen: Distances,
    odd_times: Odd<Box<str>>,
    /// Counted from `latest`.
    last_seen: Distances,
    latest: Distances,
    /// The highest `latest`.
    newest: i64,
    route: Packed,
    payload: Packed,
    version: Packed,
    /// Route, payload, version.
    odd_kinds: [Odd<i64>; 3],
    /// Number in `keys` plus one.
    from: Packed,
    /// Number in `texts` plus one.
    channel: Packed,
    scope: Packed,
    raw: Arena,
    /// 0 upper case, 1 lower case, 2 see `odd_raw`.
    raw_case: Packed,
    odd_raw: Odd<Box<str>>,
    json: Arena,
    /// First observation of each row, and the end.
    starts: Box<[u32]>,
    /// Position of the display observation among the row's.
    display: Packed,

    // Observations, by position.
    lowest_observation: i64,
    /// By row: id of the first observation, counted from the lowest.
    first_observation: Distances,
    /// Counted from the row's first.
    observation_id: Distances,
    /// Counted from the row's `first_seen`.
    time: Distances,
    /// Number in the dictionary plus one.
    observer: Packed,
    snr: Packed,
    rssi: Packed,
    score: Packed,
    direction: Packed,
    /// Number of the way.
    way: Packed,
    /// Lowest and highest observation id (counted from the lowest of all) of each block of rows; the lowest is the higher
    /// one where there is none.
    observation_blocks: Box<[(u64, u64)]>,

    // Dictionaries.
    keys: Keys,
    texts: Box<[Box<str>]>,
    observers: Box<[i64]>,
    reals: Box<[f64]>,
    scores: Box<[Score]>,
    ways: Arena,

    // Posting lists.
    nodes: Postings,
    observer_rows: Postings,
    hops: HopRows,
    /// Rows whose `decoded_json` is no object, ascending.
    damaged: Box<[u16]>,
}

/// Rows of a block that is searched for an observation id at once.
const BLOCK: usize = 32;

impl Segment {
    /// Number of transmissions.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Number of observations.
    pub(crate) fn observation_count(&self) -> usize {
        self.way.len()
    }

    /// Lowest and highest id of a transmission.
    pub(crate) fn id_range(&self) -> Option<(i64, i64)> {
        Some((self.ids.first()?, self.ids.last()?))
    }

    /// Highest `latest` of a transmission; the least number when there is none.
    pub(crate) fn newest(&self) -> i64 {
        self.newest
    }

    /// Lowest `first_seen` of a transmission; the greatest number when there is none.
    pub(crate) fn oldest(&self) -> i64 {
        self.base_time
    }

    /// Highest id of an observation.
    pub(crate) fn last_observation(&self) -> Option<i64> {
        self.observation_blocks
            .iter()
            .filter(|(low, high)| low <= high)
            .map(|(_, high)| *high)
            .max()
            .map(|high| self.lowest_observation.wrapping_add_unsigned(high))
    }

    /// Computes what follows from the other columns.
    fn derive(&mut self) {
        let display: Vec<u32> = (0..self.len())
            .map(|row| {
                let of = self.observations(row);
                let mut best = of.start;
                for at in of.clone().skip(1) {
                    if self.shown_before(row, at, best) {
                        best = at;
                    }
                }
                (best - of.start) as u32
            })
            .collect();
        self.display = Packed::new(&display);
        let block = |first: usize| {
            let mut range = (u64::MAX, u64::MIN);
            for row in first..(first + BLOCK).min(self.len()) {
                // Ascending within a row.
                let of = self.observations(row);
                if !of.is_empty() {
                    range.0 = range.0.min(self.relative_id(row, of.start));
                    range.1 = range.1.max(self.relative_id(row, of.end - 1));
                }
            }
            range
        };
        self.observation_blocks = (0..self.len()).step_by(BLOCK).map(block).collect();
    }

    fn shown_before(&self, row: usize, a: usize, b: usize) -> bool {
        let hops = |at: usize| Way::hop_count(self.ways.get(self.way.get(at) as usize));
        let (hops_a, hops_b) = (hops(a), hops(b));
        if hops_a != hops_b {
            return hops_a > hops_b;
        }
        let path = |at: usize| Way::read(self.ways.get(self.way.get(at) as usize)).path_json();
        let (time_a, time_b) = (self.timestamp(row, a), self.timestamp(row, b));
        if (time_a, self.observer_of(a)) != (time_b, self.observer_of(b)) {
            return DisplayKey { hops: 0, timestamp: time_a, observer: self.observer_of(a), path_json: None }
                .beats(&DisplayKey {
                    hops: 0,
                    timestamp: time_b,
                    observer: self.observer_of(b),
                    path_json: None,
                });
        }
        path(a) < path(b)
    }

    pub(crate) fn id(&self, row: usize) -> i64 {
        self.ids.get(row)
    }

    pub(crate) fn find(&self, id: i64) -> Option<usize> {
        self.ids.find(id)
    }

    /// The rows with this hash, compared without regard to case.
    pub(crate) fn rows_of_hash<'a>(&'a self, key: u64, hash: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.by_hash
            .candidates(key)
            .iter()
            .map(|row| usize::from(*row))
            .filter(move |row| self.hashes.get(*row) == Some(&key))
            .filter(move |row| self.hash(*row).eq_ignore_ascii_case(hash))
    }

    pub(crate) fn hash(&self, row: usize) -> Cow<'_, str> {
        match self.odd_hashes.get(row) {
            Some(text) => Cow::Borrowed(text),
            None => {
                let mut out = String::with_capacity(16);
                frame::write_hex(&self.hashes.get(row).copied().unwrap_or(0).to_be_bytes(), false, &mut out);
                Cow::Owned(out)
            }
        }
    }

    pub(crate) fn raw(&self, row: usize) -> &[u8] {
        self.raw.get(row)
    }

    pub(crate) fn raw_hex(&self, row: usize) -> Cow<'_, str> {
        match self.odd_raw.get(row) {
            Some(text) => Cow::Borrowed(text),
            None => {
                let mut out = String::with_capacity(self.raw(row).len() * 2);
                frame::write_hex(self.raw(row), self.raw_case.get(row) == 0, &mut out);
                Cow::Owned(out)
            }
        }
    }

    pub(crate) fn first_seen(&self, row: usize) -> Cow<'_, str> {
        match self.odd_times.get(row) {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(super::seconds::format(self.first_seen_unix(row))),
        }
    }

    pub(crate) fn first_seen_unix(&self, row: usize) -> i64 {
        self.base_time.wrapping_add(self.first_seen.get(row))
    }

    pub(crate) fn last_seen(&self, row: usize) -> i64 {
        self.latest(row).wrapping_add(self.last_seen.get(row))
    }

    pub(crate) fn latest(&self, row: usize) -> i64 {
        self.base_time.wrapping_add(self.latest.get(row))
    }

    pub(crate) fn route_type(&self, row: usize) -> Option<i64> {
        kind(&self.route, &self.odd_kinds[0], row)
    }

    pub(crate) fn payload_type(&self, row: usize) -> Option<i64> {
        kind(&self.payload, &self.odd_kinds[1], row)
    }

    pub(crate) fn payload_version(&self, row: usize) -> Option<i64> {
        kind(&self.version, &self.odd_kinds[2], row)
    }

    pub(crate) fn decoded_json(&self, row: usize) -> Option<Cow<'_, str>> {
        let (form, rest) = self.json.get(row).split_first()?;
        match *form {
            JSON_SHORT => Some(Cow::Owned(text::expand(rest, self.raw(row)))),
            JSON_PLAIN => Some(String::from_utf8_lossy(rest)),
            _ => None,
        }
    }

    pub(crate) fn sender(&self, row: usize) -> Option<Cow<'_, str>> {
        Some(self.keys.get(self.from.get(row).checked_sub(1)?))
    }

    pub(crate) fn channel_hash(&self, row: usize) -> Option<&str> {
        self.text(self.channel.get(row))
    }

    pub(crate) fn scope_name(&self, row: usize) -> Option<&str> {
        self.text(self.scope.get(row))
    }

    fn text(&self, number: u32) -> Option<&str> {
        self.texts.get(number.checked_sub(1)? as usize).map(|t| &**t)
    }

    /// Positions of the observations of a row.
    pub(crate) fn observations(&self, row: usize) -> Range<usize> {
        match (self.starts.get(row), self.starts.get(row + 1)) {
            (Some(from), Some(to)) => *from as usize..*to as usize,
            _ => 0..0,
        }
    }

    /// Position of the display observation.
    pub(crate) fn display(&self, row: usize) -> Option<usize> {
        let of = self.observations(row);
        (!of.is_empty()).then(|| of.start + self.display.get(row) as usize)
    }

    /// Row and position of an observation.
    pub(crate) fn find_observation(&self, id: i64) -> Option<(usize, usize)> {
        // The distance of two ids can be greater than an id.
        let relative = (id >= self.lowest_observation).then(|| id.abs_diff(self.lowest_observation))?;
        for (block, (low, high)) in self.observation_blocks.iter().enumerate() {
            if relative < *low || relative > *high {
                continue;
            }
            for row in block * BLOCK..((block + 1) * BLOCK).min(self.len()) {
                let of = self.observations(row);
                if of.is_empty() || self.relative_id(row, of.start) > relative {
                    continue;
                }
                let (mut from, mut to) = (of.start, of.end);
                while from < to {
                    let middle = from.midpoint(to);
                    if self.relative_id(row, middle) < relative { from = middle + 1 } else { to = middle }
                }
                if from < of.end && self.relative_id(row, from) == relative {
                    return Some((row, from));
                }
            }
        }
        None
    }

    /// The id of an observation, counted from the lowest of all.
    fn relative_id(&self, row: usize, at: usize) -> u64 {
        self.first_observation.get(row).wrapping_add(self.observation_id.get(at)) as u64
    }

    pub(crate) fn observation_id(&self, row: usize, at: usize) -> i64 {
        self.lowest_observation.wrapping_add_unsigned(self.relative_id(row, at))
    }

    pub(crate) fn timestamp(&self, row: usize, at: usize) -> i64 {
        self.first_seen_unix(row).wrapping_add(self.time.get(at))
    }

    pub(crate) fn observer_of(&self, at: usize) -> Option<i64> {
        self.observers.get(self.observer_number(at)?).copied()
    }

    /// Number of the observer in [`observers`](Self::observers).
    pub(crate) fn observer_number(&self, at: usize) -> Option<usize> {
        self.observer.get(at).checked_sub(1).map(|number| number as usize)
    }

    /// Whether there is a `decoded_json` that is an object.
    pub(crate) fn is_decoded(&self, row: usize) -> bool {
        self.json.get(row).first().is_some_and(|form| *form != JSON_NULL)
            && u16::try_from(row).is_ok_and(|row| self.damaged.binary_search(&row).is_err())
    }

    pub(crate) fn snr(&self, at: usize) -> Option<f64> {
        self.reals.get(self.snr.get(at).checked_sub(1)? as usize).copied()
    }

    pub(crate) fn rssi(&self, at: usize) -> Option<f64> {
        self.reals.get(self.rssi.get(at).checked_sub(1)? as usize).copied()
    }

    pub(crate) fn score(&self, at: usize) -> Option<Score> {
        self.scores.get(self.score.get(at).checked_sub(1)? as usize).copied()
    }

    pub(crate) fn direction(&self, at: usize) -> Option<&str> {
        self.text(self.direction.get(at))
    }

    fn way_of(&self, at: usize) -> Way<'_> {
        Way::read(self.ways.get(self.way.get(at) as usize))
    }

    pub(crate) fn hop_count(&self, at: usize) -> usize {
        Way::hop_count(self.ways.get(self.way.get(at) as usize))
    }

    /// Appends the hops of a path in hex, joined by a text.
    pub(crate) fn write_path(&self, at: usize, between: &str, out: &mut String) {
        self.way_of(at).write_path(between, out);
    }

    pub(crate) fn path_json(&self, at: usize) -> Option<String> {
        self.way_of(at).path_json()
    }

    pub(crate) fn resolved_path(&self, at: usize) -> Option<String> {
        self.way_of(at).resolved_path(&self.keys)
    }

    pub(crate) fn is_resolved(&self, at: usize) -> bool {
        self.way_of(at).is_resolved()
    }

    pub(crate) fn observation_raw_hex(&self, row: usize, at: usize) -> Option<String> {
        let upper = match self.raw_case.get(row) {
            0 => Some(true),
            1 => Some(false),
            _ => None,
        };
        let of = Of { raw: self.raw(row), upper, verbatim: self.odd_raw.get(row).map(|t| &**t) };
        self.way_of(at).raw_hex(of)
    }

    /// Bytes held, all in.
    pub(crate) fn bytes(&self) -> usize {
        let packed = [
            &self.route,
            &self.payload,
            &self.version,
            &self.from,
            &self.channel,
            &self.scope,
            &self.raw_case,
            &self.display,
            &self.observer,
            &self.snr,
            &self.rssi,
            &self.score,
            &self.direction,
            &self.way,
        ];
        let distances = [
            &self.first_seen,
            &self.last_seen,
            &self.latest,
            &self.first_observation,
            &self.observation_id,
            &self.time,
        ];
        let odd_texts = [&self.odd_hashes, &self.odd_times, &self.odd_raw];
        size_of::<Self>()
            + self.ids.bytes()
            + self.hashes.len() * 8
            + self.by_hash.bytes()
            + packed.iter().map(|p| p.bytes()).sum::<usize>()
            + distances.iter().map(|d| d.bytes()).sum::<usize>()
            + odd_texts.iter().map(|o| o.bytes(|t| t.len())).sum::<usize>()
            + self.odd_kinds.iter().map(|o| o.bytes(|_| 0)).sum::<usize>()
            + [&self.raw, &self.json, &self.ways].iter().map(|a| a.bytes()).sum::<usize>()
            + self.starts.len() * 4
            + self.observation_blocks.len() * 16
            + self.keys.bytes()
            + self.texts.iter().map(|t| 16 + t.len()).sum::<usize>()
            + self.observers.len() * 8
            + self.reals.len() * 8
            + self.scores.len() * size_of::<Score>()
            + self.nodes.bytes()
            + self.observer_rows.bytes()
            + self.hops.bytes()
            + self.damaged.len() * 2
    }
}

fn kind(column: &Packed, odd: &Odd<i64>, row: usize) -> Option<i64> {
    match column.get(row) {
        KIND_NULL => None,
        KIND_ODD => odd.get(row).copied(),
        value => Some(i64::from(value)),
    }
}

/// The 64 bits a hash is looked up with.
pub(crate) fn lookup_key(hash: &str) -> u64 {
    hash_key(hash)
}
