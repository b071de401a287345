//! The loop around the algorithm: sample each thread, let its policy decide, tell the kernel.

mod control;
mod group;
mod pool;
mod report;
mod task;

#[cfg(test)]
mod tests;

pub use control::ReconfigureError;
pub use group::{GroupError, GroupMonitor, GroupReport};
pub use pool::{Member, Pool};
pub use report::{Outcome, TaskReport, Tick};

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::account::CpuAccounting;
use crate::budget::{Bandwidth, ConfigError, PolicyConfig, Request, ReservationParams, Sharing};
use crate::sched::{DeadlineScheduler, Rule, Tid, is_runnable};
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
    /// Nothing is set: the budgets are only found.
    observing: bool,
    sharing: Sharing,
    /// The last round's steps, emptied: their memory is used again.
    spare: Vec<Step>,
}

/// One round of a monitor, from the readings to the new budgets.
#[derive(Debug)]
struct Round {
    tick: Tick,
    steps: Vec<Step>,
    listed: bool,
}

/// The clock is read once for so many threads.
const THREADS_PER_READING: usize = 16;

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
        let (observing, sharing) = (false, Sharing::default());
        Ok(Monitor {
            target,
            options,
            scheduler,
            accounting,
            clock,
            tasks,
            known,
            stale,
            rejected,
            observing,
            sharing,
            spare: Vec::new(),
        })
    }

    /// The same, but it touches no thread: the reports tell which budgets the policy would give (dry run).
    ///
    /// The threads are not throttled then, so what they use is all that they want.
    #[must_use]
    pub fn observing(mut self) -> Monitor<S, A, C> {
        self.observing = true;
        self
    }

    /// What is monitored.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Samples every thread of the target once and sets its budget; new threads get their first reservation.
    ///
    /// # Errors
    /// The target has ended or cannot be read. What a single thread is refused is in the report.
    pub fn tick(&mut self) -> Result<Tick, Error> {
        let mut round = self.begin()?;
        self.share(&mut round, self.options.capacity);
        self.apply(&mut round, false);
        self.apply(&mut round, true);
        self.finish(round)
    }

    /// Reads every thread, lets its policy decide, and lists the threads anew if need be.
    fn begin(&mut self) -> Result<Round, Error> {
        let tasks = Vec::with_capacity(self.tasks.len());
        let tick = Tick { at: self.clock.now(), tasks, ..Tick::default() };
        self.accounting.sweep();
        let steps = self.sample();
        let listed = self.list()?;
        Ok(Round { tick, steps, listed })
    }

    /// New threads get their first reservation.
    fn finish(&mut self, round: Round) -> Result<Tick, Error> {
        let Round { mut tick, steps, listed } = round;
        self.spare = steps;
        if listed {
            for tid in self.known.clone() {
                self.adopt(tid, &mut tick)?;
            }
        }
        tick.tasks.sort_by_key(|task| task.tid);
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
        if self.observing {
            return Vec::new();
        }
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
        self.scheduler.forget(tid);
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
        let reserved = before.and_then(|before| {
            let set = !self.observing;
            let reserve = || self.scheduler.reserve(tid, &initial, reclaim);
            set.then(reserve).transpose().map(|_| before)
        });
        match reserved {
            Ok(before) => {
                let (at, floor) = (self.clock.now(), self.options.config.floor);
                let task = Task { before, params: initial, policy, floor, ran: true, time, at };
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
        let (mut steps, mut gone) = (std::mem::take(&mut self.spare), Vec::new());
        steps.reserve(self.tasks.len());
        let mut now = Duration::ZERO;
        for (index, (tid, task)) in self.tasks.iter_mut().enumerate() {
            if index % THREADS_PER_READING == 0 {
                now = self.clock.now();
            }
            match self.accounting.cpu_time(*tid) {
                Ok(_) if !task.is_due(now) => {}
                Ok(time) => {
                    let is_runnable = || is_runnable(&self.options.procfs, *tid);
                    steps.push(task.step(*tid, time, now, self.observing, is_runnable));
                }
                Err(_) => gone.push(*tid),
            }
        }
        self.stale |= !gone.is_empty();
        gone.into_iter().for_each(|tid| self.forget(tid));
        steps
    }

    /// What the threads want together, in each period.
    fn wanted(&self, round: &Round) -> Bandwidth {
        let sum = round.steps.iter().fold(Duration::ZERO, |sum, step| sum.saturating_add(step.wanted));
        Bandwidth::of(sum, self.options.initial.period())
    }

    /// The least that the threads need together.
    fn floors(&self, round: &Round) -> Bandwidth {
        let floor =
            self.options.config.floor.saturating_mul(u32::try_from(round.steps.len()).unwrap_or(u32::MAX));
        Bandwidth::of(floor, self.options.initial.period())
    }

    /// Shares `capacity` if the threads together want more.
    fn share(&self, round: &mut Round, capacity: Bandwidth) {
        if self.wanted(round) <= capacity {
            return;
        }
        let period = self.options.initial.period();
        let Ok(bounds) = self.options.config.bounds(period) else { return };
        let floor = Bandwidth::of(bounds.floor(), period);
        let request = |step: &Step| Request { wanted: Bandwidth::of(step.wanted, period), floor, weight: 1 };
        let requests: Vec<_> = round.steps.iter().map(request).collect();
        let in_force: Vec<_> = round.steps.iter().map(|step| Bandwidth::of(step.old, period)).collect();
        let shares = self.sharing.shares(&requests, &in_force, capacity);
        for (((step, request), share), old) in
            round.steps.iter_mut().zip(&requests).zip(shares).zip(&in_force)
        {
            if share < request.wanted {
                step.compressed = true;
                step.wanted = if share == *old { step.old } else { bounds.clamp(share.runtime_in(period)) };
            }
        }
    }

    /// Settles the budgets that grow, or those that do not: these make room for those and so come first.
    fn apply(&mut self, round: &mut Round, growing: bool) {
        let mut steps = std::mem::take(&mut round.steps);
        steps.retain(|step| {
            let later = growing != (step.wanted > step.old);
            if !later {
                self.settle(step, &mut round.tick);
            }
            later
        });
        round.steps = steps;
    }

    /// Tells the kernel, if the budget changes. A refusal for lack of bandwidth keeps the old budget, or half of the
    /// growth if that fits.
    fn settle(&mut self, step: &Step, tick: &mut Tick) {
        let (mut outcome, mut budget) = (Outcome::Kept, step.old);
        if step.compressed {
            outcome = Outcome::Compressed;
        }
        if step.wanted != step.old || step.compressed {
            let reclaim = self.options.config.reclaims();
            let Some(task) = self.tasks.get_mut(&step.tid) else { return };
            if step.wanted != step.old {
                let scheduler = (!self.observing).then_some(&mut self.scheduler);
                outcome = task.change(scheduler, step, reclaim, &mut tick.refused);
            }
            budget = task.params.runtime();
            task.policy.granted(budget);
        }
        let Step { tid, executed, saturated, sample, asked, .. } = *step;
        if tick.refused.last().is_some_and(|error| error.tid == tid && error.rule == Rule::Gone) {
            self.stale = true;
            return self.forget(tid);
        }
        tick.tasks.push(TaskReport { tid, executed, wanted: asked, budget, saturated, outcome, sample });
    }
}

impl<S: DeadlineScheduler, A: CpuAccounting, C: Clock> Drop for Monitor<S, A, C> {
    fn drop(&mut self) {
        self.release();
    }
}
