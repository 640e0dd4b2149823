//! Cross-origin reading, as configured. Nothing configured: no header at all.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// The origins that may read.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    origins: Vec<String>,
    any: bool,
}

impl Cors {
    /// From `corsAllowedOrigins`; scheme and host match in any case.
    pub fn new(origins: &[String]) -> Self {
        let origins: Vec<String> = origins.iter().map(|o| o.trim().to_ascii_lowercase()).collect();
        Self { any: origins.iter().any(|o| o == "*"), origins }
    }

    /// Whether an origin is listed by name (`*` does not count: sockets do not honour it).
    pub fn lists(&self, origin: &str) -> bool {
        self.origins.iter().any(|o| o != "*" && o.eq_ignore_ascii_case(origin))
    }

    fn is_off(&self) -> bool {
        self.origins.is_empty()
    }

    /// The answer to an `OPTIONS` request: 204 for an allowed origin, 403 for another one, `None`
    /// when nothing is configured or the request names no origin.
    pub(crate) fn preflight(&self, headers: &HeaderMap) -> Option<Response> {
        let origin = headers.get(header::ORIGIN)?;
        if self.is_off() {
            return None;
        }
        let mut response = Response::new(Body::empty());
        if self.decorate(Some(origin), response.headers_mut()) {
            *response.status_mut() = StatusCode::NO_CONTENT;
        } else {
            *response.status_mut() = StatusCode::FORBIDDEN;
        }
        Some(response)
    }

    /// Adds the headers for an allowed origin; says whether it was one.
    pub(crate) fn decorate(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) -> bool {
        let Some(origin) = origin else { return false };
        if self.is_off() {
            return false;
        }
        if self.any {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else if origin.to_str().is_ok_and(|o| self.lists(o)) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        } else {
            return false;
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("Content-Type, X-API-Key"),
        );
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preflight(origins: &[&str], origin: &str) -> Option<u16> {
        let origins: Vec<String> = origins.iter().map(|o| (*o).to_owned()).collect();
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        Cors::new(&origins).preflight(&headers).map(|r| r.status().as_u16())
    }

    #[test]
    fn preflights_follow_the_list() {
        assert_eq!(preflight(&[], "https://a.example"), None);
        assert_eq!(preflight(&["https://A.example"], "https://a.example"), Some(204));
        assert_eq!(preflight(&["https://a.example"], "https://b.example"), Some(403));
        assert_eq!(preflight(&["*"], "https://b.example"), Some(204));
    }
}
