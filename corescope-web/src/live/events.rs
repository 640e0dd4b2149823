//! Messages of version 2: each transmission once, its further observations as increments.

use axum::extract::ws::Utf8Bytes;
use corescope_store::memory::Transmission;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::original::text;
use crate::api::packets::{Packet, ShortObservation, View};
use crate::error::FilterWarning;

/// A message from the server.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum ServerMessage<'a> {
    /// The first message: where the stream begins.
    Hello {
        /// Resumes here.
        cursor: String,
        /// What is said of the connection.
        data: Hello,
    },
    /// A transmission that this socket was not told of before.
    Transmission {
        /// Resumes behind this message.
        cursor: String,
        /// The packet, with all its observations so far, newest first.
        data: Box<Packet<'a>>,
    },
    /// Further observations of a transmission.
    Observations {
        /// Resumes behind this message.
        cursor: String,
        /// What is new.
        data: Increment<'a>,
    },
    /// The filter in force from here on.
    Filter {
        /// Everything behind it is judged by the new filter.
        cursor: String,
        /// The filter.
        data: FilterInfo,
    },
    /// This socket fell behind; what follows is read from the store, nothing is lost.
    Lag {
        /// How far behind.
        data: Lag,
    },
    /// Events are lost to this socket: ask for the list again.
    Gap {
        /// The stream goes on from here.
        cursor: String,
        /// Why.
        data: Gap,
    },
    /// Nothing happened for a while; moves the cursor of sockets whose filter lets little through.
    Heartbeat {
        /// Resumes here.
        cursor: String,
        /// The server's time.
        data: Heartbeat,
    },
    /// A message of the client could not be followed; the stream goes on as before.
    Error {
        /// What was wrong.
        data: crate::error::ErrorBody,
    },
    /// Answer to `{"type":"ping"}`.
    Pong {},
}

/// What is said of a new connection.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Hello {
    /// Version of this protocol.
    pub(crate) version: u32,
    /// The server's time, RFC 3339 UTC.
    pub(crate) server_time: String,
    /// The filter in force, empty for none.
    pub(crate) filter: String,
    /// What in it is surely not what was meant; absent when there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) warnings: Vec<FilterWarning>,
}

/// Further observations of a transmission.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Increment<'a> {
    /// Transmission id.
    id: i64,
    /// Its content hash.
    hash: std::borrow::Cow<'a, str>,
    /// Observations there are now.
    observation_count: usize,
    /// Observation that the transmission is now shown with (most hops, then newest).
    display_id: Option<i64>,
    /// The new ones, newest first.
    observations: Vec<ShortObservation<'a>>,
}

/// The filter in force.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FilterInForce)]
pub(crate) struct FilterInfo {
    /// The expression, empty for none.
    pub(crate) filter: String,
    /// What in it is surely not what was meant.
    pub(crate) warnings: Vec<FilterWarning>,
}

/// How far a socket fell behind.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Lag {
    /// Events that were waiting.
    pub(crate) missed: u64,
}

/// Why events are lost.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Gap {
    /// `too_old`, `too_many` or `unknown`.
    pub(crate) reason: &'static str,
}

/// The server's time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Heartbeat {
    /// RFC 3339 UTC.
    pub(crate) server_time: String,
}

/// A message from the client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum ClientMessage {
    /// From now on, only what passes this filter (empty: everything).
    Subscribe {
        /// An expression of the packet filter language.
        #[serde(default)]
        filter: String,
    },
    /// Asks for a pong.
    Ping,
}

/// A transmission that a socket was not told of, with its observations up to this id: later ones
/// come with an event of their own.
pub(super) fn transmission(row: Transmission<'_>, up_to: i64, cursor: &str, view: View<'_>) -> Utf8Bytes {
    let mut data = Box::new(view.packet(row, true));
    if let Some(observations) = &mut data.observations {
        observations.retain(|o| o.id <= up_to);
        data.observation_count = observations.len();
    }
    text(&ServerMessage::Transmission { cursor: cursor.to_owned(), data })
}

/// Those observations of a transmission that have ids in this range (exclusive, inclusive).
pub(super) fn observations(
    row: Transmission<'_>,
    ids: (i64, i64),
    cursor: &str,
    view: View<'_>,
) -> Utf8Bytes {
    let observation_count = row.observations().filter(|o| o.id() <= ids.1).count();
    let mut new: Vec<_> = row.observations().filter(|o| o.id() > ids.0 && o.id() <= ids.1).collect();
    new.sort_by_key(|o| std::cmp::Reverse((o.timestamp(), o.id())));
    let data = Increment {
        id: row.id(),
        hash: row.hash(),
        observation_count,
        display_id: row.display().map(|o| o.id()),
        observations: new.into_iter().map(|o| view.short(o)).collect(),
    };
    text(&ServerMessage::Observations { cursor: cursor.to_owned(), data })
}
