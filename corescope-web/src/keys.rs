//! The API key: compared in constant time, weak ones refused.

use http::{HeaderMap, StatusCode};
use subtle::ConstantTimeEq;

use crate::{ApiError, App};

/// Keys that everybody tries first (the original's list).
const GUESSED: [&str; 10] = [
    "your-secret-api-key-here",
    "change-me",
    "example",
    "test",
    "password",
    "admin",
    "apikey",
    "api-key",
    "secret",
    "default",
];

/// Shortest key that counts as strong.
const MIN_LENGTH: usize = 16;

/// Whether a key is too short or on the list that everybody knows.
pub fn is_weak_key(key: &str) -> bool {
    key.len() < MIN_LENGTH || GUESSED.iter().any(|guess| guess.eq_ignore_ascii_case(key))
}

/// Checks `X-API-Key`.
///
/// # Errors
///
/// 403 when no key is configured, 401 when the given one is absent or wrong, 403 when it is right
/// but weak; in this order, which clients rely on.
pub fn require_key(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    let config = app.config.load();
    let configured = config.api_key.iter().chain(config.api_keys.iter().map(|(_, key)| key));
    let mut configured = configured.map(|key| key.expose()).filter(|key| !key.is_empty()).peekable();
    if configured.peek().is_none() {
        let error = "write endpoints disabled — set apiKey in config.json";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "no_key_configured", error));
    }
    let given = headers.get("x-api-key").map_or(&b""[..], |v| v.as_bytes());
    // Every key is compared, whether or not an earlier one matched.
    let mut right: Option<&str> = None;
    for key in configured {
        if bool::from(key.as_bytes().ct_eq(given)) {
            right = Some(key);
        }
    }
    match right {
        None => Err(ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", "unauthorized")
            .hint("send the configured key in X-API-Key")),
        Some(key) if is_weak_key(key) => Err(ApiError::new(StatusCode::FORBIDDEN, "weak_key", "forbidden")
            .hint("the configured apiKey is weak: at least 16 characters, not a known default")),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_known_keys_are_weak() {
        assert!(is_weak_key("Your-Secret-Api-Key-Here") && is_weak_key("short") && is_weak_key(""));
        assert!(!is_weak_key("correct-horse-battery-staple"));
    }
}
