//! `GET /api/v2/ledger`: the account of every message, and how much never came.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use corescope_core::time::{parse_rfc3339, rfc3339};
use corescope_store::lookup::{self, CompletenessRow, LedgerLine, LedgerQuery};
use serde::Serialize;
use utoipa::ToSchema;

use super::rest::ask;
use crate::query::Params;
use crate::{ApiError, AppState, json};

const DAY: i64 = 86_400;
/// Longest span of one answer, days.
const MAX_DAYS: i64 = 31;

/// The account of every message: received = stored + duplicate + filtered + rejected, in every line.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerView {
    /// From this time on, RFC 3339.
    pub since: String,
    /// Before this time, RFC 3339.
    pub until: String,
    /// Seconds per line: 60 or 3600.
    pub step: i64,
    /// Everything in the span.
    pub total: Account,
    /// The lines, oldest first.
    pub lines: Vec<LedgerRow>,
    /// How much of what observers heard arrived, per hour and observer.
    pub completeness: Vec<CompletenessView>,
    /// Whether `total`, and with it every line, balances.
    pub balanced: bool,
}

/// One account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Account {
    /// Messages that came.
    pub received: i64,
    /// Stored.
    pub stored: i64,
    /// Known already.
    pub duplicate: i64,
    /// Kept out by a rule.
    pub filtered: i64,
    /// Not storable.
    pub rejected: i64,
    /// Rule or reason to count; absent when nothing was refused.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<String, i64>,
}

/// One line.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerRow {
    /// Its start, RFC 3339.
    pub start: String,
    /// The source.
    pub source: String,
    /// The observer; empty where it could not be read.
    pub observer: String,
    /// The account.
    #[serde(flatten)]
    pub account: Account,
}

/// How much of what an observer heard in an hour arrived.
#[derive(Debug, Serialize, ToSchema)]
pub struct CompletenessView {
    /// Start of the hour, RFC 3339.
    pub hour: String,
    /// The observer.
    pub observer: String,
    /// Packets that arrived.
    pub received: i64,
    /// Packets that it heard; null where nothing tells.
    pub expected: Option<i64>,
    /// received ÷ expected, at most 1; null where nothing tells.
    pub ratio: Option<f64>,
    /// What the estimate rests on.
    pub basis: String,
}

impl Account {
    fn add(&mut self, line: &LedgerLine) {
        self.received += line.received;
        self.stored += line.stored;
        self.duplicate += line.duplicate;
        self.filtered += line.filtered;
        self.rejected += line.rejected;
        let detail: BTreeMap<String, i64> =
            line.detail.as_deref().and_then(|d| serde_json::from_str(d).ok()).unwrap_or_default();
        for (reason, count) in detail {
            *self.reasons.entry(reason).or_default() += count;
        }
    }

    fn balances(&self) -> bool {
        self.received == self.stored + self.duplicate + self.filtered + self.rejected
    }
}

/// The account of every message, and how much never came.
#[utoipa::path(get, path = "/api/v2/ledger", tag = "system", params(
    ("since" = Option<String>, Query, description = "from this time on, RFC 3339; default 24 hours before until"),
    ("until" = Option<String>, Query, description = "before this time, RFC 3339; default now"),
    ("step" = Option<String>, Query, description = "1m, or 1h (default)"),
    ("source" = Option<String>, Query, description = "of this source only"),
    ("observer" = Option<String>, Query, description = "of this observer only, any case")),
    responses((status = 200, body = LedgerView), (status = 400, body = crate::error::ErrorBody)))]
pub(crate) async fn ledger(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let params = Params::parse(query.as_deref())?;
    let moment = app.moment();
    let time = |name: &'static str, default: i64| match params.text(name) {
        None => Ok(default),
        Some(text) => parse_rfc3339(text)
            .ok_or_else(|| ApiError::bad_request(format!("{name} is no RFC 3339 time")).code("bad_time")),
    };
    let until = time("until", moment.now + 60)?;
    let since = time("since", until - DAY)?;
    if until - since > MAX_DAYS * DAY {
        return Err(ApiError::bad_request("the span is longer than 31 days").code("span_too_long"));
    }
    let step = match params.text("step") {
        None | Some("1h") => 3600,
        Some("1m") => 60,
        Some(_) => return Err(ApiError::bad_request("step must be 1m or 1h").code("bad_step")),
    };
    let (source, observer) =
        (params.text("source").map(str::to_owned), params.text("observer").map(str::to_owned));
    let (lines, complete) = ask(&app, move |c| {
        let query = LedgerQuery { since, until, source: source.as_deref(), observer: observer.as_deref() };
        Ok((lookup::ledger(c, &query)?, lookup::completeness(c, &query)?))
    })
    .await?;
    let shown = |observer: &str| !moment.veil.hides_observer(observer);
    let mut total = Account::default();
    let mut by_step: BTreeMap<(i64, &str, &str), Account> = BTreeMap::new();
    for line in lines.iter().filter(|l| shown(&l.observer)) {
        total.add(line);
        let start = line.start.div_euclid(step) * step;
        by_step.entry((start, &line.source, &line.observer)).or_default().add(line);
    }
    let rows = by_step.into_iter().map(|((start, source, observer), account)| LedgerRow {
        start: rfc3339(start),
        source: source.to_owned(),
        observer: observer.to_owned(),
        account,
    });
    let balanced = lines.iter().all(balances);
    Ok(json::response(&LedgerView {
        since: rfc3339(since),
        until: rfc3339(until),
        step,
        balanced: balanced && total.balances(),
        total,
        lines: rows.collect(),
        completeness: complete.into_iter().filter(|c| shown(&c.observer)).map(completeness_view).collect(),
    }))
}

fn balances(line: &LedgerLine) -> bool {
    line.received == line.stored + line.duplicate + line.filtered + line.rejected
}

fn completeness_view(row: CompletenessRow) -> CompletenessView {
    CompletenessView {
        hour: rfc3339(row.hour),
        observer: row.observer,
        received: row.received,
        expected: row.expected,
        ratio: row.ratio,
        basis: row.basis,
    }
}
