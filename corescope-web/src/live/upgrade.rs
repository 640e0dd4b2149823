//! From an HTTP request to a socket: origin, places, sizes.

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::message::Wire;
use super::socket::{self, Request as SocketRequest};
use crate::query::Params;
use crate::server::ClientAddress;
use crate::server::limit::Refused;
use crate::{ApiError, AppState};

/// Largest message a client may send: an expression and its envelope.
const MAX_MESSAGE: usize = 8 * 1024;
/// Read buffer per socket; clients say little.
const READ_BUFFER: usize = 512;
/// Messages are put together up to here before they are written.
const WRITE_BUFFER: usize = 8 * 1024;
/// A transmission with thousands of observations fits; a socket that needs more is closed.
const MAX_WRITE_BUFFER: usize = 16 * 1024 * 1024;

/// Whether the request asks for a WebSocket.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Answers a request for a WebSocket.
pub(crate) async fn upgrade(app: AppState, request: Request) -> Response {
    if !origin_is_allowed(&app, request.headers()) {
        let nosniff = [(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))];
        return (StatusCode::FORBIDDEN, nosniff, "Forbidden\n").into_response();
    }
    let asked = match SocketRequest::parse(request.uri().query()) {
        Ok(asked) => asked,
        Err(error) => return error.into_response(),
    };
    let client = request.extensions().get::<ClientAddress>().copied();
    let Some(ClientAddress(address)) = client else {
        return ApiError::internal("socket", &"a request without an address").into_response();
    };
    let permit = match app.addresses.socket(address) {
        Ok(permit) => permit,
        Err(refused) => return no_place(refused).into_response(),
    };
    let place = request.extensions().get().cloned();
    let (mut parts, _) = request.into_parts();
    let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &app).await else {
        let error = ApiError::bad_request("Bad Request").code("not_a_websocket");
        return error.hint("connect with a WebSocket client (RFC 6455, version 13)").into_response();
    };
    let held = socket::Held { permit, place };
    upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(MAX_WRITE_BUFFER)
        .on_upgrade(move |socket| {
            let tracker = app.sockets.clone();
            tracker.track_future(socket::serve(socket, app, asked, held))
        })
}

fn no_place(refused: Refused) -> ApiError {
    match refused {
        Refused::Full => ApiError::unavailable("no place for another socket", 5).code("full"),
        Refused::Address => {
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "too many sockets from this address")
                .retry_after(5)
                .hint("close some, or ask the operator to raise http.limits.socketsPerAddress")
        }
    }
}

/// No origin (no browser), the same host, or one listed by name; `*` is not honoured.
fn origin_is_allowed(app: &AppState, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let host = headers.get(header::HOST).and_then(|v: &HeaderValue| v.to_str().ok()).unwrap_or("");
    let authority = origin.split_once("://").map_or("", |(_, rest)| rest);
    (!authority.is_empty() && authority.eq_ignore_ascii_case(host)) || app.cors.lists(origin)
}

impl SocketRequest {
    fn parse(query: Option<&str>) -> Result<Self, ApiError> {
        let params = Params::parse(query)?;
        if params.get("v") != Some("2") {
            return Ok(Self::Original);
        }
        let since = match params.text("since") {
            Some(text) => Some(text.parse().map_err(|error: super::cursor::BadCursor| {
                ApiError::bad_request("since is not a cursor").code("bad_cursor").hint(error.to_string())
            })?),
            None => None,
        };
        let form = match params.text("format") {
            None | Some("json") => Wire::Json,
            Some("protobuf") => Wire::Protobuf,
            Some(_) => {
                return Err(ApiError::bad_request("format must be json or protobuf").code("bad_parameter"));
            }
        };
        Ok(Self::Events { since, filter: params.get("filter").unwrap_or("").to_owned(), form })
    }
}
