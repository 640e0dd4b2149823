//! A page served from a folder (`--public DIR`) instead of the one built in.

use std::path::{Component, Path, PathBuf};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::file::{self, Asset};

/// Larger files are not a page's.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// Answers with the file at a decoded path below `root`; a path that is no file is `index.html`.
pub(crate) async fn respond(root: &Path, path: &str, request: &HeaderMap) -> Response {
    let found = match below(root, path) {
        Some(file) => read(&file).await,
        None => None,
    };
    let asset = match found {
        Some(asset) => Some(asset),
        None => read(&root.join("index.html")).await,
    };
    match asset {
        Some(asset) => file::respond(&asset, request),
        None => (StatusCode::NOT_FOUND, "the page's folder has no index.html\n").into_response(),
    }
}

/// The path below the folder; `None` for one that would leave it.
fn below(root: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path.trim_start_matches('/'));
    relative.components().all(|c| matches!(c, Component::Normal(_))).then(|| root.join(relative))
}

async fn read(path: &Path) -> Option<Asset> {
    let meta = tokio::fs::metadata(path).await.ok()?;
    if !meta.is_file() || meta.len() > MAX_FILE {
        return None;
    }
    let body = tokio::fs::read(path).await.ok()?;
    Some(Asset {
        body: Bytes::from(body),
        brotli: None,
        gzip: None,
        content_type: HeaderValue::from_static(content_type(path)),
        cache_control: HeaderValue::from_static("no-cache, no-store, must-revalidate"),
        last_modified: None,
    })
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|e| e.to_str()).unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_below_the_folder_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("index.html"), "page").unwrap();
        std::fs::write(dir.path().join("a.css"), "css").unwrap();
        let ask = async |path: &str| {
            let response = respond(dir.path(), path, &HeaderMap::new()).await;
            response.headers()["content-type"].to_str().unwrap().to_owned()
        };
        assert_eq!(ask("/a.css").await, "text/css; charset=utf-8");
        for page in ["/", "/nothing", "/../../etc/passwd", "/./a.css/../x"] {
            assert_eq!(ask(page).await, "text/html; charset=utf-8", "{page}");
        }
    }
}
