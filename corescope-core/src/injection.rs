//! Packets that come over HTTP: what the server leaves in a folder beside the database, and what the ingestor
//! answers there. The server never writes the database; the folder is the way from one process to the other.
//!
//! A request is `request-<id>.json`, its answer `result-<id>.json`; both are written beside and renamed.

use serde::{Deserialize, Serialize};

/// A packet to store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PacketRequest {
    /// Name of the request: 1 to 64 lower-case hex digits.
    pub id: String,
    /// When it was left, RFC 3339.
    pub requested_at: String,
    /// The frame in hex, any case.
    pub hex: String,
    /// Who heard it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observer: Option<String>,
    /// Region of the observer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Signal to noise, dB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snr: Option<f64>,
    /// Signal strength, dBm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rssi: Option<f64>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PacketAnswer {
    /// Name of the request.
    pub id: String,
    /// When it was committed, RFC 3339.
    pub completed_at: String,
    /// `stored`, `duplicate`, `filtered` or `rejected`.
    pub outcome: String,
    /// Row of the transmission, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transmission: Option<i64>,
    /// Row of the observation, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observation: Option<i64>,
    /// Why it was filtered or rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Whether this may name a request: nothing that could lead out of the folder.
pub fn is_request_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// File name of a request.
pub fn request_file(id: &str) -> String {
    format!("request-{id}.json")
}

/// File name of an answer.
pub fn answer_file(id: &str) -> String {
    format!("result-{id}.json")
}

/// The request that a file name belongs to.
pub fn id_of_request_file(name: &str) -> Option<&str> {
    name.strip_prefix("request-")?.strip_suffix(".json").filter(|id| is_request_id(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_lead_elsewhere() {
        assert_eq!(id_of_request_file("request-00ff.json"), Some("00ff"));
        for bad in [
            "request-.json",
            "request-../x.json",
            "request-00FF.json",
            "request-0.json.tmp",
            "result-00.json",
        ] {
            assert_eq!(id_of_request_file(bad), None, "{bad}");
        }
        assert!(!is_request_id(&"0".repeat(65)));
        assert_eq!(id_of_request_file(&request_file("ab")), Some("ab"));
    }

    #[test]
    fn requests_are_read_as_they_are_written() {
        let text = r#"{"id":"ab","requestedAt":"2026-06-01T12:00:00Z","hex":"1100aa","snr":-3.5}"#;
        let request: PacketRequest = serde_json::from_str(text).unwrap();
        assert_eq!((request.snr, &request.observer), (Some(-3.5), &None));
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
    }
}
