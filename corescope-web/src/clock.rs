//! The server's clock: the real one, or one that stands still.

use std::time::{SystemTime, UNIX_EPOCH};

/// Where the server takes the time from.
///
/// A frozen clock (`serve --at`) makes an old dump explorable as if it were that moment: every
/// "last 24 hours" counts back from it. Timers and connection deadlines always use real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The system's clock.
    Real,
    /// Stands still at this moment, in unix milliseconds.
    Frozen(i64),
}

impl Clock {
    /// A clock that stands still at this unix second.
    pub fn frozen_at(unix_seconds: i64) -> Self {
        Self::Frozen(unix_seconds.saturating_mul(1000))
    }

    /// Now, in unix seconds.
    pub fn now(self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    /// Now, in unix milliseconds.
    pub fn now_ms(self) -> i64 {
        match self {
            Self::Frozen(at) => at,
            Self::Real => match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
                Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
            },
        }
    }

    /// Whether the clock stands still.
    pub fn is_frozen(self) -> bool {
        matches!(self, Self::Frozen(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_stands_still() {
        let clock = Clock::frozen_at(1_779_042_000);
        assert_eq!(clock.now(), 1_779_042_000);
        assert_eq!(clock.now_ms(), 1_779_042_000_000);
        assert!(clock.is_frozen());
    }

    #[test]
    fn the_real_clock_is_after_2024() {
        assert!(Clock::Real.now() > 1_704_067_200);
    }
}
