//! Request bodies: bounded in size and time, errors in JSON.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::{ApiError, App};

/// Reads a whole body of at most `limit` bytes within the configured time.
///
/// # Errors
///
/// 413 when it is longer, 408 when it takes too long, 400 when the connection breaks off.
pub async fn read(app: &App, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large(limit));
    }
    let timeout: Duration = app.options.limits.body_timeout;
    match tokio::time::timeout(timeout, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(_)) => Err(ApiError::bad_request("the body ended early").code("body_incomplete")),
        Err(_) => Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body took too long")
            .hint(format!("send it within {} s", timeout.as_secs()))),
    }
}

/// Reads and parses a JSON body.
///
/// # Errors
///
/// Those of [`read`]; 400 `invalid JSON body` with the place in `hint`.
pub async fn json<T: DeserializeOwned>(app: &App, body: Body, limit: usize) -> Result<T, ApiError> {
    parse(&read(app, body, limit).await?)
}

/// Parses a JSON body that is already read.
///
/// # Errors
///
/// 400 `invalid JSON body` with the place in `hint`.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let hint = without_texts(&error.to_string());
        ApiError::bad_request("invalid JSON body").code("invalid_json").hint(hint)
    })
}

/// What is wrong, without the text that was there: it may be a key in the wrong place.
fn without_texts(error: &str) -> String {
    const BEFORE: &str = "string \"";
    let Some((before, rest)) = error.split_once(BEFORE) else { return error.to_owned() };
    let mut escaped = false;
    let end = rest.char_indices().find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    let after = end.and_then(|(at, _)| rest.get(at + 1..)).unwrap_or_default();
    format!("{before}string{after}")
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        format!("the body is too large (max {limit} bytes)"),
    )
    .hint("split the request")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Point {
        #[expect(dead_code, reason = "only parsed")]
        x: i64,
    }

    #[test]
    fn mistakes_are_told_with_their_place_and_without_what_was_there() {
        let hint =
            |body: &str| parse::<Point>(body.as_bytes()).unwrap_err().body().hint.clone().unwrap_or_default();
        assert_eq!(
            hint(r#"{"x":"a \" secret \\"}"#),
            "invalid type: string, expected i64 at line 1 column 21"
        );
        assert_eq!(hint("{}"), "missing field `x` at line 1 column 2");
        assert_eq!(hint("{"), "EOF while parsing an object at line 1 column 1");
    }
}
