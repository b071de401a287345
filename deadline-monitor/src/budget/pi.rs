//! A proportional-integral controller with the demand fed forward, for loads that drift.

use core::time::Duration;

use super::config::Bounds;
use super::{Decision, Policy, Ratio, Sample};

/// Part of the distance to the wanted budget that is made up in one sample (proportional).
const TOWARDS: Ratio = Ratio::percent(50);
/// Part of each throttled sample's use that is added to the reserve (integral), and of the reserve that goes again.
const RESERVE: Ratio = Ratio::percent(25);
const FORGET: Ratio = Ratio::percent(5);

/// The budget goes towards the demand, its overhead and a reserve: up at once, down by half of the distance each
/// sample. The reserve grows while the task is throttled and fades afterwards, so that no maximum is remembered.
#[derive(Debug, Clone)]
pub struct Pi {
    reserve: Duration,
    overhead: Ratio,
    /// Smaller changes are not made.
    dead_band: Ratio,
    bounds: Bounds,
    runtime: Duration,
}

impl Pi {
    pub(super) fn new(overhead: Ratio, dead_band: Ratio, bounds: Bounds, runtime: Duration) -> Pi {
        Pi { reserve: Duration::ZERO, overhead, dead_band, bounds, runtime }
    }

    fn wanted(&mut self, executed: Duration, saturated: bool) -> Duration {
        if saturated {
            self.reserve = self.reserve.saturating_add(RESERVE.of(executed)).min(self.bounds.cap());
            return executed.max(self.runtime).saturating_mul(2);
        }
        self.reserve -= FORGET.of(self.reserve).max(Duration::from_nanos(1)).min(self.reserve);
        executed.saturating_add(self.overhead.of(executed)).saturating_add(self.reserve)
    }
}

impl Policy for Pi {
    fn step(&mut self, sample: &Sample) -> Decision {
        let demand = sample.per_period(self.bounds.period);
        let saturated = sample.is_saturated(self.bounds.period, self.runtime);
        let wanted = self.wanted(demand.executed, saturated);
        let down = TOWARDS.of(self.runtime.saturating_sub(wanted));
        let runtime = self.bounds.clamp(wanted.max(self.runtime.saturating_sub(down)));
        let apart = self.bounds.clamp(wanted).abs_diff(self.runtime);
        let changed = apart > self.dead_band.of(self.runtime);
        if changed {
            self.runtime = runtime;
        }
        Decision { runtime: self.runtime, changed, saturated }
    }

    fn granted(&mut self, runtime: Duration) {
        self.runtime = runtime;
    }
}
