//! `GET /api/channels`: channels with messages, and how busy they are.

use std::borrow::Cow;
use std::collections::HashMap;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use corescope_store::memory::{Query, Transmission};
use serde::Serialize;
use utoipa::ToSchema;

use super::message::Decoded;
use crate::api::moment::{Moment, Region};
use crate::query::Params;
use crate::server::Hot;
use crate::{ApiError, AppState, json};

/// Payload type of group text.
pub(super) const GROUP_TEXT: i64 = 5;
/// How the key of an encrypted channel begins.
pub(super) const ENCRYPTED: &str = "enc_";

/// The channels.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelList<'a> {
    /// Last active first; encrypted ones after the others.
    pub channels: Vec<Channel<'a>>,
}

/// A channel.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Channel<'a> {
    /// Its key: a name, or `enc_` and two hex digits where the key is not known.
    pub hash: &'a str,
    /// Its name.
    pub name: Cow<'a, str>,
    /// Text of the newest message, without its sender.
    pub last_message: Option<String>,
    /// Sender of the newest message.
    pub last_sender: Option<String>,
    /// Distinct messages.
    pub message_count: u64,
    /// First reception of the newest message, RFC 3339.
    pub last_activity: Option<Cow<'a, str>>,
    /// True on channels whose key is not known; absent on others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
}

/// Channels with messages.
#[utoipa::path(get, path = "/api/channels", tag = "channels", params(
    ("region" = Option<String>, Query, description = "region codes joined by commas: messages were heard there"),
    ("includeEncrypted" = Option<String>, Query, description = "true adds channels whose key is not known")),
    responses((status = 200, body = ChannelList<'static>)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let version = app.version();
    let moment = app.moment();
    let body = tokio::task::spawn_blocking(move || {
        let params = Params::parse(query.as_deref())?;
        Ok(json::to_vec(&ChannelList { channels: channels(&moment, &params) }))
    })
    .await
    .map_err(|error| ApiError::internal("channels", &error))??;
    let mut response = json::response_of(body);
    response.extensions_mut().insert(Hot::until_change(version));
    Ok(response)
}

struct Busy<'a> {
    count: u64,
    newest: Transmission<'a>,
}

fn channels<'m>(moment: &'m Moment, params: &Params<'_>) -> Vec<Channel<'m>> {
    let region = moment.region(params);
    let with_encrypted = params.flag("includeEncrypted");
    let query = Query {
        payload_types: Some(vec![GROUP_TEXT]),
        regions: region.codes(),
        limit: usize::MAX,
        ..Query::default()
    };
    let by_channel = gather(moment.data.query(&query).rows);
    // What was said last is the same in every region, so that a list by region shows the same last message.
    let everywhere = match region {
        Region::Any => HashMap::new(),
        Region::Only { .. } => gather(moment.data.query(&Query { regions: None, ..query }).rows),
    };
    let mut out: Vec<Channel<'m>> =
        by_channel
            .into_iter()
            .filter(|(name, _)| {
                if name.starts_with(ENCRYPTED) { with_encrypted } else { moment.veil.shows_channel(name) }
            })
            .map(|(hash, busy)| channel(moment, hash, &busy, &everywhere.get(hash).unwrap_or(&busy).newest))
            .collect();
    out.sort_unstable_by(|a, b| {
        a.encrypted
            .cmp(&b.encrypted)
            .then_with(|| b.last_activity.cmp(&a.last_activity))
            .then_with(|| a.hash.cmp(b.hash))
    });
    out
}

/// Messages per channel, and the newest of each.
fn gather(rows: Vec<Transmission<'_>>) -> HashMap<&str, Busy<'_>> {
    let mut by_channel: HashMap<&str, Busy<'_>> = HashMap::new();
    for row in rows {
        let Some(channel) = row.channel_hash().filter(|c| !c.is_empty()) else { continue };
        let key = |t: &Transmission<'_>| (t.first_seen_unix(), t.id());
        by_channel
            .entry(channel)
            .and_modify(|busy| {
                busy.count += 1;
                if key(&row) > key(&busy.newest) {
                    busy.newest = row;
                }
            })
            .or_insert(Busy { count: 1, newest: row });
    }
    by_channel
}

fn channel<'m>(moment: &Moment, hash: &'m str, busy: &Busy<'m>, said: &Transmission<'m>) -> Channel<'m> {
    let encrypted = hash.strip_prefix(ENCRYPTED);
    let decoded = if encrypted.is_none() { Decoded::of(said, moment) } else { None };
    let message = decoded.map(|d| d.split());
    Channel {
        hash,
        name: encrypted.map_or(Cow::Borrowed(hash), |hex| Cow::Owned(format!("Encrypted (0x{hex})"))),
        last_message: message.as_ref().map(|m| m.text.clone()).filter(|t| !t.is_empty()),
        last_sender: message.map(|m| m.sender).filter(|s| !s.is_empty()),
        message_count: busy.count,
        last_activity: Some(busy.newest.first_seen()),
        encrypted: encrypted.is_some(),
    }
}
