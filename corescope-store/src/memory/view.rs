//! Row views: every column of a transmission or an observation, wherever the row is kept.
//!
//! A view borrows from the [`Snapshot`](super::Snapshot) (or the [`OwnedTransmission`]) it was taken from and
//! is a few words: copy it freely. Texts come back byte for byte as SQLite holds them.

mod observation;

use std::borrow::Cow;
use std::cmp::Ordering;

use smallvec::SmallVec;

pub use observation::Observation;

use super::matcher::looks_whole;
use super::owned::{HexCase, OwnedTransmission, key_hash};
use super::record::ObservationRow;
use super::segment::{Segment, hex_text};

/// A transmission.
#[derive(Clone, Copy)]
pub struct Transmission<'a> {
    place: Place<'a>,
}

#[derive(Clone, Copy)]
enum Place<'a> {
    /// Segment and row.
    Packed(&'a Segment, usize),
    Owned(&'a OwnedTransmission),
}

impl std::fmt::Debug for Transmission<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transmission")
            .field("id", &self.id())
            .field("hash", &self.hash())
            .finish_non_exhaustive()
    }
}

impl<'a> From<&'a OwnedTransmission> for Transmission<'a> {
    fn from(owned: &'a OwnedTransmission) -> Self {
        Self { place: Place::Owned(owned) }
    }
}

impl<'a> Transmission<'a> {
    pub(crate) fn packed(segment: &'a Segment, row: usize) -> Self {
        Self { place: Place::Packed(segment, row) }
    }

    /// The same row in full, independent of the snapshot.
    pub fn to_owned_row(&self) -> OwnedTransmission {
        match self.place {
            Place::Packed(..) => OwnedTransmission::copy_of(self),
            Place::Owned(t) => t.clone(),
        }
    }

    /// `transmissions.id`.
    pub fn id(&self) -> i64 {
        match self.place {
            Place::Packed(s, r) => s.id(r),
            Place::Owned(t) => t.head.id,
        }
    }

    /// Content hash, normally 16 lower-case hex digits.
    pub fn hash(&self) -> Cow<'a, str> {
        match self.place {
            Place::Packed(s, r) => s.hash(r),
            Place::Owned(t) => Cow::Borrowed(&t.head.hash),
        }
    }

    /// The frame of the first copy received; empty for companion-bridge messages.
    pub fn raw(&self) -> &'a [u8] {
        match self.place {
            Place::Packed(s, r) => s.raw(r),
            Place::Owned(t) => &t.head.raw,
        }
    }

    /// The frame in hex, letter case as published.
    pub fn raw_hex(&self) -> Cow<'a, str> {
        match self.place {
            Place::Packed(s, r) => s.raw_hex(r),
            Place::Owned(t) => match &t.head.raw_case {
                HexCase::Upper => Cow::Owned(hex_text(&t.head.raw, true)),
                HexCase::Lower => Cow::Owned(hex_text(&t.head.raw, false)),
                HexCase::Verbatim(text) => Cow::Borrowed(text),
            },
        }
    }

    /// First reception, RFC 3339 UTC, as stored.
    pub fn first_seen(&self) -> Cow<'a, str> {
        match self.place {
            Place::Packed(s, r) => s.first_seen(r),
            Place::Owned(t) => Cow::Borrowed(&t.head.first_seen),
        }
    }

    /// First reception, unix seconds.
    pub fn first_seen_unix(&self) -> i64 {
        match self.place {
            Place::Packed(s, r) => s.first_seen_unix(r),
            Place::Owned(t) => t.head.first_seen_unix,
        }
    }

    /// The column `last_seen`: unix seconds, 0 when never filled in.
    pub fn last_seen(&self) -> i64 {
        match self.place {
            Place::Packed(s, r) => s.last_seen(r),
            Place::Owned(t) => t.last_seen,
        }
    }

    /// Newest observation (or the first reception, when that is later), unix seconds.
    pub fn latest(&self) -> i64 {
        match self.place {
            Place::Packed(s, r) => s.latest(r),
            Place::Owned(t) => t.brief.latest,
        }
    }

    /// Route type: 0 TRANSPORT_FLOOD, 1 FLOOD, 2 DIRECT, 3 TRANSPORT_DIRECT.
    pub fn route_type(&self) -> Option<i64> {
        match self.place {
            Place::Packed(s, r) => s.route_type(r),
            Place::Owned(t) => t.head.route_type,
        }
    }

    /// Payload type, 0–15.
    pub fn payload_type(&self) -> Option<i64> {
        match self.place {
            Place::Packed(s, r) => s.payload_type(r),
            Place::Owned(t) => t.head.payload_type,
        }
    }

    /// Payload version, 0–3.
    pub fn payload_version(&self) -> Option<i64> {
        match self.place {
            Place::Packed(s, r) => s.payload_version(r),
            Place::Owned(t) => t.head.payload_version,
        }
    }

    /// The payload as a JSON object, as stored.
    pub fn decoded_json(&self) -> Option<Cow<'a, str>> {
        match self.place {
            Place::Packed(s, r) => s.decoded_json(r),
            Place::Owned(t) => t.head.decoded_json.as_deref().map(Cow::Borrowed),
        }
    }

    /// Whether there is a `decoded_json` that is an object, without reading it.
    pub fn is_decoded(&self) -> bool {
        match self.place {
            Place::Packed(s, r) => s.is_decoded(r),
            Place::Owned(t) => t.head.decoded_json.as_deref().is_some_and(looks_whole),
        }
    }

    /// Sender of an advert: lower-case hex; `""` looked at and none, `None` not looked at.
    pub fn from_pubkey(&self) -> Option<Cow<'a, str>> {
        match self.place {
            Place::Packed(s, r) => s.sender(r),
            Place::Owned(t) => t.head.from_pubkey.as_deref().map(Cow::Borrowed),
        }
    }

    /// The column `channel_hash`: a channel's name, or `enc_` and two hex digits.
    pub fn channel_hash(&self) -> Option<&'a str> {
        match self.place {
            Place::Packed(s, r) => s.channel_hash(r),
            Place::Owned(t) => t.head.channel_hash.as_deref(),
        }
    }

    /// The column `scope_name`: `None` unscoped, `""` scoped but unknown, else `#name`.
    pub fn scope_name(&self) -> Option<&'a str> {
        match self.place {
            Place::Packed(s, r) => s.scope_name(r),
            Place::Owned(t) => t.head.scope_name.as_deref(),
        }
    }

    /// Number of observations.
    pub fn observation_count(&self) -> usize {
        match self.place {
            Place::Packed(s, r) => s.observations(r).len(),
            Place::Owned(t) => t.observations.len(),
        }
    }

    /// Observations, ascending by id.
    pub fn observations(&self) -> Observations<'a> {
        Observations { of: *self, next: 0, end: self.observation_count() }
    }

    /// The observation at a position of [`observations`](Self::observations).
    pub fn observation(&self, index: usize) -> Option<Observation<'a>> {
        match self.place {
            Place::Packed(s, r) => {
                let of = s.observations(r);
                let at = of.start.checked_add(index).filter(|at| *at < of.end)?;
                Some(Observation::packed(*self, s, r, at))
            }
            Place::Owned(t) => t.observations.get(index).map(|o| Observation::owned(*self, o)),
        }
    }

    /// The observation the transmission is shown with: most hops; of those the newest; then the lowest observer
    /// rowid (none first); then `path_json` ascending. `None` without observations.
    pub fn display(&self) -> Option<Observation<'a>> {
        match self.place {
            Place::Packed(s, r) => self.observation(s.display(r)? - s.observations(r).start),
            Place::Owned(t) => self.observation(t.display),
        }
    }

    /// Number of distinct observers; observations without a known one count as one more.
    pub fn observer_count(&self) -> usize {
        let mut seen: Vec<Option<i64>> = self.observations().map(|o| o.observer()).collect();
        seen.sort_unstable();
        seen.dedup();
        seen.len()
    }

    /// Whether an observation is there exactly so.
    pub(crate) fn has(&self, row: &ObservationRow<'_>) -> bool {
        // Ids ascend, and most rows that are asked for are new.
        let last = self.observation_count().checked_sub(1).and_then(|at| self.observation(at));
        if last.is_none_or(|last| last.id() < row.id) {
            return false;
        }
        self.observation_with(row.id).is_some_and(|o| o.is(row))
    }

    /// The observation with this id.
    pub(crate) fn observation_with(&self, id: i64) -> Option<Observation<'a>> {
        let (mut from, mut to) = (0, self.observation_count());
        while from < to {
            let middle = from.midpoint(to);
            let found = self.observation(middle)?;
            match found.id().cmp(&id) {
                Ordering::Equal => return Some(found),
                Ordering::Less => from = middle + 1,
                Ordering::Greater => to = middle,
            }
        }
        None
    }

    /// Calls `found` once with each node that takes part: sender, keys of the payload, resolved relays.
    pub fn for_each_node(&self, mut found: impl FnMut(&str)) {
        if let Place::Packed(s, r) = self.place {
            return s.nodes_of(r, found);
        }
        if let Place::Owned(t) = self.place {
            // Numbers are sorted more quickly than texts.
            let mut keys: Vec<(u64, &str)> = t.node_keys().map(|key| (key_hash(key), key)).collect();
            keys.sort_unstable();
            keys.dedup();
            for (_, key) in keys {
                found(key);
            }
        }
    }

    /// The same by [`key_hash`], with the key for whoever does not know the hash.
    pub(crate) fn for_each_node_hash(&self, mut found: impl FnMut(u64, &dyn Fn() -> Box<str>)) {
        match self.place {
            Place::Packed(s, r) => s.nodes_of(r, |key| found(key_hash(key), &|| key.into())),
            Place::Owned(t) => {
                for hash in t.node_hashes() {
                    found(hash, &|| t.node_key(hash).unwrap_or_default().into());
                }
            }
        }
    }

    /// Whether a node takes part, where that is known beforehand.
    pub(crate) fn involves(&self, key: &str) -> Option<bool> {
        match self.place {
            Place::Packed(..) => None,
            Place::Owned(t) => Some(t.involves(key_hash(key))),
        }
    }

    /// Whether a path that was not resolved may have this hop; never wrong when it says no.
    pub(crate) fn may_pass(&self, hop: u32) -> bool {
        match self.place {
            Place::Packed(..) => true,
            Place::Owned(t) => t.involves(u64::from(hop)),
        }
    }

    /// Whether one of these observers (ascending rowids) heard it.
    pub(crate) fn is_heard_by(&self, rowids: &[i64]) -> bool {
        match self.place {
            Place::Owned(t) => t.heard.iter().any(|o| rowids.binary_search(o).is_ok()),
            Place::Packed(..) => {
                self.observations().any(|o| o.observer().is_some_and(|id| rowids.binary_search(&id).is_ok()))
            }
        }
    }

    /// Calls `found` once with each observer that heard it, and the times it did.
    pub fn for_each_observer(&self, mut found: impl FnMut(i64, &[i64])) {
        let mut heard: SmallVec<[(i64, i64); 32]> =
            self.observations().filter_map(|o| Some((o.observer()?, o.timestamp()))).collect();
        heard.sort_unstable();
        let times: SmallVec<[i64; 32]> = heard.iter().map(|(_, time)| *time).collect();
        let mut begin = 0;
        for same in heard.chunk_by(|a, b| a.0 == b.0) {
            if let Some((rowid, _)) = same.first() {
                found(*rowid, &times[begin..begin + same.len()]);
            }
            begin += same.len();
        }
    }

    /// The resolved path of the longest observation that has one (the display observation first), as stored.
    pub fn resolved_path(&self) -> Option<Cow<'a, str>> {
        if let Some(found) = self.display().and_then(|o| o.resolved_path()) {
            return Some(found);
        }
        self.observations()
            .filter(|o| o.is_resolved())
            .max_by_key(|o| (o.hop_count(), o.timestamp()))
            .and_then(|o| o.resolved_path())
    }
}

/// Iterator over the observations of a transmission, ascending by id.
#[derive(Clone, Debug)]
pub struct Observations<'a> {
    of: Transmission<'a>,
    next: usize,
    end: usize,
}

impl<'a> Iterator for Observations<'a> {
    type Item = Observation<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        self.next += 1;
        self.of.observation(self.next - 1)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.next, Some(self.end - self.next))
    }
}

impl DoubleEndedIterator for Observations<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        self.end -= 1;
        self.of.observation(self.end)
    }
}

impl ExactSizeIterator for Observations<'_> {}
