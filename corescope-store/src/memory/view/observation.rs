//! The view of an observation.

use std::borrow::Cow;

use super::Transmission;
use crate::memory::matcher::resolved_keys;
use crate::memory::owned::{OwnedObservation, count_hops};
use crate::memory::record::{ObservationRow, Score};
use crate::memory::segment::Segment;

/// An observation: one reception of a transmission by one observer over one path.
#[derive(Clone, Copy)]
pub struct Observation<'a> {
    of: Transmission<'a>,
    place: Place<'a>,
}

#[derive(Clone, Copy)]
enum Place<'a> {
    /// Segment, row of the transmission, position of the observation.
    Packed(&'a Segment, usize, usize),
    Owned(&'a OwnedObservation),
}

impl std::fmt::Debug for Observation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observation").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl<'a> Observation<'a> {
    pub(super) fn packed(of: Transmission<'a>, segment: &'a Segment, row: usize, at: usize) -> Self {
        Self { of, place: Place::Packed(segment, row, at) }
    }

    pub(super) fn owned(of: Transmission<'a>, owned: &'a OwnedObservation) -> Self {
        Self { of, place: Place::Owned(owned) }
    }

    /// Whether it is this row in every column.
    pub(crate) fn is(&self, row: &ObservationRow<'_>) -> bool {
        self.id() == row.id
            && self.observer() == row.observer
            && self.timestamp() == row.timestamp
            && self.snr() == row.snr
            && self.rssi() == row.rssi
            && self.score() == row.score
            && self.direction() == row.direction
            && self.path_json().as_deref() == row.path_json
            && self.resolved_path().as_deref() == row.resolved_path
            && self.raw_hex().as_deref() == row.raw_hex
    }

    /// `observations.id`.
    pub fn id(&self) -> i64 {
        match self.place {
            Place::Packed(s, r, at) => s.observation_id(r, at),
            Place::Owned(o) => o.id,
        }
    }

    /// What was observed.
    pub fn transmission(&self) -> Transmission<'a> {
        self.of
    }

    /// Rowid of the observer, see [`Observers::by_rowid`](crate::memory::Observers::by_rowid).
    pub fn observer(&self) -> Option<i64> {
        match self.place {
            Place::Packed(s, _, at) => s.observer_of(at),
            Place::Owned(o) => o.observer,
        }
    }

    /// `rx`, `tx` or nothing.
    pub fn direction(&self) -> Option<&'a str> {
        match self.place {
            Place::Packed(s, _, at) => s.direction(at),
            Place::Owned(o) => o.direction(),
        }
    }

    /// Signal-to-noise ratio in dB.
    pub fn snr(&self) -> Option<f64> {
        match self.place {
            Place::Packed(s, _, at) => s.snr(at),
            Place::Owned(o) => o.snr,
        }
    }

    /// Signal strength in dBm.
    pub fn rssi(&self) -> Option<f64> {
        match self.place {
            Place::Packed(s, _, at) => s.rssi(at),
            Place::Owned(o) => o.rssi,
        }
    }

    /// Score as published.
    pub fn score(&self) -> Option<Score> {
        match self.place {
            Place::Packed(s, _, at) => s.score(at),
            Place::Owned(o) => o.score,
        }
    }

    /// Reception time, unix seconds.
    pub fn timestamp(&self) -> i64 {
        match self.place {
            Place::Packed(s, r, at) => s.timestamp(r, at),
            Place::Owned(o) => o.timestamp,
        }
    }

    /// JSON array of upper-case hex hops, as stored.
    pub fn path_json(&self) -> Option<Cow<'a, str>> {
        match self.place {
            Place::Packed(s, _, at) => s.path_json(at).map(Cow::Owned),
            Place::Owned(o) => o.path_json().map(Cow::Borrowed),
        }
    }

    /// The hops in hex, joined by a text; empty without a path.
    pub fn path_joined(&self, between: &str) -> String {
        let mut out = String::new();
        match self.place {
            Place::Packed(s, _, at) => s.write_path(at, between, &mut out),
            Place::Owned(o) => {
                let hops: Vec<&str> = o.path_json().map(resolved_keys).into_iter().flatten().collect();
                out = hops.join(between);
            }
        }
        out
    }

    /// Number of hops of the path.
    pub fn hop_count(&self) -> usize {
        match self.place {
            Place::Packed(s, _, at) => s.hop_count(at),
            Place::Owned(o) => o.path_json().map_or(0, count_hops),
        }
    }

    /// Whether there is a resolved path.
    pub fn is_resolved(&self) -> bool {
        match self.place {
            Place::Packed(s, _, at) => s.is_resolved(at),
            Place::Owned(o) => o.resolved_path().is_some(),
        }
    }

    /// JSON array of public keys and nulls, as stored.
    pub fn resolved_path(&self) -> Option<Cow<'a, str>> {
        match self.place {
            Place::Packed(s, _, at) => s.resolved_path(at).map(Cow::Owned),
            Place::Owned(o) => o.resolved_path().map(Cow::Borrowed),
        }
    }

    /// This observation's own copy of the frame in hex, as stored; `None` when it has none.
    pub fn raw_hex(&self) -> Option<Cow<'a, str>> {
        match self.place {
            Place::Packed(s, r, at) => s.observation_raw_hex(r, at).map(Cow::Owned),
            Place::Owned(o) => o.raw_hex().map(Cow::Borrowed),
        }
    }
}
