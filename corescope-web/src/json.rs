//! JSON as the contract writes it: whole floats without `.0`, a trailing newline.

use std::io::{self, Write};

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

/// Serialises a value; ends with a newline. Floats that are whole lose their `.0`; NaN and
/// infinity become `null`.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write_to(&mut out, value);
    out.push(b'\n');
    out
}

/// Appends a value without the newline.
pub fn write_to<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let start = out.len();
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Plain(CompactFormatter));
    // Writing to memory cannot fail; a type that refuses to serialise (a map with keys that are no
    // strings) is a mistake of ours, and `null` is then still JSON.
    if let Err(error) = value.serialize(&mut serializer) {
        tracing::error!(%error, "a response type does not serialise");
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

/// A 200 answer with this value as its body.
pub fn response<T: Serialize + ?Sized>(value: &T) -> Response {
    response_of(to_vec(value))
}

/// A 200 answer with JSON that is already written.
pub fn response_of(body: impl Into<bytes::Bytes>) -> Response {
    let mut response = Response::new(Body::from(body.into()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// serde_json's compact form with floats as the contract wants them.
struct Plain(CompactFormatter);

impl Formatter for Plain {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        // Whole numbers within the exact range of an f64 are written as integers.
        if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
            write!(writer, "{}", value as i64)
        } else {
            self.0.write_f64(writer, value)
        }
    }

    fn write_f32<W: ?Sized + Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        if value.fract() == 0.0 && value.abs() < 16_777_216.0 {
            write!(writer, "{}", value as i64)
        } else {
            self.0.write_f32(writer, value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_floats_have_no_fraction() {
        assert_eq!(to_vec(&[-122.0, 0.25, 0.0, -7.5]), b"[-122,0.25,0,-7.5]\n");
        assert_eq!(to_vec(&[1e300, f64::NAN]), b"[1e+300,null]\n".as_slice());
    }

    #[test]
    fn text_is_plain_utf8() {
        assert_eq!(to_vec("a<b>&\u{2028}\"\u{1}"), "\"a<b>&\u{2028}\\\"\\u0001\"\n".as_bytes());
    }
}
