//! Two clocks: what a job says about time goes by the wall clock, and when it runs by one that never jumps.
//!
//! A wall clock jumps: a machine without a battery-backed clock starts in the past until it has
//! asked the network, a bad time server sends everybody to another year, an operator corrects a
//! mistake. Schedules must not run wild or stand still because of that, and rows must not be
//! called old because the clock says so for a moment.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A moment, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The wall clock, unix seconds.
    pub unix: i64,
    /// A clock that only ever goes forward, second by second; seconds since some moment.
    pub steady: i64,
}

impl Now {
    /// A moment so many seconds later, on both clocks.
    #[must_use]
    pub fn later(self, seconds: i64) -> Self {
        Self { unix: self.unix.saturating_add(seconds), steady: self.steady.saturating_add(seconds) }
    }
}

/// A difference that is a jump and no slewing, seconds.
const JUMP: i64 = 60;

/// A jump ahead by more than this could make rows old that are not, seconds.
const WIDE: i64 = 3_600;

/// How long the wall clock must run steadily after a wide jump ahead before anything is deleted by age, seconds.
const HOLD: i64 = 3_600;

/// Watches the wall clock.
#[derive(Debug)]
pub(super) struct WallClock {
    offset: i64,
    doubtful_until: i64,
}

impl WallClock {
    pub(super) fn new(now: Now) -> Self {
        Self { offset: now.unix - now.steady, doubtful_until: i64::MIN }
    }

    /// Whether the wall clock jumped since the last look; by how many seconds.
    pub(super) fn look(&mut self, now: Now) -> Option<i64> {
        let offset = now.unix - now.steady;
        let jump = offset - std::mem::replace(&mut self.offset, offset);
        if jump > WIDE {
            self.doubtful_until = now.steady + HOLD;
        }
        Some(jump).filter(|jump| jump.abs() > JUMP)
    }

    /// Whether it is too early to call rows old: the clock has just jumped far ahead.
    pub(super) fn is_doubtful(&self, now: Now) -> bool {
        now.steady < self.doubtful_until
    }
}

/// The next time that it is so many minutes after 03:00 in a time zone; both in unix seconds.
pub(super) fn next_night(now: i64, zone: &TimeZone, minute: i8) -> i64 {
    let night = |days: i64| {
        let day = Timestamp::from_second(now.saturating_add(days * 86_400)).ok()?;
        let date = day.to_zoned_datetime(zone.clone()).date();
        let night = zone.to_zoned_datetime(date.at(3, minute.clamp(0, 59), 0, 0)).ok()?;
        Some(night.timestamp().as_second()).filter(|night| *night > now)
    };
    // Beyond the years that a calendar knows any time of the day is as good as another.
    night(0).or_else(|| night(1)).unwrap_or_else(|| now.saturating_add(86_400))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn night_comes_once_a_day_after_three_where_the_operator_lives() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        for (now, zone, night) in [
            ("2026-06-01T00:00:00Z", &TimeZone::UTC, "2026-06-01T03:17:00Z"),
            ("2026-06-01T03:17:00Z", &TimeZone::UTC, "2026-06-02T03:17:00Z"),
            ("2026-06-01T12:00:00Z", &TimeZone::UTC, "2026-06-02T03:17:00Z"),
            ("2026-06-01T00:00:00Z", &berlin, "2026-06-01T01:17:00Z"),
            ("2026-06-01T01:30:00Z", &berlin, "2026-06-02T01:17:00Z"),
            ("2026-01-01T23:30:00Z", &berlin, "2026-01-02T02:17:00Z"),
            // The nights in which the clocks are changed, at 02:00 and at 03:00.
            ("2026-03-28T20:00:00Z", &berlin, "2026-03-29T01:17:00Z"),
            ("2026-10-24T20:00:00Z", &berlin, "2026-10-25T02:17:00Z"),
        ] {
            assert_eq!(next_night(at(now), zone, 17), at(night), "{now}");
        }
        assert_eq!(next_night(i64::MAX - 5, &berlin, 0), i64::MAX);
    }

    #[test]
    fn a_jump_is_told_once_and_only_far_ahead_is_doubtful() {
        let start = Now { unix: 1_780_000_000, steady: 10 };
        let mut clock = WallClock::new(start);
        assert_eq!(clock.look(start.later(30)), None);
        let slewed = Now { unix: start.unix + 62, steady: start.steady + 60 };
        assert_eq!(clock.look(slewed), None);
        let back = Now { unix: slewed.unix - 365 * 86_400, steady: slewed.steady + 1 };
        assert_eq!(clock.look(back), Some(-365 * 86_400 - 1));
        assert!(!clock.is_doubtful(back));
        let ahead = Now { unix: slewed.unix, steady: back.steady + 1 };
        assert!(clock.look(ahead).is_some());
        assert!(clock.is_doubtful(ahead) && clock.is_doubtful(ahead.later(HOLD - 1)));
        assert_eq!(clock.look(ahead.later(5)), None);
        assert!(!clock.is_doubtful(ahead.later(HOLD)));
    }
}
