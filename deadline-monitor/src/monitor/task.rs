//! One thread under a reservation.

use std::time::Duration;

use crate::account::CpuTime;
use crate::budget::{Policy, ReservationParams, Sample};
use crate::sched::{DeadlineScheduler, Error, SchedAttr, Tid};

use super::Outcome;

/// A thread that has a reservation.
#[derive(Debug)]
pub(super) struct Task {
    /// How it was scheduled before.
    pub(super) before: SchedAttr,
    /// Its reservation now.
    pub(super) params: ReservationParams,
    pub(super) policy: Box<dyn Policy>,
    /// The least budget.
    pub(super) floor: Duration,
    /// Whether it ran between the last two readings.
    pub(super) ran: bool,
    /// The last reading, and when it was taken.
    pub(super) time: CpuTime,
    pub(super) at: Duration,
}

/// What one thread's policy decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) tid: Tid,
    /// c.
    pub(super) executed: Duration,
    pub(super) saturated: bool,
    /// What was measured.
    pub(super) sample: Sample,
    pub(super) old: Duration,
    /// What the policy wants.
    pub(super) asked: Duration,
    /// The same, or its fair share.
    pub(super) wanted: Duration,
    pub(super) compressed: bool,
}

impl Task {
    /// Whether enough time has passed for a reading that says something: CPU time of a running thread is told in
    /// steps of a tick.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        now.saturating_sub(self.at) >= self.params.period() / 2
    }

    /// Takes a reading, and decides. A thread that is only observed may use what it wants, so that waiting is no sign
    /// of a budget too small.
    /// The kernel tells how long a thread waited only when it runs again; `is_runnable` finds out about one that did
    /// not run at all, and is asked only where that matters.
    pub(super) fn step(
        &mut self,
        tid: Tid,
        time: CpuTime,
        now: Duration,
        observed: bool,
        is_runnable: impl FnOnce() -> bool,
    ) -> Step {
        let throttled = time.waited.zip(self.time.waited).map(|(now, before)| now.saturating_sub(before));
        let used = time.executed.saturating_sub(self.time.executed);
        let mut sample = Sample { executed: used, throttled, interval: now.saturating_sub(self.at) };
        // One that is idle for long has the least budget already, and is not asked about any more.
        let matters = self.ran || self.params.runtime() > self.floor;
        if used.is_zero() && matters && !observed && is_runnable() {
            sample.throttled = Some(sample.interval);
        }
        (self.time, self.at, self.ran) = (time, now, !used.is_zero());
        let unlimited = Sample { throttled: Some(Duration::ZERO), ..sample };
        let decision = self.policy.step(if observed { &unlimited } else { &sample });
        let executed = unlimited.per_period(self.params.period()).executed;
        let old = self.params.runtime();
        let wanted = if decision.changed { decision.runtime } else { old };
        let saturated = decision.saturated;
        Step { tid, executed, saturated, sample, old, asked: wanted, wanted, compressed: false }
    }

    /// Sets the wanted budget, or half of the growth if that is all that there is; without a scheduler it is only
    /// noted.
    pub(super) fn change<S: DeadlineScheduler>(
        &mut self,
        scheduler: Option<&mut S>,
        step: &Step,
        reclaim: bool,
        refused: &mut Vec<Error>,
    ) -> Outcome {
        let Some(scheduler) = scheduler else {
            self.params = self.params.with_runtime(step.wanted).unwrap_or(self.params);
            return if step.compressed { Outcome::Compressed } else { Outcome::Changed };
        };
        match self.set(scheduler, step, step.wanted, reclaim) {
            Ok(()) if step.compressed => Outcome::Compressed,
            Ok(()) => Outcome::Changed,
            Err(error) if error.is_temporary() => {
                let half = step.old + step.wanted.saturating_sub(step.old) / 2;
                let halved = self.set(scheduler, step, half, reclaim);
                refused.push(error);
                if halved.is_ok() { Outcome::Halved } else { Outcome::Refused }
            }
            Err(error) => {
                refused.push(error);
                Outcome::Refused
            }
        }
    }

    /// Sets another budget; the old one stays if it is refused.
    fn set<S: DeadlineScheduler>(
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
