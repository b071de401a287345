//! Many environments of one configuration in step, for learners that want millions of steps a second.
//!
//! State lies slice by slice, in each slice environment by environment, so that loops over environments become vector
//! code. The arithmetic is that of [`super::SliceEnv`]: environment `i` does to the last bit what a `SliceEnv` of its
//! seed does.

use super::config::{EnvConfig, EnvError, LEVELS, PreemptionRule};
use super::observation::{OWN_FEATURES, Observation};
use super::physics::{Fixed, Law};
use super::slice::Processes;
use crate::arbiter::{Arbiter, Claim};
use crate::simd::dispatch;
use crate::traffic::ModulatedPoisson;

mod kernels;
mod state;

use kernels::{Advance, Demand, Draw, Grant};
use state::Lanes;

/// An index of an action, as arrays of other languages hold it.
pub trait ActionIndex: Copy {
    /// As an index; none if it is negative or too large.
    fn index(self) -> Option<usize>;
}

macro_rules! action_index {
    ($($type:ty),*) => {$(
        impl ActionIndex for $type {
            fn index(self) -> Option<usize> {
                usize::try_from(self).ok()
            }
        }
    )*};
}

action_index!(u8, i32, u32, i64, u64, usize);

/// What a step of all environments came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchStep {
    /// Environments in which there was a conflict.
    pub conflicts: usize,
    /// Slices whose claim an arbiter trimmed.
    pub trimmed_slices: usize,
    /// The episodes are over.
    pub done: bool,
}

/// A figure of every slice of the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The agent's reward.
    Reward,
    /// Latency, ms.
    LatencyMs,
    /// Claimed of the shared resource, Hz.
    ClaimedHz,
    /// Granted of the shared resource, Hz.
    GrantedHz,
    /// Used of the shared resource, Hz.
    UsedHz,
    /// Used part of the grant.
    Exploitation,
    /// Bits that arrived.
    ArrivedBits,
    /// Bits that were served.
    ServedBits,
    /// Bits that either queue dropped.
    DroppedBits,
}

/// Many environments.
///
/// ```
/// use slice_agent::env::{BatchEnv, Column, EnvConfig, PreemptionRule};
///
/// let mut envs = BatchEnv::new(EnvConfig::source_document(PreemptionRule::Claims), &[1, 2])?;
/// let own_share = [2u8, 0]; // level and message
/// let step = envs.step(&own_share.repeat(2 * 3))?;
/// assert_eq!((step.conflicts, step.done), (0, false));
/// let mut rewards = [0.0; 2 * 3];
/// envs.write(Column::Reward, &mut rewards)?;
/// let mut observations = vec![0.0; 2 * 3 * envs.features()];
/// envs.observe(&mut observations)?;
/// # Ok::<(), slice_agent::env::EnvError>(())
/// ```
#[derive(Debug, Clone)]
pub struct BatchEnv {
    config: EnvConfig,
    envs: usize,
    processes: Vec<Option<ModulatedPoisson>>,
    lanes: Lanes,
    shares: Vec<u64>,
    shares_hz: Vec<f64>,
    /// By slice and level, Hz.
    grid: Vec<[f64; LEVELS]>,
    arbiters: Vec<Arbiter>,
    /// Of one environment, for its arbiter.
    claims: Vec<Claim>,
    grants: Vec<u64>,
    /// By environment: 1 or 0.
    conflicts: Vec<u8>,
    step: u32,
}

impl BatchEnv {
    /// The largest share that a batch counts in, Hz: every sum is a whole number of double precision.
    pub const LARGEST_SHARE_HZ: u64 = 1 << 50;

    /// Environments at the begin of the episodes of `seeds`.
    ///
    /// # Errors
    /// The configuration breaks a rule, or there are no seeds.
    pub fn new(config: EnvConfig, seeds: &[u64]) -> Result<BatchEnv, EnvError> {
        config.check()?;
        let rule = |name, value: f64, rule| Err(EnvError::OutOfRange { name, value, rule });
        if seeds.is_empty() {
            return rule("seeds", 0.0, "at least 1");
        }
        if config.total_hz() > BatchEnv::LARGEST_SHARE_HZ {
            return rule("The sum of the shares", config.total_hz() as f64, "at most 2^50 in a batch");
        }
        let mut processes = Processes::default();
        let of = |spec| processes.of(spec, config.step_s);
        let processes = config.slices.iter().map(of).collect::<Result<_, _>>()?;
        let envs = seeds.len();
        let mut batch = BatchEnv {
            lanes: Lanes::new(&config, envs),
            shares: config.slices.iter().map(|slice| slice.share_hz).collect(),
            shares_hz: config.slices.iter().map(|slice| slice.share_hz as f64).collect(),
            grid: (0..config.slices.len())
                .map(|slice| std::array::from_fn(|level| config.claim_hz(slice, level) as f64))
                .collect(),
            arbiters: vec![Arbiter::new(); envs],
            claims: vec![Claim::of(0); config.slices.len()],
            grants: vec![0; config.slices.len()],
            conflicts: vec![0; envs],
            step: 0,
            config,
            envs,
            processes,
        };
        batch.reset(seeds)?;
        Ok(batch)
    }

    /// Begins the episodes of `seeds`, one for each environment.
    ///
    /// # Errors
    /// There are more or fewer seeds than environments.
    pub fn reset(&mut self, seeds: &[u64]) -> Result<(), EnvError> {
        length("seeds", seeds.len(), self.envs)?;
        self.lanes.restart(&self.config, &self.processes, seeds);
        self.arbiters.fill(Arbiter::new());
        self.conflicts.fill(0);
        self.step = 0;
        self.draw();
        Ok(())
    }

    /// The configuration.
    pub fn config(&self) -> &EnvConfig {
        &self.config
    }

    /// Number of environments.
    pub fn envs(&self) -> usize {
        self.envs
    }

    /// Number of slices of each.
    pub fn slices(&self) -> usize {
        self.config.slices.len()
    }

    /// Features of an observation.
    pub fn features(&self) -> usize {
        Observation::features(self.slices(), self.config.messages)
    }

    /// Steps done in these episodes.
    pub fn steps_done(&self) -> u32 {
        self.step
    }

    /// Does the actions, of shape (environments, slices, 2): level, then message.
    ///
    /// # Errors
    /// An action is missing or outside its grid, or the episodes are over; nothing has happened then.
    pub fn step<I: ActionIndex>(&mut self, actions: &[I]) -> Result<BatchStep, EnvError> {
        self.take(actions)?;
        let (conflicts, trimmed_slices) = self.grant()?;
        let law = Law::new(&self.config);
        let reward = self.config.reward;
        for slice in 0..self.slices() {
            let share = self.shares_hz[slice];
            let fixed = Fixed::new(&self.config, &self.config.slices[slice]);
            let lanes = self.lanes.slice(slice);
            let drift = self.config.cpu_drift;
            dispatch(Advance { law, fixed, reward, share, drift, conflicts: &self.conflicts, lanes });
        }
        self.step += 1;
        self.draw();
        Ok(BatchStep { conflicts, trimmed_slices, done: self.step == self.config.episode_steps })
    }

    /// Writes what the agents see, of shape (environments, slices, [`BatchEnv::features`]).
    ///
    /// # Errors
    /// `out` has another length.
    pub fn observe(&self, out: &mut [f32]) -> Result<(), EnvError> {
        length("observations", out.len(), self.envs * self.slices() * self.features())?;
        out.fill(0.0);
        for slice in 0..self.slices() {
            self.observe_slice(slice, out);
        }
        Ok(())
    }

    /// Writes a figure of the last step, of shape (environments, slices).
    ///
    /// # Errors
    /// `out` has another length.
    pub fn write(&self, column: Column, out: &mut [f32]) -> Result<(), EnvError> {
        let slices = self.slices();
        length("figures", out.len(), self.envs * slices)?;
        let values = self.lanes.column(column);
        for (slice, values) in values.chunks_exact(self.envs).enumerate() {
            out.iter_mut().skip(slice).step_by(slices).zip(values).for_each(|(place, v)| *place = narrow(*v));
        }
        Ok(())
    }

    /// By environment: whether the last step had a conflict.
    pub fn conflicts(&self) -> &[u8] {
        &self.conflicts
    }

    fn take<I: ActionIndex>(&mut self, actions: &[I]) -> Result<(), EnvError> {
        let (slices, messages) = (self.slices(), self.config.messages);
        if self.step >= self.config.episode_steps {
            return Err(EnvError::EpisodeOver { steps: self.step });
        }
        length("actions", actions.len(), 2 * self.envs * slices)?;
        let outside = |pair: &[I]| {
            pair[0].index().is_none_or(|level| level >= LEVELS)
                || pair[1].index().is_none_or(|message| message >= messages)
        };
        if let Some(lane) = actions.chunks_exact(2).position(outside) {
            return Err(self.refusal(lane % slices, &actions[2 * lane..]));
        }
        for slice in 0..slices {
            let claims = self.grid[slice];
            let lanes = self.lanes.slice(slice);
            let places = lanes.claimed_hz.iter_mut().zip(lanes.messages);
            for ((claim, message), action) in places.zip(actions.chunks_exact(2).skip(slice).step_by(slices))
            {
                *claim = claims[action[0].index().unwrap_or(0)];
                *message = action[1].index().unwrap_or(0);
            }
        }
        Ok(())
    }

    /// Why an action outside the grid is refused.
    fn refusal<I: ActionIndex>(&self, slice: usize, action: &[I]) -> EnvError {
        let [level, message] = [0, 1].map(|index| action[index].index().unwrap_or(usize::MAX));
        if level >= LEVELS {
            return EnvError::LevelOutsideGrid { slice, level };
        }
        EnvError::MessageOutsideSpace { slice, message, messages: self.config.messages }
    }

    /// Turns claims into grants; returns conflicts and trimmed slices.
    fn grant(&mut self) -> Result<(usize, usize), EnvError> {
        if self.config.rule == PreemptionRule::WorkConserving {
            let law = Law::new(&self.config);
            for slice in 0..self.slices() {
                let fixed = Fixed::new(&self.config, &self.config.slices[slice]);
                let drift = self.config.cpu_drift;
                dispatch(Demand { law, fixed, drift, lanes: self.lanes.slice(slice) });
            }
        } else {
            self.lanes.demand_hz.fill(f64::INFINITY);
        }
        dispatch(Grant {
            rule: self.config.rule,
            shares: &self.shares_hz,
            claimed: &self.lanes.claimed_hz,
            demand: &self.lanes.demand_hz,
            granted: &mut self.lanes.granted_hz,
            conflicts: &mut self.conflicts,
            slack: &mut self.lanes.slack_hz,
        });
        if self.config.arbiter {
            return Ok((0, self.arbitrate()?));
        }
        Ok((self.conflicts.iter().map(|conflict| usize::from(*conflict)).sum(), 0))
    }

    /// The arbiter of each environment, in place of the grants of the rule.
    fn arbitrate(&mut self) -> Result<usize, EnvError> {
        self.conflicts.fill(0);
        let mut trimmed = 0;
        for env in 0..self.envs {
            for (slice, claim) in self.claims.iter_mut().enumerate() {
                let lane = slice * self.envs + env;
                *claim = Claim {
                    amount: whole(self.lanes.claimed_hz[lane]),
                    demand: whole(self.lanes.demand_hz[lane]),
                };
            }
            let round = self.arbiters[env].share(&self.shares, &self.claims, &mut self.grants)?;
            trimmed += round.trimmed_slices;
            for (slice, grant) in self.grants.iter().enumerate() {
                self.lanes.granted_hz[slice * self.envs + env] = *grant as f64;
            }
        }
        Ok(trimmed)
    }

    fn draw(&mut self) {
        let step = usize::try_from(self.step).unwrap_or(usize::MAX);
        self.lanes.keep_arrivals(&self.config, step);
        for slice in 0..self.slices() {
            let drift = self.config.cpu_drift;
            dispatch(Draw { drift, lanes: self.lanes.slice(slice) });
            let spec = &self.config.slices[slice];
            self.lanes.slice(slice).arrive(self.processes[slice].as_ref(), spec, step);
        }
    }

    fn observe_slice(&self, slice: usize, out: &mut [f32]) {
        let (slices, features, messages) = (self.slices(), self.features(), self.config.messages);
        let limit = self.config.computation_limit_bits(&self.config.slices[slice]);
        let bandwidth_hz = Fixed::new(&self.config, &self.config.slices[slice]).bandwidth_hz;
        let (total, step_s) = (self.config.total_hz() as f64, self.config.step_s);
        for env in 0..self.envs {
            let lane = slice * self.envs + env;
            let place = (env * slices + slice) * features;
            let out = &mut out[place..place + features];
            let own = Observation::own_features(
                [
                    self.lanes.seen_arrivals(&self.config, lane, self.step),
                    self.lanes.computation_bits[lane],
                    self.lanes.transmission_bits[lane],
                    f64::from(self.lanes.efficiency[lane]) * bandwidth_hz,
                ],
                limit,
                step_s,
                [self.lanes.granted_hz[lane] / total, self.lanes.claimed_hz[lane] / total],
                self.lanes.exploitation[lane],
                self.conflicts[env] == 1,
            );
            out[..OWN_FEATURES].copy_from_slice(&own);
            let others = (0..slices).filter(|other| *other != slice);
            for (sender, other) in others.enumerate() {
                let message = self.lanes.messages[other * self.envs + env];
                out[OWN_FEATURES + sender * messages + message] = 1.0;
            }
        }
    }
}

fn length(what: &'static str, found: usize, wanted: usize) -> Result<(), EnvError> {
    if found == wanted { Ok(()) } else { Err(EnvError::Length { what, found, wanted }) }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole and not negative; saturates"
)]
fn whole(hz: f64) -> u64 {
    hz as u64
}

#[allow(clippy::cast_possible_truncation, reason = "networks compute in single precision")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests;
