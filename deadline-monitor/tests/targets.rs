//! Real targets: containers, pods, programs whose threads come and go, loads of other people's tools.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::collections::BTreeSet;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use deadline_monitor::cgroup::Hierarchies;
use deadline_monitor::recording::Recording;
use deadline_monitor::sched::Tid;
use deadline_monitor::target::{Target, container};

mod common;
use common::{Balance, Program, Turn, busy, eventually, has, is_reserved, monitor, ms};

/// A container of podman with a store of its own, that runs `busy`. It is removed with this value.
///
/// crun does not start where control groups of both versions are mounted, so it sees only version 1 there: in a mount
/// namespace of its own without version 2.
struct Container {
    dir: tempfile::TempDir,
    id: String,
}

const CONFIG: &str = r#"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "crun"
cgroup_manager = "cgroupfs"
events_logger = "file"
"#;

impl Container {
    fn start(options: &[&str], args: &[&str]) -> Result<Container, String> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("containers.conf"), CONFIG).unwrap();
        let wrapper = "#!/bin/sh\nhere=$(dirname \"$0\")\nreal=$(PATH=${PATH#*:} command -v podman)\n\
            CONTAINERS_CONF=$here/containers.conf exec \"$real\" --root \"$here/root\" --runroot \"$here/run\" \
            --storage-driver vfs \"$@\"\n";
        let podman = dir.path().join("podman");
        fs::write(&podman, wrapper).unwrap();
        fs::set_permissions(&podman, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut container = Container { dir, id: String::new() };
        let image = container.dir.path().join("image");
        fs::create_dir(&image).unwrap();
        fs::copy(busy(), image.join("busy")).unwrap();
        let tar = container.dir.path().join("image.tar");
        container.done(Command::new("tar").arg("-C").arg(&image).arg("-cf").arg(&tar).arg("busy"))?;
        container.done(container.podman(&["import"]).arg(&tar).arg("busy:1"))?;
        let mut run = container.podman(&["run", "-d", "--name", "dm-target", "--network", "none"]);
        container.id = container.done(run.args(options).arg("busy:1").arg("/busy").args(args))?;
        Ok(container)
    }

    fn path(&self) -> String {
        format!("{}:{}", self.dir.path().display(), std::env::var("PATH").unwrap_or_default())
    }

    fn podman(&self, args: &[&str]) -> Command {
        let hierarchies = Hierarchies::read("/proc".as_ref());
        let hybrid = hierarchies.unified().filter(|_| hierarchies.controller("cpu").is_some());
        let hide = hybrid.map_or_else(String::new, |mount| format!("umount {} && ", mount.display()));
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &format!("{hide}exec podman \"$@\""), "sh"]).args(args);
        command.env("PATH", self.path());
        command
    }

    fn done(&self, command: &mut Command) -> Result<String, String> {
        let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; "))
        }
    }

    fn threads(&self) -> Vec<Tid> {
        let group = container::container(&self.id, &Hierarchies::read("/proc".as_ref())).unwrap();
        Target::Cgroup(group).threads("/proc".as_ref()).unwrap()
    }

    fn quota_file(&self) -> PathBuf {
        let hierarchies = Hierarchies::read("/proc".as_ref());
        let group = hierarchies.group(&container::container(&self.id, &hierarchies).unwrap());
        match group.controller("cpu") {
            Some(v1) => v1.join("cpu.cfs_quota_us"),
            None => group.unified().unwrap().join("cpu.max"),
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.done(&mut self.podman(&["rm", "--force", "--time", "0", "--all"]));
    }
}

fn container(test: &str, options: &[&str], args: &[&str]) -> Option<Container> {
    if !has(test, "podman") {
        return None;
    }
    Container::start(options, args).map_err(|error| println!("SKIPPED: {test}: {error}")).ok()
}

#[test]
fn a_container_is_reserved_by_its_name_and_by_its_id() {
    let test = "a_container_is_reserved_by_its_name_and_by_its_id";
    let Some(_turn) = Turn::take_if_allowed(test) else { return };
    let Some(container) = container(test, &[], &["2"]) else { return };
    let balance = Balance::begin();
    for name in ["dm-target", &container.id[..12]] {
        let mut attach =
            Program::start(monitor(&["attach", "--container", name]).env("PATH", container.path()));
        eventually("two reserved threads", || {
            let threads = container.threads();
            threads.len() == 2 && threads.into_iter().all(is_reserved)
        });
        assert!(attach.stop().success());
        assert!(!container.threads().into_iter().any(is_reserved), "{name}");
    }
    balance.is_even();
}

#[test]
fn a_container_with_a_narrow_cpuset_gets_a_quota_and_its_old_one_in_the_end() {
    let test = "a_container_with_a_narrow_cpuset_gets_a_quota_and_its_old_one_in_the_end";
    let Some(_turn) = Turn::take_if_allowed(test) else { return };
    let Some(container) = container(test, &["--cpuset-cpus", "0"], &["2"]) else { return };
    let quota = || fs::read_to_string(container.quota_file()).unwrap().trim().to_owned();
    let before = quota();
    let said = container.dir.path().join("said");
    let mut command = monitor(&["attach", "--initial", "10ms", "--container", &container.id]);
    let mut attach = Program::start(command.stderr(fs::File::create(&said).unwrap()));
    // It wants all of CPU 0, and uses what others leave it.
    let value = || quota().split(' ').next().unwrap().parse::<u64>().ok();
    eventually("a quota that follows the use", || value().is_some_and(|us| us != 10_000));
    assert!(attach.stop().success());
    assert_eq!(quota(), before);
    let said = fs::read_to_string(said).unwrap();
    assert!(
        said.contains("quota instead of reservations") && said.contains("cpuset leaves CPUs out"),
        "{said}"
    );
    assert!(!container.threads().into_iter().any(is_reserved));
}

#[test]
fn threads_that_come_and_go_are_reserved_while_they_live() {
    let test = "threads_that_come_and_go_are_reserved_while_they_live";
    let Some(_turn) = Turn::take_if_allowed(test) else { return };
    let balance = Balance::begin();
    let target = Program::start(Command::new(busy()).arg("churn"));
    let mut attach =
        Program::start(&mut monitor(&["attach", "--pid", &target.id().to_string(), "--initial", "3ms"]));
    let mut seen = BTreeSet::new();
    eventually("twenty reserved threads, one after another", || {
        let threads = Target::Process(target.id()).threads("/proc".as_ref()).unwrap();
        seen.extend(threads.into_iter().filter(|tid| is_reserved(*tid)));
        seen.len() >= 20
    });
    assert!(attach.stop().success());
    let left = Target::Process(target.id()).threads("/proc".as_ref()).unwrap();
    assert!(!left.into_iter().any(is_reserved));
    balance.is_even();
}

/// Monitors a target for some time, and returns what was recorded.
fn recorded(target: &[&str], length: Duration) -> Recording {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("record.jsonl");
    let mut attach = Program::start(monitor(&["attach", "--record"]).arg(&file).args(target));
    thread::sleep(length);
    attach.stop();
    Recording::read(BufReader::new(fs::File::open(&file).unwrap())).unwrap()
}

const RT_APP: &str = r#"{
  "global": { "duration": 6, "calibration": 100, "default_policy": "SCHED_OTHER", "log_basename": "x" },
  "tasks": {
    "small": { "loop": -1, "runtime": 10000, "timer": { "ref": "a", "period": 100000 } },
    "large": { "loop": -1, "runtime": 30000, "timer": { "ref": "b", "period": 100000 } }
  }
}"#;

#[test]
fn periodic_tasks_of_rt_app_get_the_budgets_that_they_use() {
    let test = "periodic_tasks_of_rt_app_get_the_budgets_that_they_use";
    let Some(_turn) = Turn::take_if_allowed(test) else { return };
    if !has(test, "rt-app") {
        return;
    }
    let (dir, balance) = (tempfile::tempdir().unwrap(), Balance::begin());
    fs::write(dir.path().join("load.json"), RT_APP).unwrap();
    let mut rt_app = Command::new("rt-app");
    let target = Program::start(rt_app.arg("load.json").current_dir(dir.path()).stderr(Stdio::null()));
    let id = target.id();
    eventually("its tasks", || Target::Process(id).threads("/proc".as_ref()).unwrap().len() >= 3);
    let recording = recorded(&["--pid", &id.to_string()], ms(4_000));
    // The last budgets: the main thread waits, the others use 10 and at most 30 ms (their runtime is wall time).
    let traces = recording.traces();
    let mut last: Vec<_> = traces.values().map(|trace| trace.settings.last().unwrap().runtime).collect();
    last.sort_unstable();
    assert_eq!(last.len(), 3, "{last:?}");
    assert!(
        last[0] < ms(4) && last[1] > ms(4) && last[1] < ms(18) && last[2] > ms(12) && last[2] < ms(45),
        "{last:?}"
    );
    drop(target);
    balance.is_even();
}

/// A control group of our own, in whichever hierarchy there is.
struct OwnGroup(PathBuf);

impl OwnGroup {
    fn new() -> Option<OwnGroup> {
        let hierarchies = Hierarchies::read("/proc".as_ref());
        let mount = hierarchies.unified().or(hierarchies.controller("pids"))?.to_owned();
        let path = mount.join(format!("deadline-monitor-targets-{}", std::process::id()));
        fs::create_dir(&path).is_ok().then_some(OwnGroup(path))
    }
}

impl Drop for OwnGroup {
    fn drop(&mut self) {
        eventually("an empty group", || fs::remove_dir(&self.0).is_ok());
    }
}

/// The groups that the kubelet makes for a pod of two containers, with either of its drivers, and a program in each.
struct Pod {
    programs: Vec<Program>,
    /// From the outermost one to the containers'.
    groups: Vec<PathBuf>,
}

impl Pod {
    fn start(mount: &Path, names: &[&str]) -> std::io::Result<Pod> {
        let mut pod = Pod { programs: Vec::new(), groups: Vec::new() };
        let mut group = mount.to_owned();
        for name in names {
            group.push(name);
            pod.make(&group)?;
        }
        for digit in ["a", "b"] {
            let container = group.join(format!("cri-containerd-{}.scope", digit.repeat(64)));
            pod.make(&container)?;
            let program = Program::sleeping();
            fs::write(container.join("cgroup.procs"), program.id().to_string())?;
            pod.programs.push(program);
        }
        Ok(pod)
    }

    fn make(&mut self, group: &Path) -> std::io::Result<()> {
        fs::create_dir(group)?;
        self.groups.push(group.to_owned());
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.programs.iter().filter(|program| is_reserved(program.tid())).count()
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.programs.clear();
        for group in self.groups.iter().rev() {
            eventually("an empty group", || fs::remove_dir(group).is_ok());
        }
    }
}

#[test]
fn the_containers_of_a_pod_are_reserved_by_its_uid() {
    let test = "the_containers_of_a_pod_are_reserved_by_its_uid";
    let Some(_turn) = Turn::take_if_allowed(test) else { return };
    let hierarchies = Hierarchies::read("/proc".as_ref());
    let Some(mount) = hierarchies.unified().or(hierarchies.controller("pids")) else {
        return println!("SKIPPED: {test}: no control group can be made here");
    };
    let balance = Balance::begin();
    let uid = format!("{:08x}-2fa1-11d2-883f-0016d3cca427", std::process::id());
    let slice = "kubepods-dmtest.slice";
    let of_systemd = format!("kubepods-dmtest-pod{}.slice", uid.replace('-', "_"));
    for names in [["kubepods-dmtest", &format!("pod{uid}")], [slice, &of_systemd]] {
        let pod = match Pod::start(mount, &names) {
            Ok(pod) => pod,
            Err(error) => return println!("SKIPPED: {test}: no control group can be made here: {error}"),
        };
        let mut attach = Program::start(&mut monitor(&["attach", "--pod", &uid[..8], "--initial", "3ms"]));
        eventually("a reservation in each container", || pod.reserved() == 2);
        assert!(attach.stop().success());
        assert_eq!(pod.reserved(), 0, "{names:?}");
    }
    balance.is_even();
}

#[test]
fn a_load_without_a_period_is_followed_through_its_control_group() {
    let test = "a_load_without_a_period_is_followed_through_its_control_group";
    let Some(_turn) = Turn::take_if_allowed(test) else { return };
    if !has(test, "stress-ng") {
        return;
    }
    let Some(group) = OwnGroup::new() else {
        return println!("SKIPPED: {test}: no control group can be made here");
    };
    let balance = Balance::begin();
    let script = format!(
        "echo $$ > {}/cgroup.procs; exec stress-ng --cpu 1 --cpu-load 30 --timeout 6",
        group.0.display()
    );
    let mut target = Program::start(Command::new("sh").args(["-c", &script]).stderr(Stdio::null()));
    let members = || Target::Cgroup(group.0.clone()).threads("/proc".as_ref()).unwrap_or_default();
    eventually("its worker", || members().len() >= 2);
    let recording = recorded(&["--cgroup", group.0.to_str().unwrap()], ms(4_000));
    let busiest = recording.traces().into_values().max_by_key(|trace| trace.executed).unwrap();
    let last = busiest.settings.last().unwrap().runtime;
    // 30 % of a CPU in slices of its own choice: budgets between that and the cap.
    assert!(last >= ms(15) && last <= ms(80), "{last:?} for {:?} in {:?}", busiest.executed, busiest.length);
    assert!(busiest.executed > busiest.length / 10, "it ran: {:?} in {:?}", busiest.executed, busiest.length);
    assert!(!members().into_iter().any(is_reserved));
    target.stop();
    drop(group);
    balance.is_even();
}
