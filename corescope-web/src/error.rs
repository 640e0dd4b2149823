//! How a request fails: a status and one JSON object, the same shape everywhere.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use corescope_core::filter::{Filter, Warning};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

/// An answer that says what went wrong.
///
/// `error` is the text that clients of the original know; `code` is stable and made for programs;
/// `hint` says what to do.
#[derive(Debug, Clone)]
pub struct ApiError {
    status: StatusCode,
    body: ErrorBody,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The body of every error answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Error)]
pub struct ErrorBody {
    /// What went wrong, in words.
    pub error: Cow<'static, str>,
    /// A stable word for programs, such as `not_found` or `too_large`.
    pub code: &'static str,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hint: Option<Cow<'static, str>>,
    /// Column of the mistake in a filter expression, in characters from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub column: Option<usize>,
    /// Seconds after which asking again makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub retry_after_s: Option<u32>,
}

/// What parses in a filter expression but is surely not what was meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FilterWarning {
    /// Where it starts, in characters from 1.
    pub column: usize,
    /// How many characters it covers.
    pub length: usize,
    /// What is odd.
    pub message: String,
    /// What may have been meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub suggestion: Option<String>,
}

impl FilterWarning {
    /// All there are about an expression, in its order.
    pub(crate) fn all(filter: &Filter) -> Vec<Self> {
        let told = filter.warnings().iter().cloned();
        told.map(|Warning { column, length, message, suggestion, .. }| Self {
            column,
            length,
            message,
            suggestion,
        })
        .collect()
    }
}

impl ApiError {
    /// An error with this status, code and text.
    pub fn new(status: StatusCode, code: &'static str, error: impl Into<Cow<'static, str>>) -> Self {
        let body = ErrorBody { error: error.into(), code, hint: None, column: None, retry_after_s: None };
        Self { status, body, headers: Vec::new() }
    }

    /// 400: a parameter or the body is wrong.
    pub fn bad_request(error: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", error)
    }

    /// 404 with the text that the contract wants for this route.
    pub fn not_found(error: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", error)
    }

    /// 501: the contract has this route, this version does not yet.
    pub fn not_implemented(what: &str) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", format!("{what} is not implemented yet"))
            .hint("operations marked x-planned in /api/spec come with a later version")
    }

    /// 503: not now; asking again after some seconds makes sense.
    pub fn unavailable(error: impl Into<Cow<'static, str>>, retry_after_s: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", error).retry_after(retry_after_s)
    }

    /// 500: our fault. What happened goes to the log, never to the client.
    pub fn internal(what: &str, error: &dyn std::fmt::Display) -> Self {
        tracing::error!(what, error = %error, "request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "internal error")
            .hint("the server's log says more")
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }

    /// Replaces the stable code.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.body.code = code;
        self
    }

    /// Names the column of a filter expression (characters, from 1).
    #[must_use]
    pub fn column(mut self, column: usize) -> Self {
        self.body.column = Some(column);
        self
    }

    /// Adds `Retry-After` and `retry_after_s`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.body.retry_after_s = Some(seconds);
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The body of the answer.
    pub fn body(&self) -> &ErrorBody {
        &self.body
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(crate::json::to_vec(&self.body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        response
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.body.error)
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_the_original_text_first_and_leaves_out_what_is_absent() {
        let error = ApiError::not_found("Not found");
        assert_eq!(crate::json::to_vec(error.body()), b"{\"error\":\"Not found\",\"code\":\"not_found\"}\n");
    }

    #[test]
    fn retry_is_said_in_header_and_body() {
        let response = ApiError::unavailable("loading", 5).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers().get(header::RETRY_AFTER).map(HeaderValue::as_bytes), Some(&b"5"[..]));
    }
}
