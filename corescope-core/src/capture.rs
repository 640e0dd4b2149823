//! Captures: recorded MQTT messages as lines of JSON, or raw frames as lines of hex.
//!
//! A line is one of
//!
//! - an MQTT message: `{"tst":"2026-06-01T12:00:00.250Z","topic":"meshcore/…","payload":{…}}`, the
//!   form that `mosquitto_sub -F %J` prints (`%j`, with the payload as a text, is read too). The
//!   time may also be called `time`, `timestamp` or `ts`, and be Unix seconds or milliseconds;
//! - the payload alone, when it has a `raw`;
//! - a frame in hex, upper or lower case, blanks and a leading `0x` allowed;
//! - empty, or a comment after `#`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::time::{parse_rfc3339_millis, rfc3339_millis};

/// Longest line that is read, in bytes: what the longest accepted message needs, and to spare.
pub const MAX_LINE: usize = 256 * 1024;

/// What a line holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line<'a> {
    /// Nothing: blank, or a comment.
    Blank,
    /// A message.
    Message(Recorded<'a>),
    /// A bare frame.
    Frame(Vec<u8>),
}

/// A recorded message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded<'a> {
    /// When it was received, in milliseconds since 1970; `None` if the line does not say.
    pub time_ms: Option<i64>,
    /// Its topic; empty if the line does not say.
    pub topic: Cow<'a, str>,
    /// Its payload.
    pub payload: Cow<'a, str>,
}

/// A line that is none of the accepted forms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadLine(String);

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    topic: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    raw: Option<&'a RawValue>,
    #[serde(borrow)]
    tst: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
}

/// Reads one line.
///
/// # Errors
///
/// [`BadLine`] saying what was expected.
pub fn line(text: &str) -> Result<Line<'_>, BadLine> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.len() > MAX_LINE {
        return Err(BadLine(format!("line of {} bytes; at most {MAX_LINE} are read", text.len())));
    }
    match text.as_bytes() {
        [] | [b'#', ..] => Ok(Line::Blank),
        [b'{', ..] => message(text).map(Line::Message),
        _ => frame(text).map(Line::Frame),
    }
}

fn message(text: &str) -> Result<Recorded<'_>, BadLine> {
    let envelope: Envelope<'_> =
        serde_json::from_str(text).map_err(|error| BadLine(format!("not a JSON object: {error}")))?;
    let Some(payload) = envelope.payload else {
        if envelope.raw.is_none() {
            return Err(BadLine("expected an object with topic and payload, or with raw".to_owned()));
        }
        let time_ms = envelope.timestamp.and_then(moment);
        return Ok(Recorded { time_ms, topic: "".into(), payload: text.into() });
    };
    let payload = payload.get();
    let payload = if payload.starts_with('"') {
        Cow::Owned(
            serde_json::from_str::<String>(payload).map_err(|error| BadLine(format!("payload: {error}")))?,
        )
    } else {
        Cow::Borrowed(payload)
    };
    let times = [envelope.tst, envelope.time, envelope.timestamp, envelope.ts];
    let time_ms = times.into_iter().flatten().find_map(moment);
    Ok(Recorded { time_ms, topic: envelope.topic.unwrap_or_default(), payload })
}

/// A time as text, or as Unix seconds or milliseconds.
fn moment(value: &RawValue) -> Option<i64> {
    let text = value.get();
    if let Ok(number) = text.parse::<f64>() {
        // Seconds until the year 5138; milliseconds from 1973 on.
        let ms = if number.abs() < 1e11 { number * 1000.0 } else { number };
        return (ms.abs() < 1e15).then_some(ms as i64);
    }
    let text = serde_json::from_str::<Cow<'_, str>>(text).ok()?;
    // mosquitto_sub writes `…Z+0000`: both a Z and an offset.
    let text = match text.rfind(['+', '-']) {
        Some(at) if text[..at].ends_with('Z') => Cow::Owned(format!("{}{}", &text[..at - 1], &text[at..])),
        _ => text,
    };
    parse_rfc3339_millis(&text)
}

fn frame(text: &str) -> Result<Vec<u8>, BadLine> {
    let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if let Some(wrong) = digits.chars().find(|c| !c.is_ascii_hexdigit()) {
        return Err(BadLine(format!("expected hex digits or a JSON object, found {wrong:?}")));
    }
    if digits.len() % 2 == 1 {
        return Err(BadLine(format!("{} hex digits: half a byte is missing", digits.len())));
    }
    hex::decode(&digits).map_err(|error| BadLine(error.to_string()))
}

impl Recorded<'_> {
    /// The line that [`line()`] reads back, without a line break. The payload must be JSON.
    pub fn to_line(&self) -> String {
        let topic = serde_json::Value::from(&*self.topic);
        let time = self.time_ms.map(|ms| format!("\"tst\":\"{}\",", rfc3339_millis(ms))).unwrap_or_default();
        format!("{{{time}\"topic\":{topic},\"payload\":{}}}", self.payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn recorded(text: &str) -> Recorded<'_> {
        match line(text) {
            Ok(Line::Message(recorded)) => recorded,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn what_mosquitto_prints_is_read() {
        let whole = recorded(
            r#"{"tst":"2026-06-01T12:00:00.123456Z+0000","topic":"meshcore/SJC/7E/packets","qos":1,"retain":0,"payloadlen":13,"payload":{"raw":"1500"}}"#,
        );
        assert_eq!(whole.time_ms, Some(1_780_315_200_123));
        assert_eq!((&*whole.topic, &*whole.payload), ("meshcore/SJC/7E/packets", r#"{"raw":"1500"}"#));
        let folded =
            recorded(r#"{"tst":"2026-06-01T14:00:00Z+0200","topic":"t","payload":"{\"raw\":\"1500\"}"}"#);
        assert_eq!((folded.time_ms, &*folded.payload), (Some(1_780_315_200_000), r#"{"raw":"1500"}"#));
    }

    #[test]
    fn times_may_be_numbers_and_payloads_may_stand_alone() {
        assert_eq!(
            recorded(r#"{"ts":1780315200.5,"topic":"t","payload":{}}"#).time_ms,
            Some(1_780_315_200_500)
        );
        assert_eq!(
            recorded(r#"{"time":1780315200500,"topic":"t","payload":{}}"#).time_ms,
            Some(1_780_315_200_500)
        );
        let alone = recorded(r#"{"raw":"1500","origin":"x","timestamp":"2026-06-01T12:00:00Z"}"#);
        assert_eq!((alone.time_ms, &*alone.topic), (Some(1_780_315_200_000), ""));
    }

    #[test]
    fn hex_blank_and_comment_lines_are_told_apart() {
        assert_eq!(line("0x15 05 aaBB"), Ok(Line::Frame(vec![0x15, 0x05, 0xAA, 0xBB])));
        assert_eq!(line("  "), Ok(Line::Blank));
        assert_eq!(line("# a comment"), Ok(Line::Blank));
        assert_eq!(line("\u{feff}15"), Ok(Line::Frame(vec![0x15])));
    }

    #[test]
    fn bad_lines_say_what_was_expected() {
        let told = |text: &str| line(text).unwrap_err().to_string();
        assert_eq!(told("xyz"), "expected hex digits or a JSON object, found 'x'");
        assert_eq!(told("150"), "3 hex digits: half a byte is missing");
        assert_eq!(told("{}"), "expected an object with topic and payload, or with raw");
        assert!(told("{nonsense").starts_with("not a JSON object"));
        assert!(line(&"0".repeat(MAX_LINE + 1)).is_err());
    }

    #[test]
    fn a_written_line_reads_back() {
        let message = Recorded {
            time_ms: Some(1_780_315_200_250),
            topic: "a/\"b\"".into(),
            payload: r#"{"raw":"15"}"#.into(),
        };
        assert_eq!(recorded(&message.to_line()), message);
    }

    proptest! {
        #[test]
        fn no_line_panics(text in ".{0,120}") {
            let _ = line(&text);
            let _ = line(&format!("{{\"tst\":\"{}\",\"topic\":\"t\",\"payload\":1}}", text.replace(['"', '\\'], "")));
        }
    }
}
