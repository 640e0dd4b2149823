//! Times as they are stored and sent.
//!
//! Two encodings live side by side in the database: RFC 3339 text in UTC with seconds
//! (`2026-06-01T12:00:00Z`) and Unix seconds. Rows of old programs have milliseconds, SQLite's own
//! functions write `2026-06-01 12:00:00`, and publishers send local time without a zone. All are
//! read here; nothing here asks the clock.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixSeconds(pub i64);

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rfc3339(self.0))
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// Whole seconds, rounded down.
    pub fn seconds(self) -> UnixSeconds {
        UnixSeconds(self.0.div_euclid(1000))
    }
}

impl From<UnixSeconds> for UnixMillis {
    fn from(seconds: UnixSeconds) -> Self {
        Self(seconds.0.saturating_mul(1000))
    }
}

/// A moment read from text, with what the text said about its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// The text named its offset from UTC: the moment is certain.
    Zoned(UnixMillis),
    /// The text named none: this is the moment if it meant UTC.
    Naive(UnixMillis),
}

impl Stamp {
    /// The moment, taking a text without a zone as UTC.
    pub fn as_utc(self) -> UnixMillis {
        match self {
            Self::Zoned(moment) | Self::Naive(moment) => moment,
        }
    }
}

/// Years that are formatted and read: four digits.
const LAST_SECOND: i64 = 253_402_300_799; // 9999-12-31T23:59:59Z
const FIRST_SECOND: i64 = -62_167_219_200; // 0000-01-01T00:00:00Z

/// Whether a moment (in milliseconds) can be one at which a packet was heard: from 2000 to 2100.
/// Anything else is a broken clock or a number that is no time.
pub fn is_plausible(unix_millis: i64) -> bool {
    (946_684_800_000..4_102_444_800_000).contains(&unix_millis)
}

/// `2026-06-01T12:00:00Z`: the form of every TEXT time column. Moments outside the years 0–9999 are
/// clamped to them.
pub fn rfc3339(unix_seconds: i64) -> String {
    let mut out = Civil::of(unix_seconds).text('T');
    out.push('Z');
    out
}

/// `2026-06-01T12:00:00.250Z`.
pub fn rfc3339_millis(unix_millis: i64) -> String {
    let mut out = Civil::of(unix_millis.div_euclid(1000)).text('T');
    out.push('.');
    push_digits(&mut out, unix_millis.rem_euclid(1000), 3);
    out.push('Z');
    out
}

/// `2026-06-01 12:00:00`: what SQLite's `datetime()` writes.
pub fn sqlite_datetime(unix_seconds: i64) -> String {
    Civil::of(unix_seconds).text(' ')
}

/// Unix seconds of an RFC 3339 or SQLite time; a text without a zone is taken as UTC.
/// `None` when the text is no time.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    parse_rfc3339_millis(text).map(|ms| ms.div_euclid(1000))
}

/// As [`parse_rfc3339`], in milliseconds; finer fractions are cut.
pub fn parse_rfc3339_millis(text: &str) -> Option<i64> {
    parse_stamp(text).map(|stamp| stamp.as_utc().0)
}

/// Reads `YYYY-MM-DD`, optionally followed by `T` or a blank and `HH:MM[:SS[.fraction]]`, optionally
/// followed by `Z`, `±HH:MM`, `±HHMM` or `±HH`. A leap second (`:60`) counts as the next second.
///
/// A date alone is [`Stamp::Naive`] midnight. `None` for everything else, and for dates that do not
/// exist.
pub fn parse_stamp(text: &str) -> Option<Stamp> {
    let mut s = Scan(text.trim().as_bytes());
    let (year, month, day) = (s.digits(4)?, s.after(b'-', 2)?, s.after(b'-', 2)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let days = days_from_civil(year, month, day);
    if s.0.is_empty() {
        return Some(Stamp::Naive(UnixMillis(days * 86_400_000)));
    }
    if !(s.eat(b'T') || s.eat(b't') || s.eat(b' ')) {
        return None;
    }
    let (hour, minute) = (s.digits(2)?, s.after(b':', 2)?);
    let second = if s.0.first() == Some(&b':') { s.after(b':', 2)? } else { 0 };
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let millis = if s.eat(b'.') || s.eat(b',') { s.fraction_ms()? } else { 0 };
    let local = (days * 86_400 + hour * 3600 + minute * 60 + second) * 1000 + millis;
    let _ = s.eat(b' ');
    if s.0.is_empty() {
        return Some(Stamp::Naive(UnixMillis(local)));
    }
    let offset_minutes = s.offset_minutes()?;
    s.0.is_empty().then_some(Stamp::Zoned(UnixMillis(local - offset_minutes * 60_000)))
}

/// The rest of the text, eaten from the left.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (head, rest) = self.0.split_at_checked(count)?;
        let value =
            head.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))?;
        self.0 = rest;
        Some(value)
    }

    fn eat(&mut self, wanted: u8) -> bool {
        match self.0.split_first() {
            Some((&first, rest)) if first == wanted => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn after(&mut self, separator: u8, count: usize) -> Option<i64> {
        if self.eat(separator) { self.digits(count) } else { None }
    }

    fn fraction_ms(&mut self) -> Option<i64> {
        let len = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(3);
        (len > 0).then(|| padded.fold(0, |sum, b| sum * 10 + i64::from(b - b'0')))
    }

    fn offset_minutes(&mut self) -> Option<i64> {
        if self.eat(b'Z') || self.eat(b'z') {
            return Some(0);
        }
        let sign = if self.eat(b'+') {
            1
        } else if self.eat(b'-') {
            -1
        } else {
            return None;
        };
        let hours = self.digits(2)?;
        let minutes = if self.eat(b':') || !self.0.is_empty() { self.digits(2)? } else { 0 };
        (hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes))
    }
}

/// A moment taken apart.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

impl Civil {
    fn of(unix_seconds: i64) -> Self {
        let t = unix_seconds.clamp(FIRST_SECOND, LAST_SECOND);
        let (year, month, day) = civil_from_days(t.div_euclid(86_400));
        let of_day = t.rem_euclid(86_400);
        Self { year, month, day, hour: of_day / 3600, minute: of_day / 60 % 60, second: of_day % 60 }
    }

    /// `2026-06-01T12:00:00`, with room for fractions and a zone. Digit by digit: every row that is
    /// answered has one, and formatting machinery takes ten times as long.
    fn text(&self, before_hour: char) -> String {
        let mut out = String::with_capacity("2026-06-01T12:00:00.250Z".len());
        push_digits(&mut out, self.year, 4);
        for (mark, value) in [
            ('-', self.month),
            ('-', self.day),
            (before_hour, self.hour),
            (':', self.minute),
            (':', self.second),
        ] {
            out.push(mark);
            push_digits(&mut out, value, 2);
        }
        out
    }
}

/// The last `width` decimal digits of a number that is not negative.
fn push_digits(out: &mut String, value: i64, width: u32) {
    for place in (0..width).rev() {
        let digit = value / 10_i64.pow(place) % 10;
        out.push(char::from(b'0' + digit as u8));
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. The year is counted from March, so
/// that the leap day is its last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments_are_written_in_all_three_forms() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_780_315_200), "2026-06-01T12:00:00Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59Z");
        assert_eq!(rfc3339_millis(1_780_315_200_250), "2026-06-01T12:00:00.250Z");
        assert_eq!(rfc3339_millis(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(sqlite_datetime(1_780_315_200), "2026-06-01 12:00:00");
        assert_eq!(rfc3339(i64::MAX), "9999-12-31T23:59:59Z");
        assert_eq!(rfc3339(i64::MIN), "0000-01-01T00:00:00Z");
        assert_eq!(UnixSeconds(0).to_string(), "1970-01-01T00:00:00Z");
        assert!(is_plausible(1_780_315_200_000));
        assert!(!is_plausible(1_780_315_200) && !is_plausible(i64::MIN) && !is_plausible(i64::MAX));
    }

    #[test]
    fn what_publishers_send_is_read() {
        let noon = 1_780_315_200_000;
        for (text, ms) in [
            ("2026-06-01T12:00:00Z", noon),
            ("2026-06-01T12:00:00.414463+00:00", noon + 414),
            ("2026-06-01T14:00:00+02:00", noon),
            ("2026-06-01T05:30:00-0630", noon),
            ("2026-06-01T14:00:00.4+02", noon + 400),
            ("2026-06-01t12:00z", noon),
        ] {
            assert_eq!(parse_stamp(text), Some(Stamp::Zoned(UnixMillis(ms))), "{text}");
        }
        for text in ["2026-06-01T12:00:00", "2026-06-01 12:00:00", " 2026-06-01T12:00:00.000000 "] {
            assert_eq!(parse_stamp(text), Some(Stamp::Naive(UnixMillis(noon))), "{text}");
        }
        assert_eq!(parse_stamp("2026-06-01"), Some(Stamp::Naive(UnixMillis(noon - 43_200_000))));
        assert_eq!(parse_rfc3339("1969-12-31T23:59:59.9Z"), Some(-1));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "now",
            "2026",
            "2026-06",
            "2026-6-1",
            "2026-13-01",
            "2026-02-29",
            "2026-06-01T",
            "2026-06-01T24:00:00Z",
            "2026-06-01T12:61:00Z",
            "2026-06-01T12:00:00.Z",
            "2026-06-01T12:00:00Q",
            "2026-06-01T12:00:00+99:00",
            "2026-06-01T12:00:00ZZ",
            "1780315200",
            "２026-06-01",
            "2026-06-01T12:00:00+2",
        ] {
            assert_eq!(parse_stamp(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_second_comes_back(t in FIRST_SECOND..=LAST_SECOND) {
            prop_assert_eq!(parse_rfc3339(&rfc3339(t)), Some(t));
            prop_assert_eq!(parse_rfc3339(&sqlite_datetime(t)), Some(t));
            prop_assert_eq!(parse_rfc3339_millis(&rfc3339_millis(t * 1000 + 7)), Some(t * 1000 + 7));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = parse_stamp(&text);
        }
    }
}
