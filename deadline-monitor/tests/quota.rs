//! The quota of control groups, of whichever version this machine has the cpu controller in, with the same loop.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use deadline_monitor::account::GroupCpu;
use deadline_monitor::cgroup::Hierarchies;

mod common;
use common::{Program, Turn, eventually, is_reserved, monitor, ms, stderr};

/// A control group with a quota, and its quota file.
struct Group {
    path: PathBuf,
    quota: PathBuf,
}

impl Group {
    /// In version 2 if the cpu controller is there, else in version 1; says SKIPPED if in neither.
    fn new(test: &str) -> Option<Group> {
        let hierarchies = Hierarchies::read("/proc".as_ref());
        let has_cpu = |mount: &&Path| {
            fs::read_to_string(mount.join("cgroup.subtree_control"))
                .is_ok_and(|text| text.split_whitespace().any(|one| one == "cpu"))
        };
        let (mount, file) = match (hierarchies.unified().filter(has_cpu), hierarchies.controller("cpu")) {
            (Some(v2), _) => (v2, "cpu.max"),
            (None, Some(v1)) => (v1, "cpu.cfs_quota_us"),
            (None, None) => {
                println!("SKIPPED: {test}: no cpu controller of control groups is mounted");
                return None;
            }
        };
        let path = mount.join(format!("deadline-monitor-quota-{}", std::process::id()));
        if let Err(error) = fs::create_dir(&path) {
            println!("SKIPPED: {test}: no control group can be made here: {error}");
            return None;
        }
        println!("the quota is in {file}");
        let quota = path.join(file);
        Some(Group { path, quota })
    }

    /// Puts a program in, in every hierarchy where it matters.
    fn join(&self, program: &Program) {
        fs::write(self.path.join("cgroup.procs"), program.id().to_string()).unwrap();
        // Version 1 accounts CPU time in a hierarchy of its own, often.
        let accounts = self.account_directory();
        if accounts != self.path {
            fs::create_dir_all(&accounts).unwrap();
            fs::write(accounts.join("cgroup.procs"), program.id().to_string()).unwrap();
        }
    }

    fn account_directory(&self) -> PathBuf {
        let hierarchies = Hierarchies::read("/proc".as_ref());
        let is_v1 = self.quota.ends_with("cpu.cfs_quota_us");
        let mount = hierarchies.controller("cpuacct").filter(|_| is_v1);
        mount.map_or_else(|| self.path.clone(), |mount| mount.join(self.path.file_name().unwrap()))
    }

    fn says(&self) -> String {
        fs::read_to_string(&self.quota).unwrap().trim().to_owned()
    }

    /// Microseconds in each period; none without a limit.
    fn quota_us(&self) -> Option<u64> {
        self.says().split(' ').next().unwrap().parse().ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let accounts = self.account_directory();
        for directory in [&self.path, &accounts] {
            eventually("an empty group", || fs::remove_dir(directory).is_ok() || !directory.exists());
        }
    }
}

#[test]
fn a_quota_follows_the_use_of_its_group_and_is_given_back() {
    let test = "a_quota_follows_the_use_of_its_group_and_is_given_back";
    let _turn = Turn::take();
    let Some(group) = Group::new(test) else { return };
    let before = group.says();
    // Some milliseconds of work and 80 ms of sleep, also where the machine is an emulated one.
    let worker =
        Program::shell("while :; do i=0; while [ $i -lt 200 ]; do i=$((i+1)); done; sleep 0.08; done");
    let spinner = Program::spinning();
    group.join(&spinner);
    let path = group.path.display().to_string();
    let mut attach = Program::start(&mut monitor(&[
        "attach",
        "--cgroup",
        &path,
        "--actuator",
        "quota",
        "--initial",
        "5ms",
    ]));
    eventually("a quota for one that spins", || group.quota_us().is_some_and(|us| us >= 50_000));
    let account = GroupCpu::open(&Hierarchies::read("/proc".as_ref()).group(&group.path)).unwrap();
    assert!(!is_reserved(spinner.tid()), "a quota is no reservation");
    drop(spinner);
    group.join(&worker);
    eventually("a smaller quota for less work", || group.quota_us().is_some_and(|us| us < 60_000));
    let used = account.read().unwrap();
    assert!(used.executed > ms(20) && used.throttled.is_some(), "{used:?}");
    assert!(attach.stop().success());
    assert_eq!(group.says(), before);
    drop(worker);
}

#[test]
fn a_quota_limits_what_a_group_uses() {
    let test = "a_quota_limits_what_a_group_uses";
    let _turn = Turn::take();
    let Some(group) = Group::new(test) else { return };
    let spinner = Program::spinning();
    group.join(&spinner);
    let path = group.path.display().to_string();
    let options =
        ["attach", "--cgroup", &path, "--actuator", "quota", "--policy", "static", "--initial", "20ms"];
    let mut attach = Program::start(&mut monitor(&options));
    eventually("the quota", || group.quota_us() == Some(20_000));
    let account = GroupCpu::open(&Hierarchies::read("/proc".as_ref()).group(&group.path)).unwrap();
    let (first, begin) = (account.read().unwrap(), std::time::Instant::now());
    thread::sleep(ms(2_000));
    let (last, length) = (account.read().unwrap(), begin.elapsed());
    let percent = (last.executed - first.executed).as_nanos() * 100 / length.as_nanos();
    assert!(percent <= 26, "{percent} % instead of at most 20 %");
    assert!(last.throttled > first.throttled, "{last:?}");
    assert!(attach.stop().success());
}

#[test]
fn a_quota_for_what_is_no_group_is_refused() {
    let program = Program::sleeping();
    let output = monitor(&["attach", "--actuator", "hcbs", "--cgroup", "/nonexistent"]).output().unwrap();
    assert!(!output.status.success() && stderr(&output).contains("Cannot read /nonexistent"), "{output:?}");
    let output = monitor(&["attach", "--actuator", "cpu.max", &program.id().to_string()]).output().unwrap();
    assert!(
        stderr(&output).contains("There is no actuator cpu.max; there are threads, quota, hcbs"),
        "{output:?}"
    );
}
