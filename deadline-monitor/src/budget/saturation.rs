//! The default policy: throttling tells that a budget is too small, and boosts stay out of the history.

use core::time::Duration;

use super::config::Bounds;
use super::{Decision, MaxWindow, Policy, Ratio, Sample};

/// A saturated task gets twice, then four times, then eight times what it used.
const BOOST_MAX: u32 = 8;
/// A sample shorter than two periods may hold none, one or two jobs; it is joined with the one before.
const PERIODS: u32 = 2;

/// While the task is throttled its budget is multiplied. Otherwise the budget is the second largest demand of the
/// window, which one outlier does not move, and some overhead. What is measured while a backlog drains says nothing about the demand and is left out.
#[derive(Debug, Clone)]
pub struct Saturation {
    window: MaxWindow,
    before: Option<Sample>,
    /// 1 when the last sample was not saturated.
    boost: u32,
    overhead: Ratio,
    /// Smaller changes are not made.
    dead_band: Ratio,
    bounds: Bounds,
    runtime: Duration,
}

impl Saturation {
    pub(super) fn new(
        window: usize,
        overhead: Ratio,
        dead_band: Ratio,
        bounds: Bounds,
        runtime: Duration,
    ) -> Saturation {
        let window = MaxWindow::new(window);
        Saturation { window, before: None, boost: 1, overhead, dead_band, bounds, runtime }
    }

    fn boosted(&mut self, sample: &Sample) -> Duration {
        self.before = None;
        self.boost = (self.boost * 2).min(BOOST_MAX);
        sample.per_period(self.bounds.period).executed.max(self.runtime).saturating_mul(self.boost)
    }

    /// The budget of a task that was not throttled; the old one until two samples after a boost have been measured.
    fn fitted(&mut self, sample: &Sample) -> Duration {
        if core::mem::replace(&mut self.boost, 1) > 1 {
            return self.runtime;
        }
        let long = sample.interval >= self.bounds.period.saturating_mul(PERIODS);
        let before = self.before.replace(*sample);
        let Some(whole) = (if long { Some(*sample) } else { before.map(|before| sample.joined(&before)) })
        else {
            return self.runtime;
        };
        self.window.push(whole.per_period(self.bounds.period).executed);
        let most = self.window.second().unwrap_or_default();
        most.saturating_add(self.overhead.of(most))
    }

    /// Inside the dead band the old budget stays.
    fn differs(&self, runtime: Duration) -> bool {
        runtime.abs_diff(self.runtime) > self.dead_band.of(self.runtime)
    }
}

impl Policy for Saturation {
    fn step(&mut self, sample: &Sample) -> Decision {
        let saturated = sample.is_saturated(self.bounds.period, self.runtime);
        let wanted = if saturated { self.boosted(sample) } else { self.fitted(sample) };
        let runtime = self.bounds.clamp(wanted);
        let changed = self.differs(runtime);
        if changed {
            self.runtime = runtime;
        }
        Decision { runtime: self.runtime, changed, saturated }
    }

    fn granted(&mut self, runtime: Duration) {
        self.runtime = runtime;
    }
}
