//! `GET /api/perf`, `/api/perf/io`, `/api/perf/sqlite`, `POST /api/perf/reset`: figures for operators.

mod answer;
mod breakdown;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use corescope_core::time::{parse_rfc3339, rfc3339};
use corescope_store::lookup;
use corescope_store::memory::Snapshot;
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use self::breakdown::{BREAKDOWN_NOTE, breakdown};
use super::health::cache_stats;
use super::ingestor::IngestorIo;
use super::process::{IoRates, Memory};
use super::stats::{megabytes, store_bytes};
use crate::perf::Record;
use crate::query::Params;
use crate::{ApiError, AppState, json};

pub use answer::{
    GraphFigures, Indexes, Perf, PerfCache, PerfSqlite, PerfStore, RouteTimes, Rows, Runtime, SlowRequest,
    WalPages,
};
pub use breakdown::MemoryBreakdown;

/// Slow requests shown at most.
const SLOW: usize = 20;
/// Packets that the original says it could hold; nothing is bounded by it here.
const MAX_PACKETS: u64 = 2_386_092;
/// The ingestor's disk traffic counts while its figures are not older, seconds.
const IO_FRESH: i64 = 5;

/// Figures for operators.
#[utoipa::path(get, path = "/api/perf", tag = "system",
    params(("mem" = Option<String>, Query, description = "1 adds where the store's memory is")),
    responses((status = 200, body = Perf)))]
pub(crate) async fn perf(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let params = Params::parse(query.as_deref())?;
    let with_memory = params.get("mem") == Some("1");
    let figures = app.rest.file.ask(&app, lookup::figures).await;
    let answer = tokio::task::spawn_blocking(move || {
        let data = app.store.snapshot();
        let requests = app.requests.view();
        let memory = Memory::read();
        let cache = cache_stats(&app);
        let answer = Perf {
            uptime: app.started.elapsed().as_secs(),
            total_requests: requests.total,
            avg_ms: mean_ms(requests.total_us, requests.total),
            endpoints: requests
                .routes
                .iter()
                .map(|(name, route)| (name.clone(), route_times(route)))
                .collect(),
            slow_queries: slow_requests(&requests, SLOW),
            cache: PerfCache { size: cache.entries, stats: cache },
            packet_store: store_figures(&app, &data, &memory, requests.total),
            sqlite: sqlite_figures(&app, &data, &figures),
            go_runtime: runtime(&memory),
            neighbor_graph: GraphFigures {
                edges: data.graph().edges().len(),
                loaded_at: Some(data.graph().loaded_at()).filter(|at| *at != 0).map(rfc3339),
            },
            memory_breakdown: with_memory.then(|| breakdown(&data)),
            memory_breakdown_note: with_memory.then_some(BREAKDOWN_NOTE),
        };
        json::to_vec(&answer)
    })
    .await
    .map_err(|error| ApiError::internal("perf", &error))?;
    Ok(json::response_of(answer))
}

/// Disk traffic of this process, and of the ingestor where it tells.
#[derive(Debug, Serialize, ToSchema)]
pub struct PerfIo {
    /// This process.
    #[serde(flatten)]
    pub server: IoRates,
    /// The ingestor; absent without fresh figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingestor: Option<IngestorIo>,
}

/// Disk traffic per second.
#[utoipa::path(get, path = "/api/perf/io", tag = "system", responses((status = 200, body = PerfIo)))]
pub(crate) async fn io(State(app): State<AppState>) -> Response {
    let now = app.clock.now();
    let fresh = |io: &IngestorIo| parse_rfc3339(&io.sampled_at).is_some_and(|at| now - at <= IO_FRESH);
    let ingestor = app.rest.stats_file.get().and_then(|stats| stats.proc_io.clone()).filter(fresh);
    json::response(&PerfIo { server: app.rest.sampler.io(), ingestor })
}

/// The database file.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SqlitePages {
    /// Its log, MB.
    #[serde(rename = "walSizeMB")]
    pub wal_size_mb: f64,
    /// Its log, bytes.
    pub wal_size: u64,
    /// Pages of the file.
    pub page_count: i64,
    /// Bytes per page.
    pub page_size: i64,
    /// Page cache of a reading connection: pages, or KiB when negative.
    pub cache_size: i64,
    /// Share of requests answered from shared answers, 0 to 1.
    pub cache_hit_rate: f64,
}

/// The database file.
#[utoipa::path(get, path = "/api/perf/sqlite", tag = "system", responses((status = 200, body = SqlitePages)))]
pub(crate) async fn sqlite(State(app): State<AppState>) -> Response {
    let figures = app.rest.file.ask(&app, lookup::figures).await;
    let wal_size = wal_bytes(&app);
    json::response(&SqlitePages {
        wal_size_mb: megabytes(wal_size),
        wal_size,
        page_count: figures.page_count,
        page_size: figures.page_size,
        cache_size: figures.cache_size,
        cache_hit_rate: cache_stats(&app).hit_rate / 100.0,
    })
}

/// That something was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Done {
    /// Always true.
    pub ok: bool,
}

/// Forgets the timings of requests.
#[utoipa::path(post, path = "/api/perf/reset", tag = "system", security(("ApiKeyAuth" = [])),
    responses((status = 200, body = Done), (status = 401, body = crate::error::ErrorBody),
        (status = 403, body = crate::error::ErrorBody)))]
pub(crate) async fn reset(State(app): State<AppState>, headers: HeaderMap) -> Result<Response, ApiError> {
    crate::keys::require_key(&app, &headers)?;
    app.requests.reset();
    Ok(json::response(&Done { ok: true }))
}

/// Microseconds as ms with one decimal.
fn ms(us: u64) -> f64 {
    (us as f64 / 100.0).round() / 10.0
}

/// Mean, ms.
pub(super) fn mean_ms(total_us: u64, count: u64) -> f64 {
    ms(total_us.checked_div(count).unwrap_or(0))
}

/// The newest slow requests, newest first.
pub(super) fn slow_requests(requests: &Record, most: usize) -> Vec<SlowRequest> {
    let shown = |slow: &crate::perf::Slow| SlowRequest {
        path: slow.path.clone(),
        ms: ms(slow.us),
        time: rfc3339(slow.at),
        status: slow.status,
    };
    requests.slow.iter().rev().take(most).map(shown).collect()
}

fn route_times(route: &crate::perf::Route) -> RouteTimes {
    RouteTimes {
        count: route.count,
        avg_ms: mean_ms(route.total_us, route.count),
        p50_ms: ms(route.percentile_us(0.5)),
        p95_ms: ms(route.percentile_us(0.95)),
        max_ms: ms(route.max_us),
    }
}

fn store_figures(app: &AppState, data: &Snapshot, memory: &Memory, queries: u64) -> PerfStore {
    let config = app.config.load();
    let ceiling = data.memory_use().budget;
    let bytes = store_bytes(data);
    let loaded = data.transmission_count();
    let loading = data.loading();
    // They are made anew all the time.
    let adverts = app.rest.adverts.last();
    let oldest = data.oldest();
    PerfStore {
        total_loaded: loaded,
        total_observations: data.observation_count(),
        evicted: data.evicted().transmissions,
        inserts: data.inserted(),
        queries,
        in_memory: loaded,
        sqlite_only: false,
        max_packets: MAX_PACKETS,
        estimated_mb: megabytes(memory.anonymous),
        tracked_mb: megabytes(bytes),
        avg_bytes_per_packet: bytes.checked_div(loaded).unwrap_or(0),
        max_mb: ceiling.map_or(0, |bytes| bytes as u64 >> 20),
        indexes: Indexes {
            by_hash: loaded,
            by_observer: data.activity().observers().count() as u64,
            by_node: data.activity().nodes().count() as u64,
            advert_by_observer: adverts.map_or(0, |adverts| adverts.len() as u64),
        },
        hot_startup_hours: config.packet_store.hot_startup_hours.unwrap_or(0.0),
        background_load_complete: loading.complete,
        background_load_failed: loading.error.is_some(),
        background_load_progress: loading.percent(),
        background_load_error: loading.error.clone(),
        retention_hours: config.packet_store.retention_hours.unwrap_or(0.0),
        oldest_loaded: oldest.map(|t| t.first_seen().into_owned()).unwrap_or_default(),
        load_coverage_ratio: if loading.expected == 0 {
            1.0
        } else {
            (loading.loaded as f64 / loading.expected as f64).min(1.0)
        },
        defects: data.defects().iter().map(|(defect, count)| (defect.word(), *count)).collect(),
    }
}

fn sqlite_figures(app: &AppState, data: &Snapshot, figures: &lookup::FileFigures) -> PerfSqlite {
    let page = u64::try_from(figures.page_size).unwrap_or(0);
    let pages = |n: i64| megabytes(u64::try_from(n).unwrap_or(0) * page);
    PerfSqlite {
        db_size_mb: pages(figures.page_count),
        wal_size_mb: megabytes(wal_bytes(app)),
        freelist_mb: pages(figures.freelist_count),
        wal_pages: wal_pages(wal_bytes(app), page),
        rows: Rows {
            transmissions: data.transmission_count(),
            observations: data.observation_count(),
            nodes: data.nodes().active().count() as u64,
            observers: data.observers().len() as u64,
        },
    }
}

/// Bytes of the write-ahead log beside the database.
fn wal_bytes(app: &AppState) -> u64 {
    let mut path = app.paths.db.clone().into_os_string();
    path.push("-wal");
    std::fs::metadata(path).map_or(0, |m| m.len())
}

/// Frames of a log of this size. A log is emptied only by the writer, and then as a whole, so that what lies in it
/// is taken as not checkpointed. The exact number stands in the `-shm` file, which must not be opened beside SQLite:
/// closing it would give up the locks that SQLite holds on it for this process.
fn wal_pages(bytes: u64, page_size: u64) -> WalPages {
    const HEADER: u64 = 32;
    const FRAME_HEADER: u64 = 24;
    let total = bytes.saturating_sub(HEADER).checked_div(page_size + FRAME_HEADER).unwrap_or(0);
    WalPages { total, checkpointed: 0, busy: 0 }
}

fn runtime(memory: &Memory) -> Runtime {
    let exact = |bytes: u64| bytes as f64 / 1_048_576.0;
    let tasks = tokio::runtime::Handle::try_current().map_or(0, |h| h.metrics().num_alive_tasks());
    Runtime {
        goroutines: tasks as u64,
        num_gc: 0,
        pause_total_ms: 0.0,
        last_pause_ms: 0.0,
        heap_alloc_mb: exact(memory.anonymous),
        heap_sys_mb: exact(memory.data),
        heap_inuse_mb: exact(memory.anonymous),
        heap_idle_mb: exact(memory.data.saturating_sub(memory.anonymous)),
        num_cpu: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_a_log_are_counted_from_its_size() {
        assert_eq!(wal_pages(0, 4096).total, 0);
        assert_eq!(wal_pages(32 + 3 * (4096 + 24), 4096).total, 3);
        assert_eq!(wal_pages(100, 0).total, 2);
    }

    #[test]
    fn means_have_one_decimal() {
        assert_eq!(mean_ms(0, 0), 0.0);
        assert_eq!(mean_ms(1_234_567, 1000), 1.2);
    }
}
