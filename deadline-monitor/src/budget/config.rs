//! Parameters of the policies, checked with reasons.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use super::{
    KernelLimits, ParamsError, Percentile, Pi, Policy, Ratio, ReservationParams, Saturation, Seed, Static,
};

/// The policies by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyKind {
    /// Figure 23 of the source document.
    Seed,
    /// The default: throttling as the sign that a budget is too small.
    Saturation,
    /// A percentile of the recent demand.
    Percentile,
    /// A controller that follows the demand without remembering maxima.
    Pi,
    /// The budget that was given at first.
    Static,
}

impl PolicyKind {
    /// All of them.
    pub const ALL: [PolicyKind; 5] = [
        PolicyKind::Seed,
        PolicyKind::Saturation,
        PolicyKind::Percentile,
        PolicyKind::Pi,
        PolicyKind::Static,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            PolicyKind::Seed => "seed",
            PolicyKind::Saturation => "saturation",
            PolicyKind::Percentile => "percentile",
            PolicyKind::Pi => "pi",
            PolicyKind::Static => "static",
        }
    }
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no policy has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("There is no policy {0}; there are seed, saturation, percentile, pi, static")]
pub struct UnknownPolicy(pub String);

impl FromStr for PolicyKind {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<PolicyKind, UnknownPolicy> {
        PolicyKind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownPolicy(name.to_string()))
    }
}

/// Everything that a policy can be told. [`PolicyConfig::new`] gives each policy the values that it is known to work
/// with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyConfig {
    /// Which policy.
    pub kind: PolicyKind,
    /// N: how many samples are remembered; for `percentile`, after how many a sample's weight has halved.
    pub window: usize,
    /// ovh: what a budget has above the demand.
    pub overhead: Ratio,
    /// Changes below this part of the budget are not made (saturation, percentile, pi).
    pub dead_band: Ratio,
    /// Which percentile (percentile).
    pub percentile: Ratio,
    /// Least budget.
    pub floor: Duration,
    /// Largest budget, as a part of the period; below one, so that no task can take a CPU for itself.
    pub cap: Ratio,
}

/// Largest overhead: ten times the demand.
const OVERHEAD_MAX: Ratio = Ratio::percent(1_000);
/// Largest window: an hour of samples at 100 ms.
const WINDOW_MAX: usize = 36_000;

impl PolicyConfig {
    /// The values that `kind` is known to work with.
    ///
    /// N = 8 and ovh = 10 % for `seed`: the source document does not tell its own; these give its figures' shape.
    pub fn new(kind: PolicyKind) -> PolicyConfig {
        let window = match kind {
            PolicyKind::Seed | PolicyKind::Pi | PolicyKind::Static => 8,
            PolicyKind::Percentile => 30,
            PolicyKind::Saturation => 32,
        };
        PolicyConfig {
            kind,
            window,
            overhead: Ratio::percent(10),
            dead_band: Ratio::percent(3),
            percentile: Ratio::percent(95),
            floor: Duration::from_micros(100),
            cap: Ratio::percent(80),
        }
    }

    /// Whether the kernel should lend this policy's tasks unused bandwidth (GRUB), so that their demand shows at once.
    pub fn reclaims(&self) -> bool {
        matches!(self.kind, PolicyKind::Saturation | PolicyKind::Percentile | PolicyKind::Pi)
    }

    /// T: the time between two samples that this policy is known to work with, for tasks of this period.
    pub fn sampling(&self, period: Duration) -> Duration {
        let periods = if self.reclaims() { 1 } else { 5 };
        period.saturating_mul(periods)
    }

    /// The policy, for a task whose reservation is `initial`.
    ///
    /// # Errors
    /// The parameter that is wrong, and why.
    pub fn build(&self, initial: ReservationParams) -> Result<Box<dyn Policy>, ConfigError> {
        Ok(self.within(self.bounds(initial.period())?, initial.runtime()))
    }

    /// The policy, for a group of tasks that may run on so many CPUs at once: its budget may exceed the period.
    ///
    /// # Errors
    /// The parameter that is wrong, and why.
    pub fn build_for_group(
        &self,
        runtime: Duration,
        period: Duration,
        cpus: u32,
    ) -> Result<Box<dyn Policy>, ConfigError> {
        Ok(self.within(self.bounds_for_group(period, cpus)?, runtime))
    }

    fn within(&self, bounds: Bounds, runtime: Duration) -> Box<dyn Policy> {
        let runtime = bounds.clamp(runtime);
        let (window, overhead, dead_band) = (self.window, self.overhead, self.dead_band);
        match self.kind {
            PolicyKind::Seed => Box::new(Seed::new(window, overhead, bounds, runtime)),
            PolicyKind::Saturation => Box::new(Saturation::new(window, overhead, dead_band, bounds, runtime)),
            PolicyKind::Percentile => {
                Box::new(Percentile::new(window, self.percentile, overhead, dead_band, bounds, runtime))
            }
            PolicyKind::Pi => Box::new(Pi::new(overhead, dead_band, bounds, runtime)),
            PolicyKind::Static => Box::new(Static::new(runtime, bounds.period)),
        }
    }

    /// The least and the largest budget for a task of this period.
    ///
    /// # Errors
    /// The parameter that is wrong, and why.
    pub fn bounds(&self, period: Duration) -> Result<Bounds, ConfigError> {
        self.bounds_for_group(period, 1)
    }

    /// The least and the largest budget for a group of tasks on so many CPUs.
    ///
    /// # Errors
    /// The parameter that is wrong, and why.
    pub fn bounds_for_group(&self, period: Duration, cpus: u32) -> Result<Bounds, ConfigError> {
        if self.window == 0 || self.window > WINDOW_MAX {
            return Err(ConfigError::Window { window: self.window, most: WINDOW_MAX });
        }
        if self.overhead == Ratio::ppm(0) {
            return Err(ConfigError::NoOverhead);
        }
        if self.overhead > OVERHEAD_MAX {
            return Err(ConfigError::Overhead(self.overhead));
        }
        if self.dead_band >= Ratio::ONE {
            return Err(ConfigError::DeadBand(self.dead_band));
        }
        if self.cap > Ratio::ONE {
            return Err(ConfigError::Cap(self.cap));
        }
        if self.percentile == Ratio::ppm(0) || self.percentile > Ratio::ONE {
            return Err(ConfigError::Percentile(self.percentile));
        }
        let floor = self.floor.max(KernelLimits::default().runtime_min);
        let cap = self.cap.times(period, cpus.max(1));
        if floor > cap {
            return Err(ConfigError::FloorAboveCap { floor, cap });
        }
        Ok(Bounds { floor, cap, period })
    }
}

/// What every budget of a task is kept within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub(super) floor: Duration,
    pub(super) cap: Duration,
    pub(super) period: Duration,
}

impl Bounds {
    /// `runtime`, or the nearest that is allowed.
    pub fn clamp(&self, runtime: Duration) -> Duration {
        runtime.clamp(self.floor, self.cap)
    }

    /// The least budget.
    pub fn floor(&self) -> Duration {
        self.floor
    }

    /// The largest budget.
    pub fn cap(&self) -> Duration {
        self.cap
    }
}

/// The parameter that is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// N.
    #[error("A window of {window} samples is not between 1 and {most}")]
    Window {
        /// The window asked for.
        window: usize,
        /// The largest.
        most: usize,
    },
    /// A budget equal to the demand hides that the demand grows.
    #[error("An overhead of nothing would never let a budget grow; it must be above 0 %")]
    NoOverhead,
    /// Surely a slip of the unit.
    #[error("An overhead of {0} is above {most}", most = OVERHEAD_MAX)]
    Overhead(Ratio),
    /// No change would ever be made.
    #[error("A dead band of {0} would let no budget shrink; it must be below 100 %")]
    DeadBand(Ratio),
    /// More than the whole period.
    #[error("A cap of {0} is above 100 % of the period")]
    Cap(Ratio),
    /// No percentile.
    #[error("A percentile of {0} is not above 0 % and at most 100 %")]
    Percentile(Ratio),
    /// No budget would be right.
    #[error("The least budget, {floor:?}, is above the largest, {cap:?}")]
    FloorAboveCap {
        /// Least budget.
        floor: Duration,
        /// Largest budget.
        cap: Duration,
    },
    /// The first reservation.
    #[error("The first reservation is wrong")]
    Params(#[from] ParamsError),
}
