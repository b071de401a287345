//! From targets to monitors: source of CPU time, actuator, guard.

use std::time::Duration;

use clap::{Args, ValueEnum};
use deadline_monitor::account::{CpuAccounting, GroupCpu, PerfClock, SchedStat};
use deadline_monitor::actuator::{self, GroupActuator, Hcbs, Quota};
use deadline_monitor::cgroup::{Group, Hierarchies};
use deadline_monitor::monitor::{GroupMonitor, Member, Monitor, MonotonicClock, Options};
use deadline_monitor::sched::{Claiming, Guarded, LinuxScheduler, Rule};
use deadline_monitor::target::Target;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::guard::{Guard, Pipe};
use super::options::{PolicyArgs, machine};
use super::rounds::{GuardedMonitor, NamedGroup, Parts};
use super::targets::Named;
use super::{Result, chain};

/// How CPU time is read and budgets are enforced.
#[derive(Debug, Args)]
pub(crate) struct MeansArgs {
    /// Who tells CPU time.
    #[arg(long, value_enum, default_value_t = SourceArg::Schedstat)]
    source: SourceArg,
    /// How budgets of control groups are enforced: threads, quota or hcbs; the best that works unless given.
    #[arg(long, value_name = "ACTUATOR")]
    actuator: Option<actuator::Kind>,
}

/// Sources of CPU time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SourceArg {
    /// Files of procfs that are kept open.
    Schedstat,
    /// Performance events: exact, for few threads; saturation is guessed from the use.
    Perf,
    /// One BPF program reads all threads: for thousands of them.
    #[cfg(feature = "bpf")]
    Bpf,
}

impl SourceArg {
    pub(crate) fn open(self) -> Result<Box<dyn CpuAccounting>> {
        Ok(match self {
            SourceArg::Schedstat => Box::new(SchedStat::default()),
            SourceArg::Perf => {
                PerfClock::probe()
                    .map_err(|error| format!("No performance events: {error}; see `doctor`"))?;
                Box::new(PerfClock::default())
            }
            #[cfg(feature = "bpf")]
            SourceArg::Bpf => Box::new(deadline_monitor::account::bpf::Sweep::new()?),
        })
    }
}

/// Whether budgets are set or only found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Control,
    Observe,
}

/// Monitors for all targets. In control mode each target has its first reservation when this returns.
pub(crate) fn parts(
    targets: Vec<Named>,
    policy: &PolicyArgs,
    means: &MeansArgs,
    mode: Mode,
) -> Result<Parts> {
    allow_many_files();
    let guard = (mode == Mode::Control).then(Guard::start).transpose()?;
    let mut parts = Parts { guard, ..Parts::default() };
    for named in targets {
        add(&mut parts, named, policy, means, mode)?;
    }
    Ok(parts)
}

/// A monitor for a program that was just started: it may have ended already, and what it is refused is told in the
/// rounds.
pub(crate) fn parts_of_child(
    named: Named,
    policy: &PolicyArgs,
    means: &MeansArgs,
    mode: Mode,
) -> Result<Parts> {
    allow_many_files();
    let guard = (mode == Mode::Control).then(Guard::start).transpose()?;
    let pipe = guard.as_ref().map_or_else(Pipe::nowhere, Guard::pipe);
    let monitor = unticked(&named, policy, means, mode, pipe)?;
    let members = vec![Member { monitor, weight: named.weight }];
    Ok(Parts { members, names: vec![named.name], guard, ..Parts::default() })
}

fn add(parts: &mut Parts, named: Named, policy: &PolicyArgs, means: &MeansArgs, mode: Mode) -> Result<()> {
    let hierarchies = Hierarchies::read("/proc".as_ref());
    let is_group = matches!(named.target, Target::Cgroup(_));
    let whole = |kind| matches!(kind, actuator::Kind::Quota | actuator::Kind::Hcbs);
    if let (true, Some(kind)) = (is_group, means.actuator.filter(|kind| whole(*kind))) {
        parts.groups.push(group(named, policy, kind, mode, &hierarchies)?);
        return Ok(());
    }
    let pipe = parts.guard.as_ref().map_or_else(Pipe::nowhere, Guard::pipe);
    match threads(&named, policy, means, mode, pipe)? {
        Ok(monitor) => {
            parts.members.push(Member { monitor, weight: named.weight });
            parts.names.push(named.name);
        }
        Err(obstacle) => {
            let choice = actuator::choose(&named.target, &hierarchies, Some(obstacle.clone()));
            let kind = choice.kind.filter(|_| means.actuator.is_none());
            let Some(kind) = kind else {
                let all = if is_group { format!(" ({choice})") } else { String::new() };
                return Err(format!("{obstacle}{all}").into());
            };
            anstream::eprintln!(
                "deadline-monitor: {}: {kind} instead of reservations ({choice})",
                named.name
            );
            parts.groups.push(group(named, policy, kind, mode, &hierarchies)?);
        }
    }
    Ok(())
}

/// A monitor of the target's threads after its first round, or why none of them can be reserved.
fn threads(
    named: &Named,
    policy: &PolicyArgs,
    means: &MeansArgs,
    mode: Mode,
    pipe: Pipe,
) -> Result<std::result::Result<GuardedMonitor, String>> {
    let mut monitor = unticked(named, policy, means, mode, pipe)?;
    let first = monitor.tick()?;
    if monitor.reserved() > 0 {
        return Ok(Ok(monitor));
    }
    let refused = first.refused.into_iter().next();
    // Another way to bound what another monitor has would not be better.
    if let Some(error) = refused.as_ref().filter(|error| matches!(error.rule, Rule::Monitored(_))) {
        return Err(chain(error).into());
    }
    Ok(Err(refused
        .map_or_else(|| format!("No thread to be found: {} is empty", named.name), |error| chain(&error))))
}

fn unticked(
    named: &Named,
    policy: &PolicyArgs,
    means: &MeansArgs,
    mode: Mode,
    pipe: Pipe,
) -> Result<GuardedMonitor> {
    let options: Options = policy.monitor()?;
    let scheduler = Claiming::new(Guarded::new(LinuxScheduler, pipe));
    let clock = MonotonicClock::default();
    let monitor = Monitor::new(named.target.clone(), options, scheduler, means.source.open()?, clock)?;
    Ok(if mode == Mode::Observe { monitor.observing() } else { monitor })
}

fn group(
    named: Named,
    policy: &PolicyArgs,
    kind: actuator::Kind,
    mode: Mode,
    hierarchies: &Hierarchies,
) -> Result<NamedGroup> {
    let Target::Cgroup(path) = &named.target else {
        return Err(format!("A {kind} is for control groups; {} is none", named.name).into());
    };
    let group = hierarchies.group(path);
    let (initial, cpus) = (policy.initial()?, u32::try_from(machine().cpus).unwrap_or(u32::MAX));
    let actuator = match mode {
        Mode::Observe => None,
        Mode::Control => Some(actuator(&group, kind, initial.period())?),
    };
    let first = (initial.runtime(), initial.period(), cpus);
    let account = GroupCpu::open(&group)?;
    let monitor = GroupMonitor::new(&policy.config(), first, account, actuator, MonotonicClock::default())?;
    Ok(NamedGroup { name: named.name, monitor })
}

fn actuator(group: &Group, kind: actuator::Kind, period: Duration) -> Result<Box<dyn GroupActuator>> {
    Ok(match kind {
        actuator::Kind::Hcbs => Box::new(Hcbs::open(group, period)?),
        actuator::Kind::Quota | actuator::Kind::Threads => Box::new(Quota::open(group, period)?),
    })
}

/// A file is kept for each thread: as many as this user may have at all.
fn allow_many_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // Where it is refused threads are read by opening their files each time.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
