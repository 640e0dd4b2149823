//! `POST /api/decode` and `POST /api/v2/decode`.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::decode_service::{self, DecodedPacket, DissectRequest, DissectResponse};
use crate::error::ErrorBody;
use crate::server::body;
use crate::{ApiError, AppState, json};

/// Largest body.
const MAX_BODY: usize = 64 * 1024;

/// The routes of this resource.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/api/decode", post(decode)).route("/api/v2/decode", post(dissect))
}

/// A packet to decode.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct DecodeRequest {
    /// The frame in hex; blanks and line breaks are allowed.
    #[serde(default)]
    hex: Option<String>,
}

/// The decoded packet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecodeResponse {
    /// Header, path and payload.
    decoded: DecodedPacket,
}

/// Decodes one packet as the original does.
#[utoipa::path(post, path = "/api/decode", tag = "decode", request_body = DecodeRequest,
    responses((status = 200, body = DecodeResponse), (status = 400, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub(crate) async fn decode(State(app): State<AppState>, body: Body) -> Result<Response, ApiError> {
    let request: DecodeRequest = body::json(&app, body, MAX_BODY).await?;
    let decoded = decode_service::decode(request.hex.as_deref().unwrap_or(""), true)?;
    Ok(json::response(&DecodeResponse { decoded }))
}

/// Takes packets apart to the last byte.
#[utoipa::path(post, path = "/api/v2/decode", tag = "decode", request_body = DissectRequest,
    responses((status = 200, body = DissectResponse), (status = 400, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub(crate) async fn dissect(State(app): State<AppState>, body: Body) -> Result<Response, ApiError> {
    let request: DissectRequest = body::json(&app, body, MAX_BODY).await?;
    let config = app.config.load_full();
    let answer = tokio::task::spawn_blocking(move || decode_service::dissect(&request, &config))
        .await
        .map_err(|error| ApiError::internal("decode", &error))??;
    Ok(json::response(&answer))
}
