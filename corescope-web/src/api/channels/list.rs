//! `GET /api/channels`: channels with messages, and how busy they are.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use corescope_store::memory::{Query, Transmission};
use corescope_store::tail::ChannelTally;
use serde::Serialize;
use utoipa::ToSchema;

use super::message::Decoded;
use crate::api::by_id::ById;
use crate::api::moment::{Moment, Region};
use crate::api::rest::unanswered;
use crate::query::Params;
use crate::server::Hot;
use crate::{ApiError, App, AppState, json};

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
        write(&app, &moment, &params)
    })
    .await
    .map_err(|error| ApiError::internal("channels", &error))??;
    let mut response = json::response_of(body);
    response.extensions_mut().insert(Hot::until_change(version));
    Ok(response)
}

/// Messages per channel, in memory and outside.
type Tallies<'a> = HashMap<&'a str, ChannelTally>;

fn write(app: &App, moment: &Moment, params: &Params<'_>) -> Result<Vec<u8>, ApiError> {
    let region = moment.region(params);
    let with_encrypted = params.flag("includeEncrypted");
    let query = Query {
        payload_types: Some(vec![GROUP_TEXT]),
        regions: region.codes(),
        limit: usize::MAX,
        ..Query::default()
    };
    let whole = &app.rest.whole;
    let older = whole.older_channels(&moment.data, region.rowids()).map_err(unanswered)?;
    let mut there = gather(moment.data.query(&query).rows, &older);
    there.retain(
        |name, _| {
            if name.starts_with(ENCRYPTED) { with_encrypted } else { moment.veil.shows_channel(name) }
        },
    );
    // What was said last is the same in every region, so that a list by region shows the same last message.
    let older_everywhere = match region {
        Region::Any => Arc::default(),
        Region::Only { .. } => whole.older_channels(&moment.data, None).map_err(unanswered)?,
    };
    let everywhere = match region {
        Region::Any => HashMap::new(),
        Region::Only { .. } => {
            gather(moment.data.query(&Query { regions: None, ..query }).rows, &older_everywhere)
        }
    };
    let said = |name: &str, tally: &ChannelTally| everywhere.get(name).unwrap_or(tally).newest.1;
    let ids = there.iter().flat_map(|(name, tally)| [tally.newest.1, said(name, tally)]);
    let packets = ById::read(app, &moment.data, ids)?;
    let mut channels: Vec<Channel<'_>> = there
        .iter()
        .map(|(hash, tally)| {
            let (newest, said) = (packets.get(tally.newest.1), packets.get(said(hash, tally)));
            channel(moment, hash, tally.messages, newest, said)
        })
        .collect();
    channels.sort_unstable_by(|a, b| {
        a.encrypted
            .cmp(&b.encrypted)
            .then_with(|| b.last_activity.cmp(&a.last_activity))
            .then_with(|| a.hash.cmp(b.hash))
    });
    Ok(json::to_vec(&ChannelList { channels }))
}

/// Messages per channel, and the newest of each: of rows in memory, and outside.
fn gather<'a>(rows: Vec<Transmission<'a>>, older: &'a BTreeMap<String, ChannelTally>) -> Tallies<'a> {
    let here = rows.iter().filter_map(|row| {
        let name = row.channel_hash().filter(|name| !name.is_empty())?;
        Some((name, ChannelTally { messages: 1, newest: (row.first_seen_unix(), row.id()) }))
    });
    let mut by_channel = Tallies::new();
    for (name, more) in here.chain(older.iter().map(|(name, tally)| (name.as_str(), *tally))) {
        by_channel
            .entry(name)
            .and_modify(|tally| {
                tally.messages += more.messages;
                tally.newest = tally.newest.max(more.newest);
            })
            .or_insert(more);
    }
    by_channel
}

fn channel<'m>(
    moment: &Moment,
    hash: &'m str,
    message_count: u64,
    newest: Option<Transmission<'m>>,
    said: Option<Transmission<'m>>,
) -> Channel<'m> {
    let encrypted = hash.strip_prefix(ENCRYPTED);
    let decoded = said.filter(|_| encrypted.is_none()).and_then(|said| Decoded::of(&said, moment));
    let message = decoded.map(|d| d.split());
    Channel {
        hash,
        name: encrypted.map_or(Cow::Borrowed(hash), |hex| Cow::Owned(format!("Encrypted (0x{hex})"))),
        last_message: message.as_ref().map(|m| m.text.clone()).filter(|t| !t.is_empty()),
        last_sender: message.map(|m| m.sender).filter(|s| !s.is_empty()),
        message_count,
        last_activity: newest.map(|row| row.first_seen()),
        encrypted: encrypted.is_some(),
    }
}
