//! Who heard what together with whom.

use smallvec::SmallVec;

use super::gather::{Hour, OBSERVATIONS, Phase};
use crate::completeness::MOST_PEERS;

/// Observers of one transmission that are compared with each other, at most.
const MOST_TOGETHER: usize = 64;

impl Hour {
    /// Looks at the next transmissions of the sample.
    pub(super) fn compare(&mut self, from: usize) -> Phase {
        let mut at = from;
        while at < self.sample.len() && at < from + OBSERVATIONS {
            let Some((transmission, _)) = self.sample.get(at).copied() else { break };
            let rest = self.sample.get(at..).unwrap_or_default();
            let length = rest.iter().take_while(|(other, _)| *other == transmission).count();
            let every = length.div_ceil(MOST_TOGETHER).max(1);
            let together: SmallVec<[u32; MOST_TOGETHER]> =
                rest.iter().take(length).step_by(every).map(|(_, observer)| *observer).collect();
            at += length;
            self.compare_one(&together);
        }
        if at < self.sample.len() {
            return Phase::Peers { from: at };
        }
        self.sample = Vec::new();
        Phase::Counters { from: 0 }
    }

    fn compare_one(&mut self, together: &[u32]) {
        for observer in together {
            let Some(watched) = self.watched.get_mut(*observer as usize) else { continue };
            watched.heard += 1;
            let peers = watched.usual.as_ref().map_or(&[][..], |usual| &usual.peers);
            for (peer, both) in peers.iter().zip(&mut watched.both) {
                if self.by_row.get(&peer.row).is_some_and(|at| together.binary_search(at).is_ok()) {
                    *both += 1;
                }
            }
            if self.is_final && peers.len() < MOST_PEERS {
                for other in together.iter().filter(|other| *other != observer) {
                    watched.candidates.count(*other);
                }
            }
        }
    }
}
