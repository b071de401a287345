//! What cannot be done is refused by the rule that it breaks, and nothing is lost by it.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;

use deadline_monitor::sched::{DeadlineScheduler, LinuxScheduler, SchedAttr, Tid};

mod common;
use common::{Balance, Program, Turn, eventually, is_reserved, monitor, ms, params, stderr};

#[test]
fn a_thread_of_the_kernel_is_refused_by_name() {
    let test = "a_thread_of_the_kernel_is_refused_by_name";
    let Some(_turn) = Turn::take_if_allowed(test) else { return };
    if fs::read_to_string("/proc/2/comm").unwrap_or_default().trim() != "kthreadd" {
        return println!("SKIPPED: {test}: thread 2 is not the kernel's here");
    }
    let output = monitor(&["attach", "2"]).output().unwrap();
    assert!(
        !output.status.success()
            && stderr(&output).contains("Thread 2: A thread of the kernel gets no reservation")
    );
}

#[test]
fn a_pinned_thread_is_refused_with_what_to_do() {
    let Some(_turn) = Turn::take_if_allowed("a_pinned_thread_is_refused_with_what_to_do") else { return };
    if thread::available_parallelism().unwrap().get() < 2 {
        return println!("SKIPPED: a_pinned_thread_is_refused_with_what_to_do: there is one CPU");
    }
    let pinned = Program::shell("exec taskset -c 0 sleep 1000");
    eventually("the affinity", || {
        let status = fs::read_to_string(format!("/proc/{}/status", pinned.id())).unwrap();
        status.lines().any(|line| line.starts_with("Cpus_allowed_list:") && line.ends_with("\t0"))
    });
    let output = monitor(&["attach", &pinned.id().to_string()]).output().unwrap();
    assert!(
        !output.status.success()
            && stderr(&output).contains("is pinned")
            && stderr(&output).contains("taskset -pc")
    );
    let doctor = monitor(&["doctor", &pinned.id().to_string()]).output().unwrap();
    let text = String::from_utf8(doctor.stdout).unwrap();
    assert!(!doctor.status.success() && text.contains("1 of 1 threads are refused"), "{text}");
}

#[test]
fn without_the_right_own_threads_and_those_of_others_are_told_apart() {
    let test = "without_the_right_own_threads_and_those_of_others_are_told_apart";
    let Some(_turn) = Turn::take_if_allowed(test) else { return };
    if !nix::unistd::geteuid().is_root() {
        return println!("SKIPPED: {test}: only root can become another user");
    }
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = dir.path().join("deadline-monitor");
    fs::copy(env!("CARGO_BIN_EXE_deadline-monitor"), &program).unwrap();
    const NOBODY: u32 = 65_534;
    let own = Program::start(Command::new("sleep").arg("1000").uid(NOBODY).gid(NOBODY));
    let foreign = Program::sleeping();
    let attach = |tid: u32| {
        let mut command = Command::new(&program);
        command
            .args(["attach", &tid.to_string()])
            .uid(NOBODY)
            .gid(NOBODY)
            .current_dir("/")
            .stdin(Stdio::null());
        stderr(&command.output().unwrap())
    };
    assert!(attach(own.id()).contains("Not allowed: reservations need CAP_SYS_NICE"), "{}", attach(own.id()));
    assert!(attach(foreign.id()).contains("the thread belongs to user 0"), "{}", attach(foreign.id()));
}

/// The second one would restore the reservation of the first one, which nobody would end.
#[test]
fn a_thread_that_another_monitor_has_is_refused_until_that_one_ends() {
    let test = "a_thread_that_another_monitor_has_is_refused_until_that_one_ends";
    let Some(_turn) = Turn::take_if_allowed(test) else { return };
    let (balance, target) = (Balance::begin(), Program::sleeping());
    let id = target.id().to_string();
    let mut first = Program::start(&mut monitor(&["attach", &id]));
    eventually("a reservation", || is_reserved(target.tid()));
    for second in [vec!["attach", &id], vec!["attach", "--pid", &id, "--policy", "seed"]] {
        let refused = monitor(&second).output().unwrap();
        let told = format!("Another monitor has this thread already (process {})", first.id());
        assert!(!refused.status.success() && stderr(&refused).contains(&told), "{refused:?}");
        assert!(is_reserved(target.tid()), "the first one goes on");
    }
    first.stop();
    assert!(!is_reserved(target.tid()));
    let mut second = Program::start(&mut monitor(&["attach", &id]));
    eventually("a reservation from the second one", || is_reserved(target.tid()));
    // However a monitor ends, the thread is free for the next one.
    second.0.kill().unwrap();
    second.0.wait().unwrap();
    eventually("the guard", || !is_reserved(target.tid()));
    let mut third = Program::start(&mut monitor(&["attach", &id]));
    eventually("a reservation from the third one", || is_reserved(target.tid()));
    assert!(third.stop().success() && !is_reserved(target.tid()));
    balance.is_even();
}

/// Foreign reservations take everything: the program runs without one, and gets it when they end.
#[test]
fn a_program_waits_for_bandwidth_that_others_have() {
    let Some(_turn) = Turn::take_if_allowed("a_program_waits_for_bandwidth_that_others_have") else { return };
    let balance = Balance::begin();
    let others: Vec<_> = (0..40).map(|_| Program::sleeping()).collect();
    let before = SchedAttr::other(0);
    // Large ones first, then what is left in small pieces.
    for (other, runtime) in others.iter().zip([50, 10, 2].into_iter().flat_map(|runtime| [runtime; 13])) {
        let _ = LinuxScheduler.reserve(other.tid(), &params(ms(runtime)), false);
    }
    let attach = monitor(&["attach", "--initial", "20ms", &others[39].id().to_string()]).output().unwrap();
    assert!(!attach.status.success() && stderr(&attach).contains("No bandwidth left"), "{attach:?}");
    let dir = tempfile::tempdir().unwrap();
    let (pid, said) = (dir.path().join("pid"), dir.path().join("said"));
    let script = format!("echo $$ > {}; exec sleep 1000", pid.display());
    let mut command = monitor(&["run", "--initial", "20ms", "--", "sh", "-c", &script]);
    let mut run = Program::start(command.stderr(fs::File::create(&said).unwrap()));
    let target = || fs::read_to_string(&pid).ok().and_then(|pid| pid.trim().parse().ok()).map(Tid);
    eventually("a refusal that is told", || fs::read_to_string(&said).unwrap().contains("No bandwidth left"));
    assert!(!is_reserved(target().unwrap()));
    for other in others.iter().filter(|other| is_reserved(other.tid())) {
        LinuxScheduler.release(other.tid(), &before).unwrap();
    }
    eventually("a reservation", || is_reserved(target().unwrap()));
    run.stop();
    drop(others);
    balance.is_even();
}
