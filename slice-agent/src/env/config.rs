//! What an environment is made of, with the defaults of the source document and ours.

use std::sync::Arc;

use crate::arbiter::ArbiterError;
use crate::math;
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
    #[inline(always)]
    pub fn kappa(&self, rate_bps: f64) -> f64 {
        self.cycles_per_bit * (1.0 + self.growth * rate_bps / CpuLaw::REFERENCE_BPS)
    }
}

/// How the law of the CPU drifts, unknown to the agents: kappa(r) times e^(deviation x), x a first-order autoregressive
/// process of each slice in its stationary law.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CpuDrift {
    /// Standard deviation of the logarithm of the factor; 0 is no drift.
    pub deviation: f64,
    /// Correlation of x with that of the step before, from 0 to 1; with 1 the factor is unknown and stays.
    pub correlation: f64,
}

impl CpuDrift {
    /// The factor at `x`.
    #[inline(always)]
    pub(super) fn factor(&self, x: f32) -> f64 {
        if self.deviation > 0.0 { math::exp(self.deviation * f64::from(x)) } else { 1.0 }
    }

    /// The next x, for these random bits.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "x is in single precision")]
    pub(super) fn next(&self, x: f32, random: u32) -> f32 {
        let innovation = (1.0 - self.correlation * self.correlation).sqrt();
        self.correlation as f32 * x + innovation as f32 * math::normalf(random)
    }
}

/// What the slices share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Resource {
    /// CPU frequency at the edge: shares, claims and grants are cycles per second.
    Cpu,
    /// Radio bandwidth: shares, claims and grants are Hz, multiples of the [`Resource::PRB_HZ`] of a physical resource
    /// block. The `bandwidth_hz` of a slice is its share then.
    Prb {
        /// CPU that each slice has at the edge, Hz.
        cpu_hz: f64,
    },
}

impl Resource {
    /// Bandwidth of a physical resource block at 15 kHz between carriers, Hz (3GPP TS 38.211).
    pub const PRB_HZ: u64 = 180_000;

    /// Its name: `cpu` or `prb`.
    pub const fn name(self) -> &'static str {
        match self {
            Resource::Cpu => "cpu",
            Resource::Prb { .. } => "prb",
        }
    }

    /// The resource of this name; PRBs come with a CPU of 15 GHz for each slice.
    pub fn by_name(name: &str) -> Option<Resource> {
        match name {
            "cpu" => Some(Resource::Cpu),
            "prb" => Some(Resource::Prb { cpu_hz: 15e9 }),
            _ => None,
        }
    }

    /// The smallest amount, Hz.
    pub const fn unit_hz(self) -> u64 {
        match self {
            Resource::Cpu => 1,
            Resource::Prb { .. } => Resource::PRB_HZ,
        }
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
    /// Its share of the resource, Hz.
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
    /// What is shared.
    pub resource: Resource,
    /// What a bit costs.
    pub cpu: CpuLaw,
    /// How that drifts.
    pub cpu_drift: CpuDrift,
    /// Weights of the reward.
    pub reward: RewardWeights,
    /// Steps by which the arrivals that agents see are old.
    pub arrivals_delay_steps: usize,
    /// Agents see no arrivals at all, only what waits in their queues.
    pub hidden_demand: bool,
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
            resource: Resource::Cpu,
            cpu: CpuLaw { cycles_per_bit: 450.0, growth: 0.0 },
            cpu_drift: CpuDrift::default(),
            reward: rule.reward(),
            arrivals_delay_steps: 0,
            hidden_demand: false,
            transmission_limit_bits: 2e6,
            computation_limit_s: 0.020,
            latency_cap_ms: 30.0,
            e2_interval_steps: 10,
        }
    }

    /// As [`EnvConfig::source_document`], with PRBs as what is shared: 100, 50 and 100 of them (18, 9 and 18 MHz).
    pub fn prbs(rule: PreemptionRule) -> EnvConfig {
        let mut config = EnvConfig::source_document(rule);
        config.resource = Resource::Prb { cpu_hz: 15e9 };
        for (slice, prbs) in config.slices.iter_mut().zip([100, 50, 100]) {
            slice.share_hz = prbs * Resource::PRB_HZ;
        }
        config
    }

    /// The claim of `slice` at `level`, Hz: whole units of the resource.
    ///
    /// # Panics
    /// There is no such slice or level.
    pub fn claim_hz(&self, slice: usize, level: usize) -> u64 {
        let claim = self.slices[slice].claim_hz(level);
        claim - claim % self.resource.unit_hz()
    }

    /// The sum of all shares, Hz; no overflow once the configuration is checked.
    pub fn total_hz(&self) -> u64 {
        self.slices.iter().fold(0, |sum: u64, slice| sum.saturating_add(slice.share_hz))
    }

    /// Limit of the computation queue of a slice, bits.
    pub fn computation_limit_bits(&self, spec: &SliceSpec) -> f64 {
        let cpu_hz = match self.resource {
            Resource::Cpu => spec.share_hz as f64,
            Resource::Prb { cpu_hz } => cpu_hz,
        };
        cpu_hz * self.computation_limit_s / self.cpu.cycles_per_bit
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
        let not_negative = [
            ("growth", self.cpu.growth),
            ("conflict", self.reward.conflict),
            ("idle", self.reward.idle),
            ("cpu_drift.deviation", self.cpu_drift.deviation),
        ];
        for (name, value) in positive {
            rule(name, value, value > 0.0, "above 0")?;
        }
        for (name, value) in not_negative {
            rule(name, value, value >= 0.0, "at least 0")?;
        }
        for (name, count) in [("slices", self.slices.len()), ("messages", self.messages)] {
            rule(name, count as f64, count > 0, "at least 1")?;
        }
        let correlation = self.cpu_drift.correlation;
        rule("cpu_drift.correlation", correlation, (0.0..=1.0).contains(&correlation), "from 0 to 1")?;
        if let Resource::Prb { cpu_hz } = self.resource {
            rule("cpu_hz", cpu_hz, cpu_hz > 0.0, "above 0")?;
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
            let is_whole = slice.share_hz % self.resource.unit_hz() == 0;
            rule("share_hz", slice.share_hz as f64, is_whole, "a multiple of a PRB's 180000")?;
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
    /// An array has the wrong length.
    #[error("There are {found} {what}, {wanted} are needed")]
    Length {
        /// What is in it.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The right length.
        wanted: usize,
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
