//! Policies that look at nothing.

use rand_distr::{Distribution, Uniform};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use super::{OWN_SHARE, Policy};
use crate::env::{Action, LEVELS, Observation};

/// Always claims the own share: no conflict, no sharing.
#[derive(Debug, Clone, Copy, Default)]
pub struct StaticShares;

impl Policy for StaticShares {
    fn begin(&mut self, _: u64) {}

    fn decide(&mut self, _: &Observation<'_>) -> Action {
        Action { level: OWN_SHARE, message: 0 }
    }
}

/// Any level, any message.
#[derive(Debug, Clone)]
pub struct RandomClaims {
    random: Xoshiro256PlusPlus,
    levels: Uniform<usize>,
}

impl RandomClaims {
    /// An agent whose choices come from the seeds of its episodes.
    ///
    /// # Panics
    /// Never: the grid has levels.
    pub fn new() -> RandomClaims {
        let levels = Uniform::new(0, LEVELS).expect("the grid has levels");
        RandomClaims { random: Xoshiro256PlusPlus::seed_from_u64(0), levels }
    }
}

impl Default for RandomClaims {
    fn default() -> RandomClaims {
        RandomClaims::new()
    }
}

impl Policy for RandomClaims {
    fn begin(&mut self, seed: u64) {
        self.random = Xoshiro256PlusPlus::seed_from_u64(seed);
    }

    fn decide(&mut self, _: &Observation<'_>) -> Action {
        Action { level: self.levels.sample(&mut self.random), message: 0 }
    }
}
