//! What an agent that knows everything of the coming step would claim for all: a reference for the others.

use crate::arbiter::{Claim, is_conflict};
use crate::env::{Action, LEVELS, SliceEnv};
use crate::reward::Experience;

/// Joint claims that the oracle looks at in a step.
pub const MAX_JOINT_CLAIMS: usize = 100_000;

/// Chooses, among all joint claims without conflict, the one with the greatest sum of rewards in the coming step. It is
/// no bound: it does not look further ahead, and an arbiter can grant amounts between the levels of the grid.
#[derive(Debug, Clone, Default)]
pub struct Oracle {
    rewards: Vec<[f64; LEVELS]>,
    claims: Vec<Claim>,
    levels: Vec<usize>,
    best: Vec<usize>,
}

impl Oracle {
    /// An oracle.
    pub fn new() -> Oracle {
        Oracle::default()
    }

    /// The number of joint claims of `slices` slices, if the oracle can look at so many.
    pub fn joint_claims(slices: usize) -> Option<usize> {
        let count = LEVELS.checked_pow(u32::try_from(slices).ok()?)?;
        (count <= MAX_JOINT_CLAIMS).then_some(count)
    }

    /// Writes an action for each slice.
    pub fn decide(&mut self, env: &SliceEnv, actions: &mut [Action]) {
        self.look(env);
        let shares: Vec<_> = env.config().slices.iter().map(|slice| slice.share_hz).collect();
        let mut best = f64::NEG_INFINITY;
        for joint in 0..Oracle::joint_claims(env.slices()).unwrap_or(0) {
            let value = self.value(env, joint);
            if value > best && !is_conflict(&shares, &self.claims) {
                best = value;
                self.best.clone_from(&self.levels);
            }
        }
        for (action, level) in actions.iter_mut().zip(&self.best) {
            *action = Action { level: *level, message: 0 };
        }
    }

    /// Forecasts the reward of each slice at each level; without a conflict they do not depend on each other.
    fn look(&mut self, env: &SliceEnv) {
        let weights = &env.config().reward;
        let reward = |slice, level| {
            let forecast = env.forecast(slice, env.config().claim_hz(slice, level));
            let (latency_ms, exploitation) = (forecast.latency_ms, forecast.exploitation);
            weights.reward(&Experience { latency_ms, in_conflict: false, exploitation })
        };
        let of_slice = |slice| std::array::from_fn(|level| reward(slice, level));
        self.rewards = (0..env.slices()).map(of_slice).collect();
        self.claims = vec![Claim::of(0); env.slices()];
        self.levels = vec![0; env.slices()];
    }

    /// Makes the joint claim with number `joint` the present one; returns its sum of rewards.
    fn value(&mut self, env: &SliceEnv, mut joint: usize) -> f64 {
        let mut sum = 0.0;
        for slice in 0..self.levels.len() {
            let level = joint % LEVELS;
            joint /= LEVELS;
            self.levels[slice] = level;
            self.claims[slice] = env.claim(slice, level);
            sum += self.rewards[slice][level];
        }
        sum
    }
}
