//! The answer to GET_STATUS: counters of a node since its start.
//!
//! 48 bytes that all have, then 8 of a repeater or 4 of a room server, which older firmware leaves
//! out. Padding hides the length, so the server's kind must be known.
//!
//! Source of fact: MeshCore `examples/simple_repeater/MyMesh.h`, `RepeaterStats`, and
//! `examples/simple_room_server/MyMesh.h`, `ServerStats`.

use super::super::NodeType;
use super::too_short;
use crate::cursor::{self, Cursor};
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::listener::{Listener, Value};

/// Counters of a node since its start. The names are the firmware's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Status {
    /// Battery, millivolts.
    pub batt_milli_volts: u16,
    /// Packets waiting to be sent.
    pub curr_tx_queue_len: u16,
    /// dBm.
    pub noise_floor: i16,
    /// Of the last packet, dBm.
    pub last_rssi: i16,
    /// Packets heard.
    pub n_packets_recv: u32,
    /// Packets sent.
    pub n_packets_sent: u32,
    /// Time on air of what was sent, seconds.
    pub total_air_time_secs: u32,
    /// Seconds since the start.
    pub total_up_time_secs: u32,
    /// Sent by flood.
    pub n_sent_flood: u32,
    /// Sent direct.
    pub n_sent_direct: u32,
    /// Heard by flood.
    pub n_recv_flood: u32,
    /// Heard direct.
    pub n_recv_direct: u32,
    /// Bits: 1 packet pool full, 2 channel busy too long, 4 receiver restarted too late.
    pub err_events: u16,
    /// SNR of the last packet, quarter dB.
    pub last_snr_q: i16,
    /// Direct packets heard twice.
    pub n_direct_dups: u16,
    /// Flooded packets heard twice.
    pub n_flood_dups: u16,
    /// What only one kind of node counts.
    pub tail: StatusTail,
}

/// What only one kind of node counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum StatusTail {
    /// Nothing, or its kind is not known.
    None,
    /// A repeater; both are absent in older firmware.
    Repeater {
        /// Time on air of what was heard, seconds.
        total_rx_air_time_secs: Option<u32>,
        /// Receptions that failed.
        n_recv_errors: Option<u32>,
    },
    /// A room server; both are absent in older firmware.
    Room {
        /// Posts taken.
        n_posted: Option<u16>,
        /// Posts passed on.
        n_post_push: Option<u16>,
    },
}

impl Status {
    pub(super) fn read<L: Listener>(c: &mut Cursor<'_, '_, L>, server: NodeType) -> Option<Self> {
        if c.left() < 48 {
            return too_short(c, "status", 48);
        }
        Some(Self {
            batt_milli_volts: c.field("battery", cursor::u16, |&n| Value::Scaled {
                raw: n.into(),
                per_unit: 1000,
                unit: "V",
            })?,
            curr_tx_queue_len: c.u16("transmit queue")?,
            noise_floor: signed(c, "noise floor")?,
            last_rssi: signed(c, "last RSSI")?,
            n_packets_recv: c.u32("packets received")?,
            n_packets_sent: c.u32("packets sent")?,
            total_air_time_secs: seconds(c, "transmit air time")?,
            total_up_time_secs: seconds(c, "up time")?,
            n_sent_flood: c.u32("sent by flood")?,
            n_sent_direct: c.u32("sent direct")?,
            n_recv_flood: c.u32("received by flood")?,
            n_recv_direct: c.u32("received direct")?,
            err_events: c.u16("error events")?,
            last_snr_q: c.field("last SNR", cursor::i16, |&q| Value::Scaled {
                raw: q.into(),
                per_unit: 4,
                unit: "dB",
            })?,
            n_direct_dups: c.u16("direct duplicates")?,
            n_flood_dups: c.u16("flood duplicates")?,
            tail: match server {
                NodeType::Repeater => StatusTail::Repeater {
                    total_rx_air_time_secs: seconds(c, "receive air time"),
                    n_recv_errors: c.u32("receive errors"),
                },
                NodeType::Room => {
                    StatusTail::Room { n_posted: c.u16("posts"), n_post_push: c.u16("posts pushed") }
                }
                _ => StatusTail::None,
            },
        })
    }
}

fn signed<L: Listener>(c: &mut Cursor<'_, '_, L>, name: &'static str) -> Option<i16> {
    c.field(name, cursor::i16, |&n| Value::Scaled { raw: n.into(), per_unit: 1, unit: "dBm" })
}

fn seconds<L: Listener>(c: &mut Cursor<'_, '_, L>, name: &'static str) -> Option<u32> {
    c.field(name, cursor::u32, |&n| Value::Scaled { raw: n.into(), per_unit: 1, unit: "s" })
}

#[cfg(feature = "encode")]
impl Encode for Status {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.batt_milli_volts.to_le_bytes());
        out.extend(self.curr_tx_queue_len.to_le_bytes());
        out.extend(self.noise_floor.to_le_bytes());
        out.extend(self.last_rssi.to_le_bytes());
        for counter in [
            self.n_packets_recv,
            self.n_packets_sent,
            self.total_air_time_secs,
            self.total_up_time_secs,
            self.n_sent_flood,
            self.n_sent_direct,
            self.n_recv_flood,
            self.n_recv_direct,
        ] {
            out.extend(counter.to_le_bytes());
        }
        out.extend(self.err_events.to_le_bytes());
        out.extend(self.last_snr_q.to_le_bytes());
        out.extend(self.n_direct_dups.to_le_bytes());
        out.extend(self.n_flood_dups.to_le_bytes());
        match self.tail {
            StatusTail::None => {}
            StatusTail::Repeater { total_rx_air_time_secs, n_recv_errors } => {
                out.extend(total_rx_air_time_secs.into_iter().flat_map(u32::to_le_bytes));
                out.extend(n_recv_errors.into_iter().flat_map(u32::to_le_bytes));
            }
            StatusTail::Room { n_posted, n_post_push } => {
                out.extend(n_posted.into_iter().flat_map(u16::to_le_bytes));
                out.extend(n_post_push.into_iter().flat_map(u16::to_le_bytes));
            }
        }
    }
}
