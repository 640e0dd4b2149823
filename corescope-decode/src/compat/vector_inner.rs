//! The vector form of what is inside a ciphertext.

use alloc::format;
use alloc::string::String;

use super::json::{Object, list, strings, text};
use super::vector::{Context, optional};
use crate::hex::Hex;
use crate::issue::Issues;
use crate::payload::response::{Status, StatusTail};
use crate::payload::{
    Extra, GroupData, GroupText, ReplyTo, Request, RequestBody, Response, ResponseBody, ReturnPath, TextBody,
    TextMessage,
};
use crate::text::Text;

pub(super) fn group_text(d: &mut Object, channel: &str, plain: &[u8], issues: &mut Issues) {
    d.raw("channel", text(Text(channel.as_bytes())));
    let Some(message) = GroupText::parse_with(plain, issues) else { return };
    d.raw("timestamp", message.timestamp);
    d.raw("text_type", message.text_type);
    d.raw("attempt", message.attempt);
    let Some(whole) = message.text() else {
        d.plain("data", Hex(message.body));
        return;
    };
    d.raw("text", text(whole));
    let (sender, said) = whole.split_sender();
    if let Some(sender) = sender {
        d.raw("sender", text(sender));
    }
    d.raw("message", text(said));
}

pub(super) fn group_data(d: &mut Object, channel: &str, plain: &[u8], issues: &mut Issues) {
    d.raw("channel", text(Text(channel.as_bytes())));
    let Some(data) = GroupData::parse_with(plain, issues) else { return };
    d.raw("data_type", data.data_type);
    d.raw("data_len", data.data_len);
    if let Some(bytes) = data.data {
        d.plain("data", Hex(bytes));
    }
}

pub(super) fn text_message(d: &mut Object, plain: &[u8], context: &Context, issues: &mut Issues) {
    let Some(message) = TextMessage::parse_with(plain, issues) else { return };
    d.raw("timestamp", message.timestamp);
    d.raw("text_type", message.text_type);
    d.raw("attempt", message.attempt);
    match message.body {
        TextBody::Plain { text: said, extended_attempt } => {
            d.raw("text", text(said));
            optional(d, "extended_attempt", extended_attempt);
        }
        TextBody::Cli { text: said } => d.raw("text", text(said)),
        TextBody::Signed { author, text: said } => {
            d.plain("sender_prefix", Hex(&author));
            d.raw("text", text(said));
        }
        TextBody::Unknown(data) => d.plain("data", Hex(data)),
    }
    if let (Some(sender), Some(receiver)) = (&context.sender, &context.receiver)
        && let Some(ack) = message.expected_ack(sender, receiver)
    {
        d.plain("expected_ack", Hex(&ack));
    }
}

pub(super) fn request(d: &mut Object, plain: &[u8], context: &Context, issues: &mut Issues) {
    let Some(request) = Request::parse_with(plain, issues) else { return };
    d.raw("timestamp", request.timestamp);
    d.raw("req_type", request.request_type);
    if let Some(name) = request.name() {
        d.plain("name", name);
    }
    match request.body {
        RequestBody::KeepAlive { since } => {
            optional(d, "since", since);
            let sender = context.sender.as_ref();
            let ack = sender.and_then(|key| crate::crypto::expected_keep_alive_ack(plain, key));
            if let Some(ack) = ack {
                d.plain("expected_ack", Hex(&ack));
            }
        }
        RequestBody::Telemetry { permissions } => d.raw("perm_mask", permissions),
        RequestBody::AvgMinMax { start_secs_ago, end_secs_ago, reserved } => {
            d.raw("start_secs_ago", start_secs_ago);
            d.raw("end_secs_ago", end_secs_ago);
            d.raw("reserved", list(reserved));
        }
        RequestBody::AccessList { reserved } => d.raw("reserved", list(reserved)),
        RequestBody::Neighbours { version, count, offset, order, prefix_len } => {
            d.raw("request_version", version);
            d.raw("count", count);
            d.raw("offset", offset);
            d.raw("order_by", order);
            d.raw("pubkey_prefix_length", prefix_len);
        }
        RequestBody::Unknown(data) => d.plain("data", Hex(data)),
        RequestBody::Status | RequestBody::OwnerInfo => {}
    }
}

pub(super) fn return_path(d: &mut Object, plain: &[u8], request: ReplyTo, issues: &mut Issues) {
    let Some(back) = ReturnPath::parse_with(plain, request, issues) else { return };
    d.raw("path_len", back.path_len.0);
    if let Some(path) = back.path {
        d.raw("path", strings(path.hops().map(Hex)));
    }
    if let Some(number) = back.extra_type() {
        d.raw("extra_type", number);
        d.plain("extra", Hex(back.extra));
    }
    if let Extra::Ack(ack) = back.body {
        d.plain("ack", Hex(&ack.checksum));
    }
}

pub(super) fn response(d: &mut Object, plain: &[u8], request: ReplyTo, issues: &mut Issues) {
    let Some(response) = Response::parse_with(plain, request, issues) else { return };
    d.raw("tag", response.tag);
    match response.body {
        ResponseBody::Unknown(_) => {}
        ResponseBody::Login(login) => {
            d.raw("result", login.result);
            d.raw("legacy_keep_alive", login.legacy_keep_alive);
            d.raw("is_admin", login.is_admin);
            d.raw("permissions", login.permissions);
            d.plain("random", Hex(&login.random));
            d.raw("firmware_level", login.firmware_level);
        }
        ResponseBody::Status(status) => status_fields(d, &status),
        ResponseBody::Telemetry(telemetry) => {
            d.raw(
                "lpp",
                list(telemetry.records().map(|record| {
                    let mut r = Object::new();
                    r.raw("channel", record.channel);
                    r.raw("type", record.number);
                    if !record.raw().is_empty() {
                        r.raw("raw", one_or_list(record.raw()));
                        let values = record.values().map(|value| format!("{value:?}"));
                        r.raw("value", one_or_list(values));
                    }
                    r.end()
                })),
            );
        }
        ResponseBody::AvgMinMax(answer) => {
            d.raw("now", answer.now);
            d.raw(
                "series",
                list(answer.series().map(|series| {
                    let mut s = Object::new();
                    s.raw("channel", series.channel);
                    s.raw("type", series.lpp_type);
                    s.raw("min", format_args!("{:?}", series.min));
                    s.raw("max", format_args!("{:?}", series.max));
                    s.raw("avg", format_args!("{:?}", series.avg));
                    s.end()
                })),
            );
        }
        ResponseBody::AccessList(entries) => {
            d.raw(
                "entries",
                list(entries.entries().map(|entry| {
                    let mut e = Object::new();
                    e.plain("prefix", Hex(&entry.prefix));
                    e.raw("permissions", entry.permissions);
                    e.end()
                })),
            );
        }
        ResponseBody::Neighbours(answer) => {
            d.raw("total", answer.total);
            d.raw("count", answer.count);
            d.raw(
                "neighbours",
                list(answer.neighbours().map(|neighbour| {
                    let mut n = Object::new();
                    n.plain("prefix", Hex(neighbour.prefix));
                    n.raw("heard_secs_ago", neighbour.heard_secs_ago);
                    n.raw("snr_q", neighbour.snr_q);
                    n.end()
                })),
            );
        }
        ResponseBody::OwnerInfo(info) => {
            d.raw("firmware_version", text(info.firmware_version));
            optional(d, "node_name", info.node_name.map(text));
            optional(d, "owner_info", info.owner_info.map(text));
        }
        ResponseBody::Regions(regions) => {
            d.raw("clock", regions.clock);
            d.raw("regions", list(regions.iter().map(text)));
        }
        ResponseBody::Owner(owner) => {
            d.raw("clock", owner.clock);
            d.raw("node_name", text(owner.node_name));
            optional(d, "owner_info", owner.owner_info.map(text));
        }
        ResponseBody::Basic(info) => {
            d.raw("clock", info.clock);
            d.raw("features", info.features);
        }
    }
}

fn status_fields(d: &mut Object, status: &Status) {
    d.raw("batt_milli_volts", status.batt_milli_volts);
    d.raw("curr_tx_queue_len", status.curr_tx_queue_len);
    d.raw("noise_floor", status.noise_floor);
    d.raw("last_rssi", status.last_rssi);
    d.raw("n_packets_recv", status.n_packets_recv);
    d.raw("n_packets_sent", status.n_packets_sent);
    d.raw("total_air_time_secs", status.total_air_time_secs);
    d.raw("total_up_time_secs", status.total_up_time_secs);
    d.raw("n_sent_flood", status.n_sent_flood);
    d.raw("n_sent_direct", status.n_sent_direct);
    d.raw("n_recv_flood", status.n_recv_flood);
    d.raw("n_recv_direct", status.n_recv_direct);
    d.raw("err_events", status.err_events);
    d.raw("last_snr_q", status.last_snr_q);
    d.raw("n_direct_dups", status.n_direct_dups);
    d.raw("n_flood_dups", status.n_flood_dups);
    match status.tail {
        StatusTail::None => {}
        StatusTail::Repeater { total_rx_air_time_secs, n_recv_errors } => {
            optional(d, "total_rx_air_time_secs", total_rx_air_time_secs);
            optional(d, "n_recv_errors", n_recv_errors);
        }
        StatusTail::Room { n_posted, n_post_push } => {
            optional(d, "n_posted", n_posted);
            optional(d, "n_post_push", n_post_push);
        }
    }
}

/// One value as it is, several as an array.
fn one_or_list<T: core::fmt::Display>(values: impl IntoIterator<Item = T>) -> String {
    let whole = list(values);
    match whole.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) if !inner.contains(',') => inner.into(),
        _ => whole,
    }
}
