//! Runs policies over seeds and puts figures to what they did.
//!
//! One seed is one run of episodes in one world; every policy meets the same worlds. Runs are spread over the cores and
//! put together in the order of their seeds, so that the figures do not depend on the number of threads.

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rayon::{ThreadPoolBuildError, ThreadPoolBuilder};

use crate::env::{EnvConfig, EnvError};
use crate::policy::{PolicyError, PolicyName};

mod figures;
mod run;

pub use figures::{Figures, Quantiles, Spread};
pub use run::{Episode, Run, run, run_team};

/// What to evaluate.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The environment.
    pub config: EnvConfig,
    /// The policies, each with and without the arbiter as stated.
    pub entries: Vec<Entry>,
    /// Seeds: one run for each.
    pub seeds: Vec<u64>,
    /// Episodes of a run.
    pub episodes: u32,
    /// Threads; 0 is one for each core.
    pub threads: usize,
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Who claims.
    pub policy: PolicyName,
    /// Whether the arbiter grants.
    pub arbiter: bool,
}

/// Why an evaluation cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// There is nothing to do.
    #[error("An evaluation needs at least one {0}")]
    Nothing(&'static str),
    /// A seed stands twice: it would count twice in the deviations.
    #[error("Seed {0} stands twice")]
    SeedTwice(u64),
    /// The environment refuses.
    #[error("The environment refuses")]
    Env(#[from] EnvError),
    /// A policy does not fit.
    #[error("The policy does not fit to the environment")]
    Policy(#[from] PolicyError),
    /// Threads cannot be started.
    #[error("The threads cannot be started")]
    Threads(#[from] ThreadPoolBuildError),
}

impl Plan {
    /// Does it: one [`Figures`] for each entry, in order. `progress` is called after each run, from any thread.
    ///
    /// # Errors
    /// The plan is empty or one of its runs is refused.
    pub fn evaluate(&self, progress: impl Fn() + Sync) -> Result<Vec<Figures>, EvalError> {
        self.check()?;
        let pool = ThreadPoolBuilder::new().num_threads(self.threads).build()?;
        let jobs: Vec<_> = self
            .entries
            .iter()
            .flat_map(|entry| self.seeds.iter().map(move |seed| (*entry, *seed)))
            .collect();
        let runs: Vec<Run> = pool.install(|| {
            let one = |(entry, seed)| {
                let run = run(&self.config, entry, seed, self.episodes);
                progress();
                run
            };
            jobs.into_par_iter().map(one).collect::<Result<_, _>>()
        })?;
        let by_entry = self.entries.iter().zip(runs.chunks(self.seeds.len()));
        Ok(by_entry.map(|(entry, runs)| Figures::of(*entry, &self.config, runs)).collect())
    }

    /// Number of runs.
    pub fn runs(&self) -> usize {
        self.entries.len() * self.seeds.len()
    }

    fn check(&self) -> Result<(), EvalError> {
        let counts = [("policy", self.entries.len()), ("seed", self.seeds.len())];
        if let Some((what, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(EvalError::Nothing(what));
        }
        if self.episodes == 0 {
            return Err(EvalError::Nothing("episode"));
        }
        let mut seeds = self.seeds.clone();
        seeds.sort_unstable();
        let twice = seeds.windows(2).find(|pair| pair[0] == pair[1]);
        twice.map_or(Ok(()), |pair| Err(EvalError::SeedTwice(pair[0])))
    }
}

#[cfg(test)]
mod tests;
