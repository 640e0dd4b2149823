//! Taking pasted packets apart: the original's flat form and the full dissection.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use corescope_core::config::Config;
use corescope_decode::compat::go;
use corescope_decode::dissect::{Dissector, Tree};
use corescope_decode::{ChannelKey, KeyRing, Packet};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::ApiError;
use crate::legacy::DecodedPath;

/// A packet in the original's form.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecodedPacket {
    /// The first byte, taken apart.
    header: DecodedHeader,
    /// The way so far; of a TRACE, the way that its payload names.
    path: DecodedPath,
    /// The payload as `decoded_json` has it.
    #[schema(value_type = Object)]
    payload: Box<RawValue>,
}

/// The header byte.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DecodedHeader {
    /// 0–3.
    route_type: u8,
    /// Its name.
    route_type_name: &'static str,
    /// 0–15.
    payload_type: u8,
    /// Its name.
    payload_type_name: &'static str,
    /// 0–3.
    payload_version: u8,
}

/// Reads hex as the original does (blanks and line breaks allowed) and decodes it.
///
/// `verify` checks the signature of adverts. No channel key is used.
///
/// # Errors
///
/// 400 with the original's texts.
pub(crate) fn decode(hex_text: &str, verify: bool) -> Result<DecodedPacket, ApiError> {
    let raw = read_hex(hex_text)?;
    if raw.len() < 2 {
        let error = "packet too short (need at least header + pathLength)";
        return Err(ApiError::bad_request(error).code("packet_too_short"));
    }
    let packet =
        Packet::parse(&raw).map_err(|error| ApiError::bad_request(error.to_string()).code("not_a_packet"))?;
    let kind = packet.payload_type();
    let decoded = go::decoded_json(&packet, None, verify);
    let payload = RawValue::from_string(decoded.json).map_err(|e| ApiError::internal("decode", &e))?;
    let number = kind.number();
    let route = packet.route_type() as u8;
    Ok(DecodedPacket {
        header: DecodedHeader {
            route_type: route,
            route_type_name: packet.route_type().name(),
            payload_type: number,
            payload_type_name: go::type_name(kind),
            payload_version: packet.version(),
        },
        path: DecodedPath::of(&packet),
        payload,
    })
}

/// Bytes of a hex text with blanks in it.
fn read_hex(text: &str) -> Result<Vec<u8>, ApiError> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.is_empty() {
        return Err(ApiError::bad_request("hex is required").code("hex_required"));
    }
    if let Some(bad) = digits.chars().find(|c| !c.is_ascii_hexdigit()) {
        let text = format!("invalid hex: encoding/hex: invalid byte: U+{:04X} '{bad}'", u32::from(bad));
        return Err(ApiError::bad_request(text).code("invalid_hex"));
    }
    hex::decode(&digits).map_err(|_| {
        ApiError::bad_request("invalid hex: encoding/hex: odd length hex string").code("invalid_hex")
    })
}

/// Packets to take apart.
#[derive(Deserialize, ToSchema)]
pub(crate) struct DissectRequest {
    /// One packet per line, in hex (blanks allowed) or base64.
    #[serde(default)]
    hex: Option<String>,
    /// The same as a list.
    #[serde(default)]
    packets: Option<Vec<String>>,
    /// Channel keys to try, used for this request only and kept nowhere.
    #[serde(default)]
    keys: Vec<GivenKey>,
    /// Channel names whose keys follow from the name (`#test`).
    #[serde(default)]
    channels: Vec<String>,
    /// Check the signatures of adverts.
    #[serde(default)]
    verify: bool,
}

/// A channel key given in a request. It has no `Debug`, so that it cannot get into a log.
#[derive(Deserialize, ToSchema)]
pub(crate) struct GivenKey {
    /// What to call the channel.
    #[serde(default)]
    name: Option<String>,
    /// 16 or 32 bytes in hex.
    key: String,
}

/// What became of the packets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DissectResponse {
    /// In the order of the request.
    packets: Vec<Dissected>,
}

/// One packet taken apart.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Dissected {
    /// How the text was read: `hex` or `base64`; absent when it was neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    format: Option<&'static str>,
    /// The fields with their bytes; absent when the text could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TreeSchema>, nullable = false)]
    tree: Option<Tree>,
    /// Why there is no tree, or why its frame is no packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
}

/// Most packets in one request.
const MAX_PACKETS: usize = 256;
/// Most keys in one request.
const MAX_KEYS: usize = 64;

/// Takes packets apart with the keys given and those that the server shows messages of.
///
/// # Errors
///
/// 400 when there is no packet, too many, or a key is no key.
pub(crate) fn dissect(request: &DissectRequest, config: &Config) -> Result<DissectResponse, ApiError> {
    let mut texts: Vec<&str> = request.packets.iter().flatten().map(String::as_str).collect();
    texts.extend(request.hex.iter().flat_map(|text| split(text)));
    texts.retain(|text| !text.trim().is_empty());
    if texts.is_empty() {
        return Err(ApiError::bad_request("hex is required")
            .code("hex_required")
            .hint("{\"hex\": \"1100…\"}"));
    }
    if texts.len() > MAX_PACKETS {
        return Err(ApiError::bad_request(format!("too many packets (max {MAX_PACKETS})")).code("too_many"));
    }
    let ring = ring(request, config)?;
    let mut dissector = Dissector::new().with_ring(&ring);
    if request.verify {
        dissector = dissector.verifying();
    }
    Ok(DissectResponse { packets: texts.into_iter().map(|text| one(text, &dissector)).collect() })
}

/// Lines, unless all of them together are one hex text broken by blanks.
fn split(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

fn one(text: &str, dissector: &Dissector<'_>) -> Dissected {
    let digits: Cow<'_, str> = if text.contains(char::is_whitespace) {
        text.chars().filter(|c| !c.is_whitespace()).collect::<String>().into()
    } else {
        text.into()
    };
    let (format, bytes) = match hex::decode(&*digits) {
        Ok(bytes) => ("hex", bytes),
        Err(_) => {
            let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE_NO_PAD];
            match engines.iter().find_map(|engine| engine.decode(&*digits).ok()) {
                Some(bytes) => ("base64", bytes),
                None => {
                    let error = "neither hex of even length nor base64".to_owned();
                    return Dissected { format: None, tree: None, error: Some(error) };
                }
            }
        }
    };
    let tree = dissector.dissect(&bytes);
    let error = tree.error.as_ref().map(ToString::to_string);
    Dissected { format: Some(format), tree: Some(tree), error }
}

fn ring(request: &DissectRequest, config: &Config) -> Result<KeyRing, ApiError> {
    if request.keys.len() + request.channels.len() > MAX_KEYS {
        return Err(ApiError::bad_request(format!("too many keys (max {MAX_KEYS})")).code("too_many"));
    }
    let mut ring = KeyRing::with_public();
    for (at, given) in request.keys.iter().enumerate() {
        // The key itself is never repeated, neither here nor in a log.
        let key = ChannelKey::from_hex(given.key.trim()).map_err(|_| {
            ApiError::bad_request(format!("keys[{at}].key must be 16 or 32 bytes in hex")).code("bad_key")
        })?;
        ring.insert(given.name.as_deref().unwrap_or("given key"), key);
    }
    for name in &request.channels {
        ring.insert_hashtag(name);
    }
    if !config.privacy.public_channels_only {
        for name in &config.hash_channels {
            ring.insert_hashtag(name);
        }
        for (name, secret) in &config.channel_keys {
            if let Ok(key) = ChannelKey::from_hex(secret.expose()) {
                ring.insert(name, key);
            }
        }
    }
    Ok(ring)
}

/// The shape of a dissection.
#[derive(ToSchema)]
#[schema(as = Dissection)]
#[expect(dead_code, reason = "describes what corescope-decode serialises")]
pub(crate) struct TreeSchema {
    /// What it is in a few words.
    summary: String,
    /// Bytes of the frame.
    length: u64,
    /// The packet hash; absent if there is no packet.
    #[schema(nullable = false)]
    hash: Option<String>,
    /// Stable code of why it is no packet.
    #[schema(nullable = false)]
    error: Option<String>,
    /// The same in words.
    #[schema(nullable = false)]
    message: Option<String>,
    /// What is wrong with the payload.
    issues: Vec<IssueSchema>,
    /// The fields, in the order of the wire.
    fields: Vec<NodeSchema>,
}

/// The shape of an issue.
#[derive(ToSchema)]
#[schema(as = DissectionIssue)]
#[expect(dead_code, reason = "describes what corescope-decode serialises")]
pub(crate) struct IssueSchema {
    /// Stable code.
    kind: String,
    /// First byte concerned.
    offset: u64,
    /// The field's name.
    field: String,
    /// In words.
    message: String,
}

/// The shape of a field.
#[derive(ToSchema)]
#[schema(as = DissectionField)]
#[expect(dead_code, reason = "describes what corescope-decode serialises")]
pub(crate) struct NodeSchema {
    /// Its name.
    name: String,
    /// Its first byte.
    offset: u64,
    /// Its bytes.
    length: u64,
    /// Highest and lowest bit, if it is part of one byte.
    #[schema(nullable = false)]
    bits: Option<Vec<u32>>,
    /// Its bytes in hex; of bits, their number.
    raw: String,
    /// What they say.
    #[schema(nullable = false)]
    meaning: Option<String>,
    /// The fields it consists of.
    #[schema(no_recursion, nullable = false)]
    fields: Option<Vec<NodeSchema>>,
    /// What a key opened.
    #[schema(no_recursion, nullable = false)]
    decrypted: Option<DecryptedSchema>,
}

/// The shape of a plaintext.
#[derive(ToSchema)]
#[schema(as = DissectionPlaintext)]
#[expect(dead_code, reason = "describes what corescope-decode serialises")]
pub(crate) struct DecryptedSchema {
    /// Whose key opened it.
    key: String,
    /// The bytes in hex.
    plaintext: String,
    /// Their fields.
    #[schema(no_recursion)]
    fields: Vec<NodeSchema>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        corescope_core::config::load(&corescope_core::config::Input::default()).unwrap().config
    }

    fn ask(body: &str) -> Result<DissectResponse, ApiError> {
        dissect(&serde_json::from_str(body).unwrap(), &config())
    }

    #[test]
    fn the_originals_texts_of_what_is_wrong() {
        let text = |hex: &str| decode(hex, true).unwrap_err().body().error.to_string();
        assert_eq!(text(""), "hex is required");
        assert_eq!(text("zz"), "invalid hex: encoding/hex: invalid byte: U+007A 'z'");
        assert_eq!(text("110"), "invalid hex: encoding/hex: odd length hex string");
        assert_eq!(text("11"), "packet too short (need at least header + pathLength)");
    }

    #[test]
    fn hex_base64_and_rubbish_side_by_side() {
        let answer = ask(
            r#"{"packets": ["06 00 1f5d97f8ed9eec25bdb2c1dfdb0250be49517647", "BgAfXZf47Z7sJb2ywd/bAlC+SVF2Rw==", "???"]}"#,
        );
        let packets = answer.unwrap().packets;
        assert_eq!(packets[0].format, Some("hex"));
        assert_eq!(packets[1].format, Some("base64"));
        assert!(packets[0].tree.is_some() && packets[2].tree.is_none());
        assert!(packets[2].error.is_some());
    }

    #[test]
    fn bounds_and_bad_keys_are_told_without_the_key() {
        assert!(ask("{}").is_err());
        let error = ask(r#"{"hex": "0600", "keys": [{"key": "deadbeef"}]}"#).unwrap_err();
        assert!(!error.to_string().contains("deadbeef"));
        let many = format!(r#"{{"packets": [{}]}}"#, vec!["\"0600\""; 257].join(","));
        assert_eq!(ask(&many).unwrap_err().body().code, "too_many");
    }
}
