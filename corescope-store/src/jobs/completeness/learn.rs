//! What is usual for an observer, learned from the hours before.

use rusqlite::{Connection, params};

use super::gather::Hour;
use crate::completeness::{Candidates, MOST_PEERS, Peer};

/// Hours after which what is usual moves no faster: about a day counts.
const HOURS: i64 = 24;

/// Hours that must be known before they are called usual.
const LEAST_HOURS: i64 = 3;

/// Transmissions that two observers must share in an hour to become peers, and of how many of the peer's.
const LEAST_SHARED: u32 = 5;
const LEAST_SHARE: f64 = 0.2;

/// What is usual for an observer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Usual {
    /// The last hour that was learned from, unix seconds.
    pub learned: i64,
    /// How many were.
    pub hours: i64,
    /// Packets in an hour.
    pub packets: f64,
    /// Messages of any kind in an hour.
    pub messages: f64,
    /// Observers that hear what it hears.
    pub peers: Vec<Peer>,
}

impl Usual {
    /// Of all who were there after this time.
    pub(super) fn load(db: &Connection, after: i64) -> rusqlite::Result<Vec<(String, Self)>> {
        db.prepare_cached(
            "SELECT observer, learned, hours, packets, messages, peers FROM cs_observer_usual WHERE learned >= ?1",
        )?
        .query_map([after], |r| {
            let peers: String = r.get(5)?;
            // Our own spelling; were it not, the peers would be found again.
            let mut peers: Vec<Peer> = serde_json::from_str(&peers).unwrap_or_default();
            peers.truncate(MOST_PEERS);
            Ok((
                r.get(0)?,
                Self { learned: r.get(1)?, hours: r.get(2)?, packets: r.get(3)?, messages: r.get(4)?, peers },
            ))
        })?
        .collect()
    }

    /// Whether enough hours are known.
    pub(super) fn is_known(&self) -> bool {
        self.hours >= LEAST_HOURS
    }

    /// Writes it, in the caller's transaction.
    pub(super) fn save(&self, db: &Connection, observer: &str) -> rusqlite::Result<()> {
        let peers = serde_json::to_string(&self.peers).unwrap_or_else(|_| "[]".to_owned());
        db.prepare_cached(
            "INSERT OR REPLACE INTO cs_observer_usual(observer, learned, hours, packets, messages, peers)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![observer, self.learned, self.hours, self.packets, self.messages, peers])?;
        Ok(())
    }
}

impl Hour {
    /// Learns from an hour that is over; `None` where there is nothing to learn. `is_whole`: nothing is known to be
    /// missing of it; what is usual is not learned from a loss. The shares among peers are learned all the same: what
    /// lasts becomes usual after a day.
    pub(super) fn learn(&self, at: usize, candidates: Candidates, is_whole: bool) -> Option<Usual> {
        let watched = self.watched.get(at)?;
        let mut usual = watched.usual.clone().unwrap_or_default();
        let is_known = usual.hours > 0 && usual.learned >= self.start;
        if is_known || (watched.messages == 0 && watched.packets == 0) {
            return None;
        }
        usual.learned = self.start;
        if is_whole {
            let part = 1.0 / (usual.hours + 1).min(HOURS) as f64;
            usual.packets += ((watched.packets + watched.refused) as f64 - usual.packets) * part;
            usual.messages += (watched.messages as f64 - usual.messages) * part;
            usual.hours += 1;
        }
        for (peer, both) in usual.peers.iter_mut().zip(&watched.both) {
            peer.learn(*both, self.peer(peer.row).map_or(0, |other| other.heard));
        }
        usual.peers.retain(|peer| !peer.is_gone());
        for (other, both) in candidates.best() {
            if usual.peers.len() >= MOST_PEERS || both < LEAST_SHARED {
                break;
            }
            let Some(other) = self.watched.get(other as usize) else { continue };
            let Some(row) = other.row else { continue };
            let is_peer = f64::from(both) >= LEAST_SHARE * f64::from(other.heard);
            if is_peer && usual.peers.iter().all(|peer| peer.row != row) {
                usual.peers.push(Peer { row, both: f64::from(both), heard: f64::from(other.heard) });
            }
        }
        Some(usual)
    }
}

/// Forgets whom nobody heard for a month.
pub(super) fn forget(db: &Connection, hour: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM cs_observer_usual WHERE learned < ?1")?.execute([hour - 30 * 86_400])?;
    Ok(())
}
