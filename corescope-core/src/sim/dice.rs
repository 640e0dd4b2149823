//! Randomness that repeats: one stream of numbers per seed and purpose.

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of random figures.
#[derive(Debug, Clone)]
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of a seed for one purpose; other purposes of the seed are independent of it.
    pub(super) fn new(seed: u64, purpose: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(purpose);
        Self(rng)
    }

    /// 0 … 1, one excluded.
    pub(super) fn unit(&mut self) -> f64 {
        self.0.random()
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// 0 … `n` − 1; 0 for `n` = 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { self.0.random_range(0..n) }
    }

    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    pub(super) fn word(&mut self) -> u32 {
        self.0.next_u32()
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Normally distributed (Box–Muller).
    pub(super) fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        mean + deviation * radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// The index of one of the weights, each as likely as it is heavy; 0 when all are 0.
    pub(super) fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: u32 = weights.iter().sum();
        let mut left = (self.unit() * f64::from(total)) as u32;
        for (index, weight) in weights.iter().enumerate() {
            if left < *weight {
                return index;
            }
            left -= weight;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_repeats_and_purposes_differ() {
        let draw = |seed, purpose| Dice::new(seed, purpose).bytes::<16>();
        assert_eq!(draw(1, 1), draw(1, 1));
        assert_ne!(draw(1, 1), draw(1, 2));
        assert_ne!(draw(1, 1), draw(2, 1));
    }

    #[test]
    fn weights_are_obeyed() {
        let mut dice = Dice::new(3, 0);
        let mut counts = [0; 3];
        for _ in 0..3000 {
            counts[dice.weighted(&[0, 10, 20])] += 1;
        }
        assert_eq!(counts[0], 0);
        assert!(counts[2] > counts[1], "{counts:?}");
        assert_eq!(dice.weighted(&[0, 0]), 0);
        assert_eq!(dice.pick::<u8>(&[]), None);
    }

    #[test]
    fn normal_figures_have_their_mean() {
        let mut dice = Dice::new(4, 0);
        let mean = (0..4000).map(|_| dice.normal(5.0, 2.0)).sum::<f64>() / 4000.0;
        assert!((mean - 5.0).abs() < 0.2, "{mean}");
    }
}
