//! Files: pre-compressed forms, conditional and range requests.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::compress::Encoding;
use super::conditional;

/// A file in memory, ready to be sent.
#[derive(Debug, Clone)]
pub struct Asset {
    /// The bytes as they are.
    pub body: Bytes,
    /// The same through brotli, if that is smaller.
    pub brotli: Option<Bytes>,
    /// The same through gzip, if that is smaller.
    pub gzip: Option<Bytes>,
    /// `Content-Type`.
    pub content_type: HeaderValue,
    /// `Cache-Control`.
    pub cache_control: HeaderValue,
    /// `Last-Modified`, an HTTP date.
    pub last_modified: Option<HeaderValue>,
}

/// Answers a GET for a file.
///
/// A single `Range` of the plain form is honoured (206, 416); several are answered with the whole
/// file, as RFC 9110 allows. The tag comes from the bytes.
pub fn respond(asset: &Asset, request: &HeaderMap) -> Response {
    let etag = conditional::body_tag(&asset.body);
    let wants_range = request.contains_key(header::RANGE);
    let (encoding, body) =
        if wants_range { (Encoding::Identity, &asset.body) } else { choose(asset, request) };
    let etag = conditional::variant(&etag, encoding.tag());

    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, asset.content_type.clone());
    headers.insert(header::CACHE_CONTROL, asset.cache_control.clone());
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::ETAG, etag.clone());
    if asset.brotli.is_some() || asset.gzip.is_some() {
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    if let Some(date) = &asset.last_modified {
        headers.insert(header::LAST_MODIFIED, date.clone());
    }
    if is_unchanged(asset, request, &etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    if let Some(name) = encoding.name() {
        headers.insert(header::CONTENT_ENCODING, name);
    }
    let body = body.clone();
    match range_of(request, &etag, body.len()) {
        Range::Whole => *response.body_mut() = Body::from(body),
        Range::Part(first, last) => {
            let text = format!("bytes {first}-{last}/{}", body.len());
            insert(headers, header::CONTENT_RANGE, text);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            *response.body_mut() = Body::from(body.slice(first..=last));
        }
        Range::Outside => {
            insert(headers, header::CONTENT_RANGE, format!("bytes */{}", body.len()));
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
        }
    }
    response
}

fn choose<'a>(asset: &'a Asset, request: &HeaderMap) -> (Encoding, &'a Bytes) {
    let accepts = |name: &str| {
        let values = request.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|v| v.to_str().ok());
        values.flat_map(|v| v.split(',')).any(|item| {
            let (coding, weight) = item.split_once(';').unwrap_or((item, ""));
            coding.trim().eq_ignore_ascii_case(name)
                && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
        })
    };
    match asset {
        Asset { brotli: Some(body), .. } if accepts("br") => (Encoding::Brotli, body),
        Asset { gzip: Some(body), .. } if accepts("gzip") => (Encoding::Gzip, body),
        _ => (Encoding::Identity, &asset.body),
    }
}

/// `If-None-Match` decides; only without it does `If-Modified-Since` (compared as text: we only
/// ever sent one date).
fn is_unchanged(asset: &Asset, request: &HeaderMap, etag: &HeaderValue) -> bool {
    if request.contains_key(header::IF_NONE_MATCH) {
        return conditional::not_modified(request, etag);
    }
    asset.last_modified.is_some() && request.get(header::IF_MODIFIED_SINCE) == asset.last_modified.as_ref()
}

enum Range {
    Whole,
    Part(usize, usize),
    Outside,
}

fn range_of(request: &HeaderMap, etag: &HeaderValue, len: usize) -> Range {
    let Some(value) = request.get(header::RANGE).and_then(|v| v.to_str().ok()) else { return Range::Whole };
    if request.get(header::IF_RANGE).is_some_and(|v| v != etag) {
        return Range::Whole;
    }
    let Some((first, last)) = value.strip_prefix("bytes=").and_then(|r| r.trim().split_once('-')) else {
        return Range::Whole;
    };
    let bounds = match (first.trim().parse::<usize>().ok(), last.trim().parse::<usize>().ok()) {
        (Some(first), Some(last)) if first <= last => (first, last.min(len.saturating_sub(1))),
        (Some(first), None) if last.trim().is_empty() => (first, len.saturating_sub(1)),
        (None, Some(0)) if first.trim().is_empty() => return Range::Outside,
        (None, Some(suffix)) if first.trim().is_empty() => {
            (len.saturating_sub(suffix), len.saturating_sub(1))
        }
        _ => return Range::Whole,
    };
    if bounds.0 >= len { Range::Outside } else { Range::Part(bounds.0, bounds.1) }
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, text: String) {
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset() -> Asset {
        Asset {
            body: Bytes::from_static(b"0123456789"),
            brotli: Some(Bytes::from_static(b"br")),
            gzip: Some(Bytes::from_static(b"gz")),
            content_type: HeaderValue::from_static("text/css"),
            cache_control: HeaderValue::from_static("no-cache"),
            last_modified: None,
        }
    }

    fn ask(name: header::HeaderName, value: &str) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        respond(&asset(), &headers)
    }

    fn part(range: &str) -> (u16, Option<String>) {
        let response = ask(header::RANGE, range);
        let at = response.headers().get(header::CONTENT_RANGE).map(|v| v.to_str().unwrap().to_owned());
        (response.status().as_u16(), at)
    }

    #[test]
    fn ranges() {
        assert_eq!(part("bytes=2-4"), (206, Some("bytes 2-4/10".into())));
        assert_eq!(part("bytes=8-"), (206, Some("bytes 8-9/10".into())));
        assert_eq!(part("bytes=-3"), (206, Some("bytes 7-9/10".into())));
        assert_eq!(part("bytes=0-99"), (206, Some("bytes 0-9/10".into())));
        assert_eq!(part("bytes=10-"), (416, Some("bytes */10".into())));
        assert_eq!(part("bytes=4-2"), (200, None));
        assert_eq!(part("bytes=0-1,3-4"), (200, None));
        assert_eq!(part("lines=1-2"), (200, None));
    }

    #[test]
    fn compressed_forms_have_tags_of_their_own() {
        let br = ask(header::ACCEPT_ENCODING, "gzip, br");
        assert_eq!(br.headers()[header::CONTENT_ENCODING], "br");
        let gz = ask(header::ACCEPT_ENCODING, "gzip, br;q=0");
        assert_eq!(gz.headers()[header::CONTENT_ENCODING], "gzip");
        assert_ne!(br.headers()[header::ETAG], gz.headers()[header::ETAG]);
        let again = ask(
            header::IF_NONE_MATCH,
            respond(&asset(), &HeaderMap::new()).headers()[header::ETAG].to_str().unwrap(),
        );
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }
}
