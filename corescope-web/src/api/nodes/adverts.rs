//! What a node's own adverts say of it: who hears them, and the hash size it sends with.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use corescope_store::memory::{Snapshot, Transmission};
use corescope_store::tail::{Remembered, Whole, WholeError};

use crate::api::aged::Aged;
use crate::api::moment::Moment;
use crate::api::rest::unanswered;
use crate::{ApiError, AppState};

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

    /// How many nodes have adverts.
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// From adverts that were seen. `now` in unix seconds.
    fn of(seen: Seen, now: i64) -> Self {
        let by_key = seen.by_key.into_iter().map(|(key, mut of_node)| {
            of_node.settle();
            of_node.sizes.retain(|advert| advert.first_seen >= now - WEEK);
            let sizes: Vec<u8> = of_node.sizes.iter().map(|advert| advert.size).collect();
            let facts = AdvertFacts {
                observers: of_node.observers,
                sizes: HashSizes::of(&sizes),
                flood_adverts_7d: of_node.sizes.iter().filter(|advert| advert.is_flood).count() as u64,
            };
            (key, facts)
        });
        Self { by_key: by_key.collect() }
    }
}

/// Adverts that were looked at, by sender.
#[derive(Clone, Debug, Default)]
struct Seen {
    by_key: HashMap<String, SeenOf>,
}

/// Adverts of one node.
#[derive(Clone, Debug, Default)]
struct SeenOf {
    observers: Vec<i64>,
    /// Those of the last week that say the size.
    sizes: Vec<SeenSize>,
}

/// The size in one advert. They are ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SeenSize {
    first_seen: i64,
    id: i64,
    size: u8,
    is_flood: bool,
}

impl Seen {
    /// Looks at a packet. `now` in unix seconds.
    fn look(&mut self, advert: &Transmission<'_>, now: i64) {
        if advert.payload_type() != Some(ADVERT) {
            return;
        }
        let Some(key) = advert.from_pubkey().filter(|key| !key.is_empty()) else { return };
        if !self.by_key.contains_key(&*key) {
            self.by_key.insert(key.clone().into_owned(), SeenOf::default());
        }
        let Some(of_node) = self.by_key.get_mut(&*key) else { return };
        of_node.observers.extend(advert.observations().filter_map(|o| o.observer()));
        let (first_seen, id) = (advert.first_seen_unix(), advert.id());
        if first_seen >= now - WEEK
            && let Some(size) = hash_size(advert)
        {
            let is_flood = advert.route_type() == Some(FLOOD);
            of_node.sizes.push(SeenSize { first_seen, id, size, is_flood });
        }
    }
}

impl SeenOf {
    fn settle(&mut self) {
        self.observers.sort_unstable();
        self.observers.dedup();
        self.sizes.sort_unstable();
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

/// The facts for a moment.
pub(crate) async fn now(app: &AppState, moment: &Moment) -> Result<Arc<Adverts>, ApiError> {
    let (data, now) = (moment.data.clone(), moment.now);
    let facts = if data.lacks_rows() {
        let app = app.clone();
        tokio::task::spawn_blocking(move || app.rest.adverts.get(&app.rest.whole, &data, now))
            .await
            .map_err(|error| ApiError::internal("adverts", &error))?
    } else {
        app.rest.adverts.get(&app.rest.whole, &data, now)
    };
    facts.map_err(unanswered)
}

/// The facts, made anew when the data changed, at most every two seconds.
#[derive(Debug, Default)]
pub(crate) struct AdvertCache {
    /// From what is in memory, where that is everything.
    here: Aged<Adverts>,
    /// From everything, where memory lacks rows.
    everywhere: Aged<Adverts>,
    /// Of adverts outside memory.
    older: Older,
}

#[derive(Debug)]
struct Older(Remembered<(), Seen>);

impl Default for Older {
    fn default() -> Self {
        Self(Remembered::new(1))
    }
}

impl Older {
    /// Adverts that memory lacks.
    fn get(&self, whole: &Whole, data: &Snapshot, now: i64) -> Result<Seen, WholeError> {
        if !data.lacks_rows() {
            return Ok(Seen::default());
        }
        let seen = self.0.get(data, (), |from, known| {
            let mut seen = known.cloned().unwrap_or_default();
            whole.older_of_type(data, ADVERT, from, &mut |advert| seen.look(advert, now))?;
            seen.by_key.values_mut().for_each(SeenOf::settle);
            Ok(seen)
        })?;
        Ok(Seen::clone(&seen))
    }
}

impl AdvertCache {
    /// The facts for this moment. It blocks where memory lacks rows and there are none yet.
    pub(crate) fn get(&self, whole: &Whole, data: &Snapshot, now: i64) -> Result<Arc<Adverts>, WholeError> {
        let made = if data.lacks_rows() { &self.everywhere } else { &self.here };
        made.get(
            data.version(),
            |_| REFRESH,
            || {
                let mut seen = self.older.get(whole, data, now)?;
                data.transmissions().for_each(|packet| seen.look(&packet, now));
                Ok(Adverts::of(seen, now))
            },
        )
    }

    /// The facts that were made last.
    pub(crate) fn last(&self) -> Option<Arc<Adverts>> {
        self.everywhere.last().or_else(|| self.here.last())
    }
}

#[cfg(test)]
mod tests {
    use corescope_store::lookup::Reader;
    use corescope_store::memory::{Batch, Loading, Store, TransmissionRow};

    use super::*;

    #[test]
    fn facts_from_memory_alone_stand_for_no_others() {
        let store = Store::new();
        let row = TransmissionRow {
            id: 1,
            raw_hex: "1100C0FFEE",
            hash: "00000000000000a1",
            first_seen: "2026-06-01T12:00:00Z",
            last_seen: 0,
            route_type: Some(1),
            payload_type: Some(ADVERT),
            payload_version: Some(0),
            decoded_json: None,
            from_pubkey: None,
            channel_hash: None,
            scope_name: None,
        };
        store.append(&Batch { transmissions: &[row], ..Batch::default() });
        let (whole, cache) = (Whole::new(Arc::new(Reader::new("/nonexistent/x.db"))), AdvertCache::default());
        assert!(cache.get(&whole, &store.snapshot(), 0).is_ok());
        store.pack();
        store.set_loading(Loading { complete: true, ..Loading::default() });
        store.set_budget(Some(0));
        let data = store.snapshot();
        assert!(data.lacks_rows());
        assert!(cache.get(&whole, &data, 0).is_err(), "the file is not there");
    }

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
