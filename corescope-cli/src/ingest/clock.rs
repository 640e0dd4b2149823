//! The wall clock: the one place where intake asks it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix milliseconds now; 0 on a clock before 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or_default()
}
