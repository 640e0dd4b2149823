//! `GET /api/health`: how the process is doing; always 200. And `GET /api/healthz`: whether it is ready.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::build::{BUILD_TIME, COMMIT, ENGINE, VERSION};
use super::ingestor::{Backfill, IngestorStats, SourceLiveness};
use super::perf::{SlowRequest, slow_requests};
use super::process::{EventLoop, Memory};
use super::stats::{megabytes, store_bytes};
use crate::{AppState, json};

/// Slow requests shown at most.
const RECENT_SLOW: usize = 5;

/// How the process is doing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Always `ok`.
    pub status: &'static str,
    /// Always `rust`.
    pub engine: &'static str,
    /// Version of this program.
    pub version: &'static str,
    /// Commit it was built from.
    pub commit: &'static str,
    /// When it was built.
    pub build_time: &'static str,
    /// Seconds since the start.
    pub uptime: u64,
    /// The same for people, `3h 12m`.
    pub uptime_human: String,
    /// Memory, MB.
    pub memory: MemoryMb,
    /// How late timers fire.
    pub event_loop: EventLoop,
    /// Shared answers.
    pub cache: CacheStats,
    /// Live sockets.
    pub websocket: Sockets,
    /// Packets in memory.
    pub packet_store: StoreSize,
    /// Requests.
    pub perf: RequestTotals,
}

/// Memory of the process, MB (2^20).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemoryMb {
    /// Resident.
    pub rss: u64,
    /// Resident and anonymous: what the allocator holds.
    pub heap_used: u64,
    /// Address space of data.
    pub heap_total: u64,
    /// Resident and backed by files.
    pub external: u64,
}

/// Answers that callers share.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CacheStats {
    /// Kept now.
    pub entries: u64,
    /// Requests answered from one.
    pub hits: u64,
    /// Requests that made one.
    pub misses: u64,
    /// Always 0: an answer that is out of date is not given.
    pub stale_hits: u64,
    /// Same as `misses`.
    pub recomputes: u64,
    /// Hits, per cent of both.
    pub hit_rate: f64,
}

/// Live sockets.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sockets {
    /// Open now.
    pub clients: u64,
}

/// Packets in memory.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreSize {
    /// Distinct packets.
    pub packets: u64,
    /// What the store holds, MB.
    #[serde(rename = "estimatedMB")]
    pub estimated_mb: u64,
    /// The same with a decimal.
    #[serde(rename = "trackedMB")]
    pub tracked_mb: f64,
}

/// Requests since the start or the last reset.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestTotals {
    /// Requests.
    pub total_requests: u64,
    /// Mean, ms.
    pub avg_ms: f64,
    /// Those over 100 ms.
    pub slow_queries: u64,
    /// The last five of them, newest first.
    pub recent_slow: Vec<SlowRequest>,
}

/// How the process is doing.
#[utoipa::path(get, path = "/api/health", tag = "system", responses((status = 200, body = Health)))]
pub(crate) async fn health(State(app): State<AppState>) -> Response {
    let uptime = app.started.elapsed().as_secs();
    let memory = Memory::read();
    let data = app.store.snapshot();
    let requests = app.requests.view();
    let mb = |bytes: u64| bytes >> 20;
    let bytes = store_bytes(&data);
    json::response(&Health {
        status: "ok",
        engine: ENGINE,
        version: VERSION,
        commit: COMMIT,
        build_time: BUILD_TIME,
        uptime,
        uptime_human: format!("{}h {}m", uptime / 3600, uptime / 60 % 60),
        memory: MemoryMb {
            rss: mb(memory.resident),
            heap_used: mb(memory.anonymous),
            heap_total: mb(memory.data),
            external: mb(memory.file),
        },
        event_loop: app.rest.sampler.event_loop(),
        cache: cache_stats(&app),
        websocket: Sockets { clients: app.addresses.open().1 as u64 },
        packet_store: StoreSize {
            packets: data.transmission_count(),
            estimated_mb: mb(bytes),
            tracked_mb: megabytes(bytes),
        },
        perf: RequestTotals {
            total_requests: requests.total,
            avg_ms: super::perf::mean_ms(requests.total_us, requests.total),
            slow_queries: requests.slow_total,
            recent_slow: slow_requests(&requests, RECENT_SLOW),
        },
    })
}

/// Figures of the shared answers.
pub(super) fn cache_stats(app: &AppState) -> CacheStats {
    let figures = app.hot.figures();
    let asked = figures.hits + figures.misses;
    CacheStats {
        entries: figures.entries,
        hits: figures.hits,
        misses: figures.misses,
        stale_hits: 0,
        recomputes: figures.misses,
        hit_rate: if asked == 0 { 0.0 } else { (figures.hits as f64 / asked as f64 * 1000.0).round() / 10.0 },
    }
}

/// Whether the server is ready.
#[derive(Debug, Serialize, ToSchema)]
pub struct Healthz {
    /// True once the data are loaded.
    pub ready: bool,
    /// `loading` while it is not; absent when ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Packets loaded; absent while loading.
    #[serde(rename = "loadedTx", skip_serializing_if = "Option::is_none")]
    pub loaded_tx: Option<u64>,
    /// Receptions loaded; absent while loading.
    #[serde(rename = "loadedObs", skip_serializing_if = "Option::is_none")]
    pub loaded_obs: Option<u64>,
    /// Progress of a background job of the ingestor; absent while loading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_pubkey_backfill: Option<Backfill>,
    /// Last signs of life per source; absent when the ingestor tells none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ingest_liveness: BTreeMap<String, SourceLiveness>,
    /// What is wrong although answers are given; absent when nothing is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// Whether the server is ready.
#[utoipa::path(get, path = "/api/healthz", tag = "system",
    responses((status = 200, body = Healthz), (status = 503, body = Healthz)))]
pub(crate) async fn healthz(State(app): State<AppState>) -> Response {
    let data = app.store.snapshot();
    if !data.loading().usable {
        let mut response = json::response(&Healthz {
            ready: false,
            reason: Some("loading"),
            loaded_tx: None,
            loaded_obs: None,
            from_pubkey_backfill: None,
            ingest_liveness: BTreeMap::new(),
            reasons: Vec::new(),
        });
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        return (StatusCode::SERVICE_UNAVAILABLE, response).into_response();
    }
    let stats = app.rest.stats_file.get();
    let reasons = reasons(stats.as_deref(), app.clock.now(), app.clock.is_frozen());
    json::response(&Healthz {
        ready: true,
        reason: None,
        loaded_tx: Some(data.transmission_count()),
        loaded_obs: Some(data.observation_count()),
        from_pubkey_backfill: Some(stats.as_ref().and_then(|s| s.from_pubkey_backfill).unwrap_or_default()),
        ingest_liveness: stats.map(|s| s.source_liveness.clone()).unwrap_or_default(),
        reasons,
    })
}

/// What is wrong with the ingest, as far as its figures tell.
fn reasons(stats: Option<&IngestorStats>, now: i64, frozen: bool) -> Vec<String> {
    let mut out = super::ready::of_ingestor(stats, now, frozen);
    let Some(stats) = stats.filter(|_| !frozen) else { return out };
    let down = stats.source_statuses.iter().filter(|s| !s.connected);
    out.extend(down.map(|source| format!("source {} is not connected", source.name)));
    out
}

#[cfg(test)]
mod tests {
    use corescope_core::time::parse_rfc3339;

    use super::*;
    use crate::api::system::ingestor::SourceStatus;

    #[test]
    fn an_ingestor_that_is_silent_or_cut_off_is_said_to_be() {
        let stats = IngestorStats {
            sampled_at: "2026-01-01T00:00:00Z".to_owned(),
            source_statuses: vec![SourceStatus { name: "a".to_owned(), ..Default::default() }],
            ..Default::default()
        };
        let now = parse_rfc3339("2026-01-01T00:02:00Z").unwrap();
        assert_eq!(reasons(Some(&stats), now, false).len(), 2);
        assert_eq!(reasons(Some(&stats), now - 90, false), ["source a is not connected"]);
        assert!(reasons(Some(&stats), now, true).is_empty() && reasons(None, now, false).is_empty());
    }
}
