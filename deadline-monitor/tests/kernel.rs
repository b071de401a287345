//! On the real kernel: reservations are given, changed and given back, and no bandwidth is left behind.
//!
//! The kernel's accounts are one for the whole machine, so these tests run one after another.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use deadline_monitor::account::{CpuAccounting, SchedStat};
use deadline_monitor::budget::PolicyConfig;
use deadline_monitor::budget::PolicyKind;
use deadline_monitor::machine::Machine;
use deadline_monitor::monitor::{Monitor, MonotonicClock, Options};
use deadline_monitor::sched::{DeadlineScheduler, LinuxScheduler, Rule, SchedPolicy};
use deadline_monitor::target::Target;

mod common;
use common::{Account, PERIOD, Program, Turn, eventually, ms, params};

fn turn(name: &str) -> Option<Turn> {
    Turn::take_if_allowed(name)
}

#[test]
fn a_reservation_is_given_changed_and_given_back() {
    let Some(_turn) = turn("a_reservation_is_given_changed_and_given_back") else { return };
    let program = Program::sleeping();
    let before = LinuxScheduler.attributes(program.tid()).unwrap();
    for runtime in [ms(10), ms(30), ms(5)] {
        LinuxScheduler.reserve(program.tid(), &params(runtime), true).unwrap();
        let attr = LinuxScheduler.attributes(program.tid()).unwrap();
        assert_eq!(attr.scheduling(), SchedPolicy::Deadline);
        assert_eq!(Duration::from_nanos(attr.runtime_ns), runtime);
    }
    LinuxScheduler.release(program.tid(), &before).unwrap();
    let after = LinuxScheduler.attributes(program.tid()).unwrap();
    assert_eq!(after.restorable(), before.restorable());
}

#[test]
fn a_spinning_task_gets_its_budget_and_no_more() {
    let Some(_turn) = turn("a_spinning_task_gets_its_budget_and_no_more") else { return };
    let (program, mut accounting) = (Program::spinning(), SchedStat::default());
    let before = LinuxScheduler.attributes(program.tid()).unwrap();
    LinuxScheduler.reserve(program.tid(), &params(ms(20)), false).unwrap();
    thread::sleep(ms(300));
    let (first, begin) = (accounting.cpu_time(program.tid()).unwrap(), Instant::now());
    thread::sleep(ms(2_000));
    let (last, length) = (accounting.cpu_time(program.tid()).unwrap(), begin.elapsed());
    LinuxScheduler.release(program.tid(), &before).unwrap();
    let percent = (last.executed - first.executed).as_nanos() * 100 / length.as_nanos();
    assert!((16..=24).contains(&percent), "{percent} % instead of 20 %");
    let waited = (last.waited.unwrap() - first.waited.unwrap()).as_nanos() * 100 / length.as_nanos();
    assert!(waited > 60, "throttling shows as waiting, but only {waited} % of the time");
}

/// Without the two steps each of these leaves a tenth of a CPU behind, and the eighteenth is refused.
#[test]
fn release_leaves_no_bandwidth_behind() {
    let Some(_turn) = turn("release_leaves_no_bandwidth_behind") else { return };
    let Some(account) = Account::open() else {
        return println!("SKIPPED: release_leaves_no_bandwidth_behind: debugfs cannot be mounted here");
    };
    let begin = account.total();
    for program in [Program::sleeping(), Program::spinning()] {
        let before = LinuxScheduler.attributes(program.tid()).unwrap();
        for cycle in 0..500 {
            LinuxScheduler.reserve(program.tid(), &params(ms(10)), false).unwrap();
            if cycle % 100 == 99 {
                thread::sleep(ms(50)); // The spinning one is throttled by then.
            }
            LinuxScheduler.release(program.tid(), &before).unwrap();
        }
    }
    eventually("the account going back to its beginning", || account.total() == begin);
}

#[test]
fn refusals_of_the_kernel_name_their_rule() {
    let Some(_turn) = turn("refusals_of_the_kernel_name_their_rule") else { return };
    let cpus = u64::try_from(thread::available_parallelism().unwrap().get()).unwrap();
    let programs: Vec<_> = (0..2 * cpus).map(|_| Program::sleeping()).collect();
    let before = LinuxScheduler.attributes(programs[0].tid()).unwrap();
    // Twice as many tasks as CPUs, three quarters of a CPU each.
    let refused: Vec<_> = programs
        .iter()
        .filter_map(|program| LinuxScheduler.reserve(program.tid(), &params(ms(75)), false).err())
        .collect();
    for program in &programs {
        LinuxScheduler.release(program.tid(), &before).unwrap();
    }
    assert!(
        !refused.is_empty() && refused.iter().all(|error| error.rule == Rule::NoBandwidth),
        "{refused:?}"
    );
    if cpus > 1 {
        let pinned = Program::shell("exec taskset -c 0 sleep 1000");
        eventually("the affinity", || {
            let status = fs::read_to_string(format!("/proc/{}/status", pinned.tid())).unwrap();
            status.lines().any(|line| line.starts_with("Cpus_allowed_list:") && line.ends_with("\t0"))
        });
        let error = LinuxScheduler.reserve(pinned.tid(), &params(ms(10)), false).unwrap_err();
        assert_eq!(error.rule, Rule::Pinned);
    }
    let gone = programs[0].tid();
    drop(programs);
    assert_eq!(LinuxScheduler.reserve(gone, &params(ms(10)), false).unwrap_err().rule, Rule::Gone);
}

fn monitored(target: Target, kind: PolicyKind) -> Monitor<LinuxScheduler, SchedStat, MonotonicClock> {
    let cpus = u64::try_from(thread::available_parallelism().unwrap().get()).unwrap();
    let capacity = Machine::read("/proc".as_ref(), cpus).capacity();
    let (config, initial) = (PolicyConfig::new(kind), params(ms(2)));
    let options = Options { config, initial, capacity, procfs: "/proc".into() };
    Monitor::new(target, options, LinuxScheduler, SchedStat::default(), MonotonicClock::default()).unwrap()
}

#[test]
fn the_monitor_finds_the_budget_of_a_busy_task_and_lets_it_go() {
    let Some(_turn) = turn("the_monitor_finds_the_budget_of_a_busy_task_and_lets_it_go") else { return };
    let program = Program::spinning();
    let mut monitor = monitored(Target::Process(program.0.id()), PolicyKind::Saturation);
    let mut budget = Duration::ZERO;
    for _ in 0..20 {
        let tick = monitor.tick().unwrap();
        assert!(tick.refused.is_empty(), "{:?}", tick.refused);
        budget = tick.tasks.first().map_or(budget, |task| task.budget);
        thread::sleep(PERIOD);
    }
    assert_eq!(budget, ms(80), "a task that wants all gets the cap");
    drop(monitor);
    assert_eq!(LinuxScheduler.attributes(program.tid()).unwrap().scheduling(), SchedPolicy::Other);
}

#[test]
fn a_task_that_forks_under_its_reservation_is_not_refused() {
    let Some(_turn) = turn("a_task_that_forks_under_its_reservation_is_not_refused") else { return };
    let mut program = Program::shell("sleep 0.5; sleep 0.01 && sleep 0.01");
    let before = LinuxScheduler.attributes(program.tid()).unwrap();
    LinuxScheduler.reserve(program.tid(), &params(ms(20)), false).unwrap();
    let status = program.0.wait().unwrap();
    assert!(status.success(), "{status}, before {before:?}");
}

/// What it overran before is paid back out of the new budgets: they must not shrink meanwhile.
#[test]
fn a_busy_task_that_is_monitored_again_and_again_is_not_starved() {
    let Some(_turn) = turn("a_busy_task_that_is_monitored_again_and_again_is_not_starved") else { return };
    let (program, mut accounting) = (Program::spinning(), SchedStat::default());
    for round in 0..4 {
        let mut monitor = monitored(Target::Process(program.0.id()), PolicyKind::Saturation);
        let before = accounting.cpu_time(program.tid()).unwrap().executed;
        for _ in 0..15 {
            monitor.tick().unwrap();
            thread::sleep(PERIOD);
        }
        let used = accounting.cpu_time(program.tid()).unwrap().executed - before;
        assert!(used > ms(500), "round {round}: {used:?} of 1.5 s");
    }
}
