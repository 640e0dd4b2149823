//! The clocks: the one place where intake asks for the time.
//!
//! What is stored and shown goes by the wall clock, which may jump. How long something lasts goes by the steady
//! one: a jump must neither make a source look dead nor hide that it is.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Unix milliseconds now; 0 on a clock before 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or_default()
}

/// Milliseconds since this was first asked, never 0; does not jump with the wall clock.
pub fn steady_ms() -> i64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    i64::try_from(START.elapsed().as_millis()).unwrap_or(i64::MAX - 1) + 1
}
