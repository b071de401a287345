//! The program, as a person uses it.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use deadline_monitor::budget::ReservationParams;
use deadline_monitor::sched::{DeadlineScheduler, LinuxScheduler, SchedPolicy, Tid};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

mod common;
use common::{Program, Turn, eventually};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deadline-monitor"));
    command.stdin(Stdio::null());
    command
}

fn output(args: &[&str]) -> Output {
    program().args(args).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The turn of one test, if reservations work here: says SKIPPED and why if not.
fn turn(name: &str) -> Option<Turn> {
    let turn = Turn::take();
    let doctor = String::from_utf8(output(&["doctor"]).stdout).unwrap();
    let line = doctor.lines().find(|line| line.contains("reservation ")).unwrap_or_default();
    if line.starts_with("ok") {
        return Some(turn);
    }
    println!("SKIPPED: {name}: {line}");
    None
}

#[test]
fn wrong_arguments_are_refused_with_their_rule() {
    let cases: [(&[&str], &str); 7] = [
        (&["run", "--policy", "pid", "--", "true"], "There is no policy pid"),
        (&["run", "--period", "5s", "--", "true"], "Period of 5s is not between 100µs and 4.194304s"),
        (&["run", "--initial", "200ms", "--", "true"], "Runtime of 200ms exceeds the deadline of 100ms"),
        (
            &["run", "--sampling", "50ms", "--", "true"],
            "A sampling time of 50ms is below the period of 100ms",
        ),
        (&["run", "--cap", "101", "--", "true"], "A cap of 101 % is above 100 % of the period"),
        (&["simulate", "--load", "square"], "There is no load square"),
        (&["experiment", "--length", "0s"], "A run of 0ns is too short"),
    ];
    for (args, rule) in cases {
        let output = output(args);
        assert!(!output.status.success() && stderr(&output).contains(rule), "{args:?}: {output:?}");
    }
}

#[test]
fn what_is_not_there_cannot_be_attached_to() {
    let Some(_turn) = turn("what_is_not_there_cannot_be_attached_to") else { return };
    let output = output(&["attach", "4194303"]);
    assert_eq!(
        (output.status.code(), stderr(&output).trim()),
        (Some(1), "deadline-monitor: There is no thread 4194303")
    );
}

#[test]
fn the_exit_code_is_the_programs_own() {
    let Some(_turn) = turn("the_exit_code_is_the_programs_own") else { return };
    assert_eq!(output(&["run", "--", "sh", "-c", "exit 7"]).status.code(), Some(7));
    assert_eq!(output(&["run", "--", "sh", "-c", "kill -TERM $$"]).status.code(), Some(128 + 15));
    assert_eq!(output(&["run", "--", "/nonexistent"]).status.code(), Some(127));
    assert_eq!(output(&["run", "--", "/etc/passwd"]).status.code(), Some(126));
    let echo = output(&["run", "--", "echo", "--policy", "x"]);
    assert_eq!(echo.stdout, b"--policy x\n");
}

#[test]
fn signals_reach_the_program() {
    let Some(_turn) = turn("signals_reach_the_program") else { return };
    let script = "trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = program().args(["run", "--", "sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "caught");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn attached_threads_have_a_reservation_until_the_monitor_stops() {
    let Some(_turn) = turn("attached_threads_have_a_reservation_until_the_monitor_stops") else { return };
    let mut target = Command::new("sleep").arg("1000").spawn().unwrap();
    let scheduling = |id: u32| LinuxScheduler.attributes(Tid(id)).unwrap().scheduling();
    let mut monitor = program().args(["attach", &target.id().to_string()]).spawn().unwrap();
    let begin = Instant::now();
    while scheduling(target.id()) != SchedPolicy::Deadline {
        assert!(begin.elapsed() < Duration::from_secs(20), "it gets no reservation");
        thread::sleep(Duration::from_millis(10));
    }
    let list = String::from_utf8(output(&["list"]).stdout).unwrap();
    assert!(list.contains(&target.id().to_string()), "{list}");
    kill(Pid::from_raw(i32::try_from(monitor.id()).unwrap()), Signal::SIGINT).unwrap();
    assert_eq!(monitor.wait().unwrap().signal(), None);
    assert_eq!(scheduling(target.id()), SchedPolicy::Other);
    target.kill().unwrap();
    target.wait().unwrap();
}

fn scheduling(id: u32) -> SchedPolicy {
    LinuxScheduler.attributes(Tid(id)).unwrap().scheduling()
}

#[test]
fn what_nobody_looks_after_can_be_released() {
    let Some(_turn) = turn("what_nobody_looks_after_can_be_released") else { return };
    let target = Program::sleeping();
    let params = ReservationParams::new(Duration::from_millis(5), Duration::from_millis(100)).unwrap();
    LinuxScheduler.reserve(Tid(target.id()), &params, false).unwrap();
    let tid = target.id().to_string();
    assert!(output(&["release", &tid]).status.success());
    assert_eq!(scheduling(target.id()), SchedPolicy::Other);
    let again = String::from_utf8(output(&["release", &tid]).stdout).unwrap();
    assert_eq!(again, format!("Thread {tid} has no reservation\n"));
}

/// Whatever it was doing: the guard gives the threads back, those that sleep too.
#[test]
fn a_monitor_that_is_killed_leaves_no_reservation() {
    let Some(_turn) = turn("a_monitor_that_is_killed_leaves_no_reservation") else { return };
    let targets = [Program::sleeping(), Program::sleeping()];
    for pause_ms in [0, 30, 120, 250] {
        let mut command = program();
        command
            .args(["attach", "--period", "50ms"])
            .args(targets.iter().map(|target| target.id().to_string()));
        let mut monitor = command.stderr(Stdio::null()).spawn().unwrap();
        eventually("a reservation", || scheduling(targets[1].id()) == SchedPolicy::Deadline);
        thread::sleep(Duration::from_millis(pause_ms));
        monitor.kill().unwrap();
        monitor.wait().unwrap();
        eventually("the guard", || {
            targets.iter().all(|target| scheduling(target.id()) == SchedPolicy::Other)
        });
    }
    let doctor = String::from_utf8(output(&["doctor"]).stdout).unwrap();
    assert!(!doctor.contains("are lost"), "{doctor}");
}

#[test]
fn a_recording_is_made_replayed_and_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let (record, svg, png) = (dir.path().join("a.jsonl"), dir.path().join("a.svg"), dir.path().join("a.png"));
    let target = Program::sleeping();
    let pid = target.id().to_string();
    let made =
        program().args(["record", "--length", "1s", "--pid", &pid, "--out"]).arg(&record).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    assert_eq!(scheduling(target.id()), SchedPolicy::Other);
    let replayed = program().arg("replay").arg(&record).output().unwrap();
    let table = String::from_utf8(replayed.stdout).unwrap();
    for policy in ["saturation (recorded)", "seed", "percentile", "pi", "static"] {
        assert!(table.lines().any(|line| line.contains(&pid) && line.contains(policy)), "{policy}: {table}");
    }
    let drawn = program().arg("plot").arg(&record).arg("--out").arg(&svg).output().unwrap();
    assert!(
        drawn.status.success() && fs::read_to_string(&svg).unwrap().contains("use of thread"),
        "{drawn:?}"
    );
    let drawn =
        program().args(["plot", "--policy", "seed"]).arg(&record).arg("--out").arg(&png).output().unwrap();
    assert!(!drawn.status.success() || fs::read(&png).unwrap().starts_with(b"\x89PNG"), "{drawn:?}");
    let other = program().args(["plot", "--tid", "1", "--out", "x.svg"]).arg(&record).output().unwrap();
    assert!(stderr(&other).contains("Thread 1 is not in the recording"), "{other:?}");
    fs::write(&record, "{}").unwrap();
    let broken = program().arg("replay").arg(&record).output().unwrap();
    assert!(stderr(&broken).contains("This is no recording"), "{broken:?}");
}

#[test]
fn watch_touches_nothing_and_writes_lines_where_there_is_no_terminal() {
    let target = Program::sleeping();
    let pid = target.id().to_string();
    let output = output(&["watch", "--length", "500ms", "--pid", &pid]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains(&format!("thread {pid}: used ")), "{text}");
    assert_eq!(scheduling(target.id()), SchedPolicy::Other);
}

#[test]
fn names_that_lead_to_no_target_are_refused_with_where_they_were_looked_for() {
    let cases: [(&[&str], &str); 6] = [
        (&["attach"], "Which target?"),
        (&["attach", "--container", "no-such-container"], "There is no running container no-such-container"),
        (&["attach", "--pod", "no-such-pod"], "There is no pod no-such-pod"),
        (&["attach", "--vm", "no-such-domain"], "There is no virtual machine no-such-domain"),
        (&["watch", "--vm", "4194303"], "There is no virtual machine of process 4194303"),
        (&["attach", "--weight", "1", "--weight", "2", "1"], "2 weights for 1 targets"),
    ];
    for (args, rule) in cases {
        let output = output(args);
        assert!(!output.status.success() && stderr(&output).contains(rule), "{args:?}: {output:?}");
    }
}

/// A control group of our own, of version 2 if there is a hierarchy of it.
struct Group(std::path::PathBuf);

impl Group {
    fn new() -> Option<Group> {
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"))?;
        let path = std::path::Path::new(mount.split(' ').nth(1)?);
        let path = path.join(format!("deadline-monitor-test-{}", std::process::id()));
        fs::create_dir(&path).is_ok().then_some(Group(path))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn every_process_of_a_control_group_gets_a_reservation() {
    let name = "every_process_of_a_control_group_gets_a_reservation";
    let Some(_turn) = turn(name) else { return };
    let Some(group) = Group::new() else {
        return println!("SKIPPED: {name}: no control group of version 2 can be made here");
    };
    let mut targets: Vec<_> = (0..2).map(|_| Command::new("sleep").arg("1000").spawn().unwrap()).collect();
    let join = |id: u32| fs::write(group.0.join("cgroup.procs"), id.to_string()).unwrap();
    join(targets[0].id());
    let mut monitor = program().args(["attach", "--cgroup"]).arg(&group.0).spawn().unwrap();
    // The second one comes when the group is watched already.
    for target in &targets {
        join(target.id());
        let begin = Instant::now();
        while LinuxScheduler.attributes(Tid(target.id())).unwrap().scheduling() != SchedPolicy::Deadline {
            assert!(begin.elapsed() < Duration::from_secs(20), "it gets no reservation");
            thread::sleep(Duration::from_millis(10));
        }
    }
    kill(Pid::from_raw(i32::try_from(monitor.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert!(monitor.wait().unwrap().success());
    for target in &mut targets {
        assert_eq!(LinuxScheduler.attributes(Tid(target.id())).unwrap().scheduling(), SchedPolicy::Other);
        target.kill().unwrap();
        target.wait().unwrap();
    }
}

#[test]
fn the_simulated_experiment_says_so_and_draws_the_four_figures() {
    let dir = tempfile::tempdir().unwrap();
    let output = program()
        .args(["experiment", "--simulated", "--plots"])
        .arg(dir.path().join("plots"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.starts_with("SIMULATED, not measured: asked for\n"), "{text}");
    let row = |first: &str, policy: &str| {
        let found = text.lines().find(|line| line.contains(first) && line.contains(policy));
        found.unwrap().split('┆').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(row("2.0 ms", "seed")[5], "34");
    assert_eq!(row("2.0 ms", "saturation (default)")[5], "4");
    assert_eq!(row("8.0 ms", "fixed budget")[3], "not yet");
    for number in 24..=27 {
        let svg = fs::read_to_string(dir.path().join(format!("plots/figure-{number}.svg"))).unwrap();
        assert!(svg.starts_with("<svg ") && svg.matches("<polyline").count() > 10, "{number}: {svg}");
    }
}

#[test]
fn the_experiment_runs_on_the_kernel() {
    let Some(_turn) = turn("the_experiment_runs_on_the_kernel") else { return };
    let output = output(&["experiment", "--length", "2s"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("on this machine's kernel"), "{text}");
    assert_eq!(text.lines().filter(|line| line.contains(" of 100 ms ")).count(), 14, "{text}");
    // A fixed budget of 2 ms for jobs of 10 ms: all are late, on any machine.
    let fixed = text.lines().find(|line| line.contains("2.0 ms") && line.contains("fixed budget")).unwrap();
    let cells: Vec<_> = fixed.split('┆').map(str::trim).collect();
    assert_eq!((cells[3], cells[5]), ("not yet", cells[4]), "{fixed}");
}
