//! From a topic and bytes to what the writer takes.

use std::borrow::Cow;
use std::sync::Arc;

use corescope_core::config::Source;
use corescope_core::uplink::{
    self, Admission, BridgeNode, BridgeText, EnvelopeStamp, PacketMessage, Reception, Scalar, StatusMessage,
    Topic, Uplink, envelope_time,
};
use corescope_store::write::{self, Accepted, BridgeMessage, Message, ObserverMark, Refused, RefusedKind};

use super::counters::Counters;
use super::queue::Work;

/// What a source knows about its messages.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Name of the source, for ledger and status.
    pub source: Arc<str>,
    /// Region when neither topic nor message names one.
    pub region: Option<String>,
    /// Regions whose packets are taken; empty: all.
    pub regions: Vec<String>,
}

impl Origin {
    /// Of a configured source.
    pub fn of(source: &Source) -> Self {
        Self {
            source: Arc::from(source.name.as_str()),
            region: source.region.clone(),
            regions: source.iata_filter.clone(),
        }
    }

    /// A source with a name and no rules of its own.
    pub fn named(name: &str) -> Self {
        Self { source: Arc::from(name), region: None, regions: Vec::new() }
    }
}

/// A message as it came.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its bytes.
    pub payload: &'a [u8],
    /// Whether the broker had kept it for whoever comes.
    pub retained: bool,
    /// When it came, Unix milliseconds.
    pub received_at_ms: i64,
}

/// Reads a message; whatever it is, the result has a place in the account.
pub fn read(origin: &Origin, admission: &Admission, counters: &Counters, raw: Raw<'_>) -> Work {
    let topic = Topic::parse(raw.topic);
    let refuse = |kind, reason: &'static str, observer: Option<&str>| {
        counters.refused(&origin.source, kind, reason);
        Work::Refuse(Box::new(Refused {
            source: Arc::clone(&origin.source),
            observer: observer.and_then(|id| uplink::clean_name(Cow::Borrowed(id))).map(Cow::into_owned),
            received_at_ms: raw.received_at_ms,
            kind,
            reason: Cow::Borrowed(reason),
            count: 1,
        }))
    };
    if let Err(rule) = admission.topic(&topic, &origin.regions) {
        return refuse(RefusedKind::Filtered, rule.as_str(), topic.observer);
    }
    let uplink = match uplink::parse(raw.topic, raw.payload) {
        Ok(uplink) => uplink,
        Err(bad) => {
            counters.log_bad(&origin.source, raw.topic, &bad);
            return refuse(RefusedKind::Rejected, bad.reason.as_str(), topic.observer);
        }
    };
    let observer = match &uplink {
        Uplink::Packet(packet) => packet.observer.as_deref(),
        Uplink::Status(status) => status.observer.as_deref(),
        _ => None,
    };
    if let Err(rule) = admission.observer(observer) {
        return refuse(RefusedKind::Filtered, rule.as_str(), observer);
    }
    let Some((observer, message)) = convert(origin, counters, uplink, raw) else {
        return refuse(RefusedKind::Filtered, uplink::FilteredBy::Topic.as_str(), topic.observer);
    };
    Work::Store(Box::new(Accepted {
        source: Arc::clone(&origin.source),
        received_at_ms: raw.received_at_ms,
        observer,
        message,
    }))
}

fn convert(
    origin: &Origin,
    counters: &Counters,
    uplink: Uplink<'_>,
    raw: Raw<'_>,
) -> Option<(Option<ObserverMark>, Message)> {
    Some(match uplink {
        Uplink::Packet(packet) => convert_packet(origin, counters, packet, raw),
        Uplink::Status(status) => convert_status(origin, counters, status, raw),
        Uplink::Reception(reception) => (None, Message::Reception(convert_reception(reception, raw))),
        Uplink::ChannelText(text) => (Some(companion()), Message::Bridge(channel_text(text))),
        Uplink::DirectText(text) => (Some(companion()), Message::Bridge(direct_text(text))),
        Uplink::Node(node) => (Some(companion()), Message::Bridge(bridge_node(node))),
        Uplink::Ignored(_) => return None,
    })
}

fn convert_packet(
    origin: &Origin,
    counters: &Counters,
    packet: PacketMessage<'_>,
    raw: Raw<'_>,
) -> (Option<ObserverMark>, Message) {
    for remark in packet.remarks.iter() {
        counters.remarked(remark.as_str());
    }
    let mark = mark(origin, counters, packet.observer, packet.name, packet.region, &packet.stamp, raw);
    let message = Message::Packet(write::PacketMessage {
        raw_hex: packet.raw_hex.into_owned(),
        snr: packet.snr_db,
        rssi: packet.rssi_dbm,
        score: packet.score,
        direction: packet.direction.map(Cow::into_owned),
    });
    (mark, message)
}

/// A retained status older than this says nothing about now, milliseconds.
const STALE_MS: i64 = 15 * 60_000;

fn convert_status(
    origin: &Origin,
    counters: &Counters,
    status: StatusMessage<'_>,
    raw: Raw<'_>,
) -> (Option<ObserverMark>, Message) {
    for remark in status.remarks.iter() {
        counters.remarked(remark.as_str());
    }
    let said = status.stamp.zoned_millis();
    let stale = raw.retained && said.is_some_and(|at| raw.received_at_ms - at > STALE_MS);
    let mark = mark(origin, counters, status.observer, status.name, status.region, &status.stamp, raw);
    let text = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
    let message = Message::Status(write::StatusMessage {
        status: Some(if status.offline { "offline" } else { "online" }.to_owned()),
        stale,
        model: text(status.model),
        firmware: text(status.firmware),
        client_version: text(status.client_version),
        radio: text(status.radio),
        battery_mv: status.stats.battery_mv,
        uptime_secs: status.stats.uptime_secs,
        noise_floor: status.stats.noise_floor_dbm,
        tx_air_secs: status.stats.tx_air_secs,
        rx_air_secs: status.stats.rx_air_secs,
        recv_errors: status.stats.recv_errors,
        packets_sent: status.stats.packets_sent,
        packets_recv: status.stats.packets_recv,
        can_relay: status.repeat,
    });
    (mark, message)
}

fn convert_reception(reception: Reception<'_>, raw: Raw<'_>) -> write::Reception {
    write::Reception {
        receiver: reception.key,
        receiver_name: reception.name.map(Cow::into_owned),
        raw_hex: reception.raw_hex.into_owned(),
        snr: reception.snr_db,
        rssi: reception.rssi_dbm.map(|rssi| rssi as f64),
        lat: reception.lat,
        lon: reception.lon,
        accuracy_m: reception.accuracy_m,
        heard_at_ms: envelope_time(&reception.stamp, raw.received_at_ms).at_ms,
    }
}

fn mark(
    origin: &Origin,
    counters: &Counters,
    observer: Option<Cow<'_, str>>,
    name: Option<Cow<'_, str>>,
    region: Option<Cow<'_, str>>,
    stamp: &EnvelopeStamp<'_>,
    raw: Raw<'_>,
) -> Option<ObserverMark> {
    let id = observer?.into_owned();
    let judged = envelope_time(stamp, raw.received_at_ms);
    if let Some(remark) = judged.remark {
        counters.log_clock(&origin.source, &id, remark, stamp);
    }
    Some(ObserverMark {
        name: name.map(Cow::into_owned),
        region: region.map(Cow::into_owned).or_else(|| origin.region.clone()),
        naive_clock_skew_s: judged.skew_secs,
        zoned_time_ms: stamp.zoned_millis(),
        id,
    })
}

/// The observer that stands for a companion bridge.
fn companion() -> ObserverMark {
    ObserverMark { id: "companion".to_owned(), ..ObserverMark::default() }
}

fn channel_text(text: BridgeText<'_>) -> BridgeMessage {
    BridgeMessage::Channel {
        index: text.channel_index,
        sender_timestamp: sender_time(&text.sender_timestamp),
        snr: text.snr_db,
        rssi: None,
        text: text.text.into_owned(),
    }
}

fn direct_text(text: BridgeText<'_>) -> BridgeMessage {
    BridgeMessage::Direct {
        sender_prefix: text.key_prefix.into_owned(),
        sender_timestamp: sender_time(&text.sender_timestamp),
        snr: text.snr_db,
        rssi: None,
        text: text.text.into_owned(),
    }
}

fn bridge_node(node: BridgeNode<'_>) -> BridgeMessage {
    let (lat, lon) = node.place.unzip();
    BridgeMessage::Node {
        public_key: node.key,
        name: node.name.map(Cow::into_owned),
        role: node.role.map(str::to_owned),
        lat,
        lon,
    }
}

fn sender_time(value: &Scalar<'_>) -> Option<i64> {
    value.integer()
}
