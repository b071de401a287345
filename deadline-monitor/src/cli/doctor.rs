//! `doctor`: what this machine allows, and what to do where it does not.

use std::fs;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anstream::println;
use deadline_monitor::account;
use deadline_monitor::budget::{Bandwidth, ReservationParams};
use deadline_monitor::machine::{Machine, total_bandwidth};
use deadline_monitor::sched::{DeadlineScheduler, LinuxScheduler, Tid};

use super::options::machine;
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

/// Runs all checks; the exit code tells whether reservations work.
pub(crate) fn run() -> Result<ExitCode> {
    let machine = machine();
    let checks: [(&str, Finding); 7] = [
        ("kernel", kernel()),
        ("reservation", reservation()),
        ("CPU time", cpu_time()),
        ("limits", limits(&machine)),
        ("priority", priority()),
        ("open files", open_files()),
        ("bandwidth", bandwidth(&machine, &list::reserved()?)),
    ];
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
        println!("{mark:<5} {name:<12} {text}");
    }
    Ok(if works { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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

fn probe(tid: Tid) -> std::result::Result<(), deadline_monitor::sched::Error> {
    let Ok(params) = ReservationParams::new(Duration::from_millis(1), Duration::from_millis(100)) else {
        return Ok(());
    };
    let before = LinuxScheduler.attributes(tid)?;
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
    let lost = total.saturating_sub(machine.fair_servers()).saturating_sub(sum);
    if lost > ROUNDING {
        Finding::Bad(format!("{given}, and {lost} more are lost: {REPAIR}"))
    } else {
        Finding::Good(format!("{given}; none is lost"))
    }
}

/// A tenth of a percent of a CPU: sums of rounded shares, and reservations that changed while they were added up.
const ROUNDING: Bandwidth = Bandwidth::from_units(1 << 10);
const REPAIR: &str = "a task left SCHED_DEADLINE while it slept, and the kernel kept its bandwidth. A reboot gives it back, and \
     so does rebuilding the scheduling domains (cgroup v1: write 0 and then 1 to the root cpuset's sched_load_balance)";
