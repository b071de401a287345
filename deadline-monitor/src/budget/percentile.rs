//! A percentile of the recent demand: some late jobs for less over-allocation on loads with rare peaks.

use core::time::Duration;

use super::config::Bounds;
use super::histogram::DecayingHistogram;
use super::{Decision, Policy, Ratio, Sample};

/// Q is the given percentile of the recent demands, whose weight halves with age, and some overhead; twice the use
/// while the task is throttled.
#[derive(Debug, Clone)]
pub struct Percentile {
    demands: DecayingHistogram,
    overhead: Ratio,
    /// Smaller changes are not made.
    dead_band: Ratio,
    bounds: Bounds,
    runtime: Duration,
}

impl Percentile {
    pub(super) fn new(
        half_life: usize,
        percentile: Ratio,
        overhead: Ratio,
        dead_band: Ratio,
        bounds: Bounds,
        runtime: Duration,
    ) -> Percentile {
        let demands = DecayingHistogram::new(half_life, percentile, bounds);
        Percentile { demands, overhead, dead_band, bounds, runtime }
    }
}

impl Policy for Percentile {
    fn step(&mut self, sample: &Sample) -> Decision {
        let demand = sample.per_period(self.bounds.period);
        let saturated = sample.is_saturated(self.bounds.period, self.runtime);
        let wanted = if saturated {
            demand.executed.max(self.runtime).saturating_mul(2)
        } else {
            self.demands.push(demand.executed);
            let rank = self.demands.percentile().unwrap_or_default();
            rank.saturating_add(self.overhead.of(rank))
        };
        let runtime = self.bounds.clamp(wanted);
        let changed = runtime.abs_diff(self.runtime) > self.dead_band.of(self.runtime);
        if changed {
            self.runtime = runtime;
        }
        Decision { runtime: self.runtime, changed, saturated }
    }

    fn granted(&mut self, runtime: Duration) {
        self.runtime = runtime;
    }
}
