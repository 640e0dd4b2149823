//! Both versions of the protocol behind one small vocabulary.
//!
//! The library does the bytes and the state machine; nothing here reads a socket.

use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{ConnectionOptions, Event, TimerKind};
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait, Packet, Qos, SubEntry, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::{
    ConnectReasonCode, ConnectReturnCode, DisconnectReasonCode, MqttError, PubackReasonCode,
    PubrecReasonCode, SubackReasonCode, SubackReturnCode, UnsubackReasonCode,
};
use mqtt_protocol_core::mqtt::{Connection, Version, role};

/// Largest packet that is taken, bytes. A larger one closes the connection before it is read.
pub const MAX_PACKET: u32 = 256 << 10;

/// Unacknowledged messages that one client may have under way (told to clients of version 5).
const RECEIVE_MAXIMUM: u16 = 1024;

/// The protocol's side of one connection.
pub(super) struct Wire {
    connection: Connection<role::Server>,
    out: Vec<u8>,
    version: Version,
    timer: Option<Option<u64>>,
}

/// What a client wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// To be let in.
    Connect(Hello),
    /// To hand over a message.
    Publish(Published),
    /// To complete a message of quality 2.
    Release(u16),
    /// To listen.
    Subscribe(u16, Vec<String>),
    /// To listen no more.
    Unsubscribe(u16, Vec<String>),
    /// To leave in good order.
    Disconnect,
    /// The connection is to be closed because of this.
    Close(String),
}

/// How a client introduces itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Hello {
    pub(super) client_id: String,
    pub(super) user: Option<String>,
    pub(super) password: Option<Vec<u8>>,
    pub(super) will: Option<(String, Vec<u8>)>,
}

/// A message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) topic: String,
    pub(super) payload: bytes::Bytes,
    /// Identifier of a message that wants an answer.
    pub(super) id: Option<u16>,
    pub(super) exactly_once: bool,
}

/// Whether a client is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admittance {
    Welcome,
    BadLogin,
    NotAllowed,
}

impl Wire {
    pub(super) fn new() -> Self {
        let options =
            ConnectionOptions::new().maximum_packet_size_recv(MAX_PACKET).receive_maximum(RECEIVE_MAXIMUM);
        let mut connection = Connection::with_options(Version::Undetermined, options);
        // The answer to a message is ours: it means "on the disk".
        connection.set_auto_pub_response(false);
        connection.set_auto_ping_response(true);
        Self { connection, out: Vec::new(), version: Version::Undetermined, timer: None }
    }

    /// Reads what came; every byte is used up.
    pub(super) fn feed(&mut self, data: &[u8]) -> Vec<Wish> {
        let mut cursor = Cursor::new(data);
        let mut wishes = Vec::new();
        while (cursor.position() as usize) < data.len() {
            let before = cursor.position();
            let events = self.connection.recv(&mut cursor);
            let quiet = events.is_empty();
            self.absorb(events, &mut wishes);
            let closing = wishes.iter().any(|wish| matches!(wish, Wish::Close(_)));
            if closing || (quiet && cursor.position() == before) {
                break;
            }
        }
        wishes
    }

    /// The keep-alive timer ran out.
    pub(super) fn silent(&mut self) -> Vec<Wish> {
        let mut wishes = Vec::new();
        let events = self.connection.notify_timer_fired(TimerKind::PingreqRecv);
        self.absorb(events, &mut wishes);
        wishes.push(Wish::Close("it was silent for longer than its keep-alive".to_owned()));
        wishes
    }

    /// Bytes that are to be sent.
    pub(super) fn take_out(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// What the keep-alive timer is to be set to, if that changed: milliseconds, or off.
    pub(super) fn take_timer(&mut self) -> Option<Option<u64>> {
        self.timer.take()
    }

    pub(super) fn has_out(&self) -> bool {
        !self.out.is_empty()
    }

    pub(super) fn connack(&mut self, admittance: Admittance) {
        let packet = if self.is_v5() {
            let code = match admittance {
                Admittance::Welcome => ConnectReasonCode::Success,
                Admittance::BadLogin => ConnectReasonCode::BadUserNameOrPassword,
                Admittance::NotAllowed => ConnectReasonCode::NotAuthorized,
            };
            v5_0::Connack::builder().session_present(false).reason_code(code).build().map(Packet::from)
        } else {
            let code = match admittance {
                Admittance::Welcome => ConnectReturnCode::Accepted,
                Admittance::BadLogin => ConnectReturnCode::BadUserNameOrPassword,
                Admittance::NotAllowed => ConnectReturnCode::NotAuthorized,
            };
            v3_1_1::Connack::builder().session_present(false).return_code(code).build().map(Packet::from)
        };
        self.send(packet);
    }

    /// A message is on the disk (or will never be: `allowed` is false).
    pub(super) fn acknowledge(&mut self, id: u16, exactly_once: bool, allowed: bool) {
        let packet = match (self.is_v5(), exactly_once) {
            (true, false) => {
                let code = if allowed { PubackReasonCode::Success } else { PubackReasonCode::NotAuthorized };
                v5_0::Puback::builder().packet_id(id).reason_code(code).build().map(Packet::from)
            }
            (true, true) => {
                let code = if allowed { PubrecReasonCode::Success } else { PubrecReasonCode::NotAuthorized };
                v5_0::Pubrec::builder().packet_id(id).reason_code(code).build().map(Packet::from)
            }
            // Version 3.1.1 cannot say no: it is answered and dropped, as brokers do.
            (false, false) => v3_1_1::Puback::builder().packet_id(id).build().map(Packet::from),
            (false, true) => v3_1_1::Pubrec::builder().packet_id(id).build().map(Packet::from),
        };
        self.send(packet);
    }

    pub(super) fn complete(&mut self, id: u16) {
        let packet = if self.is_v5() {
            v5_0::Pubcomp::builder().packet_id(id).build().map(Packet::from)
        } else {
            v3_1_1::Pubcomp::builder().packet_id(id).build().map(Packet::from)
        };
        self.send(packet);
    }

    pub(super) fn suback(&mut self, id: u16, granted: &[bool]) {
        let packet = if self.is_v5() {
            let code =
                |ok: &bool| if *ok { SubackReasonCode::GrantedQos0 } else { SubackReasonCode::NotAuthorized };
            v5_0::Suback::builder()
                .packet_id(id)
                .reason_codes(granted.iter().map(code).collect())
                .build()
                .map(Packet::from)
        } else {
            let code = |ok: &bool| {
                if *ok { SubackReturnCode::SuccessMaximumQos0 } else { SubackReturnCode::Failure }
            };
            v3_1_1::Suback::builder()
                .packet_id(id)
                .return_codes(granted.iter().map(code).collect())
                .build()
                .map(Packet::from)
        };
        self.send(packet);
    }

    pub(super) fn unsuback(&mut self, id: u16, count: usize) {
        let packet = if self.is_v5() {
            let codes = vec![UnsubackReasonCode::Success; count];
            v5_0::Unsuback::builder().packet_id(id).reason_codes(codes).build().map(Packet::from)
        } else {
            v3_1_1::Unsuback::builder().packet_id(id).build().map(Packet::from)
        };
        self.send(packet);
    }

    /// Sends a message at quality 0.
    pub(super) fn publish(&mut self, topic: &str, payload: &[u8]) {
        let packet = if self.is_v5() {
            v5_0::Publish::builder()
                .topic_name(topic)
                .and_then(|p| p.qos(Qos::AtMostOnce).payload(payload.to_vec()).build())
                .map(Packet::from)
        } else {
            v3_1_1::Publish::builder()
                .topic_name(topic)
                .and_then(|p| p.qos(Qos::AtMostOnce).payload(payload.to_vec()).build())
                .map(Packet::from)
        };
        self.send(packet);
    }

    /// Says that we leave (version 3.1.1 has no word for it).
    pub(super) fn goodbye(&mut self) {
        if self.is_v5() {
            let code = DisconnectReasonCode::ServerShuttingDown;
            self.send(v5_0::Disconnect::builder().reason_code(code).build().map(Packet::from));
        }
    }

    fn is_v5(&self) -> bool {
        self.version == Version::V5_0
    }

    fn send(&mut self, packet: Result<Packet, MqttError>) {
        match packet {
            Ok(packet) => {
                let events = self.connection.send(packet);
                self.absorb(events, &mut Vec::new());
            }
            Err(error) => tracing::debug!(?error, "cannot build a packet"),
        }
    }

    fn absorb(&mut self, events: Vec<Event>, wishes: &mut Vec<Wish>) {
        let mut reason = None;
        for event in events {
            match event {
                Event::NotifyPacketReceived(packet) => wishes.extend(self.wish(packet)),
                Event::RequestSendPacket { packet, .. } => self.out.extend(packet.to_continuous_buffer()),
                Event::NotifyError(error) => reason = Some(format!("{error:?}")),
                Event::RequestClose => {
                    reason.get_or_insert_with(|| "protocol error".to_owned());
                }
                Event::RequestTimerReset { kind: TimerKind::PingreqRecv, duration_ms } => {
                    self.timer = Some(Some(duration_ms));
                }
                Event::RequestTimerCancel(TimerKind::PingreqRecv) => self.timer = Some(None),
                _ => {}
            }
        }
        wishes.extend(reason.map(Wish::Close));
    }

    fn wish(&mut self, packet: Packet) -> Option<Wish> {
        Some(match packet {
            Packet::V3_1_1Connect(p) => {
                self.version = Version::V3_1_1;
                let will =
                    p.will_topic().map(|t| (t.to_owned(), p.will_payload().unwrap_or_default().to_vec()));
                let (user, password) = (p.user_name().map(str::to_owned), p.password().map(<[u8]>::to_vec));
                Wish::Connect(Hello { client_id: p.client_id().to_owned(), user, password, will })
            }
            Packet::V5_0Connect(p) => {
                self.version = Version::V5_0;
                let will =
                    p.will_topic().map(|t| (t.to_owned(), p.will_payload().unwrap_or_default().to_vec()));
                let (user, password) = (p.user_name().map(str::to_owned), p.password().map(<[u8]>::to_vec));
                Wish::Connect(Hello { client_id: p.client_id().to_owned(), user, password, will })
            }
            Packet::V3_1_1Publish(p) => Wish::Publish(Published {
                topic: p.topic_name().to_owned(),
                payload: bytes::Bytes::copy_from_slice(p.payload().as_slice()),
                id: p.packet_id(),
                exactly_once: p.qos() == Qos::ExactlyOnce,
            }),
            Packet::V5_0Publish(p) => Wish::Publish(Published {
                topic: p.topic_name().to_owned(),
                payload: bytes::Bytes::copy_from_slice(p.payload().as_slice()),
                id: p.packet_id(),
                exactly_once: p.qos() == Qos::ExactlyOnce,
            }),
            Packet::V3_1_1Pubrel(p) => Wish::Release(p.packet_id()),
            Packet::V5_0Pubrel(p) => Wish::Release(p.packet_id()),
            Packet::V3_1_1Subscribe(p) => Wish::Subscribe(p.packet_id(), filters(p.entries())),
            Packet::V5_0Subscribe(p) => Wish::Subscribe(p.packet_id(), filters(p.entries())),
            Packet::V3_1_1Unsubscribe(p) => {
                Wish::Unsubscribe(p.packet_id(), p.entries().iter().map(|f| f.as_str().to_owned()).collect())
            }
            Packet::V5_0Unsubscribe(p) => {
                Wish::Unsubscribe(p.packet_id(), p.entries().iter().map(|f| f.as_str().to_owned()).collect())
            }
            Packet::V3_1_1Disconnect(_) | Packet::V5_0Disconnect(_) => Wish::Disconnect,
            _ => return None,
        })
    }
}

fn filters(entries: &[SubEntry]) -> Vec<String> {
    entries.iter().map(|entry| entry.topic_filter().to_owned()).collect()
}
