//! Distributions of figures in a bounded range, counted in fixed steps.

use super::model::{Bin, Spread};

/// Counts of figures, in steps of one `1/scale`.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    low: i32,
    scale: f64,
    counts: Vec<u64>,
    sum: f64,
    count: u64,
}

impl Histogram {
    /// For figures from `low` to `high`; others are counted at the nearer end.
    pub(super) fn new(low: i32, high: i32, scale: i32) -> Self {
        let steps = ((high - low) * scale + 1).max(1) as usize;
        Self { low, scale: f64::from(scale), counts: vec![0; steps], sum: 0.0, count: 0 }
    }

    pub(super) fn add(&mut self, figure: f64) {
        if figure.is_nan() {
            return;
        }
        let step = ((figure - f64::from(self.low)) * self.scale).round().max(0.0) as usize;
        let last = self.counts.len() - 1;
        if let Some(count) = self.counts.get_mut(step.min(last)) {
            *count += 1;
        }
        self.sum += figure;
        self.count += 1;
    }

    fn value(&self, step: usize) -> f64 {
        f64::from(self.low) + step as f64 / self.scale
    }

    /// The figure below which this share lies.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (step, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Some(self.value(step));
            }
        }
        None
    }

    pub(super) fn spread(&self) -> Option<Spread> {
        let first = self.counts.iter().position(|count| *count > 0)?;
        let last = self.counts.iter().rposition(|count| *count > 0)?;
        Some(Spread {
            count: self.count,
            min: self.value(first),
            p10: self.quantile(0.1)?,
            p50: self.quantile(0.5)?,
            p90: self.quantile(0.9)?,
            max: self.value(last),
            mean: (self.sum / self.count as f64 * 100.0).round() / 100.0,
        })
    }

    /// The same in wider steps, from the first to the last that is not empty.
    pub(super) fn bins(&self, width: f64) -> Vec<Bin> {
        let Some(spread) = self.spread() else { return Vec::new() };
        let mut from = (spread.min / width).floor() * width;
        let mut bins = Vec::new();
        while from <= spread.max {
            let inside = |step: &usize| (from..from + width).contains(&self.value(*step));
            let count = (0..self.counts.len()).filter(inside).map(|step| self.counts[step]).sum();
            bins.push(Bin { from, to: from + width, count });
            from += width;
        }
        bins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_bins_follow_the_figures() {
        let mut snr = Histogram::new(-32, 32, 4);
        assert_eq!(snr.spread(), None);
        for quarters in 0..=40 {
            snr.add(f64::from(quarters) / 4.0 - 5.0);
        }
        snr.add(f64::NAN);
        snr.add(99.0);
        let spread = snr.spread().unwrap();
        assert_eq!((spread.count, spread.min, spread.p50, spread.max), (42, -5.0, 0.0, 32.0));
        let bins = snr.bins(2.0);
        assert_eq!((bins[0].from, bins[0].to, bins[0].count), (-6.0, -4.0, 4));
        assert_eq!(bins.iter().map(|bin| bin.count).sum::<u64>(), 42);
    }
}
