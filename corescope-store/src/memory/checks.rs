//! What the columns of a row must be for the row to be kept.

use super::matcher::quote_at;
use super::record::{ObservationRow, TransmissionRow};
use super::seconds;

/// Longest text of a row that is kept, bytes.
pub const MOST_TEXT: usize = 1 << 20;

/// Why a row of the database is left out, or was kept with a column that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// `raw_hex` is not hex.
    #[error("raw_hex is not an even number of hex digits")]
    Hex,
    /// `hash` is empty.
    #[error("hash is empty")]
    Hash,
    /// `first_seen` is not a time.
    #[error("first_seen is not an RFC 3339 time")]
    Time,
    /// `path_json` or `resolved_path` is not JSON of the expected kind.
    #[error("a JSON column does not hold JSON of its kind")]
    Json,
    /// `decoded_json` is not a JSON object. The packet is kept all the same, with the text as it is.
    #[error("decoded_json is not a JSON object; the packet is kept")]
    Payload,
    /// A required column is NULL, or a column holds a value of another type.
    #[error("a column is NULL or of another type than the schema's")]
    Type,
    /// A text is longer than [`MOST_TEXT`] bytes, or the observations of one transmission hold more than a gigabyte.
    #[error("a text is longer than a megabyte, or all that was heard of a packet than a gigabyte")]
    Size,
    /// The observation's transmission does not exist.
    #[error("transmission_id names no transmission")]
    Dangling,
}

impl Defect {
    /// A stable word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Hash => "hash",
            Self::Time => "time",
            Self::Json => "json",
            Self::Payload => "payload",
            Self::Type => "type",
            Self::Size => "size",
            Self::Dangling => "dangling",
        }
    }
}

/// The parsed required columns of a transmission: raw bytes and first reception.
///
/// A damaged `decoded_json` is no reason to lose the packet: it is kept and handed out as the text it is.
pub(crate) fn check_transmission(row: &TransmissionRow<'_>) -> Result<(Vec<u8>, i64), Defect> {
    let texts = [row.decoded_json, row.from_pubkey, row.channel_hash, row.scope_name];
    if row.raw_hex.len().max(row.hash.len()).max(row.first_seen.len()) > MOST_TEXT
        || texts.into_iter().flatten().any(|t| t.len() > MOST_TEXT)
    {
        return Err(Defect::Size);
    }
    let raw = hex::decode(row.raw_hex).map_err(|_| Defect::Hex)?;
    if row.hash.is_empty() {
        return Err(Defect::Hash);
    }
    let first_seen = seconds::parse(row.first_seen).ok_or(Defect::Time)?;
    Ok((raw, first_seen))
}

/// Whether a payload text that is there is anything but a JSON object.
pub(crate) fn is_damaged_payload(row: &TransmissionRow<'_>) -> bool {
    let object = |text: &str| serde_json::from_str::<IgnoredObject>(text).is_ok();
    row.decoded_json.is_some_and(|text| !text.is_empty() && !object(text))
}

/// A JSON object that is only checked.
struct IgnoredObject;

impl<'de> serde::Deserialize<'de> for IgnoredObject {
    fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> serde::de::Visitor<'de> for Members {
            type Value = IgnoredObject;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut members: A,
            ) -> Result<Self::Value, A::Error> {
                while members.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
                Ok(IgnoredObject)
            }
        }
        reader.deserialize_map(Members)
    }
}

/// Whether a text is a JSON array of strings without escapes (and nulls), written without blanks: what nearly all are.
/// A no says nothing.
fn is_plain_array(text: &str, nulls: bool) -> bool {
    let [b'[', inner @ .., b']'] = text.as_bytes() else { return false };
    // Over the whole text at once, which compilers do many bytes at a time.
    if inner.iter().fold(0, |odd, b| odd | u8::from(*b < 0x20) | u8::from(*b == b'\\')) != 0 {
        return false;
    }
    let mut rest = inner;
    if rest.is_empty() {
        return true;
    }
    loop {
        let after = match rest {
            [b'n', b'u', b'l', b'l', after @ ..] if nulls => after,
            [b'"', string @ ..] => match quote_at(string).and_then(|end| string.get(end + 1..)) {
                Some(after) => after,
                None => return false,
            },
            _ => return false,
        };
        match after {
            [] => return true,
            [b',', after @ ..] => rest = after,
            _ => return false,
        }
    }
}

/// Checks the lengths of the texts of an observation.
pub(crate) fn check_sizes(row: &ObservationRow<'_>) -> Result<(), Defect> {
    let texts = [row.direction, row.path_json, row.resolved_path, row.raw_hex];
    if texts.into_iter().flatten().any(|t| t.len() > MOST_TEXT) { Err(Defect::Size) } else { Ok(()) }
}

/// Checks the texts of an observation.
pub(crate) fn check_observation(row: &ObservationRow<'_>) -> Result<(), Defect> {
    check_sizes(row)?;
    if let Some(path) = row.path_json.filter(|p| !p.is_empty() && !is_plain_array(p, false))
        && serde_json::from_str::<Vec<std::borrow::Cow<'_, str>>>(path).is_err()
    {
        return Err(Defect::Json);
    }
    if let Some(path) = row.resolved_path.filter(|p| !p.is_empty() && !is_plain_array(p, true))
        && serde_json::from_str::<Vec<Option<std::borrow::Cow<'_, str>>>>(path).is_err()
    {
        return Err(Defect::Json);
    }
    if let Some(raw) = row.raw_hex
        && (raw.len() % 2 != 0 || !raw.bytes().fold(true, |hex, b| hex & b.is_ascii_hexdigit()))
    {
        return Err(Defect::Hex);
    }
    Ok(())
}
