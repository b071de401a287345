//! What the tests on the real kernel share.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails is a test that fails")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use deadline_monitor::budget::{Bandwidth, ReservationParams};
use deadline_monitor::machine::total_bandwidth;
use deadline_monitor::sched::{DeadlineScheduler, LinuxScheduler, SchedPolicy, Tid};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub const PERIOD: Duration = Duration::from_millis(100);

pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// So much of each 100 ms.
pub fn params(runtime: Duration) -> ReservationParams {
    ReservationParams::new(runtime, PERIOD).unwrap()
}

/// The right to give reservations. The kernel's accounts are one for the whole machine, so tests take turns: also those
/// of other programs and of other working copies.
#[derive(Debug)]
pub struct Turn(File);

impl Turn {
    /// Waits for the turn.
    pub fn take() -> Turn {
        let path = std::env::temp_dir().join("deadline-monitor-tests.lock");
        let file =
            File::options().create(true).append(true).open(path).expect("temporary directory is writable");
        file.lock().expect("files can be locked");
        Turn(file)
    }

    /// The turn of one test, if this machine lets it run: says SKIPPED and why if not.
    pub fn take_if_allowed(name: &str) -> Option<Turn> {
        let turn = Turn::take();
        let program = Program::sleeping();
        let before = LinuxScheduler.attributes(program.tid()).unwrap();
        let probe = LinuxScheduler.reserve(program.tid(), &params(ms(1)), false);
        match probe.and_then(|()| LinuxScheduler.release(program.tid(), &before)) {
            Ok(()) => Some(turn),
            Err(error) => {
                println!("SKIPPED: {name}: {error}");
                None
            }
        }
    }
}

/// Whether a program is there: says SKIPPED if not.
pub fn has(test: &str, program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&path).any(|dir| dir.join(program).is_file());
    if !there {
        println!("SKIPPED: {test}: there is no {program}");
    }
    there
}

/// The program under test, with nothing to read.
pub fn monitor(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deadline-monitor"));
    command.args(args).stdin(Stdio::null());
    command
}

/// What it says.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn is_reserved(tid: Tid) -> bool {
    LinuxScheduler.attributes(tid).is_ok_and(|attr| attr.scheduling() == SchedPolicy::Deadline)
}

/// Waits until `holds`, at most twenty seconds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what} does not happen");
        thread::sleep(ms(10));
    }
}

/// A program that is killed with this value.
#[derive(Debug)]
pub struct Program(pub Child);

impl Program {
    pub fn start(command: &mut Command) -> Program {
        Program(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    pub fn shell(script: &str) -> Program {
        Program::start(Command::new("sh").args(["-c", script]))
    }

    pub fn spinning() -> Program {
        Program::shell("while :; do :; done")
    }

    pub fn sleeping() -> Program {
        Program::start(Command::new("sleep").arg("1000").stderr(Stdio::null()))
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    pub fn tid(&self) -> Tid {
        Tid(self.0.id())
    }

    /// Asks it to end, and waits.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        let _ = kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), Signal::SIGTERM);
        self.0.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The kernel's account of given bandwidth, through a debugfs of our own; `None` where it cannot be mounted.
#[derive(Debug)]
pub struct Account(PathBuf);

impl Account {
    pub fn open() -> Option<Account> {
        let usual = PathBuf::from("/sys/kernel/debug");
        if usual.join("sched/debug").is_file() {
            return Some(Account(usual));
        }
        let dir = tempfile::tempdir().unwrap().keep();
        let mounted =
            Command::new("mount").args(["-t", "debugfs", "none"]).arg(&dir).stderr(Stdio::null()).status();
        if mounted.is_ok_and(|status| status.success()) { Some(Account(dir)) } else { None }
    }

    pub fn total(&self) -> Bandwidth {
        total_bandwidth(&fs::read_to_string(self.0.join("sched/debug")).unwrap()).unwrap()
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if self.0.starts_with(std::env::temp_dir()) {
            let _ = Command::new("umount").arg(&self.0).status();
            let _ = fs::remove_dir(&self.0);
        }
    }
}

/// Compares the kernel's account before and after a test, where it can be read.
#[derive(Debug)]
pub struct Balance(Option<(Account, Bandwidth)>);

impl Balance {
    pub fn begin() -> Balance {
        Balance(Account::open().map(|account| {
            let total = account.total();
            (account, total)
        }))
    }

    pub fn is_even(&self) {
        if let Some((account, before)) = &self.0 {
            eventually("the account going back to its beginning", || account.total() == *before);
        }
    }
}

/// `busy N` spins in N threads; `busy churn` has threads that come and go. Static, so that it runs in an empty image.
pub fn busy() -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("busy");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/busy.rs");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let fresh = program.with_extension(std::process::id().to_string());
    let built =
        Command::new(rustc).args(["-O", "-Ctarget-feature=+crt-static", source, "-o"]).arg(&fresh).status();
    assert!(built.unwrap().success());
    fs::rename(fresh, &program).unwrap();
    program
}
