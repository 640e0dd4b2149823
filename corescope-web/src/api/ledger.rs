//! `GET /api/v2/ledger`: the account of every message, and how much never came.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use corescope_core::time::{parse_rfc3339, rfc3339};
use corescope_store::lookup::{self, CompletenessRow, LedgerLine, LedgerQuery, Outage};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rest::ask;
use super::system::ingestor::IngestorStats;
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
    /// The sources, and when they were not connected.
    pub sources: Vec<SourceView>,
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

/// A source and when it was not connected.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceView {
    /// Its name.
    pub name: String,
    /// Why messages can be lost between its broker and us; absent when they cannot, or when it is no source any more.
    #[serde(rename = "mayLose", skip_serializing_if = "Option::is_none")]
    pub may_lose: Option<String>,
    /// When it was not connected, oldest first; one that lasts is not among them yet.
    pub outages: Vec<OutageView>,
}

/// A time in which a source was not connected.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OutageView {
    /// Its start, RFC 3339.
    pub start: String,
    /// Its end, RFC 3339.
    pub until: String,
    /// Whether the broker still had our session afterwards: it may have kept what came at QoS 1.
    pub resumed: bool,
}

/// What each kind of evidence says of an hour; absent where it says nothing.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Evidence {
    /// The observer's own counters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counters: Option<CounterEvidence>,
    /// What neighbouring observers heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighbours: Option<NeighbourEvidence>,
    /// Times in which none of its sources was connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconnects: Option<TimeEvidence>,
    /// Times in which it was silent for longer than chance explains, although a source of it was connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gaps: Option<TimeEvidence>,
}

/// What an observer's counters say.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CounterEvidence {
    /// Packets that its radio received.
    pub heard: i64,
    /// Receptions that were damaged on the air; no part of `heard`.
    pub damaged: i64,
    /// Packets that it received and that did not arrive.
    pub missing: i64,
    /// Seconds of the hour that lie between its status messages.
    pub seconds: i64,
}

/// What neighbouring observers say.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct NeighbourEvidence {
    /// Observers that it was compared with.
    pub peers: i64,
    /// Share of their transmissions that it usually hears, 0 to 1.
    pub usual: f64,
    /// Share that it heard now.
    pub now: f64,
    /// Packets that are missing by that; 0 where chance explains it.
    pub missing: i64,
}

/// What a stretch of time says.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct TimeEvidence {
    /// Its seconds.
    pub seconds: i64,
    /// Packets that the observer usually hears in that time, without those that came later.
    pub missing: i64,
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
    /// What the estimate rests on: `counters`, `neighbours`, `reconnects`, `gaps`, joined by `+`; or `none`.
    pub basis: String,
    /// Seconds of the hour that this is about: fewer while the hour runs.
    pub covered: i64,
    /// What each kind of evidence says by itself; only where one observer is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
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
    let (wanted, of_one) = (source.clone(), observer.is_some());
    let (lines, complete, outages) = ask(&app, move |c| {
        let query = LedgerQuery { since, until, source: source.as_deref(), observer: observer.as_deref() };
        Ok((lookup::ledger(c, &query)?, lookup::completeness(c, &query)?, lookup::outages(c, &query)?))
    })
    .await?;
    let view = |row: CompletenessRow| {
        let view = completeness_view(row);
        // For ten thousand observers it would be most of the answer.
        if of_one { view } else { CompletenessView { evidence: None, ..view } }
    };
    let stats = app.rest.stats_file.get();
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
        completeness: complete.into_iter().filter(|c| shown(&c.observer)).map(view).collect(),
        sources: sources(stats.as_deref(), outages, wanted.as_deref()),
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
        covered: row.covered,
        // Our own spelling; were it not, the figures above say enough.
        evidence: row.evidence.and_then(|text| serde_json::from_str(&text).ok()),
    }
}

/// Those that run, and those that had an outage.
fn sources(stats: Option<&IngestorStats>, outages: Vec<Outage>, wanted: Option<&str>) -> Vec<SourceView> {
    let mut by_name: BTreeMap<String, SourceView> = BTreeMap::new();
    for status in stats.map_or(&[][..], |stats| &stats.source_statuses) {
        by_name.entry(status.name.clone()).or_default().may_lose.clone_from(&status.may_lose);
    }
    for outage in outages {
        let (start, until) = (rfc3339(outage.start), rfc3339(outage.until));
        let view = OutageView { start, until, resumed: outage.resumed };
        by_name.entry(outage.source).or_default().outages.push(view);
    }
    by_name.retain(|name, _| wanted.is_none_or(|wanted| wanted == name));
    by_name.into_iter().map(|(name, view)| SourceView { name, ..view }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_those_that_run_and_those_with_an_outage() {
        let stats: IngestorStats =
            serde_json::from_str(r#"{"source_statuses":[{"name":"b","mayLose":"qos is 0"},{"name":"c"}]}"#)
                .unwrap();
        let outage = |source: &str| Outage { source: source.to_owned(), start: 0, until: 60, resumed: true };
        let found = sources(Some(&stats), vec![outage("a"), outage("b")], None);
        let told: Vec<_> =
            found.iter().map(|s| (s.name.as_str(), s.may_lose.as_deref(), s.outages.len())).collect();
        assert_eq!(told, [("a", None, 1), ("b", Some("qos is 0"), 1), ("c", None, 0)]);
        assert_eq!(found[0].outages[0].until, "1970-01-01T00:01:00Z");
        assert_eq!(sources(Some(&stats), vec![outage("a")], Some("c")).len(), 1);
        assert_eq!(sources(None, Vec::new(), None), []);
    }

    #[test]
    fn evidence_is_told_as_it_was_written() {
        let row = CompletenessRow {
            hour: 0,
            observer: "A".to_owned(),
            received: 60,
            expected: Some(90),
            ratio: Some(0.667),
            basis: "reconnects".to_owned(),
            covered: 3600,
            evidence: Some(r#"{"reconnects":{"seconds":900,"missing":30}}"#.to_owned()),
        };
        let view = completeness_view(row.clone());
        let evidence = view.evidence.unwrap();
        assert_eq!(evidence.reconnects, Some(TimeEvidence { seconds: 900, missing: 30 }));
        let text = serde_json::to_string(&evidence).unwrap();
        assert_eq!(text, row.evidence.unwrap());
        let other = CompletenessRow { evidence: Some("{".to_owned()), ..completeness_row() };
        assert_eq!(completeness_view(other).evidence, None);
    }

    fn completeness_row() -> CompletenessRow {
        CompletenessRow {
            hour: 0,
            observer: String::new(),
            received: 0,
            expected: None,
            ratio: None,
            basis: "none".to_owned(),
            covered: 3600,
            evidence: None,
        }
    }
}
