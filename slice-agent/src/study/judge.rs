//! What a team came to in worlds that it has not learnt in.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::world::StudyWorld;
use crate::env::EnvError;
use crate::eval::Episode;
use crate::learn::{Mode, Rollout, TeamLearner};

/// Width of a bin of latencies, ms. The first bin has the zeros; every other one what lies above the one before.
pub const LATENCY_BIN_MS: f64 = 0.25;

/// Means of an episode, and the distribution of latency.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Steps with a conflict.
    pub conflicts: f64,
    /// Claims that the arbiter trimmed.
    pub trimmed: f64,
    /// Sum of all slices' rewards.
    pub reward: f64,
    /// Mean latency, ms.
    pub latency_ms: f64,
    /// Used part of all CPU, 0 to 1.
    pub network_utilisation: f64,
    /// Used part of the grants, 0 to 1.
    pub exploitation: f64,
    /// Dropped part of the bits, 0 to 1.
    pub dropped: f64,
    /// Latencies of all slices and steps, by bins of [`LATENCY_BIN_MS`].
    pub latency_bins: Vec<u32>,
}

/// The mean of some episodes; nothing of none.
pub(super) fn mean(episodes: &[Episode]) -> Judged {
    let count = episodes.len().max(1) as f64;
    let mean = |of: fn(&Episode) -> f64| episodes.iter().map(of).sum::<f64>() / count;
    let arrived = mean(|episode| episode.arrived_bits);
    Judged {
        conflicts: mean(|episode| f64::from(episode.conflicts)),
        trimmed: mean(|episode| episode.trimmed_claims as f64),
        reward: mean(|episode| episode.reward),
        latency_ms: mean(|episode| episode.latency_ms),
        network_utilisation: mean(|episode| episode.network_utilisation),
        exploitation: mean(|episode| episode.exploitation),
        dropped: if arrived > 0.0 { mean(|episode| episode.dropped_bits) / arrived } else { 0.0 },
        latency_bins: Vec::new(),
    }
}

fn bins(latencies_ms: &[f64]) -> Vec<u32> {
    let mut bins: Vec<u32> = Vec::new();
    for latency_ms in latencies_ms {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at least 0, at most the cap"
        )]
        let bin = (latency_ms / LATENCY_BIN_MS).ceil() as usize;
        if bins.len() <= bin {
            bins.resize(bin + 1, 0);
        }
        bins[bin] += 1;
    }
    bins
}

impl Judged {
    /// The latency that `part` of all lie at or below, ms, up to the width of a bin.
    pub fn latency_quantile_ms(&self, part: f64) -> f64 {
        let total = f64::from(self.latency_bins.iter().sum::<u32>());
        let mut sum = 0.0;
        for (bin, count) in self.latency_bins.iter().enumerate() {
            sum += f64::from(*count);
            if sum >= part * total {
                return bin as f64 * LATENCY_BIN_MS;
            }
        }
        0.0
    }

    /// Several as one distribution of latency; means are not touched.
    pub fn pool<'a>(all: impl Iterator<Item = &'a Judged>) -> Judged {
        let mut pooled = Judged::default();
        for judged in all {
            let length = pooled.latency_bins.len().max(judged.latency_bins.len());
            pooled.latency_bins.resize(length, 0);
            pooled.latency_bins.iter_mut().zip(&judged.latency_bins).for_each(|(sum, count)| *sum += count);
        }
        pooled
    }
}

/// Seeds of worlds in which teams are judged: no training uses them.
fn judging_seed(seed: u64) -> u64 {
    !seed
}

/// Judges a team for `episodes` episodes in the worlds of `seed`, which are the same for all teams.
///
/// # Errors
/// The world refuses an action.
pub fn judge(
    world: &mut StudyWorld,
    team: &mut dyn TeamLearner,
    seed: u64,
    episodes: u32,
) -> Result<Judged, EnvError> {
    let mut rollout = Rollout::new(world);
    let mut seeds = SplitMix64::seed_from_u64(judging_seed(seed));
    let mut done = Vec::new();
    world.slices().forget_latencies();
    for _ in 0..episodes {
        rollout.play(world, team, Mode::Act, seeds.next_u64())?;
        done.push(world.slices().finish());
    }
    Ok(Judged { latency_bins: bins(world.slices().latencies_ms()), ..mean(&done) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_bins_are_those_of_the_values() {
        let judged = Judged { latency_bins: bins(&[0.0, 0.0, 0.1, 0.25, 0.26, 30.0]), ..Judged::default() };
        assert_eq!(judged.latency_bins[..3], [2, 2, 1]);
        assert_eq!(judged.latency_quantile_ms(0.25), 0.0);
        assert_eq!(judged.latency_quantile_ms(0.5), 0.25);
        assert_eq!(judged.latency_quantile_ms(0.75), 0.5);
        assert_eq!(judged.latency_quantile_ms(1.0), 30.0);
        let pooled = Judged::pool([&judged, &judged].into_iter());
        assert_eq!(pooled.latency_bins.iter().sum::<u32>(), 12);
        assert_eq!(pooled.latency_quantile_ms(0.5), 0.25);
    }
}
