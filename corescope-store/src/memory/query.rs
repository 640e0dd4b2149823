//! Which transmissions, in which order, which page of them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use corescope_core::filter::{Context, Filter};
use corescope_core::ids::NodeKey;

use super::view::Transmission;

/// A conjunction of filters with an order and a page. The default asks for everything, newest id first, 50 rows.
#[derive(Clone, Debug)]
pub struct Query {
    /// Exactly this content hash, compared without regard to case.
    pub hash: Option<String>,
    /// One of these payload types (0–15).
    pub payload_types: Option<Vec<i64>>,
    /// One of these route types (0–3).
    pub route_types: Option<Vec<i64>>,
    /// Heard by one of these observers (`observers.id`, compared exactly).
    pub observers: Option<Vec<String>>,
    /// Heard by an observer in one of these regions (IATA codes, any case).
    pub regions: Option<Vec<String>>,
    /// One of these nodes takes part: as sender, as `pubKey`/`destPubKey`/`srcPubKey` of the payload, or as
    /// resolved relay. Public keys (any case) or exact names.
    pub nodes: Option<Vec<String>>,
    /// `from_pubkey` is one of these (lower-case hex).
    pub originators: Option<Vec<String>>,
    /// Payload type 5 with this `channel_hash`: a channel's name, or `enc_` and two hex digits.
    pub channel: Option<String>,
    /// Of a channel's packets also those whose `decoded_json` is damaged.
    pub with_damaged: bool,
    /// `scope_name` is this: `Some("")` scoped but unknown, `None` in the option unscoped.
    pub scope: Option<Option<String>>,
    /// Unix seconds: first reception or newest observation is later than this (and earlier than `until`).
    pub since: Option<i64>,
    /// Unix seconds: first reception or newest observation is earlier than this (and later than `since`).
    pub until: Option<i64>,
    /// Matches this filter expression.
    pub filter: Option<Expression>,
    /// Only ids greater than this.
    pub after_id: Option<i64>,
    /// Order of the rows.
    pub order: Order,
    /// Rows left out before the page.
    pub offset: usize,
    /// Most rows on the page.
    pub limit: usize,
    /// Only rows behind this one in the order.
    pub after: Option<Cursor>,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            hash: None,
            payload_types: None,
            route_types: None,
            observers: None,
            regions: None,
            nodes: None,
            originators: None,
            channel: None,
            with_damaged: false,
            scope: None,
            since: None,
            until: None,
            filter: None,
            after_id: None,
            order: Order::NewestId,
            offset: 0,
            limit: 50,
            after: None,
        }
    }
}

impl Query {
    /// Whether a row lies behind the cursor, so that a page may show it. Everything does when there is none.
    pub fn is_behind(&self, row: Cursor) -> bool {
        self.after.is_none_or(|after| match self.order {
            Order::NewestId => row.id < after.id,
            Order::OldestId => row.id > after.id,
            Order::Latest => row < after,
        })
    }
}

/// A filter expression with what its verdict depends on.
#[derive(Clone, Debug)]
pub struct Expression {
    /// The parsed expression.
    pub filter: Arc<Filter>,
    /// Now, in milliseconds since 1970: `age` counts back from it.
    pub now_ms: i64,
    /// The reader's own nodes, for `only my`.
    pub mine: Arc<[NodeKey]>,
}

impl Expression {
    /// An expression judged at this moment, without own nodes.
    pub fn at(filter: Filter, now_ms: i64) -> Self {
        Self { filter: Arc::new(filter), now_ms, mine: Arc::new([]) }
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context { now_ms: self.now_ms, mine: &self.mine }
    }
}

/// Order of the rows of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By id, descending.
    #[default]
    NewestId,
    /// By id, ascending.
    OldestId,
    /// By newest observation, descending; equal ones by id, descending.
    Latest,
}

/// A place in an order: the row after which a page begins. Its text form is `latest-id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Newest observation of the row, unix seconds.
    pub latest: i64,
    /// Id of the row.
    pub id: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.latest, self.id)
    }
}

/// The text is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cursor is two decimal numbers joined by a minus sign, as an earlier page gave it")]
pub struct BadCursor;

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        // Either number may have a sign of its own: what joins them is the first one behind the first character.
        let at = text.char_indices().skip(1).find(|(_, c)| *c == '-').ok_or(BadCursor)?.0;
        let (latest, id) = (text.get(..at).ok_or(BadCursor)?, text.get(at + 1..).ok_or(BadCursor)?);
        Ok(Self { latest: latest.parse().map_err(|_| BadCursor)?, id: id.parse().map_err(|_| BadCursor)? })
    }
}

/// What a query found.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// All matches, whatever the page.
    pub total: u64,
    /// The rows of the page, in order.
    pub rows: Vec<Transmission<'a>>,
    /// Where the next page begins; `None` after the last row.
    pub next: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_from_its_text() {
        for (latest, id) in
            [(5, 7), (-5, 7), (5, -7), (-5, -7), (0, 0), (i64::MIN, i64::MIN), (i64::MAX, i64::MAX)]
        {
            let cursor = Cursor { latest, id };
            assert_eq!(cursor.to_string().parse(), Ok(cursor), "{cursor}");
        }
        for text in ["", "-", "5", "-5", "5-", "--", "-5-", "é-1", "5---7", "5-7-", "9223372036854775808-1"]
        {
            assert_eq!(text.parse::<Cursor>(), Err(BadCursor), "{text}");
        }
    }
}
