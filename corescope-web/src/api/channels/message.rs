//! The text of a channel message, and who it says it is from.

use corescope_store::memory::Transmission;
use serde::Deserialize;

use crate::api::moment::Moment;

/// A sender's name stands before the first `: ` within so many bytes.
const LONGEST_SENDER: usize = 50;

/// The decoded payload of a group message, as far as it is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Decoded {
    sender: Option<String>,
    text: Option<String>,
    #[serde(deserialize_with = "whole_or_none")]
    pub(super) sender_timestamp: Option<i64>,
}

/// Who says what.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// Name of the sender, maybe empty.
    pub(super) sender: String,
    /// What is said, without the sender.
    pub(super) text: String,
}

impl Decoded {
    /// The payload of a packet without what is hidden; `None` when it is no JSON object.
    pub(super) fn of(row: &Transmission<'_>, moment: &Moment) -> Option<Self> {
        let json = moment.veil.decoded(row.decoded_json()?, &moment.data);
        serde_json::from_str(&json).ok()
    }

    /// Splits the text at its first `: `, when a name may stand before it.
    pub(super) fn split(self) -> Message {
        let text = self.text.unwrap_or_default();
        match text.find(": ") {
            Some(at) if (1..LONGEST_SENDER).contains(&at) => {
                Message { sender: text[..at].to_owned(), text: text[at + 2..].to_owned() }
            }
            _ => Message { sender: self.sender.unwrap_or_default(), text },
        }
    }
}

/// A whole number; anything else, which bridges may have sent, is none.
fn whole_or_none<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
    let value = serde_json::Value::deserialize(d)?;
    Ok(value.as_i64().or_else(|| value.as_f64().map(|f| f as i64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(json: &str) -> Message {
        serde_json::from_str::<Decoded>(json).unwrap().split()
    }

    #[test]
    fn the_sender_is_split_off_where_a_name_may_stand() {
        let m = split(r#"{"text": "Ann: hello: you", "sender": "x"}"#);
        assert_eq!((m.sender.as_str(), m.text.as_str()), ("Ann", "hello: you"));
        let m = split(r#"{"text": ": no name", "sender": "x"}"#);
        assert_eq!((m.sender.as_str(), m.text.as_str()), ("x", ": no name"));
        let long = "n".repeat(50);
        let m = split(&format!(r#"{{"text": "{long}: t", "sender": null}}"#));
        assert_eq!((m.sender.as_str(), m.text.len()), ("", 53));
        assert_eq!(split("{}"), Message::default());
    }

    #[test]
    fn odd_sender_times_are_read_or_dropped() {
        for (json, want) in [("7", Some(7)), ("7.9", Some(7)), ("\"7\"", None), ("null", None), ("[1]", None)]
        {
            let d: Decoded = serde_json::from_str(&format!(r#"{{"sender_timestamp": {json}}}"#)).unwrap();
            assert_eq!(d.sender_timestamp, want, "{json}");
        }
    }
}
