//! One client of the endpoint, from its first byte to its last.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use corescope_core::config::printable;
use corescope_store::write::{Refused, RefusedKind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Common;
use super::access::Guest;
use super::filter::covers;
use super::wire::{Admittance, Hello, Published, Wire, Wish};
use crate::ingest::clock::now_ms;
use crate::ingest::{Ack, AckInbox, AckLine, Heard, Raw, Receipt, Work, ack_line, read, short};

/// A client that has not said who it is after so long is closed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that does not take what we send for so long is closed.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Topics that one client may listen to.
const MAX_FILTERS: usize = 64;

/// Serves one client until it leaves, breaks a rule, or we stop.
pub(super) async fn serve<S: AsyncRead + AsyncWrite>(stream: S, peer: SocketAddr, common: Arc<Common>) {
    let (input, output) = tokio::io::split(stream);
    let (line, inbox) = ack_line();
    let mut client = Client {
        common,
        peer,
        wire: Wire::new(),
        output,
        line,
        inbox,
        exactly_once: HashSet::new(),
        session: None,
        filters: Vec::new(),
        feed: None,
        deadline: Some(Instant::now() + CONNECT_TIMEOUT),
    };
    let end = client.run(input).await;
    client.leave(end).await;
}

/// How a connection ended.
enum End {
    /// The client said goodbye.
    Left,
    /// The connection was closed without a word.
    Gone,
    /// The same client came again.
    Replaced,
    /// We stop.
    Stopped,
    /// It broke a rule.
    Refused(String),
}

struct Session {
    guest: Guest,
    will: Option<(String, Vec<u8>)>,
    replaced: CancellationToken,
    number: u64,
    client_id: String,
}

struct Client<S> {
    common: Arc<Common>,
    peer: SocketAddr,
    wire: Wire,
    output: WriteHalf<S>,
    line: AckLine,
    inbox: AckInbox,
    exactly_once: HashSet<u16>,
    session: Option<Session>,
    filters: Vec<String>,
    feed: Option<broadcast::Receiver<Heard>>,
    deadline: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite> Client<S> {
    async fn run(&mut self, mut input: ReadHalf<S>) -> End {
        let mut buffer = vec![0; 16 << 10];
        loop {
            if let Err(end) = self.flush().await {
                return end;
            }
            if let (Some(_), Some(timer)) = (&self.session, self.wire.take_timer()) {
                self.deadline = timer.map(|ms| Instant::now() + Duration::from_millis(ms));
            }
            let replaced = self.session.as_ref().map(|session| session.replaced.clone());
            let read = tokio::select! {
                biased;
                () = self.common.stop.cancelled() => return End::Stopped,
                () = cancelled(replaced.as_ref()) => return End::Replaced,
                Some(acks) = self.inbox.next() => {
                    self.acknowledge(acks);
                    continue;
                }
                () = at(self.deadline) => {
                    if self.session.is_none() {
                        return End::Refused("it said nothing for 10 s".to_owned());
                    }
                    self.wire.silent();
                    let _ = self.flush().await;
                    return End::Gone;
                }
                heard = hear(self.feed.as_mut()) => {
                    self.pass_on(heard);
                    continue;
                }
                read = input.read(&mut buffer) => read,
            };
            let data = match read {
                Ok(0) | Err(_) => return End::Gone,
                Ok(size) => buffer.get(..size).unwrap_or_default(),
            };
            for wish in self.wire.feed(data) {
                if let Err(end) = self.fulfil(wish).await {
                    let _ = self.flush().await;
                    return end;
                }
            }
        }
    }

    async fn fulfil(&mut self, wish: Wish) -> Result<(), End> {
        match wish {
            Wish::Connect(hello) => return self.admit(hello),
            Wish::Publish(message) => return self.publish(message).await,
            Wish::Release(id) => self.wire.complete(id),
            Wish::Subscribe(id, filters) => self.subscribe(id, filters),
            Wish::Unsubscribe(id, filters) => {
                self.filters.retain(|filter| !filters.contains(filter));
                if self.filters.is_empty() {
                    self.feed = None;
                }
                self.wire.unsuback(id, filters.len());
            }
            Wish::Disconnect => return Err(End::Left),
            Wish::Close(why) => return Err(End::Refused(why)),
        }
        Ok(())
    }

    fn admit(&mut self, hello: Hello) -> Result<(), End> {
        let guest = match self.common.access.load().admit(&hello, now_ms().div_euclid(1000)) {
            Ok(guest) => guest,
            Err((answer, why)) => {
                self.wire.connack(answer);
                return Err(End::Refused(why));
            }
        };
        let will = hello.will.filter(|(topic, _)| guest.may_publish(topic));
        let (number, replaced) = self.common.enter(&hello.client_id);
        self.wire.connack(Admittance::Welcome);
        self.deadline = None;
        tracing::debug!(peer = %self.peer, client = %printable(&hello.client_id), "client connected");
        self.session = Some(Session { guest, will, replaced, number, client_id: hello.client_id });
        Ok(())
    }

    async fn publish(&mut self, message: Published) -> Result<(), End> {
        let Some(session) = &self.session else {
            return Err(End::Refused("it published before CONNECT".to_owned()));
        };
        let now = now_ms();
        self.common.status.received(now, message.payload.len());
        if !session.guest.may_publish(&message.topic) {
            return self.deny(&message, now).await;
        }
        self.common.shared.heard(&message.topic, &message.payload);
        let receipt = match message.id {
            None => Receipt::None,
            Some(id) => {
                if message.exactly_once {
                    self.exactly_once.insert(id);
                }
                self.line.receipt(Ack { connection: 0, id })
            }
        };
        let raw =
            Raw { topic: &message.topic, payload: &message.payload, retained: false, received_at_ms: now };
        let work =
            read(&self.common.origin, &self.common.shared.admission(), &self.common.shared.counters, raw);
        self.put(work, receipt, message.payload.len() + message.topic.len() + 256).await
    }

    /// Hands over. While there is no room nothing is read from this client, but it is answered.
    async fn put(&mut self, work: Work, receipt: Receipt, size: usize) -> Result<(), End> {
        let intake = self.common.intake.clone();
        let mut put = std::pin::pin!(intake.put(work, receipt, size));
        loop {
            tokio::select! {
                biased;
                done = &mut put => return done.map_err(|_| End::Stopped),
                () = self.common.stop.cancelled() => return Err(End::Stopped),
                Some(acks) = self.inbox.next() => {
                    self.acknowledge(acks);
                    self.flush().await?;
                }
            }
        }
    }

    /// A message where this client may not publish: answered at once, kept in the account.
    async fn deny(&mut self, message: &Published, now: i64) -> Result<(), End> {
        let source = &self.common.origin.source;
        self.common.shared.counters.refused(source, RefusedKind::Filtered, "acl");
        let refused = Refused {
            source: Arc::clone(source),
            observer: None,
            received_at_ms: now,
            kind: RefusedKind::Filtered,
            reason: "acl".into(),
            count: 1,
        };
        if let Some(id) = message.id {
            self.wire.acknowledge(id, message.exactly_once, false);
        }
        self.put(Work::Refuse(Box::new(refused)), Receipt::None, 256).await
    }

    fn acknowledge(&mut self, acks: Vec<Ack>) {
        for ack in acks {
            let exactly_once = self.exactly_once.remove(&ack.id);
            self.wire.acknowledge(ack.id, exactly_once, true);
        }
    }

    fn subscribe(&mut self, id: u16, filters: Vec<String>) {
        let mut granted = Vec::with_capacity(filters.len());
        for filter in filters {
            let may = self.session.as_ref().is_some_and(|session| session.guest.may_subscribe(&filter))
                && self.filters.len() < MAX_FILTERS;
            granted.push(may);
            if may && !self.filters.contains(&filter) {
                self.filters.push(filter);
            }
        }
        if !self.filters.is_empty() && self.feed.is_none() {
            self.feed = Some(self.common.shared.listen());
        }
        self.wire.suback(id, &granted);
    }

    fn pass_on(&mut self, heard: Result<Heard, RecvError>) {
        match heard {
            Ok(heard) if self.filters.iter().any(|filter| covers(filter, &heard.topic)) => {
                self.wire.publish(&heard.topic, &heard.payload);
            }
            Ok(_) => {}
            // Quality 0: a slow listener misses some.
            Err(RecvError::Lagged(missed)) => {
                metrics::counter!("corescope_endpoint_missed_total").increment(missed);
            }
            Err(RecvError::Closed) => self.feed = None,
        }
    }

    async fn flush(&mut self) -> Result<(), End> {
        if !self.wire.has_out() {
            return Ok(());
        }
        let out = self.wire.take_out();
        let write = async {
            self.output.write_all(&out).await?;
            self.output.flush().await
        };
        match tokio::time::timeout(WRITE_TIMEOUT, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Refused("it does not take what we send".to_owned())),
        }
    }

    async fn leave(mut self, end: End) {
        if let End::Refused(why) = &end {
            self.common.shared.counters.bad("mqtt");
            let address = self.peer.ip();
            if let Some(quiet) =
                self.common.shared.counters.may_log(format!("mqtt {address} {why}"), Duration::from_mins(1))
            {
                tracing::warn!(peer = %self.peer, why = %printable(why), quiet, "MQTT client refused");
            }
        }
        if matches!(end, End::Stopped | End::Left) {
            self.drain().await;
        }
        let said_goodbye = matches!(end, End::Left | End::Stopped);
        if let Some(session) = self.session.take() {
            self.common.exit(&session.client_id, session.number);
            if let Some((topic, payload)) = session.will.filter(|_| !said_goodbye) {
                self.publish_will(&session.guest, &topic, payload.into()).await;
            }
        }
        let _ = self.output.shutdown().await;
    }

    /// Answers what is still being committed.
    async fn drain(&mut self) {
        let grace = self.common.grace;
        let last = async {
            while self.line.waiting() > 0 {
                let Some(acks) = self.inbox.next().await else { break };
                self.acknowledge(acks);
                self.flush().await?;
            }
            while let Some(acks) = self.inbox.ready() {
                self.acknowledge(acks);
            }
            if self.common.stop.is_cancelled() {
                self.wire.goodbye();
            }
            self.flush().await
        };
        let _ = tokio::time::timeout(grace, last).await;
    }

    /// What a client left to be said when it goes without a word: an observer's "offline".
    async fn publish_will(&mut self, guest: &Guest, topic: &str, payload: Bytes) {
        tracing::debug!(client = %short(&guest.name), "client gone, its last will is published");
        self.common.shared.heard(topic, &payload);
        self.common.status.received(now_ms(), payload.len());
        let raw = Raw { topic, payload: &payload, retained: false, received_at_ms: now_ms() };
        let work =
            read(&self.common.origin, &self.common.shared.admission(), &self.common.shared.counters, raw);
        let _ = self.put(work, Receipt::None, payload.len() + 256).await;
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

async fn cancelled(token: Option<&CancellationToken>) {
    match token {
        Some(token) => token.cancelled().await,
        None => std::future::pending().await,
    }
}

async fn hear(feed: Option<&mut broadcast::Receiver<Heard>>) -> Result<Heard, RecvError> {
    match feed {
        Some(feed) => feed.recv().await,
        None => std::future::pending().await,
    }
}
