//! One target and what is known of it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::handle::{Handle, Shared};
use super::identity::Identity;
use super::past::Past;
use super::{Clocks, Events, Owner, Reader};
use crate::budget::{Bandwidth, Request};
use crate::monitor::{Monitor, Outcome, TaskReport, Tick};
use crate::sched::{self, DeadlineScheduler, Rule, Tid};
use crate::serve::api::{
    self, EventName, Failure, HistorySample, Mode, Settings, TargetRef, TargetView, ThreadView,
};
use crate::target::Target;

/// What the state file keeps of a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) target: TargetRef,
    pub(super) owner: Owner,
    pub(super) settings: Settings,
    /// Start time of the leading thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) start: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Entry<S: DeadlineScheduler, A: Reader, C: Clocks> {
    pub(super) id: u64,
    pub(super) stored: Stored,
    pub(super) resolved: api::Resolved,
    pub(super) monitor: Monitor<Handle<S, A>, Handle<S, A>, C>,
    pub(super) identity: Option<Identity>,
    /// When it is sampled next.
    pub(super) due: Duration,
    past: Past,
    last: Vec<TaskReport>,
    sampled_at: Duration,
    used_total: Duration,
    samples: u64,
    missed: u64,
    changes: u64,
    refusals: u64,
    last_refusal: Option<String>,
    /// Refusals that were told already.
    told: BTreeSet<(Tid, bool)>,
}

/// A single target's answer lists so many threads.
const THREADS_SHOWN: usize = 1_000;
/// So many threads' refusals are told one by one.
const TOLD_MOST: usize = 1_000;

/// `time * by / of`.
fn scaled(time: Duration, by: Duration, of: Duration) -> Duration {
    let nanos = time.as_nanos().saturating_mul(by.as_nanos()) / of.as_nanos().max(1);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl<S: DeadlineScheduler, A: Reader, C: Clocks> Entry<S, A, C> {
    pub(super) fn new(
        id: u64,
        stored: Stored,
        resolved: api::Resolved,
        identity: Option<Identity>,
        parts: (&Rc<RefCell<Shared<S, A>>>, C),
    ) -> Result<Entry<S, A, C>, Failure> {
        let (shared, mut clocks) = parts;
        let handle = || Handle::new(shared, id, stored.owner, resolved.mode == Mode::Observe);
        let target: Target = stored.target.target()?;
        let sampled_at = clocks.now();
        let monitor = Monitor::new(target, resolved.options.clone(), handle(), handle(), clocks)?;
        let monitor = if resolved.mode == Mode::Observe { monitor.observing() } else { monitor };
        Ok(Entry {
            id,
            stored,
            resolved,
            monitor,
            identity,
            due: Duration::ZERO,
            past: Past::default(),
            last: Vec::new(),
            sampled_at,
            used_total: Duration::ZERO,
            samples: 0,
            missed: 0,
            changes: 0,
            refusals: 0,
            last_refusal: None,
            told: BTreeSet::new(),
        })
    }

    pub(super) fn sampling(&self) -> Duration {
        self.resolved.sampling
    }

    pub(super) fn observes(&self) -> bool {
        self.resolved.mode == Mode::Observe
    }

    pub(super) fn threads(&self) -> usize {
        self.monitor.reserved()
    }

    pub(super) fn used_total(&self) -> Duration {
        self.used_total
    }

    pub(super) fn missed(&mut self, samples: u64) {
        self.missed += samples;
    }

    pub(super) fn missed_total(&self) -> u64 {
        self.missed
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn refusals(&self) -> u64 {
        self.refusals
    }

    /// Samples the target once; so many samples are remembered.
    ///
    /// # Errors
    /// It has ended, or cannot be monitored any more.
    pub(super) fn tick(
        &mut self,
        procfs: &Path,
        clocks: &mut C,
        events: &Events,
        remembered: usize,
    ) -> Result<(), Failure> {
        if self.identity.as_ref().is_some_and(|identity| !identity.lives(procfs)) {
            let target = self.stored.target.target()?;
            return Err(crate::target::Error::Gone(target).into());
        }
        let tick = self.monitor.tick()?;
        self.remember(&tick, remembered);
        for error in &tick.refused {
            self.tell(error, clocks, events);
        }
        self.last = tick.tasks;
        Ok(())
    }

    /// The first sample: its threads get their first reservations. The first refusal is returned.
    ///
    /// # Errors
    /// The target has ended.
    pub(super) fn first_tick(&mut self) -> Result<Option<sched::Error>, Failure> {
        let mut tick = self.monitor.tick()?;
        let refused = if tick.refused.is_empty() { None } else { Some(tick.refused.swap_remove(0)) };
        self.refusals += u64::from(refused.is_some());
        self.last_refusal = refused.as_ref().map(|error| api::chain(error));
        Ok(refused)
    }

    /// Gives the threads back, and what was kept for them.
    pub(super) fn release(&mut self, shared: &RefCell<Shared<S, A>>) -> Vec<sched::Error> {
        let observed: Vec<_> =
            self.monitor.threads().map(|(tid, _)| tid).filter(|_| self.observes()).collect();
        let refused = self.monitor.release();
        let shared = &mut *shared.borrow_mut();
        for tid in observed {
            shared.accounting.forget(tid);
            shared.ledger.remove(tid);
        }
        refused
    }

    /// What is monitored.
    pub(super) fn monitor_target(&self) -> Result<Target, Failure> {
        self.stored.target.target()
    }

    fn remember(&mut self, tick: &Tick, remembered: usize) {
        let period = self.resolved.options.initial.period();
        let interval = tick.at.saturating_sub(self.sampled_at);
        self.sampled_at = tick.at;
        self.samples += 1;
        let sum = |of: fn(&TaskReport) -> Duration| tick.tasks.iter().map(of).sum::<Duration>();
        let (used, budget) = (sum(|task| task.executed), sum(|task| task.budget));
        self.used_total += scaled(used, interval, period);
        let of = |outcome| tick.tasks.iter().filter(|task| task.outcome == outcome).count();
        let changed = of(Outcome::Changed) + of(Outcome::Halved);
        self.changes += u64::try_from(changed).unwrap_or_default();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let sample = HistorySample {
            at_ns: api::nanos(tick.at),
            used_ns: api::nanos(used),
            budget_ns: api::nanos(budget),
            threads: count(tick.tasks.len()),
            saturated: count(tick.tasks.iter().filter(|task| task.saturated).count()),
        };
        self.past.push(sample, remembered);
    }

    /// Each refusal counts; each thread's is told once, until it has what it wants.
    fn tell(&mut self, error: &sched::Error, clocks: &mut C, events: &Events) {
        if error.rule == Rule::Gone {
            return;
        }
        self.refusals += 1;
        let text = api::chain(error);
        let new = self.told.len() < TOLD_MOST && self.told.insert((error.tid, error.is_temporary()));
        if new {
            events.push(clocks, EventName::Refused, Some(self.id), None, text.clone());
        }
        self.last_refusal = Some(text);
    }

    /// What it would take of the CPUs if nobody else were there.
    pub(super) fn request(&self) -> Request {
        let period = self.resolved.options.initial.period();
        let floor = self.resolved.options.config.floor;
        let threads = u32::try_from(self.monitor.reserved()).unwrap_or(u32::MAX);
        let wanted = self.last.iter().map(|task| Bandwidth::of(task.wanted, period));
        let wanted = wanted.fold(Bandwidth::default(), Bandwidth::saturating_add);
        // Threads that were not sampled yet have what they got at first.
        let wanted = wanted.max(self.bandwidth());
        let floor = Bandwidth::of(floor.saturating_mul(threads), period);
        Request { wanted, floor, weight: self.resolved.weight }
    }

    /// What its threads have now.
    pub(super) fn bandwidth(&self) -> Bandwidth {
        let shares = self.monitor.threads().map(|(_, params)| params.bandwidth());
        shares.fold(Bandwidth::default(), Bandwidth::saturating_add)
    }

    pub(super) fn history(&self, since_ns: u64, most: usize) -> Vec<HistorySample> {
        self.past.since(since_ns, most)
    }

    pub(super) fn is_saturated(&self) -> bool {
        self.last.iter().any(|task| task.saturated)
    }

    pub(super) fn budget(&self) -> Duration {
        self.monitor.threads().map(|(_, params)| params.runtime()).sum()
    }

    /// What clients are told.
    pub(super) fn view(&self, with_threads: bool) -> TargetView {
        let used: Duration = self.last.iter().map(|task| task.executed).sum();
        let shown = if with_threads { THREADS_SHOWN } else { 0 };
        let threads = self.last.iter().take(shown).map(|task| ThreadView {
            tid: task.tid.0,
            budget_ns: api::nanos(task.budget),
            used_ns: api::nanos(task.executed),
            saturated: task.saturated,
        });
        TargetView {
            id: self.id,
            name: self.stored.name.clone(),
            target: self.stored.target.clone(),
            owner_uid: self.stored.owner.uid,
            settings: self.resolved.effective.clone(),
            threads: u64::try_from(self.threads()).unwrap_or(u64::MAX),
            budget_ns: api::nanos(self.budget()),
            used_ns: api::nanos(used),
            used_total_ns: api::nanos(self.used_total),
            bandwidth_cpus: api::cpus(self.bandwidth()),
            saturated: self.is_saturated(),
            samples: self.samples,
            changes: self.changes,
            refusals: self.refusals,
            last_refusal: self.last_refusal.clone(),
            tasks: threads.collect(),
        }
    }
}
