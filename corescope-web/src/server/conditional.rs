//! Entity tags: strong ones, from the data version where an answer has one, else from the bytes.

use std::hash::Hasher;

use http::{HeaderMap, HeaderValue, header};

/// Larger bodies without a version get no tag: hashing them would cost more than sending them.
pub(crate) const MAX_HASHED: usize = 1024 * 1024;

/// The tag of a body that holds for a data version of this process.
pub(crate) fn version_tag(boot: u64, version: u64) -> HeaderValue {
    tag(format!("\"v{boot:x}.{version:x}\""))
}

/// The tag of a body, from its bytes: 96 bits of two independent functions and the length.
pub(crate) fn body_tag(body: &[u8]) -> HeaderValue {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(body);
    tag(format!("\"{:016x}{:08x}.{:x}\"", hasher.finish(), crc32fast::hash(body), body.len()))
}

/// The same tag for another representation.
pub(crate) fn variant(etag: &HeaderValue, suffix: &str) -> HeaderValue {
    match etag.to_str() {
        Ok(text) if !suffix.is_empty() => tag(format!("{}{suffix}\"", text.trim_end_matches('"'))),
        _ => etag.clone(),
    }
}

/// Whether the client has this representation already.
pub(crate) fn not_modified(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let Ok(etag) = etag.to_str() else { return false };
    headers
        .get_all(header::IF_NONE_MATCH)
        .into_iter()
        .filter_map(|v| v.to_str().ok())
        .any(|value| value.split(',').map(str::trim).any(|t| t == "*" || t.trim_start_matches("W/") == etag))
}

fn tag(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("\"-\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_differ_by_body_and_representation() {
        assert_ne!(body_tag(b"a"), body_tag(b"b"));
        assert_eq!(variant(&version_tag(1, 255), "-gz"), "\"v1.ff-gz\"");
        assert_eq!(variant(&version_tag(1, 255), ""), "\"v1.ff\"");
    }

    #[test]
    fn lists_weak_tags_and_stars_match() {
        let asked = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(value));
            not_modified(&headers, &HeaderValue::from_static("\"abc\""))
        };
        assert!(asked("\"abc\"") && asked("\"x\", W/\"abc\"") && asked("*"));
        assert!(!asked("\"abcd\"") && !asked("abc"));
        assert!(!not_modified(&HeaderMap::new(), &HeaderValue::from_static("\"abc\"")));
    }
}
