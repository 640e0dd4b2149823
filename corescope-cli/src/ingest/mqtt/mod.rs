//! One MQTT broker as a source: connects, subscribes at QoS 1 with a session that the broker keeps,
//! acknowledges after the commit, and connects again for ever.

mod backoff;
mod connect;
mod status;
pub mod tls;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use corescope_core::config::{Source, printable};
use rumqttc::{
    ConnectReturnCode, ConnectionError, Event, EventLoop, Packet, PubAck, Publish, QoS, Request, StateError,
    Subscribe, SubscribeFilter, SubscribeReasonCode, mqttbytes,
};
use tokio_util::sync::CancellationToken;

use self::backoff::Backoff;
pub use self::connect::MAX_PACKET;
pub use self::status::{Asked, SourceFigures, SourceStatus};
pub use self::watch::watch;
use super::clock::now_ms;
use super::message::{Origin, Raw, read};
use super::queue::{Closed, Intake};
use super::receipt::{Ack, AckInbox, AckLine, Receipt, ack_line};
use super::shared::Shared;

/// One broker to receive from.
#[derive(Debug, Clone)]
pub struct MqttSource {
    /// Its configuration.
    pub source: Source,
    /// The name under which the broker keeps our session.
    pub client_id: String,
    /// Where messages go.
    pub intake: Intake,
    /// What all sources share.
    pub shared: Arc<Shared>,
    /// How it is doing.
    pub status: Arc<SourceStatus>,
    /// Ends it.
    pub stop: CancellationToken,
    /// How long it waits for acknowledgements when it is ended.
    pub grace: Duration,
}

/// What a broker is asked for. Quality 2 is asked as 1: it would spare duplicates, which collapse in the database
/// anyway, for twice the packets.
pub fn asked(source: &Source) -> Asked {
    Asked { qos: source.qos.min(1), clean_session: source.clean_session }
}

/// How a connection ended.
enum End {
    /// We were asked to.
    Stopped,
    /// The writer is gone.
    WriterGone,
    /// It broke, or was never made.
    Lost(String),
    /// The broker sends a packet that is too large to take; with its session it would do so for ever.
    Oversized(usize),
}

impl From<Closed> for End {
    fn from(_: Closed) -> Self {
        Self::WriterGone
    }
}

impl MqttSource {
    /// Runs until it is stopped.
    pub async fn run(self) {
        let origin = Origin::of(&self.source);
        let (line, mut inbox) = ack_line();
        let mut backoff = Backoff::new();
        let mut connection = 0;
        let mut forget_session = false;
        loop {
            connection += 1;
            let session = Session { with: &self, origin: &origin, line: &line, connection };
            let end = session.run(&mut inbox, &mut backoff, forget_session).await;
            forget_session = false;
            match end {
                End::Stopped | End::WriterGone => return self.status.closed(now_ms()),
                End::Lost(error) => self.lost(&error),
                End::Oversized(size) => {
                    forget_session = true;
                    self.shared.counters.bad("oversized");
                    self.lost(&format!(
                        "it sends a packet of {size} bytes (at most {MAX_PACKET} are taken): its queue for us is dropped to get past it"
                    ));
                }
            }
            let pause = backoff.pause();
            tokio::select! {
                () = self.stop.cancelled() => return self.status.closed(now_ms()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn lost(&self, error: &str) {
        let was_connected = self.status.figures(now_ms()).connected;
        self.status.failed(now_ms(), error);
        let key = format!("lost {} {error}", self.source.name);
        if let Some(quiet) = self.shared.counters.may_log(key, Duration::from_mins(5)) {
            let source = self.source.name.as_str();
            let broker = self.source.broker.to_string();
            if was_connected {
                tracing::warn!(source, broker, error, quiet, "connection lost, connecting again");
            } else {
                tracing::warn!(source, broker, error, quiet, "cannot connect, trying again");
            }
        }
    }
}

/// One connection.
struct Session<'a> {
    with: &'a MqttSource,
    origin: &'a Origin,
    line: &'a AckLine,
    connection: u64,
}

impl Session<'_> {
    async fn run(&self, inbox: &mut AckInbox, backoff: &mut Backoff, forget_session: bool) -> End {
        let source = &self.with.source;
        let clean = source.clean_session || forget_session;
        let (options, network) = match connect::options(source, &self.with.client_id, clean) {
            Ok(options) => options,
            Err(error) => return End::Lost(format!("{error:#}")),
        };
        let mut events = EventLoop::new(options, 16);
        events.set_network_options(network);
        let connected = tokio::select! {
            () = self.with.stop.cancelled() => return End::Stopped,
            event = events.poll() => event,
        };
        let session_present = match connected {
            Ok(Event::Incoming(Packet::ConnAck(ack))) => ack.session_present,
            Ok(other) => return End::Lost(format!("expected CONNACK, found {other:?}")),
            Err(error) => return lost(&error),
        };
        self.with.status.connected(now_ms(), session_present);
        tracing::info!(source = %source.name, broker = %source.broker, session_present, "connected");
        let end = match self.subscribe(&mut events).await {
            Ok(()) => self.receive(&mut events, inbox, backoff).await.err().unwrap_or(End::Stopped),
            Err(end) => end,
        };
        if matches!(end, End::Stopped) {
            self.say_goodbye(&mut events, inbox).await;
        }
        end
    }

    async fn subscribe(&self, events: &mut EventLoop) -> Result<(), End> {
        let qos = match asked(&self.with.source).qos {
            0 => QoS::AtMostOnce,
            _ => QoS::AtLeastOnce,
        };
        let topics = self.with.source.topics.iter().map(|topic| SubscribeFilter::new(topic.clone(), qos));
        let request = Request::Subscribe(Subscribe::new_many(topics));
        let packet = events.state.handle_outgoing_packet(request).map_err(|e| lost(&e.into()))?;
        let Some(packet) = packet else { return Ok(()) };
        send(events, [packet]).await
    }

    /// Receives until something ends it; never returns `Ok`.
    async fn receive(
        &self,
        events: &mut EventLoop,
        inbox: &mut AckInbox,
        backoff: &mut Backoff,
    ) -> Result<(), End> {
        loop {
            tokio::select! {
                biased;
                () = self.with.stop.cancelled() => return Err(End::Stopped),
                Some(acks) = inbox.next() => self.acknowledge(events, inbox, acks).await?,
                event = events.poll() => match event.map_err(|e| lost(&e))? {
                    Event::Incoming(Packet::Publish(publish)) => {
                        backoff.reset();
                        self.take(events, inbox, &publish).await?;
                    }
                    Event::Incoming(Packet::SubAck(ack)) => self.granted(&ack.return_codes)?,
                    _ => {}
                },
            }
        }
    }

    fn granted(&self, codes: &[SubscribeReasonCode]) -> Result<(), End> {
        let source = self.with.source.name.as_str();
        let mut lowest = 2;
        for (topic, code) in self.with.source.topics.iter().zip(codes) {
            match code {
                SubscribeReasonCode::Success(qos) => lowest = lowest.min(*qos as u8),
                SubscribeReasonCode::Failure => {
                    return Err(End::Lost(format!(
                        "the broker refuses the subscription to {}",
                        printable(topic)
                    )));
                }
            }
        }
        self.with.status.granted(lowest);
        tracing::info!(source, qos = lowest, "subscribed");
        if lowest == 0 && asked(&self.with.source).qos > 0 {
            tracing::warn!(
                source,
                "the broker grants QoS 0 only: what is under way when a connection breaks is lost"
            );
        }
        Ok(())
    }

    /// Hands one message over. While there is no room for it nothing is read, but the connection is kept alive.
    async fn take(&self, events: &mut EventLoop, inbox: &mut AckInbox, publish: &Publish) -> Result<(), End> {
        let now = now_ms();
        self.with.status.received(now, publish.payload.len());
        self.with.shared.heard(&publish.topic, &publish.payload);
        let raw = Raw {
            topic: &publish.topic,
            payload: &publish.payload,
            retained: publish.retain,
            received_at_ms: now,
        };
        let work = read(self.origin, &self.with.shared.admission(), &self.with.shared.counters, raw);
        let receipt = match publish.qos {
            QoS::AtMostOnce => Receipt::None,
            QoS::AtLeastOnce | QoS::ExactlyOnce => {
                self.line.receipt(Ack { connection: self.connection, id: publish.pkid })
            }
        };
        let size = publish.payload.len() + publish.topic.len() + 256;
        let mut put = std::pin::pin!(self.with.intake.put(work, receipt, size));
        let alive = Duration::from_secs(u64::from(self.with.source.keep_alive_secs)) / 2;
        loop {
            tokio::select! {
                biased;
                done = &mut put => return Ok(done?),
                () = self.with.stop.cancelled() => return Err(End::Stopped),
                Some(acks) = inbox.next() => self.acknowledge(events, inbox, acks).await?,
                () = tokio::time::sleep(alive) => send(events, [Packet::PingReq]).await?,
            }
        }
    }

    /// Sends what is due on this connection, in one go.
    async fn acknowledge(
        &self,
        events: &mut EventLoop,
        inbox: &mut AckInbox,
        mut acks: Vec<Ack>,
    ) -> Result<(), End> {
        while let Some(more) = inbox.ready() {
            acks.extend(more);
        }
        let due = acks.into_iter().filter(|ack| ack.connection == self.connection);
        send(events, due.map(|ack| Packet::PubAck(PubAck::new(ack.id)))).await
    }

    /// Reads no more, acknowledges what is still being committed, and leaves in good order.
    async fn say_goodbye(&self, events: &mut EventLoop, inbox: &mut AckInbox) {
        let last = async {
            while self.line.waiting() > 0 {
                let wait = tokio::time::timeout(Duration::from_millis(200), inbox.next());
                if let Ok(Some(acks)) = wait.await {
                    self.acknowledge(events, inbox, acks).await?;
                }
            }
            if let Some(acks) = inbox.ready() {
                self.acknowledge(events, inbox, acks).await?;
            }
            send(events, [Packet::Disconnect]).await
        };
        // Who is not acknowledged sends again, next time.
        let _ = tokio::time::timeout(self.with.grace, last).await;
    }
}

async fn send(events: &mut EventLoop, packets: impl IntoIterator<Item = Packet>) -> Result<(), End> {
    let Some(network) = events.network.as_mut() else {
        return Err(End::Lost("the connection is gone".to_owned()));
    };
    let all = async {
        for packet in packets {
            network.write(packet).await?;
        }
        network.flush().await
    };
    match tokio::time::timeout(Duration::from_secs(10), all).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(lost(&error.into())),
        Err(_) => Err(End::Lost("the broker does not take what we send for 10 s".to_owned())),
    }
}

/// Words for what the library says.
fn lost(error: &ConnectionError) -> End {
    if let ConnectionError::MqttState(StateError::Deserialization(
        mqttbytes::Error::PayloadSizeLimitExceeded(size),
    )) = error
    {
        return End::Oversized(*size);
    }
    End::Lost(match error {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        ) => "the broker refuses our user name or password".to_owned(),
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            "the broker does not answer a ping".to_owned()
        }
        ConnectionError::NetworkTimeout => "no answer within connectTimeoutSec".to_owned(),
        other => printable(&other.to_string()),
    })
}
