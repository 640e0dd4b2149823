//! gzip, brotli and zstd by `Accept-Encoding`.

use std::io::Write;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

/// Bodies below this go as they are.
pub(crate) const MIN_BYTES: usize = 1024;

/// How a body is encoded on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Brotli,
    Zstd,
}

impl Encoding {
    /// The name in `Content-Encoding`, `None` for identity.
    pub(crate) fn name(self) -> Option<HeaderValue> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
            Self::Brotli => Some(HeaderValue::from_static("br")),
            Self::Zstd => Some(HeaderValue::from_static("zstd")),
        }
    }

    /// What makes the entity tag of this representation differ from the plain one.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Gzip => "-gz",
            Self::Brotli => "-br",
            Self::Zstd => "-zs",
        }
    }

    /// The best that the client accepts: by its weights, then zstd (the cheapest to make per byte
    /// saved), brotli, gzip.
    pub(crate) fn negotiate(headers: &HeaderMap) -> Self {
        let mut best = (0, Self::Identity);
        for value in headers.get_all(header::ACCEPT_ENCODING) {
            let Ok(value) = value.to_str() else { continue };
            for item in value.split(',') {
                let mut parts = item.split(';');
                let name = parts.next().unwrap_or("").trim();
                let weight = parts.find_map(|p| p.trim().strip_prefix("q=").map(thousandths)).unwrap_or(1000);
                let (rank, encoding) = match name.to_ascii_lowercase().as_str() {
                    "zstd" => (3, Self::Zstd),
                    "br" => (2, Self::Brotli),
                    "gzip" | "x-gzip" => (1, Self::Gzip),
                    _ => continue,
                };
                if weight > 0 && weight * 4 + rank > best.0 {
                    best = (weight * 4 + rank, encoding);
                }
            }
        }
        best.1
    }
}

fn thousandths(weight: &str) -> u32 {
    weight.trim().parse::<f32>().map(|w| (w.clamp(0.0, 1.0) * 1000.0) as u32).unwrap_or(0)
}

/// Whether bodies of this type shrink.
pub(crate) fn is_compressible(content_type: Option<&HeaderValue>) -> bool {
    let Some(text) = content_type.and_then(|v| v.to_str().ok()) else { return false };
    let text = text.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    text.starts_with("text/")
        || text.ends_with("+json")
        || matches!(
            text.as_str(),
            "application/json"
                | "application/javascript"
                | "application/xml"
                | "image/svg+xml"
                | "application/x-protobuf"
        )
}

/// The body in this encoding; levels are those that cost about as much time as making the body.
///
/// `None` for identity, and when the encoder refuses: the body then goes as it is.
pub(crate) fn compress(body: &[u8], encoding: Encoding) -> Option<Bytes> {
    let packed = match encoding {
        Encoding::Identity => None,
        Encoding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(5));
            encoder.write_all(body).and_then(|()| encoder.finish()).ok()
        }
        Encoding::Brotli => {
            let params = brotli::enc::BrotliEncoderParams { quality: 4, lgwin: 20, ..Default::default() };
            let mut out = Vec::new();
            brotli::BrotliCompress(&mut &*body, &mut out, &params).ok().map(|_| out)
        }
        Encoding::Zstd => zstd::bulk::compress(body, 3).ok(),
    };
    packed.map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiated(accept: &str) -> Encoding {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, accept.parse().unwrap());
        Encoding::negotiate(&headers)
    }

    #[test]
    fn the_clients_weights_decide() {
        assert_eq!(negotiated("gzip, deflate, br, zstd"), Encoding::Zstd);
        assert_eq!(negotiated("gzip, deflate, br"), Encoding::Brotli);
        assert_eq!(negotiated("gzip;q=1.0, br;q=0.5"), Encoding::Gzip);
        assert_eq!(negotiated("br;q=0, gzip;q=0"), Encoding::Identity);
        assert_eq!(negotiated("identity"), Encoding::Identity);
        assert_eq!(Encoding::negotiate(&HeaderMap::new()), Encoding::Identity);
    }

    #[test]
    fn every_encoding_can_be_undone() {
        use std::io::Read;
        let body = "{\"packets\":[1,2,3]}".repeat(500);
        let mut out = String::new();
        let gzip = compress(body.as_bytes(), Encoding::Gzip).unwrap();
        flate2::read::GzDecoder::new(&*gzip).read_to_string(&mut out).unwrap();
        assert_eq!(out, body);
        let brotli = compress(body.as_bytes(), Encoding::Brotli).unwrap();
        out.clear();
        brotli::Decompressor::new(&*brotli, 4096).read_to_string(&mut out).unwrap();
        assert_eq!(out, body);
        let zstd = compress(body.as_bytes(), Encoding::Zstd).unwrap();
        assert_eq!(zstd::bulk::decompress(&zstd, body.len()).unwrap(), body.as_bytes());
        assert!(gzip.len() < body.len() && brotli.len() < body.len() && zstd.len() < body.len());
    }

    #[test]
    fn types_that_do_not_shrink_are_left_alone() {
        let yes = |t: &str| is_compressible(Some(&t.parse().unwrap()));
        assert!(yes("application/json") && yes("text/html; charset=utf-8") && yes("image/svg+xml"));
        assert!(!yes("application/octet-stream") && !yes("image/png") && !is_compressible(None));
    }
}
