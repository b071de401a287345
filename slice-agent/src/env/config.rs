//! What an environment is made of, with the defaults of the source document and ours.

use std::sync::Arc;

use crate::arbiter::ArbiterError;
use crate::reward::RewardWeights;
use crate::traffic::{SliceClass, TrafficError, TrafficSpec, TrafficTrace};

/// The claims of the action grid, percent of the own share.
pub const LEVELS_PERCENT: [u64; LEVELS] = [25, 75, 100, 150, 200];
/// Their number.
pub const LEVELS: usize = 5;

/// When claims beyond shares are a conflict, and what they then get (without an arbiter).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreemptionRule {
    /// Rule A: what is claimed counts. A conflict takes every claimant back to its share.
    Claims,
    /// Rule B: what is used counts. A conflict costs a claimant three quarters of its share for that step.
    WorkConserving,
}

impl PreemptionRule {
    /// What a claimant gets in a conflict.
    pub const fn fallback_hz(self, share_hz: u64) -> u64 {
        match self {
            PreemptionRule::Claims => share_hz,
            PreemptionRule::WorkConserving => share_hz / 4,
        }
    }

    /// The weights that go with it.
    pub const fn reward(self) -> RewardWeights {
        let conflict = match self {
            PreemptionRule::Claims => 1.0,
            PreemptionRule::WorkConserving => 2.0,
        };
        RewardWeights { latency_scale_ms: 5.0, conflict, idle: 0.2 }
    }
}

/// CPU cycles that a bit costs: kappa(r) = cycles_per_bit (1 + growth r / 50 Mbit/s) at radio rate r, so that the CPU
/// needed grows faster than the bit rate when `growth` is above 0 (the observation of the source document's first reference).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CpuLaw {
    /// Cycles of a bit at low rates.
    pub cycles_per_bit: f64,
    /// Growth at 50 Mbit/s; 0 is the constant law.
    pub growth: f64,
}

impl CpuLaw {
    const REFERENCE_BPS: f64 = 50e6;

    /// Cycles of a bit when bits come at `rate_bps`.
    pub fn kappa(&self, rate_bps: f64) -> f64 {
        self.cycles_per_bit * (1.0 + self.growth * rate_bps / CpuLaw::REFERENCE_BPS)
    }
}

/// Where the bits of a slice come from.
#[derive(Debug, Clone, PartialEq)]
pub enum TrafficModel {
    /// A two-state modulated Poisson process.
    Modulated(TrafficSpec),
    /// A trace, from a random place on.
    Trace(Arc<TrafficTrace>),
}

/// One slice.
#[derive(Debug, Clone, PartialEq)]
pub struct SliceSpec {
    /// Its class.
    pub class: SliceClass,
    /// Its share of the CPU, Hz.
    pub share_hz: u64,
    /// Its radio bandwidth, Hz.
    pub bandwidth_hz: f64,
    /// Its traffic.
    pub traffic: TrafficModel,
}

impl SliceSpec {
    /// A slice of `class` with that class's traffic.
    pub const fn of(class: SliceClass, share_hz: u64, bandwidth_hz: f64) -> SliceSpec {
        SliceSpec { class, share_hz, bandwidth_hz, traffic: TrafficModel::Modulated(class.traffic()) }
    }

    /// The claim at `level`, Hz.
    ///
    /// # Panics
    /// The grid has no such level.
    pub fn claim_hz(&self, level: usize) -> u64 {
        let exact = u128::from(self.share_hz) * u128::from(LEVELS_PERCENT[level]) / 100;
        u64::try_from(exact).unwrap_or(u64::MAX)
    }
}

/// An environment's configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvConfig {
    /// The slices, at least one.
    pub slices: Vec<SliceSpec>,
    /// Length of a step, s.
    pub step_s: f64,
    /// Steps of an episode.
    pub episode_steps: u32,
    /// Size of the message space, at least 1.
    pub messages: usize,
    /// When claims conflict.
    pub rule: PreemptionRule,
    /// Whether the arbiter turns claims into grants.
    pub arbiter: bool,
    /// What a bit costs.
    pub cpu: CpuLaw,
    /// Weights of the reward.
    pub reward: RewardWeights,
    /// Steps by which the arrivals that agents see are old.
    pub arrivals_delay_steps: usize,
    /// Limit of each transmission queue, bits.
    pub transmission_limit_bits: f64,
    /// Limit of each computation queue: what the own share serves in this time, s.
    pub computation_limit_s: f64,
    /// Latency is not counted beyond, ms.
    pub latency_cap_ms: f64,
    /// Steps of an E2 reporting interval.
    pub e2_interval_steps: u32,
}

impl EnvConfig {
    /// Three slices with the source document's shares (15, 15, 10 GHz) and traffic under `rule`.
    pub fn source_document(rule: PreemptionRule) -> EnvConfig {
        const GHZ: u64 = 1_000_000_000;
        EnvConfig {
            slices: vec![
                SliceSpec::of(SliceClass::Embb, 15 * GHZ, 20e6),
                SliceSpec::of(SliceClass::Urllc, 15 * GHZ, 10e6),
                SliceSpec::of(SliceClass::Mmtc, 10 * GHZ, 20e6),
            ],
            step_s: 0.010,
            episode_steps: 60,
            messages: 4,
            rule,
            arbiter: false,
            cpu: CpuLaw { cycles_per_bit: 450.0, growth: 0.0 },
            reward: rule.reward(),
            arrivals_delay_steps: 0,
            transmission_limit_bits: 2e6,
            computation_limit_s: 0.020,
            latency_cap_ms: 30.0,
            e2_interval_steps: 10,
        }
    }

    /// The sum of all shares, Hz; no overflow once the configuration is checked.
    pub fn total_hz(&self) -> u64 {
        self.slices.iter().fold(0, |sum: u64, slice| sum.saturating_add(slice.share_hz))
    }

    /// Limit of the computation queue of a slice, bits.
    pub fn computation_limit_bits(&self, spec: &SliceSpec) -> f64 {
        spec.share_hz as f64 * self.computation_limit_s / self.cpu.cycles_per_bit
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The first value that breaks its rule.
    pub fn check(&self) -> Result<(), EnvError> {
        let positive = [
            ("step_s", self.step_s),
            ("cycles_per_bit", self.cpu.cycles_per_bit),
            ("latency_scale_ms", self.reward.latency_scale_ms),
            ("computation_limit_s", self.computation_limit_s),
            ("transmission_limit_bits", self.transmission_limit_bits),
            ("latency_cap_ms", self.latency_cap_ms),
        ];
        let not_negative =
            [("growth", self.cpu.growth), ("conflict", self.reward.conflict), ("idle", self.reward.idle)];
        for (name, value) in positive {
            rule(name, value, value > 0.0, "above 0")?;
        }
        for (name, value) in not_negative {
            rule(name, value, value >= 0.0, "at least 0")?;
        }
        for (name, count) in [("slices", self.slices.len()), ("messages", self.messages)] {
            rule(name, count as f64, count > 0, "at least 1")?;
        }
        rule("episode_steps", f64::from(self.episode_steps), self.episode_steps > 0, "at least 1")?;
        let delay = self.arrivals_delay_steps;
        rule("arrivals_delay_steps", delay as f64, delay <= EnvConfig::MAX_DELAY_STEPS, "at most 100")?;
        self.check_slices()
    }

    /// The oldest arrivals that agents may see, steps.
    const MAX_DELAY_STEPS: usize = 100;

    fn check_slices(&self) -> Result<(), EnvError> {
        for slice in &self.slices {
            rule("share_hz", slice.share_hz as f64, slice.share_hz > 0, "above 0")?;
            rule("bandwidth_hz", slice.bandwidth_hz, slice.bandwidth_hz > 0.0, "above 0")?;
        }
        let total = self.slices.iter().try_fold(0u64, |sum, slice| sum.checked_add(slice.share_hz));
        total.map(drop).ok_or(EnvError::Arbiter(ArbiterError::ShareOverflow))
    }
}

fn rule(name: &'static str, value: f64, holds: bool, rule: &'static str) -> Result<(), EnvError> {
    if holds && value.is_finite() { Ok(()) } else { Err(EnvError::OutOfRange { name, value, rule }) }
}

/// Why an environment cannot be made, or a step not be done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvError {
    /// A value of the configuration breaks its rule.
    #[error("{name} is {value}, it must be {rule}")]
    OutOfRange {
        /// Which value.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        rule: &'static str,
    },
    /// A slice's traffic cannot exist.
    #[error("The traffic of an {} slice cannot be made", class.name())]
    Traffic {
        /// Class of the slice.
        class: SliceClass,
        /// Why.
        #[source]
        source: TrafficError,
    },
    /// There must be one action per slice.
    #[error("There are {actions} actions for {slices} slices")]
    ActionCount {
        /// Number of actions.
        actions: usize,
        /// Number of slices.
        slices: usize,
    },
    /// The action grid has no such level.
    #[error("Slice {slice}: level {level} is outside the grid of {LEVELS} levels")]
    LevelOutsideGrid {
        /// Index of the slice.
        slice: usize,
        /// The level.
        level: usize,
    },
    /// The message space has no such message.
    #[error("Slice {slice}: message {message} is outside the space of {messages} messages")]
    MessageOutsideSpace {
        /// Index of the slice.
        slice: usize,
        /// The message.
        message: usize,
        /// Size of the space.
        messages: usize,
    },
    /// The episode has ended; the environment must be reset.
    #[error("The episode is over after {steps} steps")]
    EpisodeOver {
        /// Its length.
        steps: u32,
    },
    /// The arbiter refuses.
    #[error("The arbiter refuses the shares")]
    Arbiter(#[from] ArbiterError),
}
