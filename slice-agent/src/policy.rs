//! Who decides what a slice claims.
//!
//! A [`Policy`] is one agent: it sees its own slice and the others' messages. A [`Team`] decides for all slices, either
//! as one agent each or, for comparison only, as an [`Oracle`] that sees everything.

use crate::env::{Action, CpuLaw, EnvConfig, LEVELS, Observation, Resource};

mod codes;
mod demand;
mod oracle;
mod simple;
mod team;

pub use codes::{Code, CodedDemand};
pub use demand::DemandFollowing;
pub use oracle::{MAX_JOINT_CLAIMS, Oracle};
pub use simple::{RandomClaims, StaticShares};
pub use team::{PolicyError, PolicyName, Team};

/// The level of the own share.
pub const OWN_SHARE: usize = 2;

/// One agent.
pub trait Policy: std::fmt::Debug + Send {
    /// An episode begins; `seed` is the only source of chance that a policy may use.
    fn begin(&mut self, seed: u64);

    /// What to claim, and what to tell the others.
    fn decide(&mut self, observation: &Observation<'_>) -> Action;
}

/// What an agent knows of its slice before it sees anything.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgentContext {
    /// The claim of each level, Hz.
    pub claims_hz: [u64; LEVELS],
    /// Its share, Hz.
    pub share_hz: u64,
    /// What is shared.
    pub resource: Resource,
    /// What a bit costs, as far as the agent knows: nothing of its drift.
    pub cpu: CpuLaw,
    /// Length of a step, s.
    pub step_s: f64,
    /// Size of the message space.
    pub messages: usize,
}

impl AgentContext {
    /// The context of the agent of `slice`.
    ///
    /// # Panics
    /// There is no such slice.
    pub fn new(config: &EnvConfig, slice: usize) -> AgentContext {
        AgentContext {
            claims_hz: std::array::from_fn(|level| config.claim_hz(slice, level)),
            share_hz: config.slices[slice].share_hz,
            resource: config.resource,
            cpu: config.cpu,
            step_s: config.step_s,
            messages: config.messages,
        }
    }

    /// Of the shared resource what the slice could use in the coming step if what is seen is what arrives, Hz.
    pub fn demand_hz(&self, observation: &Observation<'_>) -> f64 {
        let all = observation.transmission_bits + observation.arrivals_bits;
        if let Resource::Prb { .. } = self.resource {
            // The observed radio rate is that of the own share.
            return all / self.step_s * self.share_hz as f64 / observation.radio_bps;
        }
        let sent = all.min(observation.radio_bps * self.step_s);
        (observation.computation_bits + sent) * self.cpu.kappa(sent / self.step_s) / self.step_s
    }

    /// The lowest level whose claim covers `demand_hz`, or the highest.
    pub fn level_for(&self, demand_hz: f64) -> usize {
        let covers = |claim: &u64| *claim as f64 >= demand_hz;
        self.claims_hz.iter().position(covers).unwrap_or(LEVELS - 1)
    }
}

#[cfg(test)]
mod tests;
