//! The loop of all commands that monitor: a round every T, signals in between, and what is shown of it.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use deadline_monitor::account::{CpuAccounting, SchedStat};
use deadline_monitor::budget::Sample;
use deadline_monitor::monitor::{
    self, GroupMonitor, GroupReport, Member, Monitor, MonotonicClock, Options, Outcome, Pool, Tick,
};
use deadline_monitor::sched::{self, Claiming, Guarded, LinuxScheduler, Tid};
use deadline_monitor::target::{self, Target};

use super::guard::{Guard, Pipe};
use super::{Result, chain};

/// Monitors of real threads, for the experiment.
pub(crate) type LinuxMonitor = Monitor<LinuxScheduler, SchedStat, MonotonicClock>;
/// Reservations that a guard looks after, of threads that no other program monitors.
type Reserving = Claiming<Guarded<LinuxScheduler, Pipe>>;
/// Monitors of such threads.
pub(crate) type GuardedMonitor = Monitor<Reserving, Box<dyn CpuAccounting>, MonotonicClock>;
/// One of them with its weight.
pub(crate) type GuardedMember = Member<Reserving, Box<dyn CpuAccounting>, MonotonicClock>;
type GuardedPool = Pool<Reserving, Box<dyn CpuAccounting>, MonotonicClock>;

/// A monitor for `target` that has touched nothing yet.
pub(crate) fn monitor(target: Target, options: Options) -> Result<LinuxMonitor> {
    Ok(Monitor::new(target, options, LinuxScheduler, SchedStat::default(), MonotonicClock::default())?)
}

/// One thread, or one group as a whole, in one round.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Since the loop began.
    pub(crate) at: Duration,
    /// The name of its target.
    pub(crate) target: String,
    /// The thread; none for a group.
    pub(crate) tid: Option<Tid>,
    pub(crate) sample: Sample,
    /// c and Q.
    pub(crate) executed: Duration,
    pub(crate) budget: Duration,
    pub(crate) saturated: bool,
    pub(crate) outcome: Outcome,
}

/// Where rounds go: lines, a file, the screen.
pub(crate) trait Sink {
    /// Takes all rows of a round.
    fn round(&mut self, rows: &[Row]) -> Result<()>;
    /// Takes a refusal, which was not told before.
    fn refused(&mut self, _text: &str) {}
}

/// A group under one budget.
#[derive(Debug)]
pub(crate) struct NamedGroup {
    pub(crate) name: String,
    pub(crate) monitor: GroupMonitor<MonotonicClock>,
}

/// Everything that is monitored. The guard comes last: it ends when the monitors have released their threads.
pub(crate) struct Rounds {
    pool: GuardedPool,
    names: Vec<String>,
    groups: Vec<NamedGroup>,
    sampling: Duration,
    begin: Instant,
    sinks: Vec<Box<dyn Sink>>,
    /// Refusals that were shown already.
    told: std::collections::BTreeSet<(Tid, String)>,
    _guard: Option<Guard>,
}

/// What [`Rounds`] is made of.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) members: Vec<GuardedMember>,
    /// Names of the members' targets.
    pub(crate) names: Vec<String>,
    pub(crate) groups: Vec<NamedGroup>,
    pub(crate) guard: Option<Guard>,
}

impl Rounds {
    /// Rounds every `sampling` over `parts`, shown by `sinks`.
    pub(crate) fn new(parts: Parts, sampling: Duration, sinks: Vec<Box<dyn Sink>>) -> Rounds {
        let capacity = super::options::machine().capacity();
        Rounds {
            pool: Pool::new(parts.members, capacity),
            names: parts.names,
            groups: parts.groups,
            sampling,
            begin: Instant::now(),
            sinks,
            told: Default::default(),
            _guard: parts.guard,
        }
    }

    /// Loops until all targets have ended or `on_signal` says that it is enough.
    pub(crate) fn run(
        &mut self,
        signals: &Receiver<i32>,
        on_signal: impl FnMut(i32) -> ControlFlow<()>,
    ) -> Result<()> {
        self.run_until(signals, None, on_signal)
    }

    /// The same, at most until `end`.
    pub(crate) fn run_until(
        &mut self,
        signals: &Receiver<i32>,
        end: Option<Instant>,
        mut on_signal: impl FnMut(i32) -> ControlFlow<()>,
    ) -> Result<()> {
        // Without priority the samples only come less regularly beside busy tasks; `doctor` tells about it.
        let _ = LinuxScheduler.prioritise_this_thread();
        let mut next = Instant::now();
        while !(self.pool.is_empty() && self.groups.is_empty()) {
            self.round()?;
            if end.is_some_and(|end| Instant::now() >= end) {
                return Ok(());
            }
            next = (next + self.sampling).max(Instant::now());
            loop {
                match signals.recv_timeout(next.saturating_duration_since(Instant::now())) {
                    Ok(signal) if on_signal(signal).is_break() => return Ok(()),
                    Ok(_) => {}
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return Err("Signals are not received".into()),
                }
            }
        }
        Ok(())
    }

    /// Gives everything back; returns what could not be given back.
    pub(crate) fn release(&mut self) -> Vec<String> {
        let mut left: Vec<_> = self
            .pool
            .members()
            .flat_map(|member| member.monitor.release())
            .map(|error| chain(&error))
            .collect();
        left.extend(
            self.groups
                .iter_mut()
                .filter_map(|group| group.monitor.release().err())
                .map(|error| chain(&error)),
        );
        left
    }

    fn round(&mut self) -> Result<()> {
        let at = self.begin.elapsed();
        let mut rows = Vec::new();
        let ticks = self.pool.tick();
        let mut names = std::mem::take(&mut self.names).into_iter();
        for tick in ticks {
            let name = names.next().unwrap_or_default();
            match tick {
                Ok(tick) => {
                    rows.extend(thread_rows(&name, at, &tick));
                    self.tell(tick.refused);
                    self.names.push(name);
                }
                Err(monitor::Error::Target(target::Error::Gone(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.groups(&mut rows, at)?;
        self.sinks.iter_mut().try_for_each(|sink| sink.round(&rows))
    }

    /// A group whose accounts cannot be read any more has ended.
    fn groups(&mut self, rows: &mut Vec<Row>, at: Duration) -> Result<()> {
        let mut going_on = Vec::new();
        for mut group in std::mem::take(&mut self.groups) {
            match group.monitor.tick() {
                Ok(report) => {
                    rows.push(group_row(&group.name, at, &report));
                    if let Some(refused) = &report.refused {
                        let text = chain(refused);
                        self.sinks.iter_mut().for_each(|sink| sink.refused(&text));
                    }
                    going_on.push(group);
                }
                Err(monitor::GroupError::Account(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.groups = going_on;
        Ok(())
    }

    /// Each refusal once for each thread.
    fn tell(&mut self, refused: Vec<sched::Error>) {
        for error in refused.into_iter().filter(|error| error.rule != sched::Rule::Gone) {
            if self.told.insert((error.tid, error.rule.to_string())) {
                let text = chain(&error);
                self.sinks.iter_mut().for_each(|sink| sink.refused(&text));
            }
        }
    }
}

fn thread_rows(name: &str, at: Duration, tick: &Tick) -> Vec<Row> {
    let row = |task: &monitor::TaskReport| Row {
        at,
        target: name.to_owned(),
        tid: Some(task.tid),
        sample: task.sample,
        executed: task.executed,
        budget: task.budget,
        saturated: task.saturated,
        outcome: task.outcome,
    };
    tick.tasks.iter().map(row).collect()
}

fn group_row(name: &str, at: Duration, report: &GroupReport) -> Row {
    Row {
        at,
        target: name.to_owned(),
        tid: None,
        sample: report.sample,
        executed: report.executed,
        budget: report.budget,
        saturated: report.saturated,
        outcome: report.outcome,
    }
}
