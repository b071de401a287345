//! `doctor`: what this machine allows, and what to do where it does not.

use std::fs;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anstream::println;
use clap::Args;
use deadline_monitor::account::{self, PerfClock};
use deadline_monitor::actuator;
use deadline_monitor::budget::{Bandwidth, ReservationParams};
use deadline_monitor::cgroup::Hierarchies;
use deadline_monitor::machine::{Account, Machine, total_bandwidth};
use deadline_monitor::sched::{DeadlineScheduler, LinuxScheduler, Rule, Tid};
use deadline_monitor::target::Target;

use super::options::machine;
use super::targets::{Named, TargetArgs};
use super::{Result, chain, list};

/// What a check found.
enum Finding {
    /// As it should be.
    Good(String),
    /// It works, but.
    Notice(String),
    /// It does not work; what to do is in the text.
    Bad(String),
}

/// What `doctor` takes.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Check these targets too: whether they can be reserved, and if not, why.
    #[command(flatten)]
    targets: TargetArgs,
}

/// Runs all checks; the exit code tells whether reservations work.
pub(crate) fn run(args: &DoctorArgs) -> Result<ExitCode> {
    let (machine, hierarchies) = (machine(), Hierarchies::read("/proc".as_ref()));
    let mut checks: Vec<(String, Finding)> = [
        ("kernel", kernel()),
        ("reservation", reservation()),
        ("CPU time", cpu_time()),
        ("perf clock", perf_clock()),
        ("BPF sweep", bpf_sweep()),
        ("budget left", dynamic()),
        ("limits", limits(&machine)),
        ("priority", priority()),
        ("open files", open_files()),
        ("cpusets", cpusets(&hierarchies)),
        ("quotas", quotas(&hierarchies)),
        ("group budgets", group_budgets(&hierarchies)),
        ("bandwidth", bandwidth(&machine, &list::reserved()?)),
    ]
    .map(|(name, finding)| (name.to_owned(), finding))
    .into();
    checks.extend(args.targets.find()?.into_iter().map(|named| target(named, &hierarchies)));
    let mut works = true;
    for (name, finding) in checks {
        let (mark, text) = match finding {
            Finding::Good(text) => ("ok", text),
            Finding::Notice(text) => ("note", text),
            Finding::Bad(text) => {
                works = false;
                ("BAD", text)
            }
        };
        println!("{mark:<5} {name:<13} {text}");
    }
    Ok(if works { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The target's threads are tried one after another: each gets a reservation of next to nothing and gives it back.
fn target(named: Named, hierarchies: &Hierarchies) -> (String, Finding) {
    let tids = match named.target.threads("/proc".as_ref()) {
        Ok(tids) => tids,
        Err(error) => return (named.name, Finding::Bad(chain(&error))),
    };
    let refusals: Vec<_> =
        tids.iter().filter_map(|tid| probe(*tid).err()).filter(|error| error.rule != Rule::Gone).collect();
    let obstacle = refusals
        .first()
        .map(|error| format!("{} of {} threads are refused; {}", refusals.len(), tids.len(), chain(error)));
    let is_group = matches!(named.target, Target::Cgroup(_));
    let finding = match (obstacle, is_group) {
        (None, false) if tids.is_empty() => Finding::Bad("it has no threads".to_owned()),
        (None, false) => Finding::Good(format!("{} threads can be reserved", tids.len())),
        (Some(obstacle), false) => Finding::Bad(obstacle),
        (obstacle, true) => {
            let choice = actuator::choose(&named.target, hierarchies, obstacle);
            match choice.kind {
                Some(kind) => Finding::Good(format!("{} threads, takes {kind} ({choice})", tids.len())),
                None => Finding::Bad(choice.to_string()),
            }
        }
    };
    (named.name, finding)
}

fn kernel() -> Finding {
    match fs::read_to_string("/proc/sys/kernel/osrelease") {
        Ok(release) => Finding::Good(format!("Linux {}", release.trim())),
        Err(error) => {
            Finding::Bad(format!("/proc/sys/kernel/osrelease cannot be read ({error}); is /proc mounted?"))
        }
    }
}

/// Why this process cannot give a reservation: tried on a program of our own that sleeps.
pub(crate) fn refusal() -> Option<String> {
    let sleep = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn();
    let mut sleep = match sleep {
        Ok(child) => child,
        Err(error) => return Some(format!("Cannot run sleep to try a reservation on: {error}")),
    };
    let tried = probe(Tid(sleep.id()));
    // It has not ended by itself, so it can be killed and waited for.
    let _ = sleep.kill();
    let _ = sleep.wait();
    tried.err().map(|error| chain(&error))
}

/// Gives a thread a small reservation and takes it back; one that has a reservation is left alone.
fn probe(tid: Tid) -> std::result::Result<(), deadline_monitor::sched::Error> {
    let Ok(params) = ReservationParams::new(Duration::from_millis(1), Duration::from_millis(100)) else {
        return Ok(());
    };
    let before = LinuxScheduler.attributes(tid)?;
    if before.is_deadline() {
        return Ok(());
    }
    LinuxScheduler.reserve(tid, &params, true)?;
    LinuxScheduler.release(tid, &before)
}

fn reservation() -> Finding {
    match refusal() {
        None => Finding::Good("given, and given back".to_owned()),
        Some(reason) => Finding::Bad(reason),
    }
}

fn cpu_time() -> Finding {
    if account::is_available("/proc".as_ref()) {
        Finding::Good("/proc/TID/schedstat tells CPU time and throttling".to_owned())
    } else {
        Finding::Bad(
            "No /proc/TID/schedstat: the kernel needs CONFIG_SCHED_INFO (any of SCHEDSTATS, TASK_DELAY_ACCT)"
                .to_owned(),
        )
    }
}

fn perf_clock() -> Finding {
    match PerfClock::probe() {
        Ok(()) => Finding::Good("exact CPU time of few threads: --source perf".to_owned()),
        Err(error) => Finding::Notice(format!(
            "no performance events ({error}): CAP_PERFMON, or sysctl -w kernel.perf_event_paranoid=1; not needed"
        )),
    }
}

#[cfg(feature = "bpf")]
fn bpf_sweep() -> Finding {
    match account::bpf::Sweep::new() {
        Ok(_) => Finding::Good("CPU time of thousands of threads in one go: --source bpf".to_owned()),
        Err(error) => Finding::Notice(format!("{}; not needed", chain(&error))),
    }
}

#[cfg(not(feature = "bpf"))]
fn bpf_sweep() -> Finding {
    Finding::Notice("this program was built without it (cargo feature bpf); not needed".to_owned())
}

/// Whether the kernel tells what is left of a budget: newer ones do, if asked about any task under SCHED_DEADLINE.
fn dynamic() -> Finding {
    match LinuxScheduler.remaining(Tid(0)) {
        Ok(_) => Finding::Good("the kernel tells what is left of a budget (DL_DYNAMIC)".to_owned()),
        Err(error) if error.rule == Rule::Invalid => Finding::Notice(
            "the kernel does not tell what is left of a budget (no DL_DYNAMIC, newer than 6.18); not needed"
                .to_owned(),
        ),
        Err(error) => Finding::Notice(chain(&error)),
    }
}

/// Cpusets with processes that leave CPUs out: those get no reservation.
fn cpusets(hierarchies: &Hierarchies) -> Finding {
    let online = deadline_monitor::machine::online_cpus();
    let narrow = |directory: &std::path::Path| {
        let names = ["cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"];
        let cpus = names.iter().find_map(|name| fs::read_to_string(directory.join(name)).ok());
        let cpus = cpus.map(|cpus| deadline_monitor::machine::cpus(cpus.trim())).unwrap_or_default();
        !cpus.is_empty() && online.iter().any(|cpu| !cpus.contains(cpu))
    };
    let mut found = Vec::new();
    let mounts = hierarchies.controller("cpuset").into_iter().chain(hierarchies.unified());
    for mount in mounts {
        deadline_monitor::cgroup::walk(mount, &mut |directory| {
            if narrow(directory) && deadline_monitor::cgroup::has_processes(directory) {
                found.push(directory.display().to_string());
            }
        });
    }
    match found.len() {
        0 => Finding::Good("none with processes leaves CPUs out".to_owned()),
        count => Finding::Notice(format!(
            "{count} leave CPUs out, their processes get no reservation unless the set is a partition \
             (cpuset.cpus.partition=root): {}",
            found.iter().take(3).cloned().collect::<Vec<_>>().join(", ")
        )),
    }
}

fn quotas(hierarchies: &Hierarchies) -> Finding {
    let controllers = hierarchies.unified().map(|mount| fs::read_to_string(mount.join("cgroup.controllers")));
    let has_v2 = controllers
        .is_some_and(|text| text.is_ok_and(|text| text.split_whitespace().any(|one| one == "cpu")));
    match (has_v2, hierarchies.controller("cpu")) {
        (true, _) => Finding::Good("cpu.max of control groups, version 2".to_owned()),
        (false, Some(mount)) => {
            Finding::Good(format!("cpu.cfs_quota_us of control groups, version 1 at {}", mount.display()))
        }
        (false, None) => Finding::Notice(
            "no cpu controller of control groups is mounted; not needed for reservations".to_owned(),
        ),
    }
}

fn group_budgets(hierarchies: &Hierarchies) -> Finding {
    let mut found = false;
    if let Some(mount) = hierarchies.unified() {
        deadline_monitor::cgroup::walk(mount, &mut |directory| {
            found |= directory.join("cpu.rt.max").is_file()
        });
    }
    if found {
        Finding::Good("cpu.rt.max: this kernel reserves for whole groups".to_owned())
    } else {
        Finding::Notice("this kernel has no reservations of whole groups (HCBS is not in mainline); each thread gets its own".to_owned())
    }
}

fn limits(machine: &Machine) -> Finding {
    let (least, most) = (machine.limits.period_min, machine.limits.period_max);
    let capacity = format!(
        "{} CPUs, {} for reservations, period {least:?} to {most:?}",
        machine.cpus,
        machine.capacity()
    );
    match machine.share {
        Some(share) if share == Bandwidth::default() => Finding::Bad(
            "sched_rt_runtime_us is 0: nothing for reservations; sysctl -w kernel.sched_rt_runtime_us=950000"
                .to_owned(),
        ),
        Some(_) => Finding::Good(capacity),
        None => Finding::Notice(format!(
            "{capacity}; sched_rt_runtime_us is -1: reservations may starve all else"
        )),
    }
}

/// Tried in a thread of its own, which ends with it.
fn priority() -> Finding {
    match std::thread::spawn(|| LinuxScheduler.prioritise_this_thread()).join() {
        Ok(Ok(())) => Finding::Good("the monitor may run under SCHED_FIFO".to_owned()),
        Ok(Err(error)) => Finding::Notice(format!(
            "SCHED_FIFO is refused ({}), in a cgroup v1 often for lack of cpu.rt_runtime_us: samples may come late",
            error.source
        )),
        Err(_) => Finding::Notice("SCHED_FIFO could not be tried".to_owned()),
    }
}

fn open_files() -> Finding {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    match line.and_then(|line| line.split_ascii_whitespace().next()).map(str::to_owned) {
        Some(soft) => Finding::Good(format!("{soft}: one is kept for each thread")),
        None => Finding::Notice("/proc/self/limits does not tell the limit".to_owned()),
    }
}

fn bandwidth(machine: &Machine, reserved: &[list::Reserved]) -> Finding {
    let sum = reserved.iter().fold(Bandwidth::default(), |sum, one| sum.saturating_add(one.bandwidth()));
    let given = format!("{} threads have {sum} in all", reserved.len());
    let Ok(text) = fs::read_to_string("/sys/kernel/debug/sched/debug") else {
        return Finding::Notice(format!(
            "{given}; whether some is lost cannot be seen without debugfs (mount -t debugfs none /sys/kernel/debug)"
        ));
    };
    let Some(total) = total_bandwidth(&text) else {
        return Finding::Notice(format!("{given}; the kernel does not tell its own account"));
    };
    match machine.account(total, sum) {
        Account::Even => Finding::Good(format!("{given}; none is lost")),
        Account::Forgotten(gone) => {
            Finding::Notice(format!("{given}, of which the kernel has forgotten {gone}: {FORGOTTEN}"))
        }
        Account::Lost(lost) => Finding::Bad(format!("{given}, and {lost} more are lost: {REPAIR}")),
    }
}

const FORGOTTEN: &str = "it rebuilt its accounts when a cpuset changed, and admits too much until these reservations end; \
     what they hold is still given";
const REPAIR: &str = "a task left SCHED_DEADLINE while it slept, and the kernel kept its bandwidth. A reboot gives it back, and \
     so does rebuilding the scheduling domains (cgroup v1: write 0 and then 1 to the root cpuset's sched_load_balance)";
