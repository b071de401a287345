//! How sure a mean over seeds is: Student's interval, and the bootstrap for differences of pairs.

use rand_distr::{Distribution, Uniform};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

/// A mean with the ends of its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Mean.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// 97.5 % quantiles of Student's distribution with 1, 2, ... degrees of freedom.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// The quantile for more: Cornish and Fisher's expansion, good to 0.001 from 31 degrees of freedom on.
fn quantile(freedom: usize) -> f64 {
    const NORMAL: f64 = 1.959_964;
    match freedom.checked_sub(1).and_then(|index| STUDENT.get(index)) {
        Some(quantile) => *quantile,
        None => NORMAL + (NORMAL.powi(3) + NORMAL) / (4.0 * freedom.max(1) as f64),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

impl Interval {
    /// Student's 95 % interval of the mean of independent values, at least one; infinite for one.
    pub fn of(values: &[f64]) -> Interval {
        let mean = mean(values);
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let deviation = (squares / values.len().saturating_sub(1).max(1) as f64).sqrt();
        Interval::from_deviation(mean, deviation, values.len())
    }

    /// The same of `count` values with this mean and sample deviation.
    pub fn from_deviation(mean: f64, deviation: f64, count: usize) -> Interval {
        let Some(freedom) = count.checked_sub(1).filter(|freedom| *freedom > 0) else {
            return Interval { mean, low: f64::NEG_INFINITY, high: f64::INFINITY };
        };
        let half = quantile(freedom) * deviation / (count as f64).sqrt();
        Interval { mean, low: mean - half, high: mean + half }
    }

    /// Half its width.
    pub fn half(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Whether it lies above 0 altogether.
    pub fn is_above_zero(&self) -> bool {
        self.low > 0.0
    }

    /// Whether it lies below 0 altogether.
    pub fn is_below_zero(&self) -> bool {
        self.high < 0.0
    }
}

/// Student's interval of the differences `left - right`, pair by pair: both must be of the same seeds in the same order.
pub fn paired(left: &[f64], right: &[f64]) -> Interval {
    Interval::of(&left.iter().zip(right).map(|(left, right)| left - right).collect::<Vec<_>>())
}

/// Resamples of a bootstrap.
const RESAMPLES: usize = 10_000;

/// The percentile bootstrap's 95 % interval of the mean of values, at least one; the same for the same values.
pub fn bootstrap(values: &[f64]) -> Interval {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(0);
    let mut means: Vec<f64> = match Uniform::new(0, values.len()) {
        Ok(law) => (0..RESAMPLES)
            .map(|_| mean(&(0..values.len()).map(|_| values[law.sample(&mut random)]).collect::<Vec<_>>()))
            .collect(),
        Err(_) => vec![f64::NAN],
    };
    means.sort_unstable_by(f64::total_cmp);
    let at = |permille: usize| means[(means.len() * permille / 1_000).min(means.len() - 1)];
    Interval { mean: mean(values), low: at(25), high: at(975) }
}

#[cfg(test)]
mod tests {
    use rand_distr::StandardNormal;

    use super::*;

    /// Values 1 to 5: mean 3, deviation sqrt(2.5), quantile 2.776 for 4 degrees of freedom.
    #[test]
    fn students_interval_is_that_of_the_textbook() {
        let interval = Interval::of(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(interval.mean, 3.0);
        assert!((interval.half() - 2.776 * (2.5f64 / 5.0).sqrt()).abs() < 1e-9);
        assert!(interval.is_above_zero() && !interval.is_below_zero());
        assert_eq!(Interval::of(&[7.0]).high, f64::INFINITY);
        for (freedom, expected) in [(9, 2.262), (30, 2.042), (40, 2.021), (60, 2.000), (120, 1.980)] {
            assert!((quantile(freedom) - expected).abs() < 0.002, "{freedom}: {}", quantile(freedom));
        }
    }

    #[test]
    fn ninety_five_of_a_hundred_intervals_hold_the_truth() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut hits = [0u32; 2];
        for _ in 0..200 {
            let mut normal = || -> f64 { StandardNormal.sample(&mut random) };
            let values: Vec<f64> = (0..20).map(|_| 4.0 + normal()).collect();
            for (hit, interval) in hits.iter_mut().zip([Interval::of(&values), bootstrap(&values)]) {
                *hit += u32::from(interval.low <= 4.0 && 4.0 <= interval.high);
            }
        }
        assert!(hits[0] >= 182 && hits[0] <= 198, "Student: {} of 200", hits[0]);
        assert!(hits[1] >= 176 && hits[1] <= 198, "bootstrap: {} of 200", hits[1]);
    }

    #[test]
    fn pairs_see_a_difference_that_their_spread_hides() {
        let left = [10.0, 20.0, 30.0, 40.0];
        let right = [9.0, 19.2, 28.9, 39.1];
        assert!(paired(&left, &right).is_above_zero());
        assert!(paired(&right, &left).is_below_zero());
        assert!(Interval::of(&left).low < Interval::of(&right).high);
    }
}
