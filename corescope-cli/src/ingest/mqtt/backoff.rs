//! How long to wait before the next attempt to connect.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Doubling pauses with jitter, so that a thousand clients of a broker that comes back do not come at once.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
    seed: RandomState,
    step: u64,
}

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

impl Backoff {
    /// Starts short.
    pub fn new() -> Self {
        Self { next: FIRST, seed: RandomState::new(), step: 0 }
    }

    /// A connection stood: the next pause is short again.
    pub fn reset(&mut self) {
        self.next = FIRST;
    }

    /// The pause before the next attempt: between half and all of the step, which doubles up to 30 s.
    pub fn pause(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(LONGEST);
        self.step += 1;
        let share = (self.seed.hash_one(self.step) % 1000) as f64 / 2000.0 + 0.5;
        whole.mul_f64(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_start_again() {
        let mut backoff = Backoff::new();
        let mut step = FIRST;
        for _ in 0..12 {
            let pause = backoff.pause();
            assert!(pause >= step / 2 && pause <= step, "{pause:?} of {step:?}");
            step = (step * 2).min(LONGEST);
        }
        backoff.reset();
        assert!(backoff.pause() <= FIRST);
    }
}
