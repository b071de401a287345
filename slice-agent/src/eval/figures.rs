//! The figures of a table's line: means and deviations over seeds, quantiles over all steps.

use serde::Serialize;

use super::{Entry, Episode, Run};
use crate::env::EnvConfig;

/// Mean and sample standard deviation over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation; 0 with one seed, which tells nothing of the spread.
    pub deviation: f64,
}

impl Spread {
    /// Of some values, at least one.
    pub fn of(values: &[f64]) -> Spread {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let deviation = if values.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 };
        Spread { mean, deviation }
    }
}

/// The distribution of latency over all slices, steps and seeds, ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantiles {
    /// A quarter lies at or below.
    pub q25: f64,
    /// Half lies at or below.
    pub median: f64,
    /// Three quarters lie at or below.
    pub q75: f64,
    /// 99 of 100 lie at or below.
    pub p99: f64,
}

impl Quantiles {
    /// Of sorted values, at least one; nearest rank.
    pub fn of_sorted(values: &[f64]) -> Quantiles {
        let at = |percent: usize| values[(values.len() * percent).div_ceil(100).clamp(1, values.len()) - 1];
        Quantiles { q25: at(25), median: at(50), q75: at(75), p99: at(99) }
    }

    /// Width of the middle half.
    pub fn interquartile_range(&self) -> f64 {
        self.q75 - self.q25
    }
}

/// Distance of the points of the distribution function that are kept, ms.
const CDF_STEP_MS: f64 = 0.5;

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Name of the policy.
    pub policy: String,
    /// Whether the arbiter granted; then conflicts are 0 by definition, and `trimmed_per_100` counts instead.
    pub arbiter: bool,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Episodes of each seed.
    pub episodes: usize,
    /// Steps with a conflict in 100 episodes.
    pub conflicts_per_100: Spread,
    /// Claims that the arbiter trimmed in 100 episodes.
    pub trimmed_per_100: Spread,
    /// Used part of all CPU, 0 to 1.
    pub network_utilisation: Spread,
    /// Used part of the grants, 0 to 1.
    pub exploitation: Spread,
    /// Mean latency, ms.
    pub latency_mean_ms: Spread,
    /// Distribution of latency, ms.
    pub latency_ms: Quantiles,
    /// Dropped part of the bits, 0 to 1.
    pub dropped: Spread,
    /// Sum of all slices' rewards in an episode.
    pub reward: Spread,
    /// Points (ms, part of the latencies at or below).
    pub latency_cdf: Vec<(f64, f64)>,
}

impl Figures {
    /// The figures of runs of one entry, at least one run with at least one episode.
    pub fn of(entry: Entry, config: &EnvConfig, runs: &[Run]) -> Figures {
        Figures::named(entry.policy.name(), entry.arbiter, config.latency_cap_ms, runs)
    }

    /// The figures of runs of whoever is called `policy`, at least one run with at least one episode.
    pub fn named(policy: &str, arbiter: bool, latency_cap_ms: f64, runs: &[Run]) -> Figures {
        let mean = |of: &dyn Fn(&Episode) -> f64| {
            let of_run = |run: &Run| run.episodes.iter().map(of).sum::<f64>() / run.episodes.len() as f64;
            Spread::of(&runs.iter().map(of_run).collect::<Vec<_>>())
        };
        let sorted = sorted_latencies(runs);
        let latency = |run: &Run| run.latencies_ms.iter().sum::<f64>() / run.latencies_ms.len() as f64;
        Figures {
            policy: policy.to_owned(),
            arbiter,
            seeds: runs.iter().map(|run| run.seed).collect(),
            episodes: runs.first().map_or(0, |run| run.episodes.len()),
            conflicts_per_100: mean(&|episode| 100.0 * f64::from(episode.conflicts)),
            trimmed_per_100: mean(&|episode| 100.0 * episode.trimmed_claims as f64),
            network_utilisation: mean(&|episode| episode.network_utilisation),
            exploitation: mean(&|episode| episode.exploitation),
            latency_mean_ms: Spread::of(&runs.iter().map(latency).collect::<Vec<_>>()),
            latency_ms: Quantiles::of_sorted(&sorted),
            dropped: Spread::of(&runs.iter().map(dropped).collect::<Vec<_>>()),
            reward: mean(&|episode| episode.reward),
            latency_cdf: distribution(&sorted, latency_cap_ms),
        }
    }
}

fn sorted_latencies(runs: &[Run]) -> Vec<f64> {
    let mut sorted: Vec<_> = runs.iter().flat_map(|run| run.latencies_ms.iter().copied()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

fn dropped(run: &Run) -> f64 {
    let sum = |of: fn(&Episode) -> f64| run.episodes.iter().map(of).sum::<f64>();
    let arrived = sum(|episode| episode.arrived_bits);
    if arrived > 0.0 { sum(|episode| episode.dropped_bits) / arrived } else { 0.0 }
}

fn distribution(sorted: &[f64], cap_ms: f64) -> Vec<(f64, f64)> {
    let part = |limit: f64| sorted.partition_point(|value| *value <= limit) as f64 / sorted.len() as f64;
    let limits = (0u32..).map(|index| f64::from(index) * CDF_STEP_MS).take_while(|limit| *limit < cap_ms);
    limits.chain([cap_ms]).map(|limit| (limit, part(limit))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_and_quantiles_of_a_table_by_hand() {
        assert_eq!(Spread::of(&[2.0, 4.0, 6.0]), Spread { mean: 4.0, deviation: 2.0 });
        assert_eq!(Spread::of(&[7.0]), Spread { mean: 7.0, deviation: 0.0 });
        let values: Vec<_> = (1..=200).map(f64::from).collect();
        let quantiles = Quantiles::of_sorted(&values);
        assert_eq!(quantiles, Quantiles { q25: 50.0, median: 100.0, q75: 150.0, p99: 198.0 });
        assert_eq!(quantiles.interquartile_range(), 100.0);
        assert_eq!(Quantiles::of_sorted(&[3.0]).p99, 3.0);
    }

    #[test]
    fn the_distribution_ends_at_the_cap_with_everything() {
        let points = distribution(&[0.0, 0.0, 0.6, 2.0], 2.0);
        assert_eq!(points, [(0.0, 0.5), (0.5, 0.5), (1.0, 0.75), (1.5, 0.75), (2.0, 1.0)]);
    }
}
