//! What was measured, and the one place where it is brought to one period.

use core::time::Duration;

use super::ratio::{Ratio, as_nanos, reaches, scaled};

/// A saturated task used at least this much of its budget.
const USED: Ratio = Ratio::percent(80);
/// Without a throttling signal a task counts as saturated from here on.
const USED_UP: Ratio = Ratio::percent(97);
/// Waiting for less than this part of the period is the noise of other reservations, not throttling.
const WAITED: Ratio = Ratio::percent(2);

/// CPU time over the last sampling period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// CPU time used.
    pub executed: Duration,
    /// Time spent runnable without running, throttling included; `None` if the source does not tell.
    pub throttled: Option<Duration>,
    /// Time between this reading and the one before.
    pub interval: Duration,
}

/// A sample brought to one period P.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// c: CPU time used in one period.
    pub executed: Duration,
    /// Time throttled in one period, if known.
    pub throttled: Option<Duration>,
}

impl Sample {
    /// The sample scaled from its interval to `period`; an interval of zero measures nothing.
    ///
    /// The source document leaves this step out; without it the budgets of its figures would be five times larger.
    pub fn per_period(&self, period: Duration) -> Demand {
        let (period_ns, interval_ns) = (as_nanos(period), as_nanos(self.interval));
        let scale = |time| scaled(time, period_ns, interval_ns);
        Demand { executed: scale(self.executed), throttled: self.throttled.map(scale) }
    }

    /// Whether the task wanted more than `runtime` in each `period`: it used most of it, and was throttled, or used all
    /// if throttling is not known. The kernel counts waiting for other reservations as well, so either sign alone is
    /// not enough; unless it waited most of the time and did not run at all, as one that pays back what it overran.
    pub fn is_saturated(&self, period: Duration, runtime: Duration) -> bool {
        let (period_ns, interval_ns) = (as_nanos(period), as_nanos(self.interval));
        // Compared with the limits as it was measured: a division for each time would cost as much as all the rest.
        let exceeds = |time, limit: Duration| {
            reaches(time, period_ns, interval_ns, limit.saturating_add(Duration::from_nanos(1)))
        };
        let uses = |part: Ratio| reaches(self.executed, period_ns, interval_ns, part.of(runtime));
        match self.throttled {
            Some(throttled) => {
                let starved = || self.executed.is_zero() && exceeds(throttled, period / 2);
                exceeds(throttled, WAITED.of(period)) && (uses(USED) || starved())
            }
            None => uses(USED_UP),
        }
    }

    /// The CPU time of this sample and an earlier one.
    pub(super) fn joined(&self, earlier: &Sample) -> Sample {
        Sample {
            executed: self.executed.saturating_add(earlier.executed),
            throttled: None,
            interval: self.interval.saturating_add(earlier.interval),
        }
    }
}
