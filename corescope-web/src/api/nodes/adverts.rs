//! What a node's own adverts say of it: who hears them, and the hash size it sends with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use corescope_store::memory::{Snapshot, Transmission};

const WEEK: i64 = 7 * 86_400;
const ADVERT: i64 = 4;
const FLOOD: i64 = 1;

/// How long facts are used although the data changed meanwhile.
const REFRESH: Duration = Duration::from_secs(2);

/// Facts from the adverts of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AdvertFacts {
    /// Rowids of the observers that heard one, ascending.
    pub(crate) observers: Vec<i64>,
    /// The hash size it sends with.
    pub(crate) sizes: HashSizes,
    /// Distinct flood adverts of the last seven days.
    pub(crate) flood_adverts_7d: u64,
}

/// Path hash sizes (bytes, 1 to 3) of a node's adverts of the last seven days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HashSizes {
    /// Of the newest advert; `None` when there is none.
    pub(crate) current: Option<u8>,
    /// Whether it goes back and forth.
    pub(crate) inconsistent: bool,
    /// All that were seen, ascending.
    pub(crate) seen: Vec<u8>,
}

impl HashSizes {
    /// From sizes in the order of time. Back and forth means: at least three adverts, two sizes, two changes, and
    /// not settled in the last three.
    fn of(sizes: &[u8]) -> Self {
        let mut seen = sizes.to_vec();
        seen.sort_unstable();
        seen.dedup();
        let changes = sizes.windows(2).filter(|w| w.first() != w.last()).count();
        let settled =
            sizes.rchunks(3).next().is_some_and(|last| last.iter().all(|s| Some(s) == last.first()));
        Self {
            current: sizes.last().copied(),
            inconsistent: sizes.len() >= 3 && seen.len() >= 2 && changes >= 2 && !settled,
            seen,
        }
    }
}

/// Facts of all nodes, by key.
#[derive(Debug, Default)]
pub(crate) struct Adverts {
    by_key: HashMap<String, AdvertFacts>,
}

impl Adverts {
    /// Facts of one node (lower-case key).
    pub(crate) fn get(&self, key: &str) -> Option<&AdvertFacts> {
        self.by_key.get(key)
    }

    /// How many nodes have adverts in memory.
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Looks at every advert in memory. `now` in unix seconds.
    pub(crate) fn scan(data: &Snapshot, now: i64) -> Self {
        let mut by_key: HashMap<String, (Vec<(i64, i64, u8)>, AdvertFacts)> = HashMap::new();
        for advert in data.transmissions().filter(|t| t.payload_type() == Some(ADVERT)) {
            let Some(key) = advert.from_pubkey().filter(|key| !key.is_empty()) else { continue };
            if !by_key.contains_key(&*key) {
                by_key.insert(key.clone().into_owned(), Default::default());
            }
            let Some((sizes, facts)) = by_key.get_mut(&*key) else { continue };
            facts.observers.extend(advert.observations().filter_map(|o| o.observer()));
            if advert.first_seen_unix() < now - WEEK {
                continue;
            }
            if let Some(size) = hash_size(&advert) {
                sizes.push((advert.first_seen_unix(), advert.id(), size));
                facts.flood_adverts_7d += u64::from(advert.route_type() == Some(FLOOD));
            }
        }
        let by_key = by_key
            .into_iter()
            .map(|(key, (mut sizes, mut facts))| {
                facts.observers.sort_unstable();
                facts.observers.dedup();
                sizes.sort_unstable();
                let sizes: Vec<u8> = sizes.into_iter().map(|(_, _, size)| size).collect();
                facts.sizes = HashSizes::of(&sizes);
                (key, facts)
            })
            .collect();
        Self { by_key }
    }
}

/// The hash size of an advert; `None` for one sent directly to neighbours, whose path byte is written locally and
/// says nothing, and for one with the reserved size.
fn hash_size(advert: &Transmission<'_>) -> Option<u8> {
    let route = advert.route_type()?;
    let at = if matches!(route, 0 | 3) { 5 } else { 1 };
    let path = *advert.raw().get(at)?;
    let size = (path >> 6) + 1;
    let zero_hop_direct = matches!(route, 2 | 3) && path & 0x3f == 0;
    (size <= 3 && !zero_hop_direct).then_some(size)
}

/// The facts, made anew when the data changed, at most every two seconds.
#[derive(Debug, Default)]
pub(crate) struct AdvertCache {
    made: ArcSwapOption<Made>,
    making: Mutex<()>,
}

#[derive(Debug)]
struct Made {
    version: u64,
    at: Instant,
    adverts: Arc<Adverts>,
}

impl AdvertCache {
    /// The facts for this moment.
    pub(crate) fn get(&self, data: &Snapshot, now: i64) -> Arc<Adverts> {
        if let Some(adverts) = self.fresh(data) {
            return adverts;
        }
        let making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(adverts) = self.fresh(data) {
            return adverts; // another caller made them meanwhile
        }
        let adverts = Arc::new(Adverts::scan(data, now));
        self.made.store(Some(Arc::new(Made {
            version: data.version(),
            at: Instant::now(),
            adverts: adverts.clone(),
        })));
        drop(making);
        adverts
    }

    fn fresh(&self, data: &Snapshot) -> Option<Arc<Adverts>> {
        let made = self.made.load();
        let made = made.as_ref()?;
        (made.version == data.version() || made.at.elapsed() < REFRESH).then(|| made.adverts.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_and_forth_needs_two_changes_and_no_settling() {
        for (sizes, inconsistent) in [
            (&[][..], false),
            (&[1][..], false),
            (&[1, 2][..], false),
            (&[1, 2, 1][..], true),
            (&[1, 2, 2, 2][..], false),
            (&[1, 2, 1, 1, 1][..], false),
            (&[1, 2, 1, 1][..], true),
            (&[1, 1, 2][..], false),
        ] {
            let got = HashSizes::of(sizes);
            assert_eq!(got.inconsistent, inconsistent, "{sizes:?}");
            assert_eq!(got.current, sizes.last().copied());
        }
        assert_eq!(HashSizes::of(&[3, 1, 3]).seen, [1, 3]);
    }
}
