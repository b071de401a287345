//! The sampler: all targets, all reservations, one thread.

mod admission;
mod clock;
mod doctor;
mod entry;
mod events;
mod fairness;
mod figures;
mod handle;
mod identity;
mod leases;
mod ledger;
mod load;
mod owner;
mod past;
mod request;
mod reservations;
mod resume;
mod runner;
mod survey;
mod targets;

#[cfg(test)]
mod tests;

pub use clock::{Clocks, SystemClocks};
pub use events::{Events, Since};
pub use figures::{Figures, Meters, TargetFigures};
pub use handle::Reader;
pub use owner::Owner;
pub use runner::{Api, EngineHandle, Job, Unavailable};
pub use survey::Survey;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::api::TargetRef;
use super::config::{Limits, Recovery};
use crate::admission::UseHistory;
use crate::budget::Bandwidth;
use crate::machine::Machine;
use crate::sched::DeadlineScheduler;
use crate::state::{Journal, Remembering};
use entry::Entry;
use handle::Shared;
use leases::Leases;
use load::Load;
use past::Past;

/// Everything that the sampler knows.
#[derive(Debug)]
pub struct Engine<S: DeadlineScheduler, A: Reader, C: Clocks> {
    machine: Machine,
    procfs: PathBuf,
    limits: Limits,
    recovery: Recovery,
    clocks: C,
    shared: Rc<RefCell<Shared<S, A>>>,
    entries: BTreeMap<u64, Entry<S, A, C>>,
    /// What is monitored, to find a target that is asked for twice.
    by_target: BTreeMap<TargetRef, u64>,
    /// How many targets have a pidfd.
    pidfds: usize,
    /// When each target is sampled next.
    due: BTreeSet<(Duration, u64)>,
    leases: Leases,
    used: UseHistory,
    /// When the seconds of `used` were last counted, and what all targets had used by then.
    counted: (Duration, Duration),
    load: Load,
    events: Arc<Events>,
    meters: Meters,
    next_id: u64,
    generation: u64,
}

/// Each second use is counted, leases are looked at and scarce bandwidth is shared anew.
const SECOND: Duration = Duration::from_secs(1);
/// Four hours of seconds: 99 blocks of the usual horizon of one minute, and some.
const USED_SECONDS: usize = 4 * 3_600;

impl<S: DeadlineScheduler, A: Reader, C: Clocks> Engine<S, A, C> {
    /// A sampler without targets, which writes down in `journal` what it changes.
    pub fn new(
        machine: Machine,
        limits: Limits,
        recovery: Recovery,
        journal: Journal,
        parts: (S, A, C),
    ) -> Engine<S, A, C> {
        let procfs = journal.procfs().to_owned();
        let (scheduler, accounting, mut clocks) = parts;
        let remembering = Remembering::new(scheduler, Rc::new(RefCell::new(journal)));
        let meters = Meters::default();
        let quota = limits.quota(&machine);
        let shared = Shared::new(remembering, accounting, procfs.clone(), quota, meters.clone());
        let now = clocks.now();
        let events = Arc::new(Events::new(limits.events));
        Engine {
            machine,
            procfs,
            limits,
            recovery,
            clocks,
            shared: Rc::new(RefCell::new(shared)),
            entries: BTreeMap::new(),
            by_target: BTreeMap::new(),
            pidfds: 0,
            due: BTreeSet::new(),
            leases: Leases::default(),
            used: UseHistory::new(USED_SECONDS),
            counted: (now, Duration::ZERO),
            load: Load::default(),
            events,
            meters,
            next_id: 1,
            generation: 0,
        }
    }

    /// What happened, for those who want to be told.
    pub fn events(&self) -> &Arc<Events> {
        &self.events
    }

    /// Counters and histograms.
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// How long until there is something to do.
    pub fn idle(&mut self) -> Duration {
        let now = self.clocks.now();
        let second = self.counted.0 + SECOND;
        let next = self.due.first().map_or(second, |(at, _)| (*at).min(second));
        next.saturating_sub(now)
    }

    /// Samples every target whose time has come, and does what is to be done each second.
    pub fn work(&mut self) {
        let begin = self.clocks.now();
        let mut sampled = 0_u32;
        while let Some((at, id)) = self.due.first().copied().filter(|(at, _)| *at <= begin) {
            self.due.remove(&(at, id));
            self.sample(id, at);
            sampled += 1;
        }
        let end = self.clocks.now();
        if sampled > 0 {
            self.meters.sweep_seconds.observe(end.saturating_sub(begin).as_secs_f64());
        }
        self.load.busy(end.saturating_sub(begin));
        if end >= self.counted.0 + SECOND {
            self.each_second(end);
        }
    }

    /// Samples one target that was due at `at`.
    fn sample(&mut self, id: u64, at: Duration) {
        let now = self.clocks.now();
        self.meters.sample_lag_seconds.observe(now.saturating_sub(at).as_secs_f64());
        let remembered = Past::share(self.limits.history, self.entries.len());
        let Some(entry) = self.entries.get_mut(&id) else { return };
        match entry.tick(&self.procfs, &mut self.clocks, &self.events, remembered) {
            Ok(()) => {
                let every = entry.sampling().saturating_mul(self.load.stretch());
                let behind = now.saturating_sub(at).as_nanos() / every.as_nanos().max(1);
                entry.missed(u64::try_from(behind).unwrap_or(u64::MAX));
                // Samples that were missed are not made up for: the next one tells of the whole time.
                let next = if behind == 0 { at + every } else { now + every };
                self.wait(id, next);
            }
            Err(ended) => self.end(id, &ended),
        }
    }

    /// The target is sampled next at `next`, and at no other time.
    fn wait(&mut self, id: u64, next: Duration) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        self.due.remove(&(entry.due, id));
        entry.due = next;
        self.due.insert((next, id));
    }

    fn each_second(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.counted.0);
        let controlled = self.entries.values().filter(|entry| !entry.observes());
        let total: Duration = controlled.map(Entry::used_total).sum::<Duration>() + self.load.ended_use();
        let used = total.saturating_sub(self.counted.1);
        self.used.push(Bandwidth::of(used, passed));
        self.counted = (now, total);
        self.expire_leases(now);
        self.rebalance();
        let files = self.shared.borrow().accounting.unkept(self.threads());
        for (name, detail) in self.load.second(passed, files, self.limits.files) {
            self.events.push(&mut self.clocks, name, None, None, detail);
        }
    }

    /// How many threads are monitored.
    fn threads(&self) -> usize {
        self.entries.values().map(Entry::threads).sum()
    }

    fn changed(&mut self) {
        self.generation += 1;
    }

    fn new_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let next = serde_json::json!(self.next_id);
        // An id that is used twice after a crash would only confuse people.
        let _ = self.shared.borrow().journal().borrow_mut().put("counter", "next-id", next);
        id
    }
}
