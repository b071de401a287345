//! Runs in folders: stopped, resumed, judged, as users do it.
#![allow(clippy::unwrap_used, reason = "a test stops where its own material is wrong")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slice-agent"));
    command.args(arguments);
    command
}

fn succeed(arguments: &[&str]) -> Output {
    let output = program(arguments).output().expect("the program is built");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn refused(arguments: &[&str]) -> String {
    let output = program(arguments).output().expect("the program is built");
    assert!(!output.status.success(), "{arguments:?} was accepted");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A run that is long enough to be stopped in its middle.
const RUN: [&str; 9] =
    ["train", "--method", "step,madrl", "--seeds", "1", "--episodes", "16", "--set", "checkpoint_every=2"];

fn start(out: &Path) -> Child {
    let out = out.to_str().expect("a path of a test");
    let mut command = program(&[&RUN[..], &["--out", out]].concat());
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program is built")
}

/// Waits until the run has stored a checkpoint.
fn wait_for(file: &Path) {
    let end = Instant::now() + Duration::from_secs(120);
    while !file.exists() {
        assert!(Instant::now() < end, "{} does not come", file.display());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), signal).expect("our own child");
}

/// Every file of the trainings, by its path.
fn results(run: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for training in ["step-seed-0", "madrl-seed-0"] {
        // A training that did not begin has no folder.
        for entry in fs::read_dir(run.join(training)).into_iter().flatten() {
            let path = entry.expect("readable").path();
            let name = path.strip_prefix(run).expect("inside").display().to_string();
            files.push((name, fs::read(path).expect("readable")));
        }
    }
    files.sort();
    files
}

fn names(files: &[(String, Vec<u8>)]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_run_that_is_interrupted_or_killed_goes_on_to_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    succeed(&[&RUN[..], &["--out", whole.to_str().unwrap(), "--threads", "1"]].concat());
    let expected = results(&whole);
    assert_eq!(expected.len(), 2 * 6, "{:?}", names(&expected));
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let stopped = dir.path().join(signal.as_str());
        let child = start(&stopped);
        wait_for(&stopped.join("step-seed-0/training.safetensors"));
        send(&child, signal);
        let output = child.wait_with_output().unwrap();
        assert!(!output.status.success(), "{signal}: the run was over before the signal came");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            said.contains("slice-agent train --resume"),
            signal != Signal::SIGKILL,
            "{signal}: {said}"
        );
        assert_ne!(results(&stopped), expected, "{signal} came too late");
        succeed(&["train", "--resume", stopped.to_str().unwrap()]);
        let found = results(&stopped);
        // What was being written when the kill came is left over under another name.
        let found: Vec<_> = found.into_iter().filter(|(name, _)| !name.ends_with(".part")).collect();
        assert_eq!(names(&found), names(&expected));
        for ((name, found), (_, expected)) in found.iter().zip(&expected) {
            assert!(found == expected, "{signal}: {name} differs");
        }
    }
}

#[test]
fn a_run_says_where_it_comes_from_and_is_not_begun_twice() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let out = out.to_str().unwrap();
    let short = ["train", "--method", "step", "--seeds", "1", "--episodes", "3", "--json", "--out", out];
    let output = succeed(&short);
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((line["method"].as_str(), line["episodes"].as_u64()), (Some("step"), Some(3)));
    let origin: Value = serde_json::from_slice(&fs::read(format!("{out}/run.json")).unwrap()).unwrap();
    assert_eq!(origin["program"], "slice-agent");
    assert!(origin["git_revision"].is_string() || origin["git_revision"].is_null());
    let config = fs::read_to_string(format!("{out}/config.toml")).unwrap();
    assert!(config.contains("episodes = 3\n") && config.contains("methods = [\"step\"]"), "{config}");
    assert!(fs::read_to_string(format!("{out}/conflicts.svg")).unwrap().trim_end().ends_with("</svg>"));
    let csv = fs::read_to_string(format!("{out}/step-seed-0/metrics.csv")).unwrap();
    assert_eq!(csv.lines().count(), 4);
    assert!(refused(&short).contains("holds a run already; go on with it by --resume"));
    // A finished run has nothing left to do, and says the same.
    let again = succeed(&["train", "--resume", out, "--json"]);
    assert_eq!(again.stdout, output.stdout);
    // A configuration that was written can be given again.
    let config = format!("{out}/config.toml");
    assert_eq!(succeed(&["train", "--config", &config, "--json"]).stdout, output.stdout);
}

#[test]
fn damaged_and_foreign_checkpoints_are_refused_by_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let out = out.to_str().unwrap();
    succeed(&["train", "--method", "madrl", "--seeds", "1", "--episodes", "2", "--out", out]);
    let file = format!("{out}/madrl-seed-0/training.safetensors");
    let good = fs::read(&file).unwrap();
    let mut damaged = good.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let weights = fs::read(format!("{out}/madrl-seed-0/agent-0.safetensors")).unwrap();
    for (bytes, rule) in [
        (damaged, "Its content does not match its seal"),
        (good[..good.len() - 1].to_vec(), "It is no whole safetensors file"),
        (weights, "It holds weights, training is needed"),
        (Vec::new(), "It is no whole safetensors file"),
    ] {
        fs::write(&file, bytes).unwrap();
        let message = refused(&["train", "--resume", out]);
        assert!(message.contains(rule) && message.contains(&file), "{message}");
    }
    fs::write(&file, good).unwrap();
    succeed(&["train", "--resume", out]);
}

#[test]
fn a_file_that_may_not_grow_leaves_the_old_checkpoint_whole() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let out = out.to_str().unwrap();
    succeed(&["train", "--method", "step", "--seeds", "1", "--episodes", "2", "--out", out]);
    let config = fs::read_to_string(format!("{out}/config.toml")).unwrap();
    fs::write(format!("{out}/config.toml"), config.replace("episodes = 2\n", "episodes = 4\n")).unwrap();
    let file = format!("{out}/step-seed-0/training.safetensors");
    let old = fs::read(&file).unwrap();
    // The same path through the program as a full disk: write(2) fails in the middle of the file.
    let script = "trap '' XFSZ; ulimit -f 100; exec \"$0\" train --resume \"$1\"";
    let output =
        Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_slice-agent"), out]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("Cannot write") && said.contains("File too large"),
        "{said}"
    );
    assert_eq!(fs::read(&file).unwrap(), old);
    let left: Vec<_> =
        fs::read_dir(format!("{out}/step-seed-0")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{left:?}");
    succeed(&["train", "--resume", out]);
    assert_ne!(fs::read(&file).unwrap(), old);
}

/// A small file system in memory, unmounted at the end.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mounted() -> Option<Disk> {
        let dir = tempfile::tempdir().unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=4m", "slice-agent-test"];
        let done = Command::new("mount").args(mount).arg(dir.path()).output();
        done.is_ok_and(|output| output.status.success()).then(|| Disk(dir))
    }

    /// Fills it up to `free` bytes.
    fn fill(&self, free: u64) {
        let mut file = fs::File::create(self.0.path().join("filler")).unwrap();
        let mut length: u64 = 0;
        while file.write_all(&[0; 4096]).is_ok() {
            length += 4096;
        }
        file.set_len(length - free / 4096 * 4096).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let done = Command::new("umount").arg(self.0.path()).status();
        assert!(done.is_ok_and(|status| status.success()), "{} stays mounted", self.0.path().display());
    }
}

#[test]
fn a_full_disk_leaves_the_old_checkpoint_whole() {
    let Some(disk) = Disk::mounted() else {
        println!(
            "SKIPPED: a_full_disk_leaves_the_old_checkpoint_whole: this user may not mount a file system"
        );
        return;
    };
    let (out, whole) = (disk.0.path().join("run"), tempfile::tempdir().unwrap());
    let (out, whole) = (out.to_str().unwrap(), whole.path().join("run"));
    let short = ["train", "--method", "madrl", "--seeds", "1", "--episodes"];
    succeed(&[&short[..], &["4", "--out", whole.to_str().unwrap()]].concat());
    succeed(&[&short[..], &["2", "--out", out]].concat());
    let config = fs::read_to_string(format!("{out}/config.toml")).unwrap();
    fs::write(format!("{out}/config.toml"), config.replace("episodes = 2\n", "episodes = 4\n")).unwrap();
    let file = format!("{out}/madrl-seed-0/training.safetensors");
    let old = fs::read(&file).unwrap();
    // Room for metrics and agents, and for the begin of the new checkpoint.
    disk.fill(old.len() as u64 / 2);
    let message = refused(&["train", "--resume", out]);
    assert!(
        message.contains("training.safetensors") && message.contains("No space left on device"),
        "{message}"
    );
    assert!(fs::read(&file).unwrap() == old, "the old checkpoint was touched");
    let names = fs::read_dir(format!("{out}/madrl-seed-0")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().ends_with(".part")));
    fs::remove_file(disk.0.path().join("filler")).unwrap();
    succeed(&["train", "--resume", out]);
    let never_stopped = fs::read(whole.join("madrl-seed-0/training.safetensors")).unwrap();
    assert!(fs::read(&file).unwrap() == never_stopped, "the resumed training has other bits");
}

#[test]
fn trained_agents_are_judged_beside_policies() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let out = out.to_str().unwrap();
    succeed(&["train", "--seeds", "1", "--episodes", "3", "--out", out]);
    let checkpoints =
        ["step", "madrl", "predefined"].map(|method| format!("{out}/{method}-seed-0")).join(",");
    let judge =
        ["eval", "--seeds", "2", "--episodes", "5", "--policy", "static", "--arbiter", "on", "--json"];
    let with = |threads| {
        succeed(&[&judge[..], &["--checkpoint", &checkpoints, "--threads", threads]].concat()).stdout
    };
    assert_eq!(with("1"), with("2"));
    let text = String::from_utf8(with("2")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let policies: Vec<_> = lines.iter().map(|line| line["policy"].as_str().unwrap()).collect();
    assert_eq!(policies, ["static", "step-seed-0", "madrl-seed-0", "predefined-seed-0"]);
    let one = format!("{out}/madrl-seed-0/agent-1.safetensors");
    succeed(&[&judge[..], &["--checkpoint", &one]].concat());
    let message = refused(&["eval", "--messages", "8", "--checkpoint", &format!("{out}/step-seed-0")]);
    assert!(
        message.contains("hear 4 messages (16 features); this world has 3 slices and 8 messages"),
        "{message}"
    );
    let message = refused(&["eval", "--checkpoint", &format!("{out}/step-seed-0/training.safetensors")]);
    assert!(message.contains("It holds training, weights is needed"), "{message}");
}

/// Learners beyond the source document: the same folder, resumed to the same bits, judged by the same command.
#[test]
fn every_learner_trains_resumes_and_is_judged_by_the_same_commands() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let learners = "dqn,double-dqn,duelling-dqn,vdn,qmix,mappo,dial";
    let train = |out: &str, episodes: &str| {
        let horizon = ["--set", "tuning.horizon=120", "--seeds", "1", "--episodes", episodes, "--out", out];
        succeed(
            &[&["train", "--method", learners, "--rule", "work-conserving", "--arbiter"], &horizon[..]]
                .concat(),
        );
    };
    let (whole, cut) = (path("whole"), path("cut"));
    train(&whole, "6");
    train(&cut, "3");
    let config = fs::read_to_string(format!("{cut}/config.toml")).unwrap();
    fs::write(format!("{cut}/config.toml"), config.replace("episodes = 3\n", "episodes = 6\n")).unwrap();
    succeed(&["train", "--resume", &cut]);
    for learner in learners.split(',') {
        for file in ["metrics.csv", "training.safetensors", "agent-0.safetensors", "agent-2.safetensors"] {
            let read = |run: &str| fs::read(format!("{run}/{learner}-seed-0/{file}")).unwrap();
            assert!(read(&whole) == read(&cut), "{learner}: {file} differs");
        }
    }
    let checkpoints: Vec<_> =
        learners.split(',').map(|learner| format!("{whole}/{learner}-seed-0")).collect();
    let judge = [
        "eval",
        "--rule",
        "work-conserving",
        "--seeds",
        "1",
        "--episodes",
        "5",
        "--json",
        "--policy",
        "demand",
    ];
    let output =
        succeed(&[&judge[..], &["--arbiter", "on", "--checkpoint", &checkpoints.join(",")]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1 + 7);
    assert!(lines.iter().all(|line| line["conflicts_per_100"]["mean"] == 0.0), "{text}");
}

/// A log that never shows how to do it well, and an agent that does better than who wrote it.
#[test]
fn a_log_of_random_claims_teaches_agents_that_do_better_than_it() {
    let dir = tempfile::tempdir().unwrap();
    let (log, out) = (dir.path().join("log.csv"), dir.path().join("run"));
    let (log, out) = (log.to_str().unwrap(), out.to_str().unwrap());
    let world = ["--rule", "work-conserving", "--arbiter", "--episodes"];
    let recorded = succeed(&[&["record", "--random", "1", "--out", log], &world[..], &["150"]].concat());
    let said = String::from_utf8(recorded.stderr).unwrap();
    let before: f64 =
        said.split("mean reward of ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let train = ["train", "--method", "double-dqn", "--seeds", "1", "--log", log, "--json", "--out", out];
    let output = succeed(&[&train[..], &world[..], &["40"]].concat());
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    let curve = fs::read_to_string(format!("{out}/double-dqn-seed-0/metrics.jsonl")).unwrap();
    let rewards =
        curve.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["reward"].as_f64().unwrap());
    let last: Vec<f64> = rewards.skip(30).collect();
    let after = last.iter().sum::<f64>() / last.len() as f64;
    assert!(after > before + 5.0, "{before} became {after}: {line}");
    let again = fs::read_to_string(format!("{out}/config.toml")).unwrap();
    assert!(again.contains("[offline]"), "{again}");
}

#[test]
fn a_sweep_has_a_line_for_each_value_and_method() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("sweep");
    let sweep = ["sweep", "--field", "env.messages", "--values", "3,5", "--episodes", "2", "--seeds", "1"];
    succeed(&[&sweep[..], &["--method", "step,predefined", "--out", out.to_str().unwrap()]].concat());
    let lines = fs::read_to_string(out.join("sweep.jsonl")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let keys: Vec<_> = lines.iter().map(|line| format!("{} {}", line["value"], line["method"])).collect();
    assert_eq!(keys, ["\"3\" \"step\"", "\"3\" \"predefined\"", "\"5\" \"step\"", "\"5\" \"predefined\""]);
    assert_eq!(fs::read_to_string(out.join("sweep.csv")).unwrap().lines().count(), 5);
}

#[test]
fn captures_are_described_and_played_with_any_columns() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("embb_a.csv"), "when,size\n0,1500\n0.5,1500\n1.2,40\n").unwrap();
    fs::write(dir.path().join("urllc_b.csv"), "when,size\n0,100\n0.1,100\n").unwrap();
    let folder = dir.path().to_str().unwrap();
    let columns = ["--time-column", "when", "--length-column", "size"];
    let short =
        ["replay", "--folder", folder, "--seeds", "1", "--episodes", "3", "--policy", "static,demand"];
    let output = succeed(&[&short[..], &columns].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("embb_a.csv") && text.contains("urllc_b.csv"), "{text}");
    assert!(text.contains("│ demand"), "{text}");
    assert!(refused(&short).contains("has no column Time"));
}

#[test]
fn completions_and_manual_pages_are_written() {
    let script = String::from_utf8(succeed(&["completions", "bash"]).stdout).unwrap();
    assert!(script.contains("sweep") && script.contains("--resume"));
    let dir = tempfile::tempdir().unwrap();
    succeed(&["man", dir.path().to_str().unwrap()]);
    for page in ["slice-agent.1", "slice-agent-train.1", "slice-agent-replay.1"] {
        assert!(fs::read_to_string(dir.path().join(page)).unwrap().contains(".TH slice-agent"), "{page}");
    }
}

#[test]
fn the_printed_configuration_is_the_default_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("run.toml");
    fs::write(&file, succeed(&["config"]).stdout).unwrap();
    let run = |arguments: &[&str]| {
        succeed(&[&["train", "--episodes", "2", "--seeds", "1", "--json"], arguments].concat())
    };
    assert_eq!(run(&[]).stdout, run(&["--config", file.to_str().unwrap()]).stdout);
}
