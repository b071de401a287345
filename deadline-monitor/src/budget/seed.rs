//! Figure 23 of the source document, completed where the figure is silent.

use core::time::Duration;

use super::config::Bounds;
use super::{Decision, MaxWindow, Policy, Ratio, Sample};

/// The variable `l`: doubles while the demand grows, and is 1 when it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boost(u32);

impl Default for Boost {
    fn default() -> Boost {
        Boost(1)
    }
}

impl Boost {
    /// The next `l`.
    #[must_use]
    pub fn after(self, grows: bool) -> Boost {
        if grows { Boost(self.0.saturating_mul(2)) } else { Boost(1) }
    }

    /// Its value.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// The source document's policy: Q = cmax * (1 + ovh * l).
///
/// Completed by a least budget (an idle task would get none, which the kernel refuses) and by the cap of 80 % of the
/// period that the text around Figure 24 tells.
#[derive(Debug, Clone)]
pub struct Seed {
    window: MaxWindow,
    cmax_old: Option<Duration>,
    boost: Boost,
    overhead: Ratio,
    bounds: Bounds,
    runtime: Duration,
}

impl Seed {
    pub(super) fn new(window: usize, overhead: Ratio, bounds: Bounds, runtime: Duration) -> Seed {
        let window = MaxWindow::new(window);
        Seed { window, cmax_old: None, boost: Boost::default(), overhead, bounds, runtime }
    }

    /// The variable `l` after the last step.
    pub fn boost(&self) -> Boost {
        self.boost
    }
}

impl Policy for Seed {
    fn step(&mut self, sample: &Sample) -> Decision {
        let demand = sample.per_period(self.bounds.period);
        let saturated = sample.is_saturated(self.bounds.period, self.runtime);
        self.window.push(demand.executed);
        let cmax = self.window.max().unwrap_or_default();
        if let Some(old) = self.cmax_old {
            self.boost = self.boost.after(cmax > old);
        }
        self.cmax_old = Some(cmax);
        let extra = self.overhead.times(cmax, self.boost.get());
        let runtime = self.bounds.clamp(cmax.saturating_add(extra));
        let changed = runtime != self.runtime;
        self.runtime = runtime;
        Decision { runtime, changed, saturated }
    }

    fn granted(&mut self, runtime: Duration) {
        self.runtime = runtime;
    }
}
