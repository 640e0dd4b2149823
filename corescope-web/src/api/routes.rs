//! Every route but those of packets, decoding and the live feed.

use axum::Router;
use axum::routing::{get, post};

use super::{
    admin, audio_lab, channels, config, coverage, ledger, nodes, observers, planned, scope_stats, system,
};
use crate::AppState;

/// The routes, fixed segments beside parameters: the router prefers the fixed ones.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .merge(configuration())
        .merge(of_system())
        .merge(of_nodes())
        .merge(of_observers())
        .merge(of_channels())
        .merge(of_admin())
        .merge(planned::routes())
}

fn configuration() -> Router<AppState> {
    use config::{geo_filter, routes};
    Router::new()
        .route("/api/config/cache", get(routes::cache))
        .route("/api/config/client", get(routes::client))
        .route("/api/config/regions", get(routes::regions))
        .route("/api/config/theme", get(routes::theme))
        .route("/api/config/map", get(routes::map))
        .route("/api/config/geo-filter", get(geo_filter::get).put(geo_filter::put))
        .route("/api/config/areas", get(routes::areas))
        .route("/api/config/areas/polygons", get(routes::polygons))
        .route("/api/iata-coords", get(routes::airports))
}

fn of_system() -> Router<AppState> {
    use system::{health, perf, ready, stats, write_sources};
    Router::new()
        .route("/livez", get(ready::livez))
        .route("/readyz", get(ready::readyz))
        .route("/api/healthz", get(health::healthz))
        .route("/api/health", get(health::health))
        .route("/api/stats", get(stats::stats))
        .route("/api/scope-stats", get(scope_stats::scope_stats))
        .route("/api/perf", get(perf::perf))
        .route("/api/perf/io", get(perf::io))
        .route("/api/perf/sqlite", get(perf::sqlite))
        .route("/api/perf/write-sources", get(write_sources::get_write_sources))
        .route("/api/perf/reset", post(perf::reset))
        .route("/api/mqtt/status", get(write_sources::get_mqtt_status))
        .route("/api/audio-lab/buckets", get(audio_lab::buckets))
        .route("/api/v2/ledger", get(ledger::ledger))
}

fn of_nodes() -> Router<AppState> {
    use nodes::{battery, detail, health, list, search, status};
    Router::new()
        .route("/api/nodes", get(list::list))
        .route("/api/nodes/search", get(search::search))
        .route("/api/nodes/resolve", get(search::resolve))
        .route("/api/nodes/bulk-health", get(health::bulk_health))
        .route("/api/nodes/network-status", get(status::network_status))
        .route("/api/nodes/{pubkey}", get(detail::detail))
        .route("/api/nodes/{pubkey}/health", get(health::health))
        .route("/api/nodes/{pubkey}/battery", get(battery::battery))
        .route("/api/nodes/{pubkey}/rx-coverage", get(coverage::routes::of_node))
        .route("/api/rx-coverage", get(coverage::routes::all))
        .route("/api/rx-leaderboard", get(coverage::routes::board))
}

fn of_observers() -> Router<AppState> {
    use observers::{list, metrics, summary};
    Router::new()
        .route("/api/observers", get(list::list))
        .route("/api/observers/{id}", get(list::detail))
        .route("/api/observers/{id}/metrics", get(metrics::metrics))
        .route("/api/observers/metrics/summary", get(summary::summary))
}

fn of_channels() -> Router<AppState> {
    use channels::{known, list, messages};
    Router::new()
        .route("/api/channels", get(list::list))
        .route("/api/channels/{hash}/messages", get(messages::messages))
        .route("/api/known-channels", get(known::known))
}

fn of_admin() -> Router<AppState> {
    use admin::{backup, dropped, prune};
    Router::new()
        .route("/api/admin/prune-geo-filter", post(prune::prune))
        .route("/api/admin/prune-geo-filter/status", get(prune::status))
        .route("/api/dropped-packets", get(dropped::dropped))
        .route("/api/backup", get(backup::backup))
}
