//! Rows in full: how the newest transmissions, late changes and rows read from SQLite are held.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

use super::brief::Brief;
use super::checks::{Defect, check_observation, check_transmission};
use super::matcher::{payload_keys, resolved_keys};
use super::record::{ObservationRow, Score, TransmissionRow};
use super::segment::code_of_hex;
use super::view::{Observation, Transmission};

/// A transmission with everything it needs, outside any segment.
#[derive(Clone, Debug)]
pub struct OwnedTransmission {
    pub(crate) head: Arc<Head>,
    /// Ascending by id.
    pub(crate) observations: Vec<OwnedObservation>,
    /// Index of the display observation.
    pub(crate) display: usize,
    /// What it is told apart by, newest observation included.
    pub(crate) brief: Brief,
    /// Observers that heard it, ascending.
    pub(crate) heard: Vec<i64>,
    /// Codes of the hops that were not resolved, then hashes of the keys of the nodes that take part, ascending.
    pub(crate) nodes: Vec<u64>,
    /// The column; follows observations that arrive later.
    pub(crate) last_seen: i64,
    /// Bytes that the observations hold.
    observation_bytes: usize,
    /// What follows from the observations was left as it is: see [`settle`](Self::settle).
    is_unsettled: bool,
}

/// Bytes that the observations of a transmission hold, at most but for the last of them: what is kept must fit into a
/// segment when it is packed.
const MOST_HEARD: usize = 1 << 30;

/// The columns of a transmission.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    pub(crate) id: i64,
    pub(crate) raw: Box<[u8]>,
    pub(crate) raw_case: HexCase,
    pub(crate) hash: Box<str>,
    pub(crate) first_seen: Box<str>,
    pub(crate) first_seen_unix: i64,
    pub(crate) route_type: Option<i64>,
    pub(crate) payload_type: Option<i64>,
    pub(crate) payload_version: Option<i64>,
    pub(crate) decoded_json: Option<Box<str>>,
    pub(crate) from_pubkey: Option<Box<str>>,
    pub(crate) channel_hash: Option<Box<str>>,
    pub(crate) scope_name: Option<Box<str>>,
}

impl Head {
    fn brief(&self) -> Brief {
        Brief::new(self.id, self.first_seen_unix, self.payload_type, self.route_type)
    }
}

/// The columns of an observation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OwnedObservation {
    pub(crate) id: i64,
    pub(crate) observer: Option<i64>,
    pub(crate) snr: Option<f64>,
    pub(crate) rssi: Option<f64>,
    pub(crate) score: Option<Score>,
    pub(crate) timestamp: i64,
    texts: Texts,
}

/// The texts of an observation (`direction`, `path_json`, `resolved_path`, `raw_hex`) in one piece of memory, which
/// copies share: an observation that is appended asks for one and not for four.
#[derive(Clone, Debug, PartialEq)]
struct Texts {
    all: Arc<str>,
    /// Where each ends and the next begins.
    ends: [u32; 4],
    /// Which are there.
    present: [bool; 4],
}

impl Texts {
    /// Each of them is at most [`MOST_TEXT`](super::MOST_TEXT) bytes long.
    fn new(texts: [Option<&str>; 4]) -> Self {
        let mut all = String::with_capacity(texts.iter().flatten().map(|text| text.len()).sum());
        let ends = texts.map(|text| {
            all.push_str(text.unwrap_or_default());
            all.len() as u32
        });
        Self { all: all.into(), ends, present: texts.map(|text| text.is_some()) }
    }

    fn get(&self, at: usize) -> Option<&str> {
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.present[at].then(|| self.all.get(begin as usize..self.ends[at] as usize)).flatten()
    }
}

/// How the hex digits of a column are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HexCase {
    Upper,
    Lower,
    /// Mixed: the text itself.
    Verbatim(Box<str>),
}

impl HexCase {
    /// Bytes held beside itself.
    fn bytes(&self) -> usize {
        match self {
            Self::Verbatim(text) => text.len(),
            Self::Upper | Self::Lower => 0,
        }
    }

    /// How `text`, which is `bytes` in hex, is written.
    pub(crate) fn of(text: &str) -> Self {
        if !text.bytes().any(|b| b.is_ascii_lowercase()) {
            Self::Upper
        } else if !text.bytes().any(|b| b.is_ascii_uppercase()) {
            Self::Lower
        } else {
            Self::Verbatim(text.into())
        }
    }
}

#[cfg(test)]
thread_local! {
    /// How often it was found what follows from the observations of a row, by this thread.
    pub(crate) static DERIVED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl OwnedTransmission {
    /// A transmission without observations.
    ///
    /// # Errors
    ///
    /// [`Defect`] when a required column is unreadable.
    pub fn new(row: &TransmissionRow<'_>) -> Result<Self, Defect> {
        let (raw, first_seen_unix) = check_transmission(row)?;
        let head = Head {
            id: row.id,
            raw: raw.into(),
            raw_case: HexCase::of(row.raw_hex),
            hash: row.hash.into(),
            first_seen: row.first_seen.into(),
            first_seen_unix,
            route_type: row.route_type,
            payload_type: row.payload_type,
            payload_version: row.payload_version,
            decoded_json: row.decoded_json.map(Into::into),
            from_pubkey: row.from_pubkey.map(Into::into),
            channel_hash: row.channel_hash.map(Into::into),
            scope_name: row.scope_name.map(Into::into),
        };
        let mut owned = Self {
            brief: head.brief(),
            head: Arc::new(head),
            observations: Vec::new(),
            display: 0,
            heard: Vec::new(),
            nodes: Vec::new(),
            last_seen: row.last_seen,
            observation_bytes: 0,
            is_unsettled: false,
        };
        owned.derive();
        Ok(owned)
    }

    /// Adds an observation, or replaces the one with its id. True when it was new.
    ///
    /// # Errors
    ///
    /// [`Defect`] when a column is unreadable, or when there is no room for more of this transmission.
    pub fn put(&mut self, row: &ObservationRow<'_>) -> Result<bool, Defect> {
        check_observation(row)?;
        let new = self.put_unsettled(row)?;
        self.settle();
        Ok(new)
    }

    /// The same of an observation that was checked, for one of many: the row must be [settled](Self::settle) after the
    /// last of them.
    pub(crate) fn put_unsettled(&mut self, row: &ObservationRow<'_>) -> Result<bool, Defect> {
        if self.observation_bytes >= MOST_HEARD {
            return Err(Defect::Size);
        }
        let owned = OwnedObservation {
            id: row.id,
            observer: row.observer,
            snr: row.snr,
            rssi: row.rssi,
            score: row.score,
            timestamp: row.timestamp,
            texts: Texts::new([row.direction, row.path_json, row.resolved_path, row.raw_hex]),
        };
        let new = match self.observations.binary_search_by_key(&row.id, |o| o.id) {
            Ok(at) => {
                self.observation_bytes += owned.bytes();
                self.observation_bytes -= self.observations[at].bytes();
                self.observations[at] = owned;
                false
            }
            Err(at) => {
                self.observation_bytes += owned.bytes();
                self.last_seen = self.last_seen.max(row.timestamp);
                self.observations.insert(at, owned);
                true
            }
        };
        if !new {
            self.is_unsettled = true;
        } else if !self.is_unsettled {
            self.add_derived(row);
        }
        Ok(new)
    }

    /// Removes these observations; tells how many were there. The row must be [settled](Self::settle) then.
    pub(crate) fn remove_unsettled(&mut self, gone: &BTreeSet<i64>) -> usize {
        let before = self.observations.len();
        self.observations.retain(|o| !gone.contains(&o.id));
        self.observation_bytes = self.observations.iter().map(|o| o.bytes()).sum();
        let count = before - self.observations.len();
        self.is_unsettled |= count > 0;
        count
    }

    /// Whether it is to be [settled](Self::settle).
    pub(crate) fn is_unsettled(&self) -> bool {
        self.is_unsettled
    }

    /// Finds what follows from the observations, which takes the longer the more there are: once after many changes,
    /// before anybody looks at more of the row than its columns and observations.
    pub(crate) fn settle(&mut self) {
        if self.is_unsettled {
            self.derive();
        }
    }

    /// The same row, copied from wherever it is kept.
    pub(crate) fn copy_of(row: &Transmission<'_>) -> Self {
        let raw_hex = row.raw_hex();
        let head = Head {
            id: row.id(),
            raw: row.raw().into(),
            raw_case: HexCase::of(&raw_hex),
            hash: row.hash().into(),
            first_seen: row.first_seen().into(),
            first_seen_unix: row.first_seen_unix(),
            route_type: row.route_type(),
            payload_type: row.payload_type(),
            payload_version: row.payload_version(),
            decoded_json: row.decoded_json().map(Into::into),
            from_pubkey: row.from_pubkey().map(Into::into),
            channel_hash: row.channel_hash().map(Into::into),
            scope_name: row.scope_name().map(Into::into),
        };
        let observations: Vec<_> = row.observations().map(|o| OwnedObservation::copy_of(&o)).collect();
        let mut copy = Self {
            brief: head.brief(),
            head: Arc::new(head),
            observation_bytes: observations.iter().map(|o| o.bytes()).sum(),
            observations,
            display: 0,
            heard: Vec::new(),
            nodes: Vec::new(),
            last_seen: row.last_seen(),
            is_unsettled: false,
        };
        copy.derive();
        copy
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let text = |t: &Option<Box<str>>| t.as_ref().map_or(0, |t| t.len());
        let head = &self.head;
        size_of::<Self>()
            + 16
            + (self.heard.capacity() + self.nodes.capacity()) * 8
            + (self.observations.capacity() - self.observations.len()) * size_of::<OwnedObservation>()
            + size_of::<Head>()
            + head.raw.len()
            + head.raw_case.bytes()
            + head.hash.len()
            + head.first_seen.len()
            + [&head.decoded_json, &head.from_pubkey, &head.channel_hash, &head.scope_name]
                .into_iter()
                .map(text)
                .sum::<usize>()
            + self.observation_bytes
    }

    /// The observations of another row in place of its own, and its newest `last_seen` with them.
    pub(crate) fn take_observations_of(&mut self, other: &Self) {
        self.observations.clone_from(&other.observations);
        self.observation_bytes = other.observation_bytes;
        self.last_seen = self.last_seen.max(other.last_seen);
        self.derive();
    }

    /// The values that follow from the observations.
    pub(crate) fn derive(&mut self) {
        #[cfg(test)]
        DERIVED.set(DERIVED.get() + 1);
        self.is_unsettled = false;
        self.brief = self.head.brief();
        let mut best = 0;
        for at in 1..self.observations.len() {
            let (old, new) = (&self.observations[best], &self.observations[at]);
            if display_key(new).beats(&display_key(old)) {
                best = at;
            }
        }
        self.display = best;
        self.heard = self.observations.iter().filter_map(|o| o.observer).collect();
        self.heard.sort_unstable();
        self.heard.dedup();
        self.nodes.clear();
        self.nodes.extend(self.head.from_pubkey.as_deref().filter(|key| !key.is_empty()).map(key_hash));
        if let Some(json) = self.head.decoded_json.as_deref() {
            self.nodes.extend(payload_keys(json).map(key_hash));
        }
        for o in &self.observations {
            self.nodes.extend(hints(o.path_json(), o.resolved_path()));
        }
        self.nodes.sort_unstable();
        self.nodes.dedup();
        self.observations.iter().for_each(|o| self.brief.heard(o.observer, o.timestamp));
        self.nodes.iter().for_each(|node| self.brief.node(*node));
    }

    /// The same after one more observation, from what is known.
    fn add_derived(&mut self, row: &ObservationRow<'_>) {
        if self.observations.len() == 1 {
            return self.derive();
        }
        self.brief.heard(row.observer, row.timestamp);
        let Ok(at) = self.observations.binary_search_by_key(&row.id, |o| o.id) else { return };
        let is_before = at <= self.display;
        self.display += usize::from(is_before);
        let (new, shown) =
            (display_key(&self.observations[at]), display_key(&self.observations[self.display]));
        // Of equals the first is shown.
        if new.beats(&shown) || is_before && !shown.beats(&new) {
            self.display = at;
        }
        if let Some(observer) = row.observer
            && let Err(at) = self.heard.binary_search(&observer)
        {
            self.heard.insert(at, observer);
        }
        for hash in hints(row.path_json, row.resolved_path) {
            if let Err(at) = self.nodes.binary_search(&hash) {
                self.nodes.insert(at, hash);
                self.brief.node(hash);
            }
        }
    }

    /// Whether the node with this hash takes part.
    pub(crate) fn involves(&self, hash: u64) -> bool {
        self.nodes.binary_search(&hash).is_ok()
    }

    /// [`key_hash`] of the nodes that take part, each once.
    pub(crate) fn node_hashes(&self) -> impl Iterator<Item = u64> {
        self.nodes[self.nodes.partition_point(|hash| *hash < KEY)..].iter().copied()
    }

    /// The key with this hash, of a node that takes part.
    pub(crate) fn node_key(&self, hash: u64) -> Option<&str> {
        self.node_keys().find(|key| key_hash(key) == hash)
    }

    /// Keys of the nodes that take part, some of them more than once.
    pub(crate) fn node_keys(&self) -> impl Iterator<Item = &str> {
        let payload = self.head.decoded_json.as_deref().into_iter().flat_map(payload_keys);
        let relays = self.observations.iter().filter_map(|o| o.resolved_path()).flat_map(resolved_keys);
        let all = self.head.from_pubkey.as_deref().into_iter().chain(payload).chain(relays);
        all.filter(|key| !key.is_empty())
    }
}

/// What tells which nodes an observation may name: hashes of resolved keys, or codes of hops that were not resolved.
fn hints<'a>(path_json: Option<&'a str>, resolved_path: Option<&'a str>) -> impl Iterator<Item = u64> + 'a {
    let hops = path_json.filter(|_| resolved_path.is_none()).into_iter().flat_map(resolved_keys);
    let keys = resolved_path.into_iter().flat_map(resolved_keys);
    keys.map(key_hash).chain(hops.filter_map(code_of_hex).map(u64::from))
}

/// The bit that tells the hash of a key from the code of a hop.
const KEY: u64 = 1 << 63;

/// A hash of a key, with a secret of this process. 63 bits of SipHash, which was made so that nobody can aim at them,
/// stand for the key itself: that two keys which occur agree is less likely than a memory that errs.
pub(crate) fn key_hash(key: &str) -> u64 {
    static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    SEED.hash_one(key) | KEY
}

impl OwnedObservation {
    /// Bytes held, the counts of its texts included.
    fn bytes(&self) -> usize {
        16 + size_of::<Self>() + self.texts.all.len()
    }

    pub(crate) fn direction(&self) -> Option<&str> {
        self.texts.get(0)
    }

    pub(crate) fn path_json(&self) -> Option<&str> {
        self.texts.get(1)
    }

    pub(crate) fn resolved_path(&self) -> Option<&str> {
        self.texts.get(2)
    }

    pub(crate) fn raw_hex(&self) -> Option<&str> {
        self.texts.get(3)
    }

    fn copy_of(o: &Observation<'_>) -> Self {
        let (path_json, resolved_path, raw_hex) = (o.path_json(), o.resolved_path(), o.raw_hex());
        let texts = [o.direction(), path_json.as_deref(), resolved_path.as_deref(), raw_hex.as_deref()];
        Self {
            id: o.id(),
            observer: o.observer(),
            snr: o.snr(),
            rssi: o.rssi(),
            score: o.score(),
            timestamp: o.timestamp(),
            texts: Texts::new(texts),
        }
    }
}

/// What decides which observation a transmission is shown with.
pub(crate) struct DisplayKey<'a> {
    pub(crate) hops: usize,
    pub(crate) timestamp: i64,
    pub(crate) observer: Option<i64>,
    pub(crate) path_json: Option<&'a str>,
}

impl DisplayKey<'_> {
    /// Most hops; then the newest; then the lowest observer (none first); then the path's text.
    pub(crate) fn beats(&self, other: &Self) -> bool {
        (other.hops.cmp(&self.hops))
            .then(other.timestamp.cmp(&self.timestamp))
            .then(self.observer.cmp(&other.observer))
            .then_with(|| self.path_json.cmp(&other.path_json))
            .is_lt()
    }
}

fn display_key(o: &OwnedObservation) -> DisplayKey<'_> {
    DisplayKey {
        hops: o.path_json().map_or(0, count_hops),
        timestamp: o.timestamp,
        observer: o.observer,
        path_json: o.path_json(),
    }
}

/// Number of items of a JSON array of strings, without building it.
pub(crate) fn count_hops(path_json: &str) -> usize {
    path_json.bytes().filter(|b| *b == b'"').count() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_of_a_transmission_than_a_segment_holds() {
        let mut row = OwnedTransmission::new(&TransmissionRow::bare(1, "00")).expect("a row");
        let long = "AB".repeat(1 << 19);
        let heard =
            |id: i64| ObservationRow { raw_hex: Some(&long), ..ObservationRow::bare(id, 1, 1_780_315_200) };
        assert_eq!(row.put(&heard(1)), Ok(true));
        // Copies share the text: a gigabyte that takes no more than a megabyte.
        let one = row.observations[0].clone();
        for id in 2..1024 {
            row.observation_bytes += one.bytes();
            row.observations.push(OwnedObservation { id, ..one.clone() });
        }
        assert_eq!(row.put(&heard(2000)), Ok(true));
        assert!(row.observation_bytes > MOST_HEARD);
        assert_eq!((row.put(&heard(2001)), row.put(&heard(5))), (Err(Defect::Size), Err(Defect::Size)));
        assert_eq!(row.observations.len(), 1024);
    }
}
