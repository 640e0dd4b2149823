//! What neighbouring observers heard: of the transmissions that a peer hears, an observer usually hears a certain share.

use serde::{Deserialize, Serialize};

/// Peers that an observer is compared with, at most.
pub(crate) const MOST_PEERS: usize = 8;

/// What is usual fades: an hour counts half after 17 hours.
const FADE: f64 = 0.96;

/// Transmissions that a peer must have heard before its share means something.
const LEAST_HEARD: f64 = 20.0;

/// Transmissions that the observer would usually share with a peer in the hour, in the mean of all peers, before their
/// absence means something.
const LEAST_SHARED: f64 = 10.0;

/// Smallest shortfall that is told. Shares move by some percent with the weather and the time of day.
const LEAST_SHORT: f64 = 0.1;

/// An observer that shares receptions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Peer {
    /// Its row in `observers`.
    pub row: i64,
    /// Transmissions that both heard, faded.
    pub both: f64,
    /// Transmissions that the peer heard, faded.
    pub heard: f64,
}

impl Peer {
    /// An hour later: it heard so many, and both so many.
    pub(crate) fn learn(&mut self, both: u32, heard: u32) {
        self.both = self.both * FADE + f64::from(both);
        self.heard = self.heard * FADE + f64::from(heard);
    }

    /// Whether comparing with it has become pointless.
    pub(crate) fn is_gone(&self) -> bool {
        self.heard < 5.0
    }
}

/// An observer beside its peers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shared {
    /// Peers that could be compared with.
    pub peers: usize,
    /// Share of their transmissions that it usually hears.
    pub usual: f64,
    /// Share that it heard now.
    pub now: f64,
    /// Part of its usual receptions that is missing: 0 where chance explains it.
    pub short: f64,
}

/// Compares; for each peer how many transmissions both heard now and how many the peer did. `None` where too little
/// is known, or too little was heard.
pub(crate) fn shared(peers: &[(Peer, u32, u32)]) -> Option<Shared> {
    let known = || peers.iter().filter(|(peer, _, heard)| peer.heard >= LEAST_HEARD && *heard > 0);
    let count = known().count();
    let sum = |value: &dyn Fn(&(Peer, u32, u32)) -> f64| known().map(value).sum::<f64>();
    let expected = sum(&|(peer, _, heard)| f64::from(*heard) * peer.both / peer.heard);
    let (both, heard) = (sum(&|(_, both, _)| f64::from(*both)), sum(&|(.., heard)| f64::from(*heard)));
    // The peers hear the same transmissions: they are no more evidence than one of them.
    let each = expected / count.max(1) as f64;
    if each < LEAST_SHARED {
        return None;
    }
    let usual = expected / heard;
    let short = (1.0 - both / expected).clamp(0.0, 1.0);
    let chance = 3.0 * ((1.0 - usual).max(0.0) / each).sqrt();
    let short = if short > chance.max(LEAST_SHORT) { short } else { 0.0 };
    Some(Shared { peers: count, usual, now: both / heard, short })
}

/// Finds those who share most, in bounded memory: a new one takes the place of the rarest and inherits its count, which
/// is then known to be too high by that much.
#[derive(Debug, Clone, Default)]
pub(crate) struct Candidates {
    slots: Vec<(u32, u32, u32)>,
}

/// Others that are counted at a time.
const SLOTS: usize = 48;

impl Candidates {
    /// One transmission was heard by it too.
    pub(crate) fn count(&mut self, other: u32) {
        if let Some((_, count, _)) = self.slots.iter_mut().find(|(known, ..)| *known == other) {
            *count += 1;
        } else if self.slots.len() < SLOTS {
            self.slots.push((other, 1, 0));
        } else if let Some(rarest) = self.slots.iter_mut().min_by_key(|(_, count, _)| *count) {
            *rarest = (other, rarest.1 + 1, rarest.1);
        }
    }

    /// Those that share most, with how many transmissions at least.
    pub(crate) fn best(self) -> Vec<(u32, u32)> {
        let mut best: Vec<(u32, u32)> =
            self.slots.into_iter().map(|(other, count, over)| (other, count - over)).collect();
        best.sort_by_key(|(other, count)| (std::cmp::Reverse(*count), *other));
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(both: f64, heard: f64) -> Peer {
        Peer { row: 1, both, heard }
    }

    #[test]
    fn a_shortfall_is_what_chance_does_not_explain() {
        for (name, peers, expected) in [
            ("as usual", &[(peer(80.0, 100.0), 80, 100)][..], Some((1, 0.0))),
            ("a little less, which is chance", &[(peer(80.0, 100.0), 72, 100)], Some((1, 0.0))),
            ("half of it", &[(peer(80.0, 100.0), 40, 100)], Some((1, 0.5))),
            ("nothing", &[(peer(80.0, 100.0), 0, 100)], Some((1, 1.0))),
            ("more than usual", &[(peer(50.0, 100.0), 90, 100)], Some((1, 0.0))),
            (
                "two peers, one of them silent",
                &[(peer(90.0, 100.0), 45, 100), (peer(9.0, 90.0), 0, 0)],
                Some((1, 0.5)),
            ),
            (
                "two peers",
                &[(peer(90.0, 100.0), 30, 100), (peer(60.0, 100.0), 20, 100)],
                Some((2, 2.0 / 3.0)),
            ),
            ("too little heard", &[(peer(80.0, 100.0), 0, 10)], None),
            ("too little known", &[(peer(8.0, 10.0), 0, 100)], None),
            ("no peers", &[], None),
        ] {
            let found = shared(peers).map(|s| (s.peers, (s.short * 1e6).round() / 1e6));
            assert_eq!(
                found,
                expected.map(|(n, short): (usize, f64)| (n, (short * 1e6).round() / 1e6)),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_usual_follows_slowly() {
        let mut peer = peer(80.0, 100.0);
        for _ in 0..17 {
            peer.learn(0, 0);
        }
        assert!((peer.both - 40.0).abs() < 1.0 && (peer.both / peer.heard - 0.8).abs() < 1e-9);
        for _ in 0..60 {
            peer.learn(0, 0);
        }
        assert!(peer.is_gone());
    }

    #[test]
    fn those_who_share_most_are_found_among_many() {
        let mut candidates = Candidates::default();
        for round in 0..200_u32 {
            candidates.count(1);
            if round % 2 == 0 {
                candidates.count(2);
            }
            candidates.count(1_000 + round);
        }
        let best = candidates.best();
        assert_eq!(best[0], (1, 200));
        assert_eq!(best[1], (2, 100));
        assert_eq!(best.len(), SLOTS);
    }
}
