//! `GET /api/healthz`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use crate::{AppState, json};

#[derive(Serialize)]
struct NotReady {
    ready: bool,
    reason: &'static str,
}

#[derive(Serialize)]
struct Ready {
    ready: bool,
}

pub(super) async fn healthz(State(app): State<AppState>) -> Response {
    if app.is_ready() {
        return json::response(&Ready { ready: true });
    }
    let body = json::response(&NotReady { ready: false, reason: "loading" });
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}
