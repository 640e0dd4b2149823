//! `GET /api/docs`: the API's description as a page, without the internet.

use std::io::Read;
use std::sync::OnceLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use crate::ApiError;
use crate::server::file::{self, Asset};

const INDEX: &[u8] = include_bytes!("../../docs-page/index.html");
const START: &[u8] = include_bytes!("../../docs-page/start.js");
const SCRIPT: &[u8] = include_bytes!("../../docs-page/swagger-ui-bundle.js.br");
const STYLE: &[u8] = include_bytes!("../../docs-page/swagger-ui.css.br");

/// Scripts from here only; the page shows our own document and asks nobody else.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'";

/// The page.
pub(super) async fn page(headers: HeaderMap) -> Response {
    let mut response = file::respond(&plain(INDEX, "text/html; charset=utf-8", "no-store"), &headers);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// Its files.
pub(super) async fn files(Path(name): Path<String>, headers: HeaderMap) -> Response {
    static PACKED: OnceLock<[Asset; 2]> = OnceLock::new();
    let [script, style] = PACKED.get_or_init(|| {
        [packed(SCRIPT, "text/javascript; charset=utf-8"), packed(STYLE, "text/css; charset=utf-8")]
    });
    match name.as_str() {
        "swagger-ui-bundle.js" => file::respond(script, &headers),
        "swagger-ui.css" => file::respond(style, &headers),
        "start.js" => file::respond(&plain(START, "text/javascript; charset=utf-8", "no-cache"), &headers),
        _ => ApiError::not_found("no such file").into_response(),
    }
}

fn plain(body: &'static [u8], kind: &'static str, cache: &'static str) -> Asset {
    Asset {
        body: Bytes::from_static(body),
        brotli: None,
        gzip: None,
        content_type: HeaderValue::from_static(kind),
        cache_control: HeaderValue::from_static(cache),
        last_modified: None,
    }
}

/// Kept as it is embedded; unpacked once, for clients that take no brotli.
fn packed(brotli: &'static [u8], kind: &'static str) -> Asset {
    let mut body = Vec::new();
    // The embedded bytes are ours: a test unpacks them.
    let _ = brotli::Decompressor::new(brotli, 64 * 1024).read_to_end(&mut body);
    let asset = plain(&[], kind, "no-cache");
    Asset { body: body.into(), brotli: Some(Bytes::from_static(brotli)), ..asset }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_embedded_can_be_unpacked_and_asks_nobody_else() {
        assert!(packed(SCRIPT, "text/javascript").body.len() > 1_000_000);
        assert!(packed(STYLE, "text/css").body.len() > 10_000);
        let index = String::from_utf8_lossy(INDEX);
        assert!(!index.contains("http://") && !index.contains("https://"));
    }
}
