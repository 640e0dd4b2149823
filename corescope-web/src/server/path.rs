//! Paths: cleaning by redirect, one trailing slash, what belongs to the API.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, Uri, header};

/// Whether the path belongs to the API (and so answers in JSON).
pub(crate) fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

/// A 301 to the clean path for `//`, `/./` and `/../`; the query is kept.
pub(crate) fn redirect_to_clean(uri: &Uri) -> Option<Response> {
    // Dots are cleaned in their escaped form too; a backslash is left for the page to refuse.
    let decoded = crate::query::decode_segment(uri.path());
    let path = if decoded.split('/').any(|part| part == "..") { &*decoded } else { uri.path() };
    let dirty = path.contains("//") || path.split('/').any(|part| part == "." || part == "..");
    if !dirty {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let mut target = format!("/{}", parts.join("/"));
    // Browsers take `/\\` for `//`, which would lead them to another host; that is refused by the page.
    if target.contains('\\') {
        return None;
    }
    if path.ends_with('/') && target.len() > 1 {
        target.push('/');
    }
    if let Some(query) = uri.query() {
        target.push('?');
        target.push_str(query);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    response.headers_mut().insert(header::LOCATION, HeaderValue::try_from(target).ok()?);
    Some(response)
}

/// Whether the path is UTF-8 once its escapes are undone, as all routes expect it.
pub(crate) fn is_text(path: &str) -> bool {
    !path.contains('%') || std::str::from_utf8(&crate::query::unescape(path, false)).is_ok()
}

/// Routes are registered without a trailing slash; one is accepted.
pub(crate) fn drop_trailing_slash(uri: &mut Uri) {
    let path = uri.path();
    if !is_api(path) || path.len() < 2 || !path.ends_with('/') {
        return;
    }
    let mut target = path.trim_end_matches('/').to_owned();
    if let Some(query) = uri.query() {
        target.push('?');
        target.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = target.parse().ok();
    if let Ok(clean) = Uri::from_parts(parts) {
        *uri = clean;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(uri: &str) -> Option<String> {
        let response = redirect_to_clean(&uri.parse().unwrap())?;
        assert_eq!(response.status(), StatusCode::MOVED_PERMANENTLY);
        Some(response.headers()[header::LOCATION].to_str().unwrap().to_owned())
    }

    #[test]
    fn dirty_paths_are_redirected() {
        assert_eq!(redirect("/api/stats"), None);
        assert_eq!(redirect("//api//stats?x=1").as_deref(), Some("/api/stats?x=1"));
        assert_eq!(redirect("/api/../etc/./passwd").as_deref(), Some("/etc/passwd"));
        assert_eq!(redirect("/../..").as_deref(), Some("/"));
        assert_eq!(redirect("/..%2f..%2fetc/passwd").as_deref(), Some("/etc/passwd"));
        assert_eq!(redirect("/..%2f%2fother.example").as_deref(), Some("/other.example"));
        assert_eq!(redirect("/..%2f%5cother.example"), None);
        assert_eq!(redirect("/..%2fx%0d%0aSet-Cookie:a=b"), None);
    }

    #[test]
    fn escapes_must_give_text() {
        assert!(is_text("/api/nodes") && is_text("/api/nodes/%c3%a4") && is_text("/api/%zz"));
        assert!(!is_text("/api/nodes/%ff"));
    }

    #[test]
    fn a_trailing_slash_is_dropped_under_api_only() {
        let drop = |uri: &str| {
            let mut uri: Uri = uri.parse().unwrap();
            drop_trailing_slash(&mut uri);
            uri.to_string()
        };
        assert_eq!(drop("/api/stats/?a=b"), "/api/stats?a=b");
        assert_eq!(drop("/icons/"), "/icons/");
    }
}
