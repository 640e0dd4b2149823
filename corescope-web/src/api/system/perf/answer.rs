//! What `GET /api/perf` answers, in the shape of the original.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::breakdown::MemoryBreakdown;
use crate::api::system::health::CacheStats;

/// Figures for operators.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Perf {
    /// Seconds since the start.
    pub uptime: u64,
    /// Requests since the start or the last reset.
    pub total_requests: u64,
    /// Mean, ms.
    pub avg_ms: f64,
    /// Figures per route (`/api/nodes/:pubkey`).
    pub endpoints: BTreeMap<String, RouteTimes>,
    /// At most 20, newest first.
    pub slow_queries: Vec<SlowRequest>,
    /// Answers that callers share.
    pub cache: PerfCache,
    /// Packets in memory.
    pub packet_store: PerfStore,
    /// The database.
    pub sqlite: PerfSqlite,
    /// The runtime, under the names of the original.
    pub go_runtime: Runtime,
    /// The neighbour graph.
    pub neighbor_graph: GraphFigures,
    /// Where the store's memory is; only with `mem=1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_breakdown: Option<MemoryBreakdown>,
    /// What the breakdown leaves out; only with `mem=1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_breakdown_note: Option<&'static str>,
}

/// Figures of one route.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteTimes {
    /// Requests.
    pub count: u64,
    /// Mean, ms.
    pub avg_ms: f64,
    /// Median of the last 100 requests, ms.
    pub p50_ms: f64,
    /// 95th percentile of the last 100 requests, ms.
    pub p95_ms: f64,
    /// Longest, ms.
    pub max_ms: f64,
}

/// A request that took 100 ms or more.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SlowRequest {
    /// Path without its query.
    pub path: String,
    /// Duration, ms.
    pub ms: f64,
    /// When it ended, RFC 3339.
    pub time: String,
    /// Status answered.
    pub status: u16,
}

/// Answers that callers share.
#[derive(Debug, Serialize, ToSchema)]
pub struct PerfCache {
    /// Kept now.
    pub size: u64,
    /// The rest of the figures.
    #[serde(flatten)]
    pub stats: CacheStats,
}

/// Packets in memory.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PerfStore {
    /// Distinct packets.
    pub total_loaded: u64,
    /// Receptions.
    pub total_observations: u64,
    /// Packets given up for room.
    pub evicted: u64,
    /// Packets that came after the load.
    pub inserts: u64,
    /// Requests answered.
    pub queries: u64,
    /// Same as `totalLoaded`.
    pub in_memory: u64,
    /// Always false.
    pub sqlite_only: bool,
    /// A figure of the original; nothing is bounded by it.
    pub max_packets: u64,
    /// What the process holds, MB.
    #[serde(rename = "estimatedMB")]
    pub estimated_mb: f64,
    /// What the store holds, MB.
    #[serde(rename = "trackedMB")]
    pub tracked_mb: f64,
    /// Store bytes per packet.
    pub avg_bytes_per_packet: u64,
    /// The ceiling in force for packets, MB, configured or not; 0 without one.
    #[serde(rename = "maxMB")]
    pub max_mb: u64,
    /// Entries of the indexes.
    pub indexes: Indexes,
    /// Hours loaded before the rest.
    pub hot_startup_hours: f64,
    /// Whether everything is loaded.
    pub background_load_complete: bool,
    /// Whether loading ended early.
    pub background_load_failed: bool,
    /// Per cent loaded.
    pub background_load_progress: u64,
    /// Why loading ended early; absent when it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background_load_error: Option<String>,
    /// Hours kept in memory; 0 for all.
    pub retention_hours: f64,
    /// First reception of the oldest packet in memory, RFC 3339; empty when there is none.
    pub oldest_loaded: String,
    /// Share of the rows that are loaded, 0 to 1.
    pub load_coverage_ratio: f64,
    /// Rows of the database with a defect, by kind: left out, but for `payload`, whose packets are kept.
    pub defects: BTreeMap<&'static str, u64>,
}

/// Entries of the indexes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Indexes {
    /// Hashes.
    pub by_hash: u64,
    /// Observers with receptions in memory.
    pub by_observer: u64,
    /// Nodes with packets in memory, whether or not they are on record.
    pub by_node: u64,
    /// Nodes with adverts.
    pub advert_by_observer: u64,
}

/// The database.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PerfSqlite {
    /// The file, MB.
    #[serde(rename = "dbSizeMB")]
    pub db_size_mb: f64,
    /// Its log, MB.
    #[serde(rename = "walSizeMB")]
    pub wal_size_mb: f64,
    /// Empty pages in the file, MB.
    #[serde(rename = "freelistMB")]
    pub freelist_mb: f64,
    /// Pages of the log.
    pub wal_pages: WalPages,
    /// Rows.
    pub rows: Rows,
}

/// Pages of the log.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct WalPages {
    /// In the log file.
    pub total: u64,
    /// Of these, known to be in the database already. Always 0: the server cannot know.
    pub checkpointed: u64,
    /// Always 0: the server never checkpoints.
    pub busy: u64,
}

/// Rows of the tables, as loaded.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rows {
    /// Packets.
    pub transmissions: u64,
    /// Receptions.
    pub observations: u64,
    /// Nodes.
    pub nodes: u64,
    /// Observers.
    pub observers: u64,
}

/// The runtime. There is no garbage collector: its figures are 0.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Runtime {
    /// Tasks.
    pub goroutines: u64,
    /// Always 0.
    #[serde(rename = "numGC")]
    pub num_gc: u64,
    /// Always 0.
    pub pause_total_ms: f64,
    /// Always 0.
    pub last_pause_ms: f64,
    /// What the allocator holds, MB.
    #[serde(rename = "heapAllocMB")]
    pub heap_alloc_mb: f64,
    /// Address space of data, MB.
    #[serde(rename = "heapSysMB")]
    pub heap_sys_mb: f64,
    /// Same as `heapAllocMB`.
    #[serde(rename = "heapInuseMB")]
    pub heap_inuse_mb: f64,
    /// Address space that is not resident, MB.
    #[serde(rename = "heapIdleMB")]
    pub heap_idle_mb: f64,
    /// Processors.
    #[serde(rename = "numCPU")]
    pub num_cpu: usize,
}

/// The neighbour graph.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GraphFigures {
    /// Edges.
    pub edges: usize,
    /// When it was read, RFC 3339; null when it never was.
    pub loaded_at: Option<String>,
}
