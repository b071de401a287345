//! A percentile of the recent demand: some late jobs for less over-allocation on loads with rare peaks.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::config::Bounds;
use super::{Decision, Policy, Ratio, Sample};

/// Q is the given percentile of the window's demands and some overhead; twice the use while the task is throttled.
#[derive(Debug, Clone)]
pub struct Percentile {
    window: VecDeque<Duration>,
    size: usize,
    percentile: Ratio,
    overhead: Ratio,
    bounds: Bounds,
    runtime: Duration,
}

impl Percentile {
    pub(super) fn new(
        size: usize,
        percentile: Ratio,
        overhead: Ratio,
        bounds: Bounds,
        runtime: Duration,
    ) -> Percentile {
        Percentile { window: VecDeque::with_capacity(size), size, percentile, overhead, bounds, runtime }
    }

    fn push(&mut self, executed: Duration) {
        if self.window.len() == self.size {
            self.window.pop_front();
        }
        self.window.push_back(executed);
    }

    /// The smallest demand that `percentile` of the window do not exceed (nearest rank).
    fn rank(&self) -> Duration {
        let mut sorted: Vec<_> = self.window.iter().copied().collect();
        sorted.sort_unstable();
        let parts = u64::from(self.percentile.as_ppm())
            .saturating_mul(u64::try_from(sorted.len()).unwrap_or(u64::MAX));
        let rank = parts.div_ceil(u64::from(Ratio::ONE.as_ppm())).max(1) - 1;
        let index = usize::try_from(rank).unwrap_or(usize::MAX).min(sorted.len().saturating_sub(1));
        sorted.get(index).copied().unwrap_or_default()
    }
}

impl Policy for Percentile {
    fn step(&mut self, sample: &Sample) -> Decision {
        let demand = sample.per_period(self.bounds.period);
        let saturated = demand.is_saturated(self.runtime);
        let wanted = if saturated {
            demand.executed.max(self.runtime).saturating_mul(2)
        } else {
            self.push(demand.executed);
            let rank = self.rank();
            rank.saturating_add(self.overhead.of(rank))
        };
        let runtime = self.bounds.clamp(wanted);
        let changed = runtime != self.runtime;
        self.runtime = runtime;
        Decision { runtime, changed, saturated }
    }

    fn granted(&mut self, runtime: Duration) {
        self.runtime = runtime;
    }
}
