//! One policy in the world of one seed.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde::Serialize;

use super::{Entry, EvalError};
use crate::env::{Action, EnvConfig, SliceEnv};
use crate::policy::Team;

/// What one episode came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Episode {
    /// Steps with a conflict.
    pub conflicts: u32,
    /// Claims that the arbiter trimmed.
    pub trimmed_claims: usize,
    /// Sum of all slices' rewards.
    pub reward: f64,
    /// Used part of all CPU (network-wide utilisation), 0 to 1.
    pub network_utilisation: f64,
    /// Mean used part of the grants (exploitation), 0 to 1.
    pub exploitation: f64,
    /// Bits that arrived.
    pub arrived_bits: f64,
    /// Bits that were dropped.
    pub dropped_bits: f64,
}

/// What one run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// Its episodes.
    pub episodes: Vec<Episode>,
    /// The latency of every slice in every step, ms.
    pub latencies_ms: Vec<f64>,
}

/// Runs one policy for `episodes` episodes in the world of `seed`.
///
/// # Errors
/// The environment refuses its configuration, or the policy does not fit to it.
pub fn run(config: &EnvConfig, entry: Entry, seed: u64, episodes: u32) -> Result<Run, EvalError> {
    let config = EnvConfig { arbiter: entry.arbiter, ..config.clone() };
    let mut team = Team::new(entry.policy, &config)?;
    run_team(config, &mut team, seed, episodes)
}

/// Runs a team for `episodes` episodes in the world of `seed`.
///
/// # Errors
/// The environment refuses its configuration, or an action of the team.
pub fn run_team(config: EnvConfig, team: &mut Team, seed: u64, episodes: u32) -> Result<Run, EvalError> {
    let mut env = SliceEnv::new(config, seed)?;
    let mut seeds = SplitMix64::seed_from_u64(seed);
    let mut run = Run { seed, episodes: Vec::new(), latencies_ms: Vec::new() };
    let mut actions = vec![Action::default(); env.slices()];
    for _ in 0..episodes {
        env.reset(seeds.next_u64());
        team.begin(seeds.next_u64());
        run.episodes.push(episode(&mut env, team, &mut actions, &mut run.latencies_ms)?);
    }
    Ok(run)
}

fn episode(
    env: &mut SliceEnv,
    team: &mut Team,
    actions: &mut [Action],
    latencies_ms: &mut Vec<f64>,
) -> Result<Episode, EvalError> {
    let mut sums = Episode::default();
    let (mut steps, mut done) = (0u32, false);
    while !done {
        team.decide(env, actions);
        let step = env.step(actions)?;
        done = step.done;
        steps += 1;
        sums.conflicts += u32::from(step.conflict);
        sums.trimmed_claims += step.trimmed_slices;
        for outcome in env.outcomes() {
            sums.reward += outcome.reward;
            sums.network_utilisation += outcome.used_hz;
            sums.exploitation += outcome.exploitation;
            sums.arrived_bits += outcome.arrived_bits;
            sums.dropped_bits += outcome.dropped_bits;
            latencies_ms.push(outcome.latency_ms);
        }
    }
    let steps = f64::from(steps);
    sums.network_utilisation /= steps * env.config().total_hz() as f64;
    sums.exploitation /= steps * env.slices() as f64;
    Ok(sums)
}
