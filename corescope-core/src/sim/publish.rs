//! What observers publish: the JSON of the usual programs, letter for letter in its oddities
//! (numbers as strings, upper-case hex, times with and without a zone).

use corescope_decode::Packet;
use serde::Serialize;

use super::emission::{Emission, Reception};
use super::messages::Message;
use super::world::{Dialect, Mesh, Observer};
use crate::airtime::LoraPreset;
use crate::time::rfc3339;
use crate::units::packet_score;

/// Radio settings of every simulated mesh.
pub(super) const RADIO: LoraPreset = LoraPreset::DEFAULT;

#[derive(Serialize)]
struct PacketMessage<'a> {
    origin: &'a str,
    origin_id: &'a str,
    timestamp: String,
    #[serde(rename = "type")]
    kind: &'static str,
    direction: &'static str,
    time: String,
    date: String,
    len: String,
    packet_type: String,
    route: &'static str,
    payload_len: String,
    raw: String,
    #[serde(rename = "SNR")]
    snr: String,
    #[serde(rename = "RSSI")]
    rssi: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<String>,
    hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

/// The message about one reception, published at `at_ms`.
pub(super) fn packet(mesh: &Mesh, emission: &Emission, reception: &Reception, at_ms: i64) -> Option<Message> {
    let observer = mesh.observers().get(reception.observer)?;
    let node = mesh.nodes().get(observer.node)?;
    let frame = emission.frame(reception);
    let heard_ms = emission.time_ms + i64::from(reception.delay_ms);
    let snr_db = f32::from(reception.snr_quarters) / 4.0;
    let direct = matches!(emission.route_type, 2 | 3);
    let serial = observer.dialect == Dialect::Serial;
    let packet = Packet::parse(&frame).ok()?;
    let message = PacketMessage {
        origin: &node.name,
        origin_id: &observer.id,
        timestamp: stamp(observer, heard_ms),
        kind: "PACKET",
        direction: "rx",
        time: clock(heard_ms),
        date: date(heard_ms),
        len: frame.len().to_string(),
        packet_type: emission.payload_type.to_string(),
        route: if direct { "D" } else { "F" },
        payload_len: emission.payload.len().to_string(),
        raw: hex::encode_upper(&frame),
        snr: match observer.dialect {
            Dialect::Serial => format!("{}", snr_db.round() as i32),
            Dialect::Capture => format!("{snr_db}"),
            Dialect::Firmware => format!("{snr_db:.1}"),
        },
        rssi: reception.rssi_dbm.to_string(),
        score: serial.then(|| format!("{:.0}", packet_score(snr_db, RADIO.sf, frame.len()) * 1000.0)),
        duration: serial.then(|| (RADIO.airtime_us(frame.len()) / 1000).to_string()),
        hash: corescope_decode::packet_hash(&packet).to_string().to_uppercase(),
        path: (serial && direct && packet.path().hops().len() > 1).then(|| {
            let hops: Vec<String> = packet.path().hops().map(hex::encode_upper).collect();
            hops.join(" -> ")
        }),
    };
    Some(Message {
        time_ms: at_ms,
        topic: format!("meshcore/{}/{}/packets", observer.iata, observer.id),
        payload: serde_json::to_string(&message).ok()?,
        retain: false,
    })
}

#[derive(Serialize)]
struct StatusMessage<'a> {
    status: &'static str,
    timestamp: String,
    origin: &'a str,
    origin_id: &'a str,
    radio: &'static str,
    model: &'static str,
    firmware_version: &'static str,
    client_version: &'static str,
    repeat: &'static str,
    stats: Stats,
}

#[derive(Serialize)]
struct Stats {
    battery_mv: i64,
    uptime_secs: i64,
    noise_floor: f64,
    tx_air_secs: i64,
    rx_air_secs: i64,
    recv_errors: i64,
    queue_len: i64,
    debug_flags: i64,
}

/// The status of an observer; `up_s` is how long it has been running.
pub(super) fn status(mesh: &Mesh, index: usize, at_ms: i64, up_s: i64) -> Option<Message> {
    let observer = mesh.observers().get(index)?;
    let node = mesh.nodes().get(observer.node)?;
    let models = ["Heltec V3", "RAK 4631", "Station G2", "Seeed T1000-E", "Heltec T114"];
    let since_start = up_s + 4000 * (index as i64 + 1);
    let client = match observer.dialect {
        Dialect::Serial => "meshcoretomqtt/1.2.0",
        Dialect::Capture => "meshcore-packet-capture/2.1.0",
        Dialect::Firmware => "firmware/1.16.0",
    };
    let message = StatusMessage {
        status: "online",
        timestamp: stamp(observer, at_ms),
        origin: &node.name,
        origin_id: &observer.id,
        radio: "869.618,62.5,8,5",
        model: models[index % models.len()],
        firmware_version: if index.is_multiple_of(3) { "v1.15.0" } else { "v1.16.0" },
        client_version: client,
        repeat: "on",
        stats: Stats {
            // A day's swing of a solar battery around 3.9 V.
            battery_mv: 3900 + (200.0 * ((at_ms % 86_400_000) as f64 / 13_750_000.0).sin()) as i64,
            uptime_secs: since_start,
            noise_floor: -117.0 + f64::from((index % 7) as u8) * 0.5,
            tx_air_secs: since_start / 60,
            rx_air_secs: since_start / 14,
            recv_errors: since_start / 900,
            queue_len: 0,
            debug_flags: 0,
        },
    };
    Some(Message {
        time_ms: at_ms,
        topic: format!("meshcore/{}/{}/status", observer.iata, observer.id),
        payload: serde_json::to_string(&message).ok()?,
        retain: true,
    })
}

/// Two hours: what the observers without a zone are ahead, being in local summer time.
const LOCAL_OFFSET_MS: i64 = 7_200_000;

fn stamp(observer: &Observer, at_ms: i64) -> String {
    let seconds = |ms: i64| {
        let mut text = rfc3339(ms.div_euclid(1000));
        text.pop();
        text
    };
    match observer.dialect {
        Dialect::Serial => format!("{}.{:03}463+00:00", seconds(at_ms), at_ms.rem_euclid(1000)),
        Dialect::Capture => format!("{}.{:03}+00:00", seconds(at_ms), at_ms.rem_euclid(1000)),
        Dialect::Firmware => format!("{}.000000", seconds(at_ms + LOCAL_OFFSET_MS)),
    }
}

/// `07:52:14`
fn clock(at_ms: i64) -> String {
    rfc3339(at_ms.div_euclid(1000)).get(11..19).unwrap_or_default().to_owned()
}

/// `6/6/2026`
fn date(at_ms: i64) -> String {
    let text = rfc3339(at_ms.div_euclid(1000));
    let part = |range: std::ops::Range<usize>| {
        text.get(range).unwrap_or_default().trim_start_matches('0').to_owned()
    };
    format!("{}/{}/{}", part(8..10), part(5..7), part(0..4))
}
