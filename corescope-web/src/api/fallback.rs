//! What no route takes: unknown API paths answer 404 in JSON, everything else is the page's.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};

use crate::server::folder;
use crate::{ApiError, AppState, live, page, query};

pub(super) async fn fallback(State(app): State<AppState>, request: Request) -> Response {
    if request.method() == Method::GET && live::is_upgrade(request.headers()) {
        return live::upgrade(app, request).await;
    }
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return ApiError::not_found("no such route").hint("/api/spec lists the routes").into_response();
    }
    let decoded = query::decode_segment(path);
    if decoded.contains('\\') || decoded.split('/').any(|part| part == "..") {
        let mut response = (StatusCode::BAD_REQUEST, "bad request\n").into_response();
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        return response;
    }
    match &app.options.page_folder {
        Some(root) => folder::respond(root, &decoded, request.headers()).await,
        None => page::respond(path, request.headers()),
    }
}

/// `GET /ws`: the live feed. Clients of the original connect to any path.
pub(super) async fn socket(State(app): State<AppState>, request: Request) -> Response {
    live::upgrade(app, request).await
}
