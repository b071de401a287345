//! One thread under a reservation.

use std::time::Duration;

use crate::account::CpuTime;
use crate::budget::{Demand, Policy, ReservationParams, Sample};
use crate::sched::{DeadlineScheduler, Error, SchedAttr, Tid};

/// A thread that has a reservation.
#[derive(Debug)]
pub(super) struct Task {
    /// How it was scheduled before.
    pub(super) before: SchedAttr,
    /// Its reservation now.
    pub(super) params: ReservationParams,
    pub(super) policy: Box<dyn Policy>,
    /// The last reading, and when it was taken.
    pub(super) time: CpuTime,
    pub(super) at: Duration,
}

/// What one thread's policy decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) tid: Tid,
    pub(super) demand: Demand,
    pub(super) saturated: bool,
    pub(super) old: Duration,
    /// What the policy wants.
    pub(super) asked: Duration,
    /// The same, or its fair share.
    pub(super) wanted: Duration,
    pub(super) compressed: bool,
}

impl Task {
    /// Takes a reading, and decides.
    pub(super) fn step(&mut self, tid: Tid, time: CpuTime, now: Duration) -> Step {
        let throttled = time.waited.zip(self.time.waited).map(|(now, before)| now.saturating_sub(before));
        let executed = time.executed.saturating_sub(self.time.executed);
        let sample = Sample { executed, throttled, interval: now.saturating_sub(self.at) };
        (self.time, self.at) = (time, now);
        let decision = self.policy.step(&sample);
        let demand = sample.per_period(self.params.period());
        let old = self.params.runtime();
        let wanted = if decision.changed { decision.runtime } else { old };
        Step { tid, demand, saturated: decision.saturated, old, asked: wanted, wanted, compressed: false }
    }

    /// Sets another budget; the old one stays if it is refused.
    pub(super) fn set<S: DeadlineScheduler>(
        &mut self,
        scheduler: &mut S,
        step: &Step,
        runtime: Duration,
        reclaim: bool,
    ) -> Result<(), Error> {
        // A policy's budget is within the bounds that were checked; one that is not changes nothing.
        let Ok(params) = self.params.with_runtime(runtime) else { return Ok(()) };
        scheduler.reserve(step.tid, &params, reclaim)?;
        self.params = params;
        Ok(())
    }
}
