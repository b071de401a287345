//! The loop around the algorithm: sample each thread, let its policy decide, tell the kernel.

mod control;
mod report;
mod task;

#[cfg(test)]
mod tests;

pub use control::ReconfigureError;
pub use report::{Outcome, TaskReport, Tick};

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::account::CpuAccounting;
use crate::budget::{Bandwidth, ConfigError, PolicyConfig, Request, ReservationParams, compress};
use crate::sched::{DeadlineScheduler, Rule, Tid};
use crate::target::{self, Target};
use task::{Step, Task};

/// Tells the time; only differences matter.
pub trait Clock {
    /// Time since a fixed moment; never goes back.
    fn now(&mut self) -> Duration;
}

/// The kernel's monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct MonotonicClock(Instant);

impl Default for MonotonicClock {
    fn default() -> MonotonicClock {
        MonotonicClock(Instant::now())
    }
}

impl Clock for MonotonicClock {
    fn now(&mut self) -> Duration {
        self.0.elapsed()
    }
}

/// How a target is monitored.
#[derive(Debug, Clone)]
pub struct Options {
    /// The policy and its parameters.
    pub config: PolicyConfig,
    /// The first reservation of each thread.
    pub initial: ReservationParams,
    /// What the target's threads may have together.
    pub capacity: Bandwidth,
    /// The procfs that lists the threads.
    pub procfs: PathBuf,
}

/// Why a tick was not possible at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The target.
    #[error(transparent)]
    Target(#[from] target::Error),
    /// The policy.
    #[error("The policy's parameters are wrong")]
    Config(#[from] ConfigError),
}

/// Monitors one target. When it goes away its threads get back how they were scheduled before.
#[derive(Debug)]
pub struct Monitor<S: DeadlineScheduler, A: CpuAccounting, C: Clock> {
    target: Target,
    options: Options,
    scheduler: S,
    accounting: A,
    clock: C,
    tasks: BTreeMap<Tid, Task>,
    /// The target's threads when they were last listed.
    known: Vec<Tid>,
    /// A thread has ended or waits for its reservation: the list is made anew.
    stale: bool,
    /// Threads that the kernel will never give a reservation.
    rejected: BTreeSet<Tid>,
}

impl<S: DeadlineScheduler, A: CpuAccounting, C: Clock> Monitor<S, A, C> {
    /// A monitor that has not touched anything yet.
    ///
    /// # Errors
    /// The policy's parameters are wrong.
    pub fn new(
        target: Target,
        options: Options,
        scheduler: S,
        accounting: A,
        clock: C,
    ) -> Result<Monitor<S, A, C>, Error> {
        options.config.build(options.initial)?;
        let (tasks, rejected, known, stale) = (BTreeMap::new(), BTreeSet::new(), Vec::new(), true);
        Ok(Monitor { target, options, scheduler, accounting, clock, tasks, known, stale, rejected })
    }

    /// Samples every thread of the target once and sets its budget; new threads get their first reservation.
    ///
    /// # Errors
    /// The target has ended or cannot be read. What a single thread is refused is in the report.
    pub fn tick(&mut self) -> Result<Tick, Error> {
        let mut tick = Tick { at: self.clock.now(), ..Tick::default() };
        let mut steps = self.sample();
        let listed = self.list()?;
        self.share(&mut steps);
        // Those that shrink make room for those that grow.
        steps.sort_by_key(|step| step.wanted > step.old);
        for step in steps {
            self.apply(step, &mut tick);
        }
        if listed {
            for tid in self.known.clone() {
                self.adopt(tid, &mut tick)?;
            }
        }
        Ok(tick)
    }

    /// Lists the threads again, unless none can have come or gone; tells whether it did.
    fn list(&mut self) -> Result<bool, Error> {
        let procfs = &self.options.procfs;
        if !self.stale && self.rejected.is_empty() && self.target.has(procfs, self.known.len()) {
            return Ok(false);
        }
        self.known = self.target.threads(procfs)?;
        self.stale = false;
        self.forget_all_but_known();
        Ok(true)
    }

    /// How many threads have a reservation.
    pub fn reserved(&self) -> usize {
        self.tasks.len()
    }

    /// Gives every thread back how it was scheduled before; returns the refusals.
    pub fn release(&mut self) -> Vec<crate::sched::Error> {
        let tasks = std::mem::take(&mut self.tasks);
        let released = tasks.iter().map(|(tid, task)| self.scheduler.release(*tid, &task.before));
        released.filter_map(Result::err).filter(|error| error.rule != Rule::Gone).collect()
    }

    fn forget_all_but_known(&mut self) {
        let known = &self.known;
        let is_gone = |tid: &Tid| known.binary_search(tid).is_err();
        self.rejected.retain(|tid| !is_gone(tid));
        let gone: Vec<_> = self.tasks.keys().filter(|tid| is_gone(tid)).copied().collect();
        gone.into_iter().for_each(|tid| self.forget(tid));
    }

    fn forget(&mut self, tid: Tid) {
        self.accounting.forget(tid);
        self.tasks.remove(&tid);
    }

    fn adopt(&mut self, tid: Tid, tick: &mut Tick) -> Result<(), Error> {
        if self.tasks.contains_key(&tid) || self.rejected.contains(&tid) {
            return Ok(());
        }
        let (initial, reclaim) = (self.options.initial, self.options.config.reclaims());
        let Ok(time) = self.accounting.cpu_time(tid) else {
            self.stale = true;
            return Ok(());
        };
        let given = self.scheduler.reservation(tid).filter(|given| given.period() == initial.period());
        let initial = given.unwrap_or(initial);
        let policy = self.options.config.build(initial)?;
        let before = self.scheduler.attributes(tid);
        let reserved =
            before.and_then(|before| self.scheduler.reserve(tid, &initial, reclaim).map(|()| before));
        match reserved {
            Ok(before) => {
                let task = Task { before, params: initial, policy, time, at: self.clock.now() };
                self.tasks.insert(tid, task);
            }
            Err(error) => {
                if error.is_temporary() {
                    self.stale = true;
                } else {
                    self.rejected.insert(tid);
                }
                self.accounting.forget(tid);
                tick.refused.push(error);
            }
        }
        Ok(())
    }

    /// Reads every thread and lets its policy decide; forgets those that have ended.
    fn sample(&mut self) -> Vec<Step> {
        let (mut steps, mut gone) = (Vec::new(), Vec::new());
        for (tid, task) in &mut self.tasks {
            match self.accounting.cpu_time(*tid) {
                Ok(time) => steps.push(task.step(*tid, time, self.clock.now())),
                Err(_) => gone.push(*tid),
            }
        }
        self.stale |= !gone.is_empty();
        gone.into_iter().for_each(|tid| self.forget(tid));
        steps
    }

    /// Shares what there is if the threads together want more.
    fn share(&self, steps: &mut [Step]) {
        let Ok(bounds) = self.options.config.bounds(self.options.initial.period()) else { return };
        let period = self.options.initial.period();
        let floor = Bandwidth::of(bounds.floor(), period);
        let request = |step: &Step| Request { wanted: Bandwidth::of(step.wanted, period), floor, weight: 1 };
        let requests: Vec<_> = steps.iter().map(request).collect();
        let shares = compress(&requests, self.options.capacity);
        for ((step, request), share) in steps.iter_mut().zip(&requests).zip(shares) {
            if share < request.wanted {
                step.compressed = true;
                step.wanted = bounds.clamp(share.runtime_in(period));
            }
        }
    }

    /// Tells the kernel, if the budget changes. A refusal for lack of bandwidth keeps the old budget, or half of the
    /// growth if that fits.
    fn apply(&mut self, step: Step, tick: &mut Tick) {
        let reclaim = self.options.config.reclaims();
        let Some(task) = self.tasks.get_mut(&step.tid) else { return };
        let mut outcome = if step.compressed { Outcome::Compressed } else { Outcome::Kept };
        if step.wanted != step.old {
            let half = step.old + step.wanted.saturating_sub(step.old) / 2;
            match task.set(&mut self.scheduler, &step, step.wanted, reclaim) {
                Ok(()) if step.compressed => {}
                Ok(()) => outcome = Outcome::Changed,
                Err(error) if error.is_temporary() => {
                    let halved = task.set(&mut self.scheduler, &step, half, reclaim);
                    outcome = if halved.is_ok() { Outcome::Halved } else { Outcome::Refused };
                    tick.refused.push(error);
                }
                Err(error) => {
                    outcome = Outcome::Refused;
                    tick.refused.push(error);
                }
            }
        }
        let budget = task.params.runtime();
        task.policy.granted(budget);
        let Step { tid, demand, saturated, .. } = step;
        if tick.refused.last().is_some_and(|error| error.tid == tid && error.rule == Rule::Gone) {
            self.stale = true;
            return self.forget(tid);
        }
        tick.tasks.push(TaskReport {
            tid,
            executed: demand.executed,
            wanted: step.asked,
            budget,
            saturated,
            outcome,
        });
    }
}

impl<S: DeadlineScheduler, A: CpuAccounting, C: Clock> Drop for Monitor<S, A, C> {
    fn drop(&mut self) {
        self.release();
    }
}
