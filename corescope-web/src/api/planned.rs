//! Routes of the contract that answer 501: they compute from resolved hops, the neighbour graph, clocks and
//! liveness, which this version does not.

use axum::Router;
use axum::extract::MatchedPath;
use axum::routing::{MethodRouter, get, post};

use crate::{ApiError, AppState};

/// Method and path of every planned route, as the router writes them.
pub(crate) const PLANNED: [(&str, &str); 23] = [
    ("get", "/api/analytics/roles"),
    ("get", "/api/analytics/rf"),
    ("get", "/api/analytics/topology"),
    ("get", "/api/analytics/channels"),
    ("get", "/api/analytics/distance"),
    ("get", "/api/analytics/hash-sizes"),
    ("get", "/api/analytics/hash-collisions"),
    ("get", "/api/analytics/subpaths"),
    ("get", "/api/analytics/subpaths-bulk"),
    ("get", "/api/analytics/subpath-detail"),
    ("get", "/api/analytics/neighbor-graph"),
    ("get", "/api/analytics/relay-airtime-share"),
    ("get", "/api/nodes/clock-skew"),
    ("get", "/api/nodes/{pubkey}/clock-skew"),
    ("get", "/api/nodes/{pubkey}/paths"),
    ("get", "/api/nodes/{pubkey}/analytics"),
    ("get", "/api/nodes/{pubkey}/neighbors"),
    ("get", "/api/nodes/{pubkey}/reach"),
    ("get", "/api/observers/clock-skew"),
    ("get", "/api/observers/{id}/analytics"),
    ("get", "/api/resolve-hops"),
    ("post", "/api/paths/inspect"),
    ("get", "/api/debug/affinity"),
];

/// A router that answers 501 on all of them.
pub(crate) fn routes() -> Router<AppState> {
    PLANNED.iter().fold(Router::new(), |router, (method, path)| {
        let handler: MethodRouter<AppState> = match *method {
            "post" => post(not_built),
            _ => get(not_built),
        };
        router.route(path, handler)
    })
}

async fn not_built(path: MatchedPath) -> ApiError {
    ApiError::not_implemented(path.as_str())
}
