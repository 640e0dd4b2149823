//! The publisher's clock: what it wrote, and how far that can be believed.

use std::borrow::Cow;

use super::scalar::Scalar;
use crate::time::{Stamp, parse_stamp};

/// `timestamp` as it was written.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum EnvelopeStamp<'a> {
    /// Missing, empty, or not a time at all.
    #[default]
    Absent,
    /// A number: Unix seconds or milliseconds, here in milliseconds.
    UnixMillis(i64),
    /// Text.
    Text(Cow<'a, str>),
}

impl<'a> EnvelopeStamp<'a> {
    pub(super) fn from_scalar(value: Scalar<'a>) -> Self {
        match value {
            Scalar::Text(text) if !text.trim().is_empty() => Self::Text(text),
            // Beyond the year 5000 in seconds: milliseconds.
            Scalar::Int(n) if n.unsigned_abs() > 100_000_000_000 => Self::UnixMillis(n),
            Scalar::Int(n) => Self::UnixMillis(n * 1000),
            Scalar::Float(f) if f.abs() > 1e11 && f.abs() < 9e15 => Self::UnixMillis(f as i64),
            Scalar::Float(f) if f.abs() <= 1e11 => Self::UnixMillis((f * 1000.0) as i64),
            _ => Self::Absent,
        }
    }

    /// What it says, Unix milliseconds, where it says it beyond doubt: a text with a zone, or a number.
    pub fn zoned_millis(&self) -> Option<i64> {
        match self.read()? {
            (at, true) => Some(at),
            (_, false) => None,
        }
    }

    /// Unix milliseconds, and whether the zone is certain.
    fn read(&self) -> Option<(i64, bool)> {
        match self {
            Self::Absent => None,
            Self::UnixMillis(ms) => Some((*ms, true)),
            // Blanks around and a blank for the T belong to other formats, which nobody has proven right.
            Self::Text(text) if text.as_bytes().get(10) == Some(&b'T') => match parse_stamp(text)? {
                Stamp::Zoned(at) => Some((at.0, true)),
                Stamp::Naive(at) => Some((at.0, false)),
            },
            Self::Text(_) => None,
        }
    }

    /// The same, borrowing nothing.
    pub fn into_owned(self) -> EnvelopeStamp<'static> {
        match self {
            Self::Absent => EnvelopeStamp::Absent,
            Self::UnixMillis(ms) => EnvelopeStamp::UnixMillis(ms),
            Self::Text(text) => EnvelopeStamp::Text(Cow::Owned(text.into_owned())),
        }
    }
}

/// What became of a stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnvelopeTime {
    /// When it was, Unix milliseconds: the stamp where it can be believed, else now.
    pub at_ms: i64,
    /// Whether `at_ms` is the stamp, and the stamp named its zone.
    pub zoned: bool,
    /// A clock without zone that is off by more than 15 minutes: by how many seconds it is ahead.
    pub skew_secs: Option<i64>,
    /// What should be logged, at most once per observer and hour.
    pub remark: Option<ClockRemark>,
}

/// Why a stamp was not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockRemark {
    /// More than 14 hours ahead.
    Future,
    /// More than 30 days old.
    Old,
    /// Not a time.
    Unreadable,
}

impl ClockRemark {
    /// The word of counters and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Future => "future",
            Self::Old => "old",
            Self::Unreadable => "unreadable",
        }
    }
}

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Judges a stamp against our own clock (`now_ms`, Unix milliseconds).
pub fn envelope_time(stamp: &EnvelopeStamp<'_>, now_ms: i64) -> EnvelopeTime {
    let now = EnvelopeTime { at_ms: now_ms, zoned: false, skew_secs: None, remark: None };
    if *stamp == EnvelopeStamp::Absent {
        return now;
    }
    let Some((at, zoned)) = stamp.read() else {
        return EnvelopeTime { remark: Some(ClockRemark::Unreadable), ..now };
    };
    let ahead = at.saturating_sub(now_ms);
    if ahead > 14 * HOUR {
        return EnvelopeTime { remark: Some(ClockRemark::Future), ..now };
    }
    if ahead < -30 * DAY {
        return EnvelopeTime { remark: Some(ClockRemark::Old), ..now };
    }
    match (zoned, ahead) {
        (true, ..=0) => EnvelopeTime { at_ms: at, zoned: true, ..now },
        (true, _) => now,
        (false, _) if ahead.abs() <= 15 * MINUTE => EnvelopeTime { at_ms: at, ..now },
        (false, _) => EnvelopeTime { skew_secs: Some(ahead.div_euclid(1000)), ..now },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::parse_rfc3339_millis;

    #[test]
    fn the_ends_of_the_number_range_are_numbers_like_others() {
        for n in [i64::MIN, i64::MAX, 0, -1] {
            let stamp = EnvelopeStamp::from_scalar(Scalar::Int(n));
            let _ = envelope_time(&stamp, 1_780_315_200_000);
        }
    }

    #[test]
    fn every_row_of_the_table_of_times() {
        let now = parse_rfc3339_millis("2026-06-14T12:00:00Z").unwrap();
        let at = |text: &str| parse_rfc3339_millis(text).unwrap();
        let plain = EnvelopeTime { at_ms: now, zoned: false, skew_secs: None, remark: None };
        let remark = |remark| EnvelopeTime { remark: Some(remark), ..plain };
        let skew = |secs| EnvelopeTime { skew_secs: Some(secs), ..plain };
        for (json, wanted) in [
            ("null", plain),
            ("\"\"", plain),
            ("true", plain),
            (
                "\"2026-06-14T11:59:00Z\"",
                EnvelopeTime { at_ms: at("2026-06-14T11:59:00Z"), zoned: true, ..plain },
            ),
            (
                "\"2026-06-14T12:59:00.414463+02:00\"",
                EnvelopeTime { at_ms: at("2026-06-14T10:59:00.414Z"), zoned: true, ..plain },
            ),
            (
                "\"2026-05-16T12:00:00Z\"",
                EnvelopeTime { at_ms: at("2026-05-16T12:00:00Z"), zoned: true, ..plain },
            ),
            ("\"2026-06-14T12:00:01Z\"", plain),
            ("\"2026-06-15T02:00:00Z\"", plain),
            ("\"2026-06-15T02:00:01Z\"", remark(ClockRemark::Future)),
            ("\"2026-06-15T02:00:01\"", remark(ClockRemark::Future)),
            ("\"2026-05-15T11:59:59Z\"", remark(ClockRemark::Old)),
            ("\"1999-05-15T11:59:59\"", remark(ClockRemark::Old)),
            ("\"2026-06-14T12:14:00\"", EnvelopeTime { at_ms: at("2026-06-14T12:14:00Z"), ..plain }),
            ("\"2026-06-14T17:29:29.000000\"", skew(5 * 3600 + 29 * 60 + 29)),
            ("\"2026-06-14T05:00:00\"", skew(-7 * 3600)),
            ("\"2026-06-14 12:00:00\"", remark(ClockRemark::Unreadable)),
            ("\"yesterday\"", remark(ClockRemark::Unreadable)),
            ("1781438340", EnvelopeTime { at_ms: 1_781_438_340_000, zoned: true, ..plain }),
            ("1781438340500", EnvelopeTime { at_ms: 1_781_438_340_500, zoned: true, ..plain }),
            ("-5", remark(ClockRemark::Old)),
            ("1e300", plain),
        ] {
            let scalar = serde_json::from_str(json).unwrap();
            assert_eq!(envelope_time(&EnvelopeStamp::from_scalar(scalar), now), wanted, "{json}");
        }
    }
}
