//! Query parameters by the rules of the contract: the first value of a repeated name counts,
//! unknown names are ignored, numbers that do not parse fall back.

use std::borrow::Cow;

use crate::ApiError;

/// Longest value of one parameter, in bytes after decoding.
pub const MAX_VALUE: usize = 16 * 1024;

/// The decoded parameters of one request.
#[derive(Debug, Clone, Default)]
pub struct Params<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Params<'a> {
    /// Splits and decodes a query string (without the `?`).
    ///
    /// # Errors
    ///
    /// 400 when there are more than 64 parameters or a value is longer than [`MAX_VALUE`].
    pub fn parse(query: Option<&'a str>) -> Result<Self, ApiError> {
        let mut pairs = Vec::new();
        for pair in query.unwrap_or("").split('&').filter(|p| !p.is_empty()) {
            if pairs.len() == 64 {
                return Err(
                    ApiError::bad_request("too many query parameters (max 64)").code("too_many_parameters")
                );
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name), decode(value));
            if value.len() > MAX_VALUE {
                let text = format!("parameter {name} is too long (max {MAX_VALUE} bytes)");
                return Err(ApiError::bad_request(text).code("parameter_too_long"));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// The first value of a parameter; `None` when it is absent, `Some("")` when it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_ref())
    }

    /// The first value, if it has text in it.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|v| !v.is_empty())
    }

    /// A `limit`: the default when absent, not a number, or not above zero; the cap when above it.
    pub fn limit(&self, name: &str, default: usize, cap: usize) -> usize {
        match self.get(name).and_then(|v| v.trim().parse::<i64>().ok()) {
            Some(n) if n > 0 => usize::try_from(n).unwrap_or(cap).min(cap),
            _ => default,
        }
    }

    /// Any other integer: the default when absent, not a number, or beyond 64 bits.
    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.get(name).and_then(|v| v.trim().parse().ok()).unwrap_or(default)
    }

    /// A number with a fraction: the default when absent or not finite.
    pub fn float(&self, name: &str, default: f64) -> f64 {
        self.get(name).and_then(|v| v.trim().parse::<f64>().ok()).filter(|v| v.is_finite()).unwrap_or(default)
    }

    /// An `offset`, which must not be negative: 0 when absent or not a number; one beyond 64 bits is behind all rows.
    ///
    /// # Errors
    ///
    /// 400 `offset must be ≥ 0`.
    pub fn offset(&self) -> Result<usize, ApiError> {
        usize::try_from(self.get("offset").and_then(|v| nearest(v.trim())).unwrap_or(0))
            .map_err(|_| ApiError::bad_request("offset must be ≥ 0").code("bad_offset"))
    }

    /// A switch: on only when the value is exactly `true`.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// The non-blank items of a comma list, trimmed.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.get(name)
            .map(|v| v.split(',').map(str::trim).filter(|v| !v.is_empty()).collect())
            .unwrap_or_default()
    }
}

/// A whole number; one that is too great in either direction as the greatest there is.
fn nearest(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let last = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    is_number.then(|| text.parse().unwrap_or(last))
}

/// `+` is a blank, `%XX` a byte; a broken escape stays as it is; bytes that are no UTF-8 become U+FFFD.
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|b| b == b'%' || b == b'+') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(&unescape(text, true)).into_owned())
}

/// The same for a path segment, where `+` is itself.
pub fn decode_segment(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(&unescape(text, false)).into_owned())
}

/// Undoes `%` escapes; what is no escape stays as it is.
pub(crate) fn unescape(text: &str, plus_is_blank: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' if plus_is_blank => out.push(b' '),
            b'%' => match (tail.first().and_then(|b| nibble(*b)), tail.get(1).and_then(|b| nibble(*b))) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = tail.get(2..).unwrap_or_default();
                }
                _ => out.push(b'%'),
            },
            _ => out.push(byte),
        }
    }
    out
}

fn nibble(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|d| d as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params<'_> {
        Params::parse(Some(query)).unwrap()
    }

    #[test]
    fn the_first_value_counts_and_escapes_are_decoded() {
        let p = params("limit=1&limit=3&channel=%23te+st&bad=%zz&utf=%ff");
        assert_eq!(p.limit("limit", 50, 100), 1);
        assert_eq!(p.get("channel"), Some("#te st"));
        assert_eq!(p.get("bad"), Some("%zz"));
        assert_eq!(p.get("utf"), Some("\u{fffd}"));
        assert_eq!(decode_segment("a+b%2B"), "a+b+");
    }

    #[test]
    fn limits_fall_back_and_are_capped() {
        for (query, want) in [("", 50), ("limit=", 50), ("limit=abc", 50), ("limit=0", 50), ("limit=-3", 50)]
        {
            assert_eq!(params(query).limit("limit", 50, 100), want, "{query}");
        }
        assert_eq!(params("limit=100000").limit("limit", 50, 100), 100);
        assert_eq!(params("limit=99999999999999999999").limit("limit", 50, 100), 50);
    }

    #[test]
    fn a_negative_offset_is_refused() {
        assert!(params("offset=-1").offset().is_err());
        assert!(params("offset=-99999999999999999999").offset().is_err());
        assert_eq!(params("offset=x").offset().unwrap(), 0);
    }

    #[test]
    fn an_offset_beyond_all_numbers_is_behind_all_rows() {
        let last = usize::try_from(i64::MAX).unwrap();
        for text in ["9223372036854775807", "18446744073709551615", "99999999999999999999999"] {
            assert_eq!(params(&format!("offset={text}")).offset().unwrap(), last, "{text}");
        }
        assert_eq!(params("offset=99999999999999999999x").offset().unwrap(), 0);
    }

    #[test]
    fn another_number_beyond_all_is_none() {
        assert_eq!(params("days=99999999999999999999").int("days", 7), 7);
        assert_eq!(params("days= -3 ").int("days", 7), -3);
    }

    #[test]
    fn only_true_is_true() {
        assert!(params("expand=true").flag("expand"));
        assert!(!params("expand=1").flag("expand"));
    }

    #[test]
    fn too_much_is_refused() {
        let many = "a=1&".repeat(65);
        assert!(Params::parse(Some(&many)).is_err());
        let long = format!("a={}", "x".repeat(MAX_VALUE + 1));
        assert!(Params::parse(Some(&long)).is_err());
    }
}
