//! The thread that turns appends into events, and the rings that sockets read.

use std::cell::OnceCell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::extract::ws::Utf8Bytes;
use corescope_store::memory::{Snapshot, Subscription};
use tokio::sync::broadcast;

use super::backlog::{self, Entry};
use super::cursor::{Cursor, End};
use super::events;
use super::filters::{Filters, Group};
use super::message::Written;
use super::original;
use crate::App;
use crate::api::packets::{Judged, View};

/// Events that a socket of version 2 may be behind before it is caught up from the store.
const RING: usize = 1024;
/// Messages that a socket of the original may be behind before it is closed.
const RING_ORIGINAL: usize = 4096;
/// Appends that may wait for this thread; it catches up from the store when more come.
const APPENDS: usize = 256;

/// The live feed.
#[derive(Debug)]
pub struct Feed {
    /// Everything, for sockets without a filter; the others read the ring of their filter.
    pub(super) events: broadcast::Sender<Told>,
    pub(super) originals: broadcast::Sender<Utf8Bytes>,
    pub(super) filters: Filters,
    pub(super) position: ArcSwap<Position>,
    pub(super) figures: Counters,
}

/// Up to where events are made.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Position {
    /// Version of the store that holds everything up to here.
    pub(super) version: u64,
    /// The last rows told.
    pub(super) end: End,
    /// The store was loaded when this was taken.
    pub(super) is_set: bool,
}

/// What sockets of version 2 are told.
#[derive(Debug, Clone)]
pub(super) enum Told {
    /// An event, in this form.
    Event(Arc<Event>, Form),
    /// The rows are those of another file now, and cursors from before mean nothing in it.
    Replaced,
}

/// One event, written once for all sockets that get it.
#[derive(Debug)]
pub(super) struct Event {
    /// Highest ids before and in the batch of rows that it comes from.
    pub(super) batch: ((i64, i64), (i64, i64)),
    /// Where the stream is behind it.
    pub(super) cursor: Cursor,
    /// The whole transmission, if anybody needs it.
    whole: Option<Written>,
    /// Its new observations, if anybody needs them.
    increment: Option<Written>,
}

impl Event {
    /// The message in this form.
    pub(super) fn written(&self, form: Form) -> Option<&Written> {
        match form {
            Form::Whole => self.whole.as_ref(),
            Form::Increment => self.increment.as_ref(),
        }
    }
}

/// In which form a socket gets an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    Increment,
}

/// Figures of the feed.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) sockets: AtomicUsize,
    pub(super) originals: AtomicUsize,
    pub(super) events: AtomicU64,
    pub(super) lagged: AtomicU64,
    pub(super) gaps: AtomicU64,
    pub(super) resumed: AtomicU64,
}

/// Figures of the feed at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Open sockets of both kinds.
    pub sockets: usize,
    /// Of these, sockets of the original's kind.
    pub originals: usize,
    /// Events made since the start.
    pub events: u64,
    /// Times that a socket fell behind its ring.
    pub lagged: u64,
    /// Times that a socket was told of a gap.
    pub gaps: u64,
    /// Sockets that resumed from a cursor.
    pub resumed: u64,
}

impl Feed {
    /// A feed without its thread.
    pub(crate) fn new() -> Self {
        Self {
            events: broadcast::channel(RING).0,
            originals: broadcast::channel(RING_ORIGINAL).0,
            filters: Filters::default(),
            position: ArcSwap::default(),
            figures: Counters::default(),
        }
    }

    /// Whether the feed knows where the stream begins, which it does once the store is loaded.
    pub fn is_settled(&self) -> bool {
        self.position.load().is_set
    }

    /// The figures now.
    pub fn figures(&self) -> Figures {
        let c = &self.figures;
        Figures {
            sockets: c.sockets.load(Ordering::Relaxed),
            originals: c.originals.load(Ordering::Relaxed),
            events: c.events.load(Ordering::Relaxed),
            lagged: c.lagged.load(Ordering::Relaxed),
            gaps: c.gaps.load(Ordering::Relaxed),
            resumed: c.resumed.load(Ordering::Relaxed),
        }
    }
}

/// Starts the thread; it ends with the state.
pub(crate) fn start(app: &Arc<App>) -> std::io::Result<()> {
    let subscription = app.store.subscribe(APPENDS);
    let app = Arc::downgrade(app);
    std::thread::Builder::new().name("live-feed".into()).spawn(move || run(&app, &subscription)).map(drop)
}

fn run(app: &Weak<App>, subscription: &Subscription) {
    loop {
        // Until the stream has a beginning this looks often: what is appended before counts as history.
        let settled = app.upgrade().is_some_and(|app| app.live.is_settled());
        let received = subscription.recv_timeout(Duration::from_millis(if settled { 250 } else { 5 }));
        let Some(app) = app.upgrade() else { return };
        if app.shutdown.is_cancelled() {
            return;
        }
        match received {
            Ok(appended) => {
                let snapshot =
                    if subscription.take_lost() > 0 { app.store.snapshot() } else { appended.snapshot };
                app.live.advance(&app, &snapshot);
            }
            Err(RecvTimeoutError::Timeout) => {
                // A file that was loaded anew is not announced as an append.
                let snapshot = app.store.snapshot();
                if !settled || snapshot.loading().complete {
                    app.live.advance(&app, &snapshot);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl Feed {
    /// Takes the end of what is loaded as the beginning of the stream, once enough is.
    fn settle(&self, snapshot: &Snapshot) {
        self.stand_at(snapshot, End::of(snapshot), snapshot.loading().usable);
    }

    /// Makes the events between the last position and this snapshot.
    fn advance(&self, app: &App, snapshot: &Snapshot) {
        let last = **self.position.load();
        if !last.is_set {
            return self.settle(&app.store.snapshot());
        }
        if snapshot.version() <= last.version {
            return;
        }
        let end = End::of(snapshot);
        if !last.end.is_in(snapshot) {
            // Another file lies there now, or other rows in it.
            let _ = self.events.send(Told::Replaced);
            self.filters.in_use().iter().for_each(|group| group.begin_anew());
            return self.settle(snapshot);
        }
        let entries = backlog::batch(snapshot, last.end.ids, end);
        let veil = app.veil.load();
        let view = View { snapshot, veil: &veil };
        if self.originals.receiver_count() > 0 {
            self.tell_originals(&entries, view);
        }
        let count = entries.len() as u64;
        self.tell(entries, (last.end.ids, end.ids), view, app.clock.now_ms());
        self.figures.events.fetch_add(count, Ordering::Relaxed);
        self.stand_at(snapshot, end, true);
    }

    fn stand_at(&self, snapshot: &Snapshot, end: End, is_set: bool) {
        let position = Position { version: snapshot.version(), end, is_set };
        self.position.store(Arc::new(position));
    }

    fn tell(&self, entries: Vec<Entry>, batch: ((i64, i64), (i64, i64)), view: View<'_>, now_ms: i64) {
        let groups = self.filters.in_use();
        let everything = self.events.receiver_count() > 0;
        if groups.is_empty() && !everything {
            return;
        }
        for entry in entries {
            let Some(row) = view.snapshot.by_id(entry.id) else { continue };
            // Taken apart once for all filters, and not at all when there are none.
            let judged = OnceCell::new();
            let passes =
                |group: &Group| judged.get_or_init(|| Judged::new(row, view)).passes(&group.filter, now_ms);
            let forms: Vec<(&Group, Form)> =
                groups.iter().filter_map(|group| Some((&**group, form(group, entry, passes)?))).collect();
            let plain = if entry.is_new { Form::Whole } else { Form::Increment };
            let is_needed = |f: Form| (everything && plain == f) || forms.iter().any(|(_, form)| *form == f);
            let cursor = entry.cursor.to_string();
            let event = Arc::new(Event {
                batch,
                cursor: entry.cursor,
                whole: is_needed(Form::Whole)
                    .then(|| Written::new(events::transmission(row, entry.observations.1, &cursor, view))),
                increment: is_needed(Form::Increment)
                    .then(|| Written::new(events::observations(row, entry.observations, &cursor, view))),
            });
            // No receiver is no mistake: the last one may just have left.
            for (group, form) in forms {
                let _ = group.events.send(Told::Event(event.clone(), form));
            }
            if everything {
                let _ = self.events.send(Told::Event(event, plain));
            }
        }
    }

    /// One message per observation: those of new transmissions first, each newest first.
    fn tell_originals(&self, entries: &[Entry], view: View<'_>) {
        let (new, known): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|e| e.is_new);
        for entry in new {
            let Some(row) = view.snapshot.by_id(entry.id) else { continue };
            let mut rows: Vec<_> = row.observations().collect();
            rows.sort_by_key(|o| std::cmp::Reverse((o.timestamp(), o.id())));
            for observation in rows {
                let _ = self.originals.send(original::message(observation, view));
            }
        }
        let mut late: Vec<_> = known
            .iter()
            .filter_map(|entry| Some((entry.observations, view.snapshot.by_id(entry.id)?)))
            .flat_map(|((from, to), row)| row.observations().filter(move |o| o.id() > from && o.id() <= to))
            .collect();
        late.sort_by_key(|o| o.id());
        for observation in late {
            let _ = self.originals.send(original::message(observation, view));
        }
    }
}

/// What a group gets of an event.
fn form(group: &Group, entry: Entry, passes: impl Fn(&Group) -> bool) -> Option<Form> {
    if !entry.is_new && group.was_sent(entry.id) {
        return Some(Form::Increment);
    }
    if !passes(group) {
        return None;
    }
    group.remember(entry.id);
    // A known transmission that passes only now is new to this group.
    Some(Form::Whole)
}
