//! `GET /api/channels/{hash}/messages`: messages of a channel, a page of the newest, the oldest of them first.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use corescope_core::time::rfc3339;
use corescope_store::memory::{Observation, Query, Transmission};
use serde::Serialize;
use utoipa::ToSchema;

use super::list::ENCRYPTED;
use super::message::Decoded;
use crate::api::by_id::ById;
use crate::api::moment::Moment;
use crate::api::rest::unanswered;
use crate::query::Params;
use crate::server::Hot;
use crate::{ApiError, App, AppState, json};

const DEFAULT_LIMIT: usize = 100;

/// A page of messages.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelMessages<'a> {
    /// The page, oldest first.
    pub messages: Vec<ChannelMessage<'a>>,
    /// Messages of the channel on all pages.
    pub total: u64,
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelMessage<'a> {
    /// Name of the sender as it stands in the text, maybe empty.
    pub sender: String,
    /// What is said; empty where the key is not known.
    pub text: String,
    /// Newest reception, RFC 3339.
    pub timestamp: String,
    /// First reception, RFC 3339.
    pub first_seen: Cow<'a, str>,
    /// The sender's clock, unix seconds.
    pub sender_timestamp: Option<i64>,
    /// Id of the first reception.
    #[serde(rename = "packetId")]
    pub packet_id: i64,
    /// Content hash.
    #[serde(rename = "packetHash")]
    pub packet_hash: Cow<'a, str>,
    /// Receptions.
    pub repeats: usize,
    /// Names (or ids) of those who heard it, in the order of time.
    pub observers: Vec<&'a str>,
    /// Hops of the first reception.
    pub hops: usize,
    /// SNR of the first reception, dB.
    pub snr: Option<f64>,
    /// Id of the packet.
    #[serde(rename = "transmissionId")]
    pub transmission_id: i64,
    /// Ids of the receptions, in the order of time.
    #[serde(rename = "observationIds")]
    pub observation_ids: Vec<i64>,
}

/// Messages of a channel.
#[utoipa::path(get, path = "/api/channels/{hash}/messages", tag = "channels", params(
    ("hash" = String, Path, description = "name of the channel, or enc_ and two hex digits"),
    ("limit" = Option<String>, Query, description = "messages, 1 to 500 (configurable); default 100"),
    ("offset" = Option<String>, Query, description = "newest messages left out; default 0; a million at most of those that memory does not hold"),
    ("region" = Option<String>, Query, description = "region codes joined by commas: messages were heard there")),
    responses((status = 200, body = ChannelMessages<'static>)))]
pub(crate) async fn messages(
    State(app): State<AppState>,
    Path(channel): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let version = app.version();
    let moment = app.moment();
    let body = tokio::task::spawn_blocking(move || {
        let params = Params::parse(query.as_deref())?;
        write(&app, &moment, &channel, &params)
    })
    .await
    .map_err(|error| ApiError::internal("channel messages", &error))??;
    let mut response = json::response_of(body);
    response.extensions_mut().insert(Hot::until_change(version));
    Ok(response)
}

fn write(app: &App, moment: &Moment, channel: &str, params: &Params<'_>) -> Result<Vec<u8>, ApiError> {
    let limit = params.limit("limit", DEFAULT_LIMIT, moment.config.list_limits.channel_messages as usize);
    let offset = usize::try_from(params.int("offset", 0)).unwrap_or(0);
    if !channel.starts_with(ENCRYPTED) && !moment.veil.shows_channel(channel) {
        return Ok(json::to_vec(&ChannelMessages { messages: Vec::new(), total: 0 }));
    }
    // the built-in channel is stored as `Public`, and was called `public` once
    let channel = if channel == "public" { "Public" } else { channel };
    let region = moment.region(params);
    let query = Query {
        channel: Some(channel.to_owned()),
        with_damaged: true,
        regions: region.codes(),
        limit: usize::MAX,
        ..Query::default()
    };
    let count = offset.saturating_add(limit);
    let rows = moment.data.query(&query).rows;
    let whole = &app.rest.whole;
    let older = |most| whole.older_messages(&moment.data, channel, region.rowids(), most).map_err(unanswered);
    let mut messages_outside = older(0)?;
    let total = rows.len() as u64 + messages_outside.total;
    // Nothing is read for a page behind the last.
    if (offset as u64) < total {
        messages_outside = older(count)?;
    }
    let mut order = newest(rows, count);
    order.extend(messages_outside.newest.iter().copied());
    order.sort_unstable_by_key(|place| Reverse(*place));
    let page: Vec<i64> = order.into_iter().skip(offset).take(limit).map(|(_, id)| id).collect();
    let packets = ById::read(app, &moment.data, page.iter().copied())?;
    let rows = page.iter().rev().filter_map(|id| packets.get(*id));
    let messages = rows.filter_map(|row| message(moment, row)).collect();
    Ok(json::to_vec(&ChannelMessages { messages, total }))
}

/// Newest reception and id of the `count` rows with the newest receptions, in no particular order. Receptions are looked
/// at only of rows that may be among them: `latest` is never before the newest reception.
fn newest(mut rows: Vec<Transmission<'_>>, count: usize) -> Vec<(i64, i64)> {
    rows.retain(|row| row.observation_count() > 0);
    rows.sort_unstable_by_key(|row| Reverse((row.latest(), row.id())));
    let mut best: BinaryHeap<Reverse<(i64, i64)>> = BinaryHeap::new();
    for row in &rows {
        if best.len() >= count && best.peek().is_none_or(|Reverse((worst, _))| row.latest() < *worst) {
            break;
        }
        let heard = row.observations().map(|o| o.timestamp()).max().unwrap_or(i64::MIN);
        best.push(Reverse((heard, row.id())));
        if best.len() > count {
            best.pop();
        }
    }
    best.into_iter().map(|Reverse(place)| place).collect()
}

fn message<'m>(moment: &'m Moment, row: Transmission<'m>) -> Option<ChannelMessage<'m>> {
    let first = row.observation(0)?;
    let decoded = Decoded::of(&row, moment)?;
    let sender_timestamp = decoded.sender_timestamp;
    let said = decoded.split();
    let mut heard: Vec<Observation<'m>> = row.observations().collect();
    heard.sort_by_key(|o| (o.timestamp(), o.id()));
    let mut observers: Vec<&'m str> = Vec::new();
    for name in heard.iter().filter_map(|o| moment.observer_at(o.observer())) {
        let name = moment.observer_name(name).filter(|n| !n.is_empty()).unwrap_or(&name.id);
        if !observers.contains(&name) {
            observers.push(name);
        }
    }
    Some(ChannelMessage {
        sender: said.sender,
        text: said.text,
        timestamp: rfc3339(heard.last()?.timestamp()),
        first_seen: row.first_seen(),
        sender_timestamp,
        packet_id: first.id(),
        packet_hash: row.hash(),
        repeats: row.observation_count(),
        observers,
        hops: first.hop_count(),
        snr: first.snr(),
        transmission_id: row.id(),
        observation_ids: heard.iter().map(|o| o.id()).collect(),
    })
}
