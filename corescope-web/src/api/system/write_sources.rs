//! `GET /api/perf/write-sources` and `GET /api/mqtt/status`: what the ingestor tells of itself.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::ingestor::{IngestorStats, Queue, SourceStatus, WriterPerf};
use crate::{AppState, json};

/// Counters of the ingestor.
#[derive(Debug, Serialize, ToSchema)]
pub struct WriteSources {
    /// When they were written, RFC 3339; empty without a statistics file.
    #[serde(rename = "sampleAt")]
    pub sample_at: String,
    /// The counters, by name; `backfill_*` are rows mended per background job.
    pub sources: BTreeMap<String, i64>,
    /// Waits and holds of the writer, per part; absent without a statistics file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writer_perf: Option<BTreeMap<String, WriterPerf>>,
}

/// The links to the brokers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MqttStatus {
    /// One entry per source.
    pub sources: Vec<SourceStatus>,
    /// When this was written, RFC 3339; empty without a statistics file.
    pub sample_at: String,
    /// Last round of the watchdog, unix seconds; absent when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watchdog_last_tick_unix: Option<i64>,
    /// Times the watchdog had to be restarted; absent when it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watchdog_panic_count: Option<i64>,
    /// The queue before the writer; absent when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue>,
    /// Input refused, by reason; absent when unknown or none was.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub bad: BTreeMap<String, i64>,
}

/// Counters of the ingestor.
#[utoipa::path(get, path = "/api/perf/write-sources", tag = "system", responses((status = 200, body = WriteSources)))]
pub(crate) async fn get_write_sources(State(app): State<AppState>) -> Response {
    json::response(&write_sources(app.rest.stats_file.get().as_deref()))
}

/// The links to the brokers.
#[utoipa::path(get, path = "/api/mqtt/status", tag = "system", responses((status = 200, body = MqttStatus)))]
pub(crate) async fn get_mqtt_status(State(app): State<AppState>) -> Response {
    json::response(&mqtt_status(app.rest.stats_file.get().as_deref()))
}

/// The counters of a statistics file.
pub fn write_sources(stats: Option<&IngestorStats>) -> WriteSources {
    let Some(s) = stats else {
        return WriteSources { sample_at: String::new(), sources: BTreeMap::new(), writer_perf: None };
    };
    let counters = [
        ("tx_inserted", s.tx_inserted),
        ("tx_dupes", s.tx_dupes),
        ("obs_inserted", s.obs_inserted),
        ("node_upserts", s.node_upserts),
        ("observer_upserts", s.observer_upserts),
        ("write_errors", s.write_errors),
        ("sig_drops", s.sig_drops),
        ("walCommits", s.wal_commits),
        ("groupCommitFlushes", s.group_commit_flushes),
    ];
    let jobs = s.backfill_updates.iter().map(|(name, n)| (format!("backfill_{name}"), *n));
    WriteSources {
        sample_at: s.sampled_at.clone(),
        sources: counters.into_iter().map(|(name, n)| (name.to_owned(), n)).chain(jobs).collect(),
        writer_perf: Some(s.writer_perf.clone()),
    }
}

/// The links of a statistics file.
pub fn mqtt_status(stats: Option<&IngestorStats>) -> MqttStatus {
    let mut s = stats.cloned().unwrap_or_default();
    for source in &mut s.source_statuses {
        source.account = s.ledger.get(&source.name).copied();
        source.completeness = s.completeness.get(&source.name).cloned();
    }
    MqttStatus {
        sources: s.source_statuses,
        sample_at: s.sampled_at,
        watchdog_last_tick_unix: s.watchdog_last_tick_unix.filter(|t| *t != 0),
        watchdog_panic_count: s.watchdog_panic_count.filter(|n| *n != 0),
        queue: s.queue,
        bad: s.bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_file_the_shape_says_so() {
        assert_eq!(serde_json::to_string(&write_sources(None)).unwrap(), r#"{"sampleAt":"","sources":{}}"#);
        assert_eq!(serde_json::to_string(&mqtt_status(None)).unwrap(), r#"{"sources":[],"sampleAt":""}"#);
    }

    #[test]
    fn each_source_has_its_account() {
        let text = r#"{"source_statuses":[{"name":"a","grantedQos":0,"mayLose":"the broker grants QoS 0 only"},{"name":"b"}],
            "ledger":{"a":{"received":5,"stored":3,"duplicate":1,"filtered":0,"rejected":0,"inFlight":1}},
            "completeness":{"a":{"hour":"2026-06-01T12:00:00Z","observers":2,"estimated":1,"received":9,"expected":10,"ratio":0.9}}}"#;
        let status = mqtt_status(Some(&serde_json::from_str(text).unwrap()));
        let [a, b] = status.sources.as_slice() else { panic!() };
        assert_eq!(a.account.map(|account| (account.received, account.in_flight)), Some((5, 1)));
        assert_eq!(a.completeness.as_ref().and_then(|c| c.ratio), Some(0.9));
        assert_eq!((a.granted_qos, a.may_lose.as_deref()), (Some(0), Some("the broker grants QoS 0 only")));
        assert_eq!((b.account, b.may_lose.as_deref()), (None, None));
    }

    #[test]
    fn jobs_stand_among_the_counters() {
        let stats = IngestorStats {
            tx_inserted: 3,
            backfill_updates: [("default_scope".to_owned(), 2)].into(),
            ..Default::default()
        };
        let view = write_sources(Some(&stats));
        assert_eq!((view.sources["tx_inserted"], view.sources["backfill_default_scope"]), (3, 2));
        assert_eq!(view.sources.len(), 10);
    }
}
