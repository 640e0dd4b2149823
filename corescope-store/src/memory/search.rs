//! Answering a query: which rows, how many, which page of them.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::bits::Bits;
use super::matcher::Matcher;
use super::owned::OwnedTransmission;
use super::part::{Part, Place, Recent};
use super::query::{Cursor, Order, Page, Query};
use super::snapshot::Snapshot;
use super::view::Transmission;

/// The matches in one part.
struct Found<'a> {
    part: &'a Part,
    rows: Bits,
    /// Positions in the overlay, ascending by id.
    changed: Vec<u32>,
    len: usize,
}

impl<'a> Found<'a> {
    fn new(part: &'a Part, matcher: &Matcher<'_>) -> Self {
        let mut rows = matcher.rows(&part.segment);
        let mut changed = Vec::new();
        for (at, row) in part.overlay.rows.iter().enumerate() {
            if let Some(old) = row.instead_of {
                rows.clear(old as usize);
            }
            let matches =
                |t: &OwnedTransmission| matcher.admits(&t.brief) && matcher.matches(&Transmission::from(t));
            if row.now.as_deref().is_some_and(matches) {
                changed.push(at as u32);
            }
        }
        let len = rows.count() + changed.len();
        Self { part, rows, changed, len }
    }

    /// In the order of ids.
    fn places(&self, descending: bool) -> Box<dyn Iterator<Item = Place> + '_> {
        if self.changed.is_empty() {
            return if descending {
                Box::new(self.rows.iter_rev().map(|row| Place::Row(row as u32)))
            } else {
                Box::new(self.rows.iter().map(|row| Place::Row(row as u32)))
            };
        }
        let id = |place: &Place| self.part.at(*place).map_or(0, |t| t.id());
        let mut places: Vec<Place> = self.rows.iter().map(|row| Place::Row(row as u32)).collect();
        places.extend(self.changed.iter().map(|at| Place::Changed(*at)));
        places.sort_by_key(id);
        if descending { Box::new(places.into_iter().rev()) } else { Box::new(places.into_iter()) }
    }
}

/// Rows from which on it pays to start threads.
const MANY: usize = 16_384;

/// Threads that may help queries beside those that ask, all queries of the process together: more would only wait for
/// cores.
struct Helpers {
    free: AtomicUsize,
}

/// One of them, until it is dropped.
struct Helper<'h> {
    of: &'h Helpers,
}

impl Helpers {
    fn take(&self) -> Option<Helper<'_>> {
        let less = |free: usize| free.checked_sub(1);
        self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).ok().map(|_| Helper { of: self })
    }
}

impl Drop for Helper<'_> {
    fn drop(&mut self) {
        self.of.free.fetch_add(1, Ordering::AcqRel);
    }
}

static HELPERS: LazyLock<Helpers> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    Helpers { free: AtomicUsize::new(cores - 1) }
});

/// Looks for matches part by part, with as many threads as are free to help, for queries that must decode rows.
fn with_helpers<'a>(parts: &[&'a Part], matcher: &Matcher<'_>, helpers: &Helpers) -> Vec<Found<'a>> {
    let next = AtomicUsize::new(0);
    let look = || {
        let mut found = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.get(at) else { return found };
            found.push((at, Found::new(part, matcher)));
        }
    };
    let mut all = std::thread::scope(|scope| {
        // A thread that cannot be had is no failure: this one does its work.
        let helpers: Vec<_> = std::iter::from_fn(|| helpers.take())
            .take(parts.len().saturating_sub(1))
            .filter_map(|helper| {
                let help = move || {
                    let _helper = helper;
                    look()
                };
                std::thread::Builder::new().spawn_scoped(scope, help).ok()
            })
            .collect();
        let mut all = look();
        for helper in helpers {
            match helper.join() {
                Ok(found) => all.extend(found),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.sort_unstable_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, found)| found).collect()
}

/// The matches among the newest rows.
struct FoundRecent<'a> {
    recent: &'a Recent,
    /// Positions, ascending.
    rows: Vec<u32>,
}

impl<'a> FoundRecent<'a> {
    fn new(recent: &'a Recent, matcher: &Matcher<'_>) -> Self {
        let all = matcher.is_told_by_brief();
        let briefs = (0_u32..).zip(recent.briefs()).filter(|(_, brief)| matcher.admits(brief));
        let matches = |at: u32| all || recent.at(at as usize).is_some_and(|row| matcher.matches(&row));
        Self { recent, rows: briefs.map(|(at, _)| at).filter(|at| matches(*at)).collect() }
    }

    fn at(&self, at: u32) -> Option<Transmission<'a>> {
        self.recent.at(at as usize)
    }
}

pub(super) fn run<'a>(snapshot: &'a Snapshot, query: &Query) -> Page<'a> {
    let matcher = Matcher::new(query, snapshot);
    let recent = FoundRecent::new(&snapshot.recent, &matcher);
    let parts: Vec<&Part> = snapshot.parts.iter().filter(|part| !matcher.excludes(part)).collect();
    let mut found =
        if matcher.looks_into_rows() && parts.iter().map(|p| p.segment.len()).sum::<usize>() >= MANY {
            with_helpers(&parts, &matcher, &HELPERS)
        } else {
            parts.into_iter().map(|part| Found::new(part, &matcher)).collect()
        };
    found.retain(|found| found.len > 0);
    let total = (recent.rows.len() + found.iter().map(|f| f.len).sum::<usize>()) as u64;
    let (rows, more) = match query.order {
        Order::Latest => by_latest(query, &recent, &found),
        Order::NewestId | Order::OldestId => by_id(query, &recent, &found),
    };
    let next = rows.last().filter(|_| more).map(|t| Cursor { latest: t.latest(), id: t.id() });
    Page { total, rows, next }
}

/// The page, and whether rows follow it.
fn by_id<'a>(query: &Query, recent: &FoundRecent<'a>, found: &[Found<'a>]) -> (Vec<Transmission<'a>>, bool) {
    let descending = query.order == Order::NewestId;
    // In these orders nothing but the id counts.
    let behind = |id: i64| query.is_behind(Cursor { latest: 0, id });
    let mut page = Pager { skip: query.offset, limit: query.limit, rows: Vec::new(), more: false };
    let in_recent = |page: &mut Pager<'a>| {
        let rows: &mut dyn Iterator<Item = &u32> =
            if descending { &mut recent.rows.iter().rev() } else { &mut recent.rows.iter() };
        for row in rows.filter_map(|at| recent.at(*at)).filter(|t| behind(t.id())) {
            page.take(row);
            if page.more {
                break;
            }
        }
    };
    let in_parts = |page: &mut Pager<'a>| {
        let parts: &mut dyn Iterator<Item = &Found<'a>> =
            if descending { &mut found.iter().rev() } else { &mut found.iter() };
        for one in parts {
            if page.more {
                return;
            }
            let all_behind = behind(one.part.low) && behind(one.part.high);
            if all_behind && page.skip >= one.len {
                page.skip -= one.len;
                continue;
            }
            if !behind(one.part.low) && !behind(one.part.high) {
                continue;
            }
            for place in one.places(descending) {
                if let Some(t) = one.part.at(place)
                    && (all_behind || behind(t.id()))
                {
                    page.take(t);
                    if page.more {
                        break;
                    }
                }
            }
        }
    };
    if descending {
        in_recent(&mut page);
        in_parts(&mut page);
    } else {
        in_parts(&mut page);
        in_recent(&mut page);
    }
    (page.rows, page.more)
}

struct Pager<'a> {
    skip: usize,
    limit: usize,
    rows: Vec<Transmission<'a>>,
    more: bool,
}

impl<'a> Pager<'a> {
    fn take(&mut self, row: Transmission<'a>) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.rows.len() < self.limit {
            self.rows.push(row);
        } else {
            self.more = true;
        }
    }
}

/// The same in the order of the newest observation.
fn by_latest<'a>(
    query: &Query,
    recent: &FoundRecent<'a>,
    found: &[Found<'a>],
) -> (Vec<Transmission<'a>>, bool) {
    let wanted = query.offset.saturating_add(query.limit).saturating_add(1);
    let mut top = Top { rows: Vec::new(), wanted, floor: None };
    let behind = |latest: i64, id: i64| query.is_behind(Cursor { latest, id });
    for at in recent.rows.iter().rev() {
        let Some(brief) = recent.recent.briefs().get(*at as usize) else { continue };
        if behind(brief.latest, brief.id) {
            top.offer(brief.latest, brief.id, || recent.at(*at));
        }
    }
    let mut parts: Vec<(&Found<'a>, i64)> = found.iter().map(|f| (f, f.part.newest())).collect();
    parts.sort_by_key(|(_, newest)| std::cmp::Reverse(*newest));
    for (one, newest) in parts {
        if top.floor.is_some_and(|(latest, _)| newest < latest) {
            break;
        }
        let segment = &one.part.segment;
        // The newest rows are the last: the floor is high at once.
        for row in one.rows.iter_rev() {
            let latest = segment.latest(row);
            if top.floor.is_none_or(|floor| latest >= floor.0) && behind(latest, segment.id(row)) {
                top.offer(latest, segment.id(row), || Some(Transmission::packed(segment, row)));
            }
        }
        for at in &one.changed {
            if let Some(t) = one.part.at(Place::Changed(*at))
                && behind(t.latest(), t.id())
            {
                top.offer(t.latest(), t.id(), || Some(t));
            }
        }
    }
    let mut rows = top.finish();
    let more = rows.len() == wanted;
    rows.truncate(wanted - 1);
    (rows.into_iter().skip(query.offset).map(|(_, t)| t).collect(), more)
}

/// The highest rows of those offered.
struct Top<'a> {
    rows: Vec<((i64, i64), Transmission<'a>)>,
    wanted: usize,
    /// Once enough were offered: no lower one counts.
    floor: Option<(i64, i64)>,
}

impl<'a> Top<'a> {
    fn offer(&mut self, latest: i64, id: i64, row: impl FnOnce() -> Option<Transmission<'a>>) {
        if self.floor.is_some_and(|floor| (latest, id) < floor) {
            return;
        }
        if let Some(row) = row() {
            self.rows.push(((latest, id), row));
        }
        if self.rows.len() >= self.wanted.saturating_mul(2).max(64) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.rows.sort_unstable_by_key(|(key, _)| std::cmp::Reverse(*key));
        self.rows.truncate(self.wanted);
        if self.rows.len() == self.wanted {
            self.floor = self.rows.last().map(|(key, _)| *key);
        }
    }

    fn finish(mut self) -> Vec<((i64, i64), Transmission<'a>)> {
        self.cut();
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Store, TransmissionRow};

    #[test]
    fn without_a_free_helper_who_asks_works_alone() {
        let store = Store::new();
        for id in 0..6 {
            let mut append = store.begin();
            append.transmission(&TransmissionRow::bare(id, &format!("{id:016x}")));
            append.publish();
            store.pack();
        }
        let snapshot = store.snapshot();
        let parts: Vec<&Part> = snapshot.parts.iter().collect();
        let query = Query::default();
        let matcher = Matcher::new(&query, &snapshot);
        for free in [0, 2, 50] {
            let helpers = Helpers { free: AtomicUsize::new(free) };
            let found = with_helpers(&parts, &matcher, &helpers);
            let parts: Vec<i64> = found.iter().map(|found| found.part.low).collect();
            assert!(parts.len() == 6 && parts.is_sorted(), "{parts:?}");
            assert_eq!(helpers.free.into_inner(), free, "those that helped are free again");
        }
        let helpers = Helpers { free: AtomicUsize::new(1) };
        let taken = helpers.take();
        assert!(taken.is_some() && helpers.take().is_none());
        drop(taken);
        assert!(helpers.take().is_some());
    }
}
