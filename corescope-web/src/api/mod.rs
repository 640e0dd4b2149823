//! The routes, one file per resource.

mod activity;
pub mod admin;
mod aged;
pub mod areas;
pub mod audio_lab;
mod by_id;
pub mod channels;
pub mod config;
pub mod coverage;
pub mod decode;
mod docs;
mod fallback;
mod fetch;
pub mod ledger;
mod moment;
pub mod nodes;
pub mod observers;
pub mod packets;
pub(crate) mod planned;
mod rest;
mod routes;
pub mod scope_stats;
pub mod system;

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};

use crate::server::RoutePattern;
use crate::{ApiError, AppState};

pub use rest::Rest;

/// All routes.
pub fn router(state: AppState) -> Router {
    Router::new()
        .merge(routes::routes())
        .merge(packets::routes())
        .merge(decode::routes())
        .route("/api/spec", get(crate::openapi::spec))
        .route("/api/docs", get(docs::page))
        .route("/api/docs/{file}", get(docs::files))
        .route("/ws", get(fallback::socket))
        .method_not_allowed_fallback(method_not_allowed)
        .route_layer(middleware::from_fn(note_pattern))
        .fallback(fallback::fallback)
        .with_state(state)
}

/// Whether the client asks for `application/x-protobuf`.
pub fn wants_protobuf(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).into_iter().filter_map(|v| v.to_str().ok());
    accepted.flat_map(|v| v.split(',')).any(|item| {
        let kind = item.split(';').next().unwrap_or("").trim();
        matches!(kind, "application/x-protobuf" | "application/protobuf")
    })
}

/// A mistake in a filter expression: 400 with its column and, where one is likely, the mend.
pub(crate) fn filter_error(error: &corescope_core::filter::FilterError) -> ApiError {
    let answer = ApiError::bad_request(error.message.clone()).code("filter").column(error.column);
    match &error.suggestion {
        Some(mend) => answer.hint(format!("try {mend}")),
        None => answer.hint("see the filter language's page for fields and operators"),
    }
}

/// Answers in protobuf where that is asked for, and tells the edge which route answered, as the contract spells patterns (`/api/nodes/:pubkey`).
async fn note_pattern(request: Request, next: Next) -> Response {
    let pattern =
        request.extensions().get::<MatchedPath>().map(|p| p.as_str().replace('{', ":").replace('}', ""));
    let protobuf = wants_protobuf(request.headers());
    let query = request.uri().query().unwrap_or("");
    let grouped =
        protobuf && query.split('&').any(|pair| pair == "groupByHash=true") && !query.contains("nodes=");
    let mut response = next.run(request).await;
    if let Some(pattern) = pattern {
        if protobuf {
            response = crate::protobuf::transcode(&pattern, grouped, response).await;
        }
        response.extensions_mut().insert(RoutePattern(Arc::from(pattern)));
    }
    response
}

async fn method_not_allowed() -> Response {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "method not allowed")
        .hint("the Allow header names the methods of this path")
        .into_response()
}
