//! One socket, from its greeting to its end.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use corescope_core::time::rfc3339;
use futures_util::SinkExt;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::backlog::{self, Backlog};
use super::cursor::Cursor;
use super::events::{self, ClientMessage, FilterInfo, Gap, Heartbeat, Hello, Lag, ServerMessage};
use super::feed::{Event, Form, Position};
use super::filters::{Group, Refused};
use super::message::{Wire, Written};
use super::original::text;
use crate::api::packets::{Judged, View};
use crate::server::Place;
use crate::server::limit::Permit;
use crate::{ApiError, App, AppState};

/// What a socket asked for in its address.
#[derive(Debug)]
pub(super) enum Request {
    /// The original's messages.
    Original,
    /// Version 2.
    Events {
        /// Go on behind this.
        since: Option<Cursor>,
        /// A filter expression, empty for none.
        filter: String,
        /// How messages are written.
        form: Wire,
    },
}

/// Places that a socket takes while it is open.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) permit: Permit,
    pub(super) place: Option<Place>,
}

/// Time between pings.
const PING: Duration = Duration::from_secs(30);
/// A socket that says nothing for this long is gone.
const SILENCE: Duration = Duration::from_secs(75);
/// Messages of a client per heartbeat before it is closed.
const MAX_MESSAGES: u32 = 120;
/// Events written before the client is listened to again.
const BURST: usize = 64;

/// Serves a socket to its end.
pub(super) async fn serve(mut socket: WebSocket, app: AppState, request: Request, held: Held) {
    let figures = &app.live.figures;
    figures.sockets.fetch_add(1, Ordering::Relaxed);
    match request {
        Request::Original => {
            figures.originals.fetch_add(1, Ordering::Relaxed);
            original(&mut socket, &app).await;
            figures.originals.fetch_sub(1, Ordering::Relaxed);
        }
        Request::Events { since, filter, form } => {
            Box::pin(version2(&mut socket, &app, since, &filter, form)).await;
        }
    }
    figures.sockets.fetch_sub(1, Ordering::Relaxed);
    drop((held.permit, held.place));
}

/// How a socket keeps in touch.
struct Pulse {
    ticks: tokio::time::Interval,
    heard: Instant,
    messages: u32,
}

impl Pulse {
    fn new() -> Self {
        let mut ticks = interval_at(Instant::now() + PING, PING);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, heard: Instant::now(), messages: 0 }
    }

    /// What came from the client; breaks when the socket is over.
    fn hear(
        &mut self,
        received: Option<Result<Message, axum::Error>>,
    ) -> ControlFlow<Option<CloseFrame>, Option<Utf8Bytes>> {
        self.heard = Instant::now();
        self.messages += 1;
        if self.messages > MAX_MESSAGES {
            return ControlFlow::Break(Some(close(close_code::POLICY, "too many messages")));
        }
        match received {
            Some(Ok(Message::Text(text))) => ControlFlow::Continue(Some(text)),
            Some(Ok(Message::Close(_))) | None => ControlFlow::Break(None),
            Some(Ok(_)) => ControlFlow::Continue(None),
            Some(Err(error)) if error.to_string().contains("too long") => {
                ControlFlow::Break(Some(close(close_code::SIZE, "message too long")))
            }
            Some(Err(_)) => ControlFlow::Break(None),
        }
    }

    /// A ping; false when the client is gone.
    async fn beat(&mut self, socket: &mut WebSocket) -> bool {
        self.messages = 0;
        self.heard.elapsed() < SILENCE && socket.send(Message::Ping(axum::body::Bytes::new())).await.is_ok()
    }
}

fn close(code: u16, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: Utf8Bytes::from_static(reason) }
}

async fn end(socket: &mut WebSocket, frame: Option<CloseFrame>) {
    // The client may be gone; then there is nobody to tell.
    let _ = tokio::time::timeout(Duration::from_secs(5), socket.send(Message::Close(frame))).await;
}

/// Nothing that the client says matters; one message per observation.
async fn original(socket: &mut WebSocket, app: &App) {
    let mut messages = app.live.originals.subscribe();
    let mut pulse = Pulse::new();
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Ok(message) => {
                    if burst(socket, message, &mut messages).await.is_err() {
                        return;
                    }
                }
                Err(RecvError::Lagged(_)) => {
                    app.live.figures.lagged.fetch_add(1, Ordering::Relaxed);
                    return end(socket, Some(close(close_code::AGAIN, "too slow"))).await;
                }
                Err(RecvError::Closed) => return,
            },
            received = socket.recv() => if let ControlFlow::Break(frame) = pulse.hear(received) {
                return end(socket, frame).await;
            },
            _ = pulse.ticks.tick() => if !pulse.beat(socket).await {
                return;
            },
            () = app.shutdown.cancelled() => {
                return end(socket, Some(close(close_code::AWAY, "server shutting down"))).await;
            }
        }
    }
}

/// Writes a message and what waits behind it, then flushes once.
async fn burst(
    socket: &mut WebSocket,
    first: Utf8Bytes,
    messages: &mut Receiver<Utf8Bytes>,
) -> Result<(), axum::Error> {
    socket.feed(Message::Text(first)).await?;
    for _ in 0..BURST {
        // Lagging shows at the next recv.
        let Ok(message) = messages.try_recv() else { break };
        socket.feed(Message::Text(message)).await?;
    }
    socket.flush().await
}

/// A socket of version 2.
struct Events<'a> {
    socket: &'a mut WebSocket,
    app: &'a App,
    ring: Receiver<Arc<Event>>,
    group: Option<Arc<Group>>,
    /// Where the client is.
    cursor: Cursor,
    /// Every row up to these ids is behind it; beyond them, what `cursor` says of the batch.
    base: (i64, i64),
    form: Wire,
}

async fn version2(socket: &mut WebSocket, app: &App, since: Option<Cursor>, filter: &str, form: Wire) {
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
        let position = self.position();
        self.base = position.ids;
        self.cursor = since.unwrap_or(Cursor::at(position.ids));
        let data = Hello {
            version: 2,
            server_time: rfc3339(self.app.clock.now()),
            filter: self.group.as_ref().map_or_else(String::new, |g| g.filter.source().to_owned()),
        };
        self.say(&ServerMessage::Hello { cursor: self.cursor.to_string(), data }).await?;
        if since.is_some() {
            self.app.live.figures.resumed.fetch_add(1, Ordering::Relaxed);
            self.catch_up().await?;
        }
        let mut pulse = Pulse::new();
        loop {
            tokio::select! {
                event = self.ring.recv() => match event {
                    Ok(event) => self.pass_on(event).await?,
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
                    let data = Heartbeat { server_time: rfc3339(self.app.clock.now()) };
                    self.say(&ServerMessage::Heartbeat { cursor: self.cursor.to_string(), data }).await?;
                }
                () = self.app.shutdown.cancelled() => {
                    return Err(Some(close(close_code::AWAY, "server shutting down")));
                }
            }
        }
    }

    /// Up to where events are made; before the store is loaded, where it is.
    fn position(&self) -> Position {
        let position = **self.app.live.position.load();
        if position.is_set {
            return position;
        }
        let snapshot = self.app.store.snapshot();
        Position { version: snapshot.version(), ids: snapshot.last_ids(), is_set: false }
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
    async fn pass_on(&mut self, mut event: Arc<Event>) -> Result<(), Ended> {
        let mut written = 0;
        loop {
            let (from, to) = event.batch;
            if from == self.base {
                if let Some(message) = self.form(&event) {
                    self.feed(message).await?;
                }
                self.cursor = event.entry.cursor;
                self.base = self.cursor.from;
            } else if to.0 > self.base.0 || to.1 > self.base.1 {
                // A batch that began before the snapshot this client was caught up to, and ends
                // behind it: the rest of it comes from the store.
                self.socket.flush().await.map_err(|_| None)?;
                self.catch_up().await?;
            }
            written += 1;
            if written == BURST {
                break;
            }
            event = match self.ring.try_recv() {
                Ok(event) => event,
                Err(TryRecvError::Lagged(missed)) => {
                    self.socket.flush().await.map_err(|_| None)?;
                    return self.lagged(missed).await;
                }
                Err(_) => break,
            };
        }
        self.socket.flush().await.map_err(|_| None)
    }

    fn form<'e>(&self, event: &'e Event) -> Option<&'e Written> {
        let form = match &self.group {
            None if event.entry.is_new => Form::Whole,
            None => Form::Increment,
            Some(group) => event.groups.iter().find(|(id, _)| *id == group.id).map(|(_, form)| *form)?,
        };
        match form {
            Form::Whole => event.whole.as_ref(),
            Form::Increment => event.increment.as_ref(),
        }
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
        let end = snapshot.last_ids();
        match backlog::behind(self.cursor, &snapshot, end) {
            Backlog::Gap(reason) => {
                self.app.live.figures.gaps.fetch_add(1, Ordering::Relaxed);
                self.cursor = Cursor::at(end);
                self.say(&ServerMessage::Gap { cursor: self.cursor.to_string(), data: Gap { reason } })
                    .await?;
            }
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
        self.base = end;
        Ok(())
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
        // Rows behind this snapshot are judged for the new group, because it joined before the
        // snapshot was taken; earlier ones are left to the list that the client reads now.
        let snapshot = self.app.store.snapshot();
        self.group = group;
        self.base = snapshot.last_ids();
        self.cursor = Cursor::at(self.base);
        let data = match &self.group {
            Some(group) => FilterInfo {
                filter: group.filter.source().to_owned(),
                warnings: group
                    .filter
                    .warnings()
                    .iter()
                    .map(|w| format!("column {}: {}", w.column, w.message))
                    .collect(),
            },
            None => FilterInfo { filter: String::new(), warnings: Vec::new() },
        };
        self.say(&ServerMessage::Filter { cursor: self.cursor.to_string(), data }).await
    }
}

fn refusal(refused: Refused) -> ApiError {
    match refused {
        Refused::Syntax(error) => crate::api::filter_error(&error),
        Refused::Full => ApiError::unavailable("too many different filters are in use", 30).code("full"),
    }
}
