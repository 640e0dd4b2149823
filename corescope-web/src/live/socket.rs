//! One socket, from its first moment to its end: places, pulse, and the original's protocol.

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::SinkExt;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::cursor::Cursor;
use super::message::Wire;
use super::version2;
use crate::server::Place;
use crate::server::limit::Permit;
use crate::{App, AppState};

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
pub(super) const BURST: usize = 64;

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
            Box::pin(version2::serve(&mut socket, &app, since, &filter, form)).await;
        }
    }
    figures.sockets.fetch_sub(1, Ordering::Relaxed);
    drop((held.permit, held.place));
}

/// How a socket keeps in touch.
pub(super) struct Pulse {
    pub(super) ticks: tokio::time::Interval,
    heard: Instant,
    messages: u32,
}

impl Pulse {
    pub(super) fn new() -> Self {
        let mut ticks = interval_at(Instant::now() + PING, PING);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, heard: Instant::now(), messages: 0 }
    }

    /// What came from the client; breaks when the socket is over.
    pub(super) fn hear(
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
    pub(super) async fn beat(&mut self, socket: &mut WebSocket) -> bool {
        self.messages = 0;
        self.heard.elapsed() < SILENCE && socket.send(Message::Ping(axum::body::Bytes::new())).await.is_ok()
    }
}

pub(super) fn close(code: u16, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: Utf8Bytes::from_static(reason) }
}

pub(super) async fn end(socket: &mut WebSocket, frame: Option<CloseFrame>) {
    // The client may be gone; then there is nobody to tell.
    let _ = tokio::time::timeout(Duration::from_secs(5), socket.send(Message::Close(frame))).await;
}

/// Nothing that the client says matters; one message per observation.
async fn original(socket: &mut WebSocket, app: &App) {
    let mut messages = app.live.originals.subscribe();
    let mut pulse = Pulse::new();
    let mut shutdown = pin!(app.shutdown.cancelled());
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
            () = &mut shutdown => {
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
