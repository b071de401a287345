//! A histogram whose samples lose weight with age, for percentiles of the recent demand.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::ratio::as_nanos;
use super::{Ratio, config::Bounds};

/// Buckets in each doubling of the demand, as a power of two: each is 3 % wide.
const SUB_BITS: u32 = 5;
/// Weight of a sample at the beginning, and where weights are scaled down again: old samples do not decay, new ones
/// weigh more.
const WEIGHT_FIRST: u64 = 1 << 24;
const WEIGHT_MOST: u64 = 1 << 40;
const WEIGHT_SHIFT: u32 = 16;
/// ln 2 in units of 2^-32.
const LN_2: u64 = 2_977_044_472;

/// Demands between the floor and the cap in buckets of equal ratio, and where the percentile stands among them.
///
/// A step moves the percentile by a few buckets, so that it takes a constant time however much is remembered.
#[derive(Debug, Clone)]
pub struct DecayingHistogram {
    weights: Vec<u64>,
    /// Number of the first bucket.
    first: usize,
    total: u64,
    /// Weight of the next sample.
    weight: u64,
    /// What the weight grows by with each sample, in units of 2^-32: two to the power of one by the half-life.
    growth: u64,
    /// The percentile, in units of 2^-16.
    part: u64,
    /// The bucket that holds the percentile, and the weight of all below it.
    at: usize,
    below: u64,
}

impl DecayingHistogram {
    /// An empty histogram for demands within `bounds`; a sample's weight halves every `half_life` samples.
    pub(super) fn new(half_life: usize, percentile: Ratio, bounds: Bounds) -> DecayingHistogram {
        let first = bucket(as_nanos(bounds.floor()));
        let last = bucket(as_nanos(bounds.cap()));
        DecayingHistogram {
            weights: vec![0; last - first + 1],
            first,
            total: 0,
            weight: WEIGHT_FIRST,
            growth: growth(half_life),
            part: (u64::from(percentile.as_ppm()) << 16) / u64::from(Ratio::ONE.as_ppm()),
            at: 0,
            below: 0,
        }
    }

    /// Takes a demand in.
    pub fn push(&mut self, demand: Duration) {
        let index = bucket(as_nanos(demand)).saturating_sub(self.first).min(self.weights.len() - 1);
        if let Some(weight) = self.weights.get_mut(index) {
            *weight += self.weight;
        }
        self.total += self.weight;
        if index < self.at {
            self.below += self.weight;
        }
        let grown = (u128::from(self.weight) * u128::from(self.growth)) >> 32;
        self.weight = u64::try_from(grown).unwrap_or(WEIGHT_MOST);
        if self.weight >= WEIGHT_MOST {
            self.scale_down();
        }
        self.seek();
    }

    /// The demand that the percentile of the weight does not exceed; `None` before the first.
    pub fn percentile(&self) -> Option<Duration> {
        (self.total > 0).then(|| Duration::from_nanos(upper(self.at + self.first)))
    }

    /// Moves to the bucket where the percentile is now.
    fn seek(&mut self) {
        let rank = (self.total >> 16).saturating_mul(self.part);
        let of = |weights: &[u64], index: usize| weights.get(index).copied().unwrap_or(0);
        while self.below >= rank && self.at > 0 {
            self.at -= 1;
            self.below -= of(&self.weights, self.at);
        }
        while self.at + 1 < self.weights.len() && self.below + of(&self.weights, self.at) < rank {
            self.below += of(&self.weights, self.at);
            self.at += 1;
        }
    }

    fn scale_down(&mut self) {
        self.weights.iter_mut().for_each(|weight| *weight >>= WEIGHT_SHIFT);
        self.weight >>= WEIGHT_SHIFT;
        self.total = self.weights.iter().sum();
        self.below = self.weights.iter().take(self.at).sum();
    }
}

/// Two to the power of 1/`half_life`, in units of 2^-32: five terms of the exponential series.
fn growth(half_life: usize) -> u64 {
    let x = LN_2 / u64::try_from(half_life.max(1)).unwrap_or(u64::MAX);
    let (mut term, mut sum) = (1_u64 << 32, 1_u64 << 32);
    for k in 1..=5 {
        term = ((term * (x >> 1)) >> 31) / k;
        sum += term;
    }
    sum
}

/// The bucket of so many nanoseconds: the place of the highest bit and the bits behind it.
fn bucket(nanos: u64) -> usize {
    let nanos = nanos.max(1 << SUB_BITS);
    let octave = nanos.ilog2() - SUB_BITS;
    let number = (u64::from(octave) << SUB_BITS) + (nanos >> octave);
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The largest value of a bucket, in nanoseconds.
fn upper(bucket: usize) -> u64 {
    let number = u64::try_from(bucket).unwrap_or(u64::MAX);
    let octave = (number >> SUB_BITS).saturating_sub(1);
    let head = number - (octave << SUB_BITS);
    ((head + 1) << octave) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{PolicyConfig, PolicyKind};

    fn histogram(half_life: usize) -> DecayingHistogram {
        let bounds = PolicyConfig::new(PolicyKind::Percentile).bounds(Duration::from_millis(100)).unwrap();
        DecayingHistogram::new(half_life, Ratio::percent(95), bounds)
    }

    #[test]
    fn every_value_is_in_the_bucket_whose_bounds_hold_it() {
        for shift in 5..40 {
            for nanos in [1_u64 << shift, (1 << shift) + (1 << (shift - 1)), (1 << (shift + 1)) - 1] {
                let number = bucket(nanos);
                assert!(upper(number) >= nanos && upper(number - 1) < nanos, "{nanos} in {number}");
                assert!(upper(number) - nanos <= nanos / 31, "{nanos} in {number}");
            }
        }
    }

    #[test]
    fn the_weight_doubles_in_a_half_life() {
        for half_life in [1, 2, 30, 1_000, 36_000] {
            let growth = growth(half_life) as f64 / 2_f64.powi(32);
            let doubled = growth.powi(half_life.try_into().unwrap());
            assert!((doubled - 2.0).abs() < 0.01, "{half_life}: {doubled}");
        }
    }

    #[test]
    fn the_percentile_is_that_of_a_sorted_list() {
        let mut histogram = histogram(36_000);
        let mut values: std::vec::Vec<u64> =
            (0..2_000).map(|k| 1_000_000 + (k * 7_919) % 50_000_000).collect();
        values.iter().for_each(|nanos| histogram.push(Duration::from_nanos(*nanos)));
        values.sort_unstable();
        let (exact, found) = (values[1_899], as_nanos(histogram.percentile().unwrap()));
        assert!(found.abs_diff(exact) < exact / 25, "{found} instead of {exact}");
    }

    #[test]
    fn old_demands_are_forgotten() {
        let mut histogram = histogram(10);
        (0..100).for_each(|_| histogram.push(Duration::from_millis(60)));
        (0..60).for_each(|_| histogram.push(Duration::from_millis(10)));
        let found = histogram.percentile().unwrap();
        assert!((10_000..10_400).contains(&found.as_micros()), "{found:?}");
        // Long after the weights were scaled down it still tells the same.
        (0..100_000).for_each(|_| histogram.push(Duration::from_millis(10)));
        assert_eq!(histogram.percentile(), Some(found));
    }
}
