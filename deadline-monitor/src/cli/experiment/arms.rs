//! One run of the experiment: both tasks under one policy, on the kernel or in the simulator.

use std::env;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use deadline_monitor::budget::{PolicyConfig, PolicyKind, ReservationParams};
use deadline_monitor::simulate::{Load, Scenario, simulate};
use deadline_monitor::target::Target;
use deadline_monitor::trace::{Job, Setting, Trace};
use nix::time::ClockId;

use super::super::Result;
use super::super::options::machine;
use super::super::rounds::{LinuxMonitor, monitor};
use super::load::{now, sleep_until};
use super::{PERIOD, WORKS};
use deadline_monitor::monitor::Options;
use deadline_monitor::sched::LinuxScheduler;

/// Time for both tasks to start on a busy machine before their first job.
const HEADSTART: Duration = Duration::from_millis(500);

/// How the tasks are scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The source document's policy.
    Seed,
    /// The default policy.
    Default,
    /// The first budget, for ever.
    Fixed,
    /// No reservation.
    Other,
}

impl Kind {
    /// Its name in tables and plots.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Seed => "seed",
            Kind::Default => "saturation (default)",
            Kind::Fixed => "fixed budget",
            Kind::Other => "SCHED_OTHER",
        }
    }

    fn config(self) -> Option<PolicyConfig> {
        match self {
            Kind::Seed => Some(PolicyConfig::new(PolicyKind::Seed)),
            Kind::Default => Some(PolicyConfig::new(PolicyKind::Saturation)),
            Kind::Fixed => Some(PolicyConfig::new(PolicyKind::Static)),
            Kind::Other => None,
        }
    }
}

/// Where the experiment runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On this machine.
    Kernel,
    /// On the model.
    Simulator,
}

/// One run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arm {
    pub(crate) kind: Kind,
    pub(crate) initial: Duration,
}

/// What a run gave: a trace for each task.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) arm: Arm,
    pub(crate) traces: Vec<Trace>,
    /// CPU time of the monitor, where it was measured.
    pub(crate) monitor: Option<Duration>,
}

/// Runs one arm.
pub(crate) fn run(arm: &Arm, place: Place, length: Duration) -> Result<Ran> {
    match place {
        Place::Kernel => on_kernel(arm, length),
        Place::Simulator => simulated(arm, length),
    }
}

fn simulated(arm: &Arm, length: Duration) -> Result<Ran> {
    let initial = ReservationParams::new(arm.initial, PERIOD)?;
    let config = arm.kind.config().ok_or("The simulator has no model of SCHED_OTHER")?;
    let of = |work| -> Result<Trace> {
        let scenario = Scenario::usual(&config, initial, Load::Constant(work), length);
        Ok(simulate(&scenario, &mut *config.build(initial)?))
    };
    let traces = WORKS.into_iter().map(of).collect::<Result<_>>()?;
    Ok(Ran { arm: *arm, traces, monitor: None })
}

/// A task that is killed if its run fails.
#[derive(Debug)]
struct Task(Option<Child>);

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn on_kernel(arm: &Arm, length: Duration) -> Result<Ran> {
    let start = now(ClockId::CLOCK_MONOTONIC)? + HEADSTART;
    let mut tasks = WORKS.map(|work| start_task(start, length, work));
    let mut traces: Vec<_> =
        WORKS.map(|_| Trace { period: PERIOD, length, ..Trace::default() }).into_iter().collect();
    let before = now(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    if let Some(config) = arm.kind.config() {
        let ids: Vec<_> = tasks.iter().flatten().filter_map(|task| Some(task.0.as_ref()?.id())).collect();
        watch(&config, arm, &ids, start, &mut traces)?;
    }
    let monitor = now(ClockId::CLOCK_THREAD_CPUTIME_ID)?.saturating_sub(before);
    for (task, trace) in tasks.iter_mut().zip(&mut traces) {
        let task = task.as_mut().map_err(|error| format!("Cannot start a task: {error}"))?;
        collect(task, trace)?;
    }
    Ok(Ran { arm: *arm, traces, monitor: arm.kind.config().map(|_| monitor) })
}

fn start_task(start: Duration, length: Duration, work: Duration) -> std::io::Result<Task> {
    let ns = |time: Duration| time.as_nanos().to_string();
    let mut command = Command::new(env::current_exe()?);
    command.args(["load", "--start-ns", &ns(start), "--end-ns", &ns(start + length)]);
    command.args(["--period-ns", &ns(PERIOD), "--work-ns", &ns(work)]);
    Ok(Task(Some(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?)))
}

/// Ticks from half a period before the first release, so that each sample holds whole jobs, until the tasks stop.
fn watch(config: &PolicyConfig, arm: &Arm, ids: &[u32], start: Duration, traces: &mut [Trace]) -> Result<()> {
    let initial = ReservationParams::new(arm.initial, PERIOD)?;
    let options = || Options {
        config: config.clone(),
        initial,
        capacity: machine().capacity(),
        procfs: "/proc".into(),
    };
    let monitors = ids.iter().map(|id| monitor(Target::Process(*id), options()));
    let mut monitors = monitors.collect::<Result<Vec<_>>>()?;
    // Without priority the samples only come less regularly.
    let _ = LinuxScheduler.prioritise_this_thread();
    let length = traces.first().map(|trace| trace.length).unwrap_or_default();
    let mut next = start.saturating_sub(PERIOD / 2);
    while next < start + length - PERIOD / 2 {
        sleep_until(next)?;
        for (monitor, trace) in monitors.iter_mut().zip(traces.iter_mut()) {
            tick(monitor, trace, start, initial.runtime())?;
        }
        next += config.sampling(PERIOD);
    }
    sleep_until(start + length - PERIOD / 2)
}

/// One tick; the trace gets the budget if it is new.
fn tick(monitor: &mut LinuxMonitor, trace: &mut Trace, start: Duration, initial: Duration) -> Result<()> {
    let tick = monitor.tick()?;
    if let Some(error) = tick.refused.into_iter().find(|error| !error.is_temporary()) {
        return Err(error.into());
    }
    let budget = tick.tasks.first().map_or(initial, |task| task.budget);
    if trace.settings.last().is_none_or(|last| last.runtime != budget) {
        let at = now(ClockId::CLOCK_MONOTONIC)?.saturating_sub(start);
        trace.settings.push(Setting { at, runtime: budget });
    }
    Ok(())
}

/// Waits for a task and reads what it says.
fn collect(task: &mut Task, trace: &mut Trace) -> Result<()> {
    let child = task.0.take().ok_or("The task was collected already")?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("A task of the experiment ended with {}", output.status).into());
    }
    for line in String::from_utf8(output.stdout)?.lines() {
        match *line.split(' ').collect::<Vec<_>>() {
            ["job", release, response] => {
                let (release, response) = (nanos(release)?, nanos(response)?);
                trace.jobs.push(Job { release, response });
            }
            ["overdue", count] => trace.overdue = count.parse()?,
            ["executed", time] => trace.executed = nanos(time)?,
            _ => return Err(format!("A task of the experiment says: {line}").into()),
        }
    }
    Ok(())
}

fn nanos(text: &str) -> Result<Duration> {
    Ok(Duration::from_nanos(text.parse()?))
}
