//! Who may read: everybody, unless the operator set a `readToken`; and who sees the pages about the process itself.

use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use corescope_core::config::Config;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use subtle::ConstantTimeEq;

use crate::keys::require_key;
use crate::{ApiError, App};

/// Asked by supervisors, which have no token; nothing of the mesh is in the answers.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/api/healthz"];

/// Pages about the process and its brokers.
const DIAGNOSTICS: [&str; 2] = ["/api/perf", "/api/mqtt/status"];

/// A browser asks the person for the token (as the password, under any name) and sends it from then on, to the
/// API and the live feed as well.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"CoreScope\", charset=\"UTF-8\"");

/// The refusal of a request that may not be answered.
pub(super) fn refuse(app: &App, path: &str, headers: &HeaderMap) -> Option<Response> {
    let config = app.config.load();
    let is_closed = config.read_token.as_ref().is_some_and(|token| !token.expose().is_empty());
    if !is_closed && config.expose_diagnostics {
        return None;
    }
    if PROBES.contains(&path) || require_key(app, headers).is_ok() {
        return None;
    }
    if is_closed && !has_token(&config, headers) {
        let error = ApiError::new(StatusCode::UNAUTHORIZED, "token_required", "unauthorized");
        let error = error.hint("send the configured readToken: Authorization: Bearer TOKEN");
        let mut response = error.into_response();
        response.headers_mut().insert(header::WWW_AUTHENTICATE, CHALLENGE);
        return Some(response);
    }
    let is_diagnostic = DIAGNOSTICS
        .iter()
        .any(|page| path.strip_prefix(page).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    if is_diagnostic && !config.expose_diagnostics {
        let error = ApiError::new(StatusCode::FORBIDDEN, "diagnostics_hidden", "forbidden");
        let error = error.hint("exposeDiagnostics is false: send the configured key in X-API-Key");
        return Some(error.into_response());
    }
    None
}

fn has_token(config: &Config, headers: &HeaderMap) -> bool {
    let Some(token) = config.read_token.as_ref().map(|token| token.expose()) else { return true };
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (scheme, rest) = given.split_once(' ').unwrap_or_default();
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return bool::from(token.as_bytes().ct_eq(rest.as_bytes()));
    }
    if scheme.eq_ignore_ascii_case("basic")
        && let Ok(login) = STANDARD.decode(rest)
        && let Some(colon) = login.iter().position(|byte| *byte == b':')
    {
        return bool::from(token.as_bytes().ct_eq(login.get(colon + 1..).unwrap_or_default()));
    }
    false
}

#[cfg(test)]
mod tests {
    use corescope_core::config::{Input, load};

    use super::*;

    fn config(json: &str) -> Config {
        load(&Input { file: Some(("f", json)), ..Input::default() }).unwrap().config
    }

    fn authorized(config: &Config, value: &str) -> bool {
        let mut headers = HeaderMap::new();
        if !value.is_empty() {
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        }
        has_token(config, &headers)
    }

    #[test]
    fn the_token_opens_as_bearer_and_as_the_password_of_anybody() {
        assert!(authorized(&config("{}"), ""));
        let closed = config(r#"{"readToken": "let:me in"}"#);
        let basic = |login: &str| format!("Basic {}", STANDARD.encode(login));
        for right in [
            "Bearer let:me in".to_owned(),
            "bearer  let:me in".to_owned(),
            basic("x:let:me in"),
            basic(":let:me in"),
        ] {
            assert!(authorized(&closed, &right), "{right}");
        }
        let wrong = [
            "",
            "let:me in",
            "Bearer",
            "Bearer let:me",
            "Bearer let:me in!",
            "Basic let:me in",
            "Digest let:me in",
        ];
        for wrong in
            wrong.map(str::to_owned).into_iter().chain([basic("let:me in"), basic("no colon"), basic("x:")])
        {
            assert!(!authorized(&closed, &wrong), "{wrong}");
        }
    }
}
