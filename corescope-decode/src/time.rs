//! Unix seconds as a date, for display only.

use core::fmt;

/// Shows Unix seconds as `YYYY-MM-DDTHH:MM:SSZ`, in UTC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Utc(pub u32);

impl Utc {
    /// Year, month, day (proleptic Gregorian), hour, minute, second.
    pub const fn parts(self) -> (u32, u32, u32, u32, u32, u32) {
        // Days since 0000-03-01, so that the leap day is the last of its year.
        let days = self.0 / 86_400 + 719_468;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + (month <= 2) as u32;
        let second = self.0 % 86_400;
        (year, month, day, second / 3600, second / 60 % 60, second % 60)
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second) = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn dates_are_gregorian_to_the_end_of_the_range() {
        assert_eq!(Utc(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Utc(951_782_400).to_string(), "2000-02-29T00:00:00Z");
        assert_eq!(Utc(1_774_801_004).to_string(), "2026-03-29T16:16:44Z");
        assert_eq!(Utc(u32::MAX).to_string(), "2106-02-07T06:28:15Z");
    }
}
