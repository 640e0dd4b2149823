//! What the ingestor hands to the writer: messages that passed the rules of their source.
//!
//! The types own their text: a message waits in a queue between the thread that received
//! it and the one that writes. Nothing in them is trusted beyond its type.

use std::sync::Arc;

/// One message on its way into the database.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// Name of the source that delivered it, for the ledger.
    pub source: Arc<str>,
    /// When it arrived here, unix milliseconds. Packets are dated by this, because the
    /// clocks of observers lie.
    pub received_at_ms: i64,
    /// Who heard or sent it; `None` when the topic and the payload name nobody.
    pub observer: Option<ObserverMark>,
    /// What it says.
    pub message: Message,
}

/// The observer as the message names it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObserverMark {
    /// Third topic segment, verbatim (usually 64 upper-case hex), at most 128 characters.
    pub id: String,
    /// `origin`; empty or absent keeps the name that is known.
    pub name: Option<String>,
    /// IATA code or whatever stands for it: payload `region`, else topic, else the source's.
    pub region: Option<String>,
    /// Offset in seconds of a zone-less envelope time that had to be replaced by ours.
    pub naive_clock_skew_s: Option<i64>,
    /// Envelope time with a zone, unix milliseconds, unclamped: evidence about the
    /// observer's clock, and the true time of a buffered packet once the clock is trusted.
    pub zoned_time_ms: Option<i64>,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// A radio packet that the observer heard or sent.
    Packet(PacketMessage),
    /// The observer's report about itself.
    Status(StatusMessage),
    /// A reception with a position, from a phone or a car.
    Reception(Reception),
    /// What a companion bridge tells.
    Bridge(BridgeMessage),
}

/// A radio packet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PacketMessage {
    /// The frame in hex, blanks removed, letters as published.
    pub raw_hex: String,
    /// Signal to noise ratio in dB.
    pub snr: Option<f64>,
    /// Signal strength in dBm.
    pub rssi: Option<f64>,
    /// The observer's score, 0–1000.
    pub score: Option<i64>,
    /// `rx`, `tx` or as published, at most 16 characters.
    pub direction: Option<String>,
}

/// An observer's report about itself. `None` keeps what is stored.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StatusMessage {
    /// `online` or `offline`.
    pub status: Option<String>,
    /// Whether the message is old: a retained one that says nothing about now. It then
    /// updates what is known about the observer and does not move `last_seen`.
    pub stale: bool,
    /// Hardware model.
    pub model: Option<String>,
    /// Firmware version.
    pub firmware: Option<String>,
    /// Version of the uplink software.
    pub client_version: Option<String>,
    /// `freq,bw,sf,cr` as published (MHz, kHz).
    pub radio: Option<String>,
    /// Battery, millivolts.
    pub battery_mv: Option<i64>,
    /// Seconds since boot.
    pub uptime_secs: Option<i64>,
    /// Noise floor, dBm.
    pub noise_floor: Option<f64>,
    /// Seconds on air since boot.
    pub tx_air_secs: Option<i64>,
    /// Seconds receiving since boot.
    pub rx_air_secs: Option<i64>,
    /// Receive errors since boot.
    pub recv_errors: Option<i64>,
    /// Packets sent since boot.
    pub packets_sent: Option<i64>,
    /// Packets received since boot.
    pub packets_recv: Option<i64>,
    /// The firmware's `repeat` flag.
    pub can_relay: Option<bool>,
}

/// A reception with a position.
#[derive(Debug, Clone, PartialEq)]
pub struct Reception {
    /// Key of the receiver: lower-case hex, 2–64 characters.
    pub receiver: String,
    /// The receiver's name.
    pub receiver_name: Option<String>,
    /// The frame in hex.
    pub raw_hex: String,
    /// Signal to noise ratio in dB.
    pub snr: Option<f64>,
    /// Signal strength in dBm.
    pub rssi: Option<f64>,
    /// Latitude, degrees.
    pub lat: f64,
    /// Longitude, degrees.
    pub lon: f64,
    /// Accuracy of the position, metres.
    pub accuracy_m: Option<f64>,
    /// When it was heard, unix milliseconds, clamped by the rules for envelope times.
    pub heard_at_ms: i64,
}

/// What a companion bridge tells.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum BridgeMessage {
    /// A message in a channel, in clear.
    Channel {
        /// The companion's number of the channel.
        index: i64,
        /// `sender: text` as it was shown.
        text: String,
        /// The sender's clock, unix seconds.
        sender_timestamp: Option<i64>,
        /// Signal to noise ratio in dB.
        snr: Option<f64>,
        /// Signal strength in dBm.
        rssi: Option<f64>,
    },
    /// A direct message, in clear; stored only where the operator asked for it.
    Direct {
        /// First bytes of the sender's key, hex.
        sender_prefix: String,
        /// The text.
        text: String,
        /// The sender's clock, unix seconds.
        sender_timestamp: Option<i64>,
        /// Signal to noise ratio in dB.
        snr: Option<f64>,
        /// Signal strength in dBm.
        rssi: Option<f64>,
    },
    /// A node that the companion knows or is.
    Node {
        /// 64 hex characters, any case.
        public_key: String,
        /// Its name.
        name: Option<String>,
        /// Its role: repeater, companion, room, sensor.
        role: Option<String>,
        /// Latitude, degrees.
        lat: Option<f64>,
        /// Longitude, degrees.
        lon: Option<f64>,
    },
}
