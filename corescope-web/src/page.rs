//! The web page: files made from `ui/` at build time, embedded with their compressed forms.
//!
//! Files below `assets/` carry a hash of their content in their names and are cached for good; all
//! else is asked for again with `If-None-Match`. A path that is no file is the page itself, which
//! routes by the fragment.

use std::sync::OnceLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hashbrown::HashMap;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::server::file::{self, Asset};

/// A file as the build embeds it.
struct File {
    /// Address below `/`, e.g. `assets/index-4f0c.js`.
    address: &'static str,
    body: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

mod table {
    use super::File;
    include!(concat!(env!("OUT_DIR"), "/page.rs"));
}

const INDEX: &str = "index.html";

/// What the original sends for its page, too.
const REVALIDATE: &str = "no-cache, no-store, must-revalidate";

/// Scripts, styles, fonts and workers from here only; pictures may be made in the page. Styles in
/// attributes are never used, the map's own elements are styled by script, which this allows.
const POLICY: &str =
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'";

/// Whether this build carries a page (feature `ui`).
#[must_use]
pub fn is_embedded() -> bool {
    files().contains_key(INDEX)
}

/// Answers a GET or HEAD for a path that is no route of the API.
///
/// A missing file below `assets/` is 404, so that a stale page does not run HTML as a script; every
/// other unknown path is the page.
#[must_use]
pub fn respond(path: &str, request: &HeaderMap) -> Response {
    let address = path.trim_start_matches('/');
    let files = files();
    if let Some(asset) = files.get(address) {
        return with_policy(file::respond(asset, request), asset);
    }
    if address.starts_with("assets/") {
        return (StatusCode::NOT_FOUND, "no such file\n").into_response();
    }
    match files.get(INDEX) {
        Some(index) => with_policy(file::respond(index, request), index),
        None => without_page(),
    }
}

fn files() -> &'static HashMap<&'static str, Asset> {
    static FILES: OnceLock<HashMap<&'static str, Asset>> = OnceLock::new();
    FILES.get_or_init(|| table::FILES.iter().map(|file| (file.address, asset(file))).collect())
}

fn asset(file: &File) -> Asset {
    let cache = if file.address.starts_with("assets/") {
        HeaderValue::from_static("public, max-age=31536000, immutable")
    } else {
        HeaderValue::from_static(REVALIDATE)
    };
    Asset {
        body: Bytes::from_static(file.body),
        brotli: file.brotli.map(Bytes::from_static),
        gzip: file.gzip.map(Bytes::from_static),
        content_type: HeaderValue::from_static(content_type(file.address)),
        cache_control: cache,
        last_modified: None,
    }
}

fn content_type(address: &str) -> &'static str {
    match address.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "json" | "webmanifest" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn with_policy(mut response: Response, asset: &Asset) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if asset.content_type.as_bytes().starts_with(b"text/html") {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    }
    response
}

fn without_page() -> Response {
    let html = "<!doctype html><title>CoreScope</title><p>This build has no page; the API is under <a href=\"/api/spec\">/api/</a>.\n";
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static(REVALIDATE)),
    ];
    (headers, html).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_path_is_the_page_and_a_missing_asset_is_not() {
        let page = respond("/some/old/link", &HeaderMap::new());
        assert_eq!(page.status(), StatusCode::OK);
        assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(page.headers()[header::CACHE_CONTROL], REVALIDATE);
        assert_eq!(respond("/assets/gone-0.js", &HeaderMap::new()).status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn hashed_files_are_cached_for_good_and_the_index_is_not() {
        for (address, asset) in files() {
            let wanted = if address.starts_with("assets/") {
                "public, max-age=31536000, immutable"
            } else {
                REVALIDATE
            };
            assert_eq!(asset.cache_control, wanted, "{address}");
        }
    }

    #[test]
    fn the_index_answers_not_modified() {
        if !is_embedded() {
            return;
        }
        let first = respond("/", &HeaderMap::new());
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(respond("/index.html", &headers).status(), StatusCode::NOT_MODIFIED);
        assert!(first.headers().contains_key(header::CONTENT_SECURITY_POLICY));
    }

    #[test]
    fn files_have_the_type_their_name_says() {
        assert_eq!(content_type("assets/a-1.js"), "text/javascript; charset=utf-8");
        assert_eq!(content_type("assets/sans.woff2"), "font/woff2");
        assert_eq!(content_type("assets/land.bin"), "application/octet-stream");
        assert_eq!(content_type("noextension"), "application/octet-stream");
    }
}
