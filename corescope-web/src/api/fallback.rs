//! What no route takes: unknown API paths answer 404 in JSON, everything else is the page's.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

use crate::{ApiError, AppState};

pub(super) async fn fallback(State(_app): State<AppState>, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return ApiError::not_found("no such route").hint("/api/spec lists the routes").into_response();
    }
    let mut response = "<!doctype html><title>CoreScope</title><p>This build has no page; the API is under <a href=\"/api/spec\">/api/</a>.\n".into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, must-revalidate"));
    response
}
