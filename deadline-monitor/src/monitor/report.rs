//! What a tick did.

use std::time::Duration;

use crate::budget::Sample;
use crate::sched::{Error, Tid};

/// What became of a thread's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It stays.
    Kept,
    /// It is what the policy wanted.
    Changed,
    /// It is a fair share, less than wanted.
    Compressed,
    /// The kernel had bandwidth for half of the growth only.
    Halved,
    /// The kernel refused; the old budget stays.
    Refused,
}

/// One thread in one tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskReport {
    /// The thread.
    pub tid: Tid,
    /// c: CPU time that it used in one period.
    pub executed: Duration,
    /// What its policy wants.
    pub wanted: Duration,
    /// Q from now on.
    pub budget: Duration,
    /// Whether it wanted more than it had.
    pub saturated: bool,
    /// What became of the budget.
    pub outcome: Outcome,
    /// What was measured, since the sample before.
    pub sample: Sample,
}

impl TaskReport {
    /// How long one period's work took, if it comes once in a period and the thread waits for nothing else: what it ran
    /// and what it waited for a CPU. `None` where waiting is not known.
    pub fn response(&self, period: Duration) -> Option<Duration> {
        let demand = self.sample.per_period(period);
        Some(demand.executed.saturating_add(demand.throttled?))
    }
}

impl Outcome {
    /// Its name in reports and recordings.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Kept => "kept",
            Outcome::Changed => "changed",
            Outcome::Compressed => "compressed",
            Outcome::Halved => "halved",
            Outcome::Refused => "refused",
        }
    }
}

/// One tick.
#[derive(Debug, Default)]
pub struct Tick {
    /// When, by the monitor's clock.
    pub at: Duration,
    /// The threads that were sampled; those adopted in this tick follow in the next.
    pub tasks: Vec<TaskReport>,
    /// What the kernel refused.
    pub refused: Vec<Error>,
}
