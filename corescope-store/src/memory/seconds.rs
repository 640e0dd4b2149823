//! RFC 3339 texts as columns keep them: seconds since 1970 when the text can be written again from them.

/// Unix seconds of an RFC 3339 or SQLite time, fractions cut off; `None` when it is no time.
///
/// Accepts what the database was found to hold: `2026-06-01T12:00:00Z`, the same with a fraction or an
/// offset, and `2026-06-01 12:00:00` (UTC).
pub(crate) fn parse(text: &str) -> Option<i64> {
    let b = text.as_bytes();
    let head = b.get(..19)?;
    for (at, byte) in head.iter().enumerate() {
        let fits = match at {
            4 | 7 => *byte == b'-',
            10 => matches!(byte, b'T' | b't' | b' '),
            13 | 16 => *byte == b':',
            _ => byte.is_ascii_digit(),
        };
        if !fits {
            return None;
        }
    }
    let number =
        |range: std::ops::Range<usize>| head[range].iter().fold(0_i64, |n, d| n * 10 + i64::from(d - b'0'));
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let (hour, minute, second) = (number(11..13), number(14..16), number(17..19));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=days_in_month).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let offset = zone(&b[19..])?;
    Some(days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset)
}

/// Seconds east of UTC of what follows the seconds: a fraction, then `Z`, an offset or nothing.
fn zone(mut rest: &[u8]) -> Option<i64> {
    if rest.first() == Some(&b'.') {
        let digits = rest[1..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        rest = &rest[1 + digits..];
    }
    match rest {
        [] | [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let digits = [h1, h2, m1, m2];
            if !digits.iter().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let [h1, h2, m1, m2] = digits.map(|b| i64::from(b - b'0'));
            let east = (h1 * 10 + h2) * 3600 + (m1 * 10 + m2) * 60;
            Some(if *sign == b'-' { -east } else { east })
        }
        _ => None,
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// `2026-06-01T12:00:00Z`.
pub(crate) fn format(unix: i64) -> String {
    let days = unix.div_euclid(86400);
    let rest = unix.rem_euclid(86400);
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_generation_are_read() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse("2026-06-01T12:00:00Z"), Some(1_780_315_200));
        assert_eq!(parse("2026-06-01T12:00:00.123Z"), Some(1_780_315_200));
        assert_eq!(parse("2026-06-01T14:00:00+02:00"), Some(1_780_315_200));
        assert_eq!(parse("2026-06-01 12:00:00"), Some(1_780_315_200));
        for bad in [
            "",
            "yesterday",
            "2026-06-01",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-06-01T12:00:00Q",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for unix in [0, 951_782_400, 1_709_164_800, 1_780_315_200, 4_102_444_799, -86_401] {
            assert_eq!(parse(&format(unix)), Some(unix));
        }
        assert_eq!(format(1_780_315_200), "2026-06-01T12:00:00Z");
    }
}
