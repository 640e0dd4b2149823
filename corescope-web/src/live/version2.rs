//! A socket of version 2: events as they come, and what it missed out of the store.

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, WebSocket, close_code};
use corescope_core::time::rfc3339;
use futures_util::SinkExt;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::Instant;

use super::backlog::{self, Backlog};
use super::cursor::{Cursor, End};
use super::events::{self, ClientMessage, FilterInfo, Gap, Heartbeat, Hello, Lag, ServerMessage};
use super::feed::{Form, Told};
use super::filters::{Group, Refused};
use super::message::{Wire, Written};
use super::original::text;
use super::socket::{BURST, Pulse, close, end};
use crate::api::packets::{Judged, View};
use crate::error::FilterWarning;
use crate::{ApiError, App};

/// A cursor waits this long for the database to be loaded.
const LOADING: Duration = Duration::from_mins(1);

/// A socket of version 2.
struct Events<'a> {
    socket: &'a mut WebSocket,
    app: &'a App,
    ring: Receiver<Told>,
    group: Option<Arc<Group>>,
    /// Where the client is.
    cursor: Cursor,
    /// Every row up to these ids is behind it; beyond them, what `cursor` says of the batch.
    base: (i64, i64),
    form: Wire,
}

pub(super) async fn serve(
    socket: &mut WebSocket,
    app: &App,
    since: Option<Cursor>,
    filter: &str,
    form: Wire,
) {
    let ring = app.live.events.subscribe();
    let mut client = Events { socket, app, ring, group: None, cursor: Cursor::default(), base: (0, 0), form };
    let ended = client.run(since, filter).await;
    if let Err(Some(frame)) = ended {
        end(client.socket, Some(frame)).await;
    }
}

/// Why a socket ends: with a close frame, or because the client is gone.
type Ended = Option<CloseFrame>;

impl Events<'_> {
    async fn run(&mut self, since: Option<Cursor>, filter: &str) -> Result<(), Ended> {
        match self.app.live.filters.join(filter) {
            Ok(group) => self.group = group,
            Err(refused) => {
                self.say(&ServerMessage::Error { data: refusal(refused).body().clone() }).await?;
                return Err(Some(close(close_code::POLICY, "filter refused")));
            }
        }
        self.begin_at_end();
        if let Some(since) = since {
            self.cursor = since;
        }
        let data = Hello {
            version: 2,
            server_time: rfc3339(self.app.clock.now()),
            filter: self.group.as_ref().map_or_else(String::new, |g| g.filter.source().to_owned()),
            warnings: self.group.as_ref().map_or_else(Vec::new, |g| FilterWarning::all(&g.filter)),
        };
        self.say(&ServerMessage::Hello { cursor: self.cursor.to_string(), data }).await?;
        if since.is_some() {
            self.app.live.figures.resumed.fetch_add(1, Ordering::Relaxed);
            until_loaded(self.app, self.cursor).await;
            self.catch_up().await?;
        }
        let mut pulse = Pulse::new();
        let mut shutdown = pin!(self.app.shutdown.cancelled());
        loop {
            tokio::select! {
                told = self.ring.recv() => match told {
                    Ok(told) => self.pass_on(told).await?,
                    Err(RecvError::Lagged(missed)) => self.lagged(missed).await?,
                    Err(RecvError::Closed) => return Err(None),
                },
                received = self.socket.recv() => match pulse.hear(received) {
                    ControlFlow::Continue(Some(message)) => self.hear(&message).await?,
                    ControlFlow::Continue(None) => {}
                    ControlFlow::Break(ended) => return Err(ended),
                },
                _ = pulse.ticks.tick() => {
                    if !pulse.beat(self.socket).await {
                        return Err(None);
                    }
                    self.keep_up().await?;
                    let data = Heartbeat { server_time: rfc3339(self.app.clock.now()) };
                    self.say(&ServerMessage::Heartbeat { cursor: self.cursor.to_string(), data }).await?;
                }
                () = &mut shutdown => {
                    return Err(Some(close(close_code::AWAY, "server shutting down")));
                }
            }
        }
    }

    /// Reads the ring of its filter, from what the store holds now. What is behind that is judged
    /// for the filter, because it was joined before; what is not is left to the list.
    fn begin_at_end(&mut self) {
        let events = self.group.as_ref().map_or(&self.app.live.events, |group| &group.events);
        self.ring = events.subscribe();
        let end = End::of(&self.app.store.snapshot());
        self.base = end.ids;
        self.cursor = Cursor::at(end);
    }

    async fn say(&mut self, message: &ServerMessage<'_>) -> Result<(), Ended> {
        self.feed(&Written::new(text(message))).await?;
        self.socket.flush().await.map_err(|_| None)
    }

    /// Puts a message into the write buffer.
    async fn feed(&mut self, message: &Written) -> Result<(), Ended> {
        let frame = message.frame(self.form).ok_or(None)?;
        self.socket.feed(frame).await.map_err(|_| None)
    }

    /// Writes an event and those that wait behind it, then flushes once.
    async fn pass_on(&mut self, mut told: Told) -> Result<(), Ended> {
        let mut written = 0;
        loop {
            let Told::Event(event, form) = &told else {
                let end = End::of(&self.app.store.snapshot());
                self.gap("unknown", end).await?;
                self.base = end.ids;
                return Ok(());
            };
            let (from, to) = event.batch;
            if reaches(self.base, to) {
                // Told already.
            } else if reaches(from, self.base) {
                if let Some(message) = event.written(*form) {
                    self.feed(message).await?;
                }
                self.cursor = event.cursor;
                self.base = self.cursor.from;
            } else {
                // A batch that began before the snapshot this client was caught up to, and ends
                // behind it: the rest of it comes from the store.
                self.socket.flush().await.map_err(|_| None)?;
                self.catch_up().await?;
            }
            written += 1;
            if written == BURST {
                break;
            }
            told = match self.ring.try_recv() {
                Ok(told) => told,
                Err(TryRecvError::Lagged(missed)) => {
                    self.socket.flush().await.map_err(|_| None)?;
                    return self.lagged(missed).await;
                }
                Err(_) => break,
            };
        }
        self.socket.flush().await.map_err(|_| None)
    }

    /// Moves the cursor on past what its filter let not through.
    async fn keep_up(&mut self) -> Result<(), Ended> {
        // Events come into the ring before the position moves past them.
        let position = **self.app.live.position.load();
        loop {
            match self.ring.try_recv() {
                Ok(told) => self.pass_on(told).await?,
                Err(TryRecvError::Lagged(missed)) => self.lagged(missed).await?,
                Err(_) => break,
            }
        }
        if position.is_set && position.end.ids != self.base && reaches(position.end.ids, self.base) {
            self.base = position.end.ids;
            self.cursor = Cursor::at(position.end);
        }
        Ok(())
    }

    async fn lagged(&mut self, missed: u64) -> Result<(), Ended> {
        self.app.live.figures.lagged.fetch_add(1, Ordering::Relaxed);
        self.say(&ServerMessage::Lag { data: Lag { missed } }).await?;
        self.ring = self.ring.resubscribe();
        self.catch_up().await
    }

    /// Sends what lies between the client's cursor and the store's end.
    async fn catch_up(&mut self) -> Result<(), Ended> {
        // The snapshot is newer than the subscription to the ring: what is in both is skipped by
        // its ids, so nothing falls in between.
        let snapshot = self.app.store.snapshot();
        let end = End::of(&snapshot);
        match backlog::behind(self.cursor, &snapshot, end) {
            Backlog::Gap(reason) => self.gap(reason, end).await?,
            Backlog::Events(entries) => {
                let now_ms = self.app.clock.now_ms();
                for (at, entry) in entries.iter().enumerate() {
                    let message = {
                        let veil = self.app.veil.load();
                        let view = View { snapshot: &snapshot, veil: &veil };
                        let Some(row) = snapshot.by_id(entry.id) else { continue };
                        let form = match &self.group {
                            None => Some(if entry.is_new { Form::Whole } else { Form::Increment }),
                            // What the client has of a transmission is not known here: the whole is.
                            Some(group) => {
                                Judged::new(row, view).passes(&group.filter, now_ms).then_some(Form::Whole)
                            }
                        };
                        let cursor = entry.cursor.to_string();
                        form.map(|form| match form {
                            Form::Whole => events::transmission(row, entry.observations.1, &cursor, view),
                            Form::Increment => events::observations(row, entry.observations, &cursor, view),
                        })
                    };
                    if let Some(message) = message {
                        self.feed(&Written::new(message)).await?;
                    }
                    self.cursor = entry.cursor;
                    if at % BURST == BURST - 1 {
                        self.socket.flush().await.map_err(|_| None)?;
                    }
                }
                self.socket.flush().await.map_err(|_| None)?;
            }
        }
        self.cursor = Cursor::at(end);
        self.base = end.ids;
        Ok(())
    }

    /// Says that events are lost; the stream goes on from `end`.
    async fn gap(&mut self, reason: &'static str, end: End) -> Result<(), Ended> {
        self.app.live.figures.gaps.fetch_add(1, Ordering::Relaxed);
        self.cursor = Cursor::at(end);
        self.say(&ServerMessage::Gap { cursor: self.cursor.to_string(), data: Gap { reason } }).await
    }

    async fn hear(&mut self, message: &str) -> Result<(), Ended> {
        match serde_json::from_str(message) {
            Ok(ClientMessage::Ping) => self.say(&ServerMessage::Pong {}).await,
            Ok(ClientMessage::Subscribe { filter }) => self.subscribe(&filter).await,
            Err(error) => {
                let error = ApiError::bad_request("message not understood").hint(error.to_string());
                self.say(&ServerMessage::Error { data: error.code("bad_message").body().clone() }).await
            }
        }
    }

    /// Changes the filter; the old one stays when the new one is refused.
    async fn subscribe(&mut self, filter: &str) -> Result<(), Ended> {
        let group = match self.app.live.filters.join(filter) {
            Ok(group) => group,
            Err(refused) => {
                return self.say(&ServerMessage::Error { data: refusal(refused).body().clone() }).await;
            }
        };
        self.group = group;
        self.begin_at_end();
        let data = match &self.group {
            Some(group) => FilterInfo {
                filter: group.filter.source().to_owned(),
                warnings: FilterWarning::all(&group.filter),
            },
            None => FilterInfo { filter: String::new(), warnings: Vec::new() },
        };
        self.say(&ServerMessage::Filter { cursor: self.cursor.to_string(), data }).await
    }
}

/// After a restart the rows that a cursor names may not be loaded yet; it is judged when they are.
async fn until_loaded(app: &App, cursor: Cursor) {
    let given_up = Instant::now() + LOADING;
    while Instant::now() < given_up && !app.shutdown.is_cancelled() {
        {
            let snapshot = app.store.snapshot();
            let loading = snapshot.loading();
            if loading.complete || (loading.usable && cursor.to.is_in(&snapshot)) {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whether these ids are at least those.
fn reaches(ids: (i64, i64), others: (i64, i64)) -> bool {
    ids.0 >= others.0 && ids.1 >= others.1
}

fn refusal(refused: Refused) -> ApiError {
    match refused {
        Refused::Syntax(error) => crate::api::filter_error(&error),
        Refused::Full => ApiError::unavailable("too many different filters are in use", 30).code("full"),
    }
}
