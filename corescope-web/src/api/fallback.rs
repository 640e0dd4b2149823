//! What no route takes: unknown API paths answer 404 in JSON, everything else is the page's.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};

use crate::{ApiError, AppState, page};

pub(super) async fn fallback(State(_app): State<AppState>, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return ApiError::not_found("no such route").hint("/api/spec lists the routes").into_response();
    }
    page::respond(path, request.headers())
}
