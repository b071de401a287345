//! The environment: slices with queues that share a CPU, one step at a time.
//!
//! A step is a pure function of the configuration, the seed and the actions. Traffic, radio and the drift of the CPU law
//! do not depend on the actions, so policies that run with one seed meet the same world; each slice has streams of
//! random numbers of its own. Everything is IEEE 754 arithmetic in a fixed order: results are equal to the last bit on
//! every machine.

mod batch;
mod config;
mod observation;
mod physics;
mod slice;

pub use batch::{ActionIndex, BatchEnv, BatchStep, Column};
pub use config::{
    CpuDrift, CpuLaw, EnvConfig, EnvError, LEVELS, LEVELS_PERCENT, PreemptionRule, Resource, SliceSpec,
    TrafficModel,
};
pub use observation::{OWN_FEATURES, Observation};
pub use slice::{SliceForecast, SliceOutcome};

use crate::arbiter::{self, Arbiter, Claim};
use crate::reward::Experience;
use slice::{Processes, SliceState};

/// What an agent does in a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Action {
    /// Index into [`LEVELS_PERCENT`]: the claim, as a part of the own share.
    pub level: usize,
    /// Message to the other agents, who read it one step later.
    pub message: usize,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Step {
    /// Claims exceeded what there was, and no arbiter was there to trim them.
    pub conflict: bool,
    /// Slices whose claim the arbiter trimmed.
    pub trimmed_slices: usize,
    /// The episode is over.
    pub done: bool,
}

/// The environment.
#[derive(Debug, Clone)]
pub struct SliceEnv {
    config: EnvConfig,
    shares: Vec<u64>,
    /// By slice and level, Hz.
    grid: Vec<[u64; LEVELS]>,
    slices: Vec<SliceState>,
    arbiter: Arbiter,
    step: u32,
    conflict: bool,
    messages: Vec<usize>,
    claims: Vec<Claim>,
    grants: Vec<u64>,
    outcomes: Vec<SliceOutcome>,
}

impl SliceEnv {
    /// An environment at the begin of the episode of `seed`.
    ///
    /// # Errors
    /// The configuration breaks a rule, which the error names.
    pub fn new(config: EnvConfig, seed: u64) -> Result<SliceEnv, EnvError> {
        config.check()?;
        let count = config.slices.len();
        let mut processes = Processes::default();
        let start = |(lane, spec)| SliceState::start(spec, &config, &mut processes, seed, lane);
        let slices = config.slices.iter().enumerate().map(start).collect::<Result<_, _>>()?;
        Ok(SliceEnv {
            shares: config.slices.iter().map(|slice| slice.share_hz).collect(),
            grid: (0..count)
                .map(|slice| std::array::from_fn(|level| config.claim_hz(slice, level)))
                .collect(),
            slices,
            arbiter: Arbiter::new(),
            step: 0,
            conflict: false,
            messages: vec![0; count],
            claims: vec![Claim::of(0); count],
            grants: vec![0; count],
            outcomes: vec![SliceOutcome::default(); count],
            config,
        })
    }

    /// Begins the episode of `seed`.
    pub fn reset(&mut self, seed: u64) {
        for (lane, (slice, spec)) in self.slices.iter_mut().zip(&self.config.slices).enumerate() {
            slice.restart(spec, &self.config, seed, lane);
        }
        self.arbiter = Arbiter::new();
        self.step = 0;
        self.conflict = false;
        self.messages.fill(0);
        self.outcomes.fill(SliceOutcome::default());
    }

    /// The configuration.
    pub fn config(&self) -> &EnvConfig {
        &self.config
    }

    /// Number of slices, and of agents.
    pub fn slices(&self) -> usize {
        self.slices.len()
    }

    /// What the agent of `slice` sees.
    ///
    /// # Panics
    /// There is no such slice.
    pub fn observe(&self, slice: usize) -> Observation<'_> {
        let (state, outcome) = (&self.slices[slice], &self.outcomes[slice]);
        Observation {
            slice,
            arrivals_bits: state.seen_arrivals(&self.config),
            computation_bits: state.computation.bits(),
            computation_limit_bits: state.computation.limit(),
            transmission_bits: state.transmission.bits(),
            radio_bps: state.radio_bps,
            granted_hz: outcome.granted_hz,
            claimed_hz: outcome.claimed_hz,
            exploitation: outcome.exploitation,
            conflict: self.conflict,
            messages: &self.messages,
        }
    }

    /// Which levels the agent of `slice` may choose: those whose claim does not exceed the total of all shares.
    ///
    /// # Panics
    /// There is no such slice.
    pub fn action_mask(&self, slice: usize) -> [bool; LEVELS] {
        let total = self.config.total_hz();
        std::array::from_fn(|level| self.config.claim_hz(slice, level) <= total)
    }

    /// What the coming step would do to `slice` with `granted_hz`: for a policy that may know everything.
    ///
    /// # Panics
    /// There is no such slice.
    pub fn forecast(&self, slice: usize, granted_hz: u64) -> SliceForecast {
        self.slices[slice].forecast(&self.config, granted_hz)
    }

    /// Of the shared resource what `slice` could use in the coming step, Hz.
    ///
    /// # Panics
    /// There is no such slice.
    pub fn demand_hz(&self, slice: usize) -> u64 {
        self.slices[slice].demand_hz(&self.config)
    }

    /// The claim of `slice` at `level`, with the demand that the rule lets count.
    ///
    /// # Panics
    /// There is no such slice or level.
    pub fn claim(&self, slice: usize, level: usize) -> Claim {
        let amount = self.grid[slice][level];
        match self.config.rule {
            PreemptionRule::Claims => Claim::of(amount),
            PreemptionRule::WorkConserving => Claim { amount, demand: self.demand_hz(slice) },
        }
    }

    /// Does the actions, one per slice in order.
    ///
    /// # Errors
    /// An action is missing or outside its grid, or the episode is over; nothing has happened then.
    pub fn step(&mut self, actions: &[Action]) -> Result<Step, EnvError> {
        self.check(actions)?;
        for (slice, action) in actions.iter().enumerate() {
            self.claims[slice] = self.claim(slice, action.level);
            self.messages[slice] = action.message;
        }
        let trimmed_slices = self.grant()?;
        for slice in 0..self.slices.len() {
            self.advance(slice);
        }
        self.step += 1;
        let done = self.step == self.config.episode_steps;
        Ok(Step { conflict: self.conflict, trimmed_slices, done })
    }

    /// What the last step came to, by slice.
    pub fn outcomes(&self) -> &[SliceOutcome] {
        &self.outcomes
    }

    /// The last complete E2 report of `slice`.
    ///
    /// # Panics
    /// There is no such slice.
    pub fn e2_report(&self, slice: usize) -> Option<&crate::e2::E2Report> {
        self.slices[slice].e2.report()
    }

    fn check(&self, actions: &[Action]) -> Result<(), EnvError> {
        if self.step >= self.config.episode_steps {
            return Err(EnvError::EpisodeOver { steps: self.step });
        }
        if actions.len() != self.slices.len() {
            return Err(EnvError::ActionCount { actions: actions.len(), slices: self.slices.len() });
        }
        let messages = self.config.messages;
        for (slice, action) in actions.iter().enumerate() {
            if action.level >= LEVELS {
                return Err(EnvError::LevelOutsideGrid { slice, level: action.level });
            }
            if action.message >= messages {
                return Err(EnvError::MessageOutsideSpace { slice, message: action.message, messages });
            }
        }
        Ok(())
    }

    /// Turns claims into grants: by the arbiter, or by the rule that the source document's agents live with.
    fn grant(&mut self) -> Result<usize, EnvError> {
        if self.config.arbiter {
            self.conflict = false;
            let round = self.arbiter.share(&self.shares, &self.claims, &mut self.grants)?;
            return Ok(round.trimmed_slices);
        }
        self.conflict = arbiter::is_conflict(&self.shares, &self.claims);
        for ((grant, claim), share) in self.grants.iter_mut().zip(&self.claims).zip(&self.shares) {
            let falls_back = self.conflict && claim.amount > *share;
            *grant = if falls_back { self.config.rule.fallback_hz(*share) } else { claim.amount };
        }
        Ok(0)
    }

    fn advance(&mut self, slice: usize) {
        let (claim, granted_hz) = (self.claims[slice], self.grants[slice]);
        let state = &mut self.slices[slice];
        let forecast = state.forecast(&self.config, granted_hz);
        let in_conflict = self.conflict && claim.amount > self.shares[slice];
        let experience =
            Experience { latency_ms: forecast.latency_ms, in_conflict, exploitation: forecast.exploitation };
        self.outcomes[slice] = SliceOutcome {
            claimed_hz: claim.amount,
            granted_hz,
            used_hz: forecast.used_hz,
            arrived_bits: state.arrivals_bits,
            served_bits: forecast.computation.sent,
            dropped_bits: forecast.transmission.dropped + forecast.computation.dropped,
            latency_ms: forecast.latency_ms,
            exploitation: forecast.exploitation,
            in_conflict,
            reward: self.config.reward.reward(&experience),
        };
        state.commit(&forecast, &self.config);
        state.draw(&self.config.slices[slice], &self.config);
    }
}

#[cfg(test)]
mod tests;
