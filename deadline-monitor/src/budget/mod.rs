//! The budget algorithm (source document, section 4.2): a pure step from a sample to a decision, behind policies.

mod compress;
mod config;
mod histogram;
mod params;
mod percentile;
mod pi;
mod ratio;
mod sample;
mod saturation;
mod seed;
mod sharing;
mod window;

#[cfg(test)]
mod tests;

pub use compress::{Request, compress};
pub use config::{Bounds, ConfigError, PolicyConfig, PolicyKind, UnknownPolicy};
pub use histogram::DecayingHistogram;
pub use params::{Bandwidth, KernelLimits, ParamsError, ReservationParams};
pub use percentile::Percentile;
pub use pi::Pi;
pub use ratio::Ratio;
pub use sample::{Demand, Sample};
pub use saturation::Saturation;
pub use seed::{Boost, Seed};
pub use sharing::Sharing;
pub use window::MaxWindow;

use core::time::Duration;

/// What a policy wants for the next sampling period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Budget Q for each period.
    pub runtime: Duration,
    /// Whether the budget differs from the one in force, so that the kernel must be told.
    pub changed: bool,
    /// Whether the task wanted more than it got.
    pub saturated: bool,
}

/// A way to find the budget: one sample in, one decision out.
pub trait Policy: core::fmt::Debug + Send {
    /// Takes what was measured over the last sampling period, and decides the next budget.
    fn step(&mut self, sample: &Sample) -> Decision;

    /// Learns the budget that is really in force, when the kernel or fair sharing gave another than was asked.
    fn granted(&mut self, runtime: Duration);
}

/// The budget stays what it was: the measure that others are compared with.
#[derive(Debug, Clone, Copy)]
pub struct Static {
    runtime: Duration,
    period: Duration,
}

impl Static {
    /// Keeps `runtime` in each `period`.
    pub fn new(runtime: Duration, period: Duration) -> Static {
        Static { runtime, period }
    }
}

impl Policy for Static {
    fn step(&mut self, sample: &Sample) -> Decision {
        let saturated = sample.is_saturated(self.period, self.runtime);
        Decision { runtime: self.runtime, changed: false, saturated }
    }

    fn granted(&mut self, _runtime: Duration) {}
}
