//! Programs to be monitored, daemons, and a client of few lines.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use deadline_monitor::budget::{Bandwidth, ReservationParams};
use deadline_monitor::machine::{Account as Books, Machine, online_cpus, total_bandwidth};
use deadline_monitor::sched::{DeadlineScheduler, LinuxScheduler, SchedPolicy, Tid};
use deadline_monitor::serve::engine::Survey;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// The right to give reservations. The kernel's accounts are one for the whole machine, so tests take turns: also those
/// of other programs and of other working copies.
#[derive(Debug)]
pub(crate) struct Turn(#[expect(dead_code, reason = "held")] File);

impl Turn {
    /// The turn of one test, if this machine lets it run: says SKIPPED and why if not.
    pub(crate) fn take(name: &str) -> Option<Turn> {
        let path = std::env::temp_dir().join("deadline-monitor-tests.lock");
        let file = File::options().create(true).append(true).open(path).unwrap();
        file.lock().unwrap();
        wait_for_neighbours();
        let program = Program::sleeping();
        let before = LinuxScheduler.attributes(program.tid()).unwrap();
        let params = ReservationParams::new(Duration::from_millis(1), Duration::from_millis(100)).unwrap();
        let probe = LinuxScheduler.reserve(program.tid(), &params, false);
        match probe.and_then(|()| LinuxScheduler.release(program.tid(), &before)) {
            Ok(()) => Some(Turn(file)),
            Err(error) => {
                println!("SKIPPED: {name}: {error}");
                None
            }
        }
    }
}

/// Programs that take no turns have some time to end; whoever has reservations for longer is put up with.
fn wait_for_neighbours() {
    let begin = Instant::now();
    while !Survey::take(Path::new("/proc")).reservations.is_empty()
        && begin.elapsed() < Duration::from_secs(20)
    {
        thread::sleep(Duration::from_millis(100));
    }
}

/// A program that is killed with this value.
#[derive(Debug)]
pub(crate) struct Program(Child);

impl Program {
    pub(crate) fn sleeping() -> Program {
        Program(Command::new("sleep").arg("1000").spawn().unwrap())
    }

    pub(crate) fn shell(script: &str) -> Program {
        Program(Command::new("sh").args(["-c", script]).stdout(Stdio::null()).spawn().unwrap())
    }

    /// A program of another user.
    pub(crate) fn of_user(uid: u32) -> Program {
        Program(Command::new("sleep").arg("1000").uid(uid).gid(uid).spawn().unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn tid(&self) -> Tid {
        Tid(self.id())
    }

    pub(crate) fn is_reserved(&self) -> bool {
        LinuxScheduler.attributes(self.tid()).unwrap().scheduling() == SchedPolicy::Deadline
    }

    pub(crate) fn budget(&self) -> Duration {
        Duration::from_nanos(LinuxScheduler.attributes(self.tid()).unwrap().runtime_ns)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The kernel's account of given bandwidth, through a debugfs of our own; `None` where it cannot be mounted.
#[derive(Debug)]
pub(crate) struct Account(PathBuf);

impl Account {
    pub(crate) fn open() -> Option<Account> {
        let usual = PathBuf::from("/sys/kernel/debug");
        if usual.join("sched/debug").is_file() {
            return Some(Account(usual));
        }
        let dir = tempfile::tempdir().unwrap().keep();
        let mounted = Command::new("mount").args(["-t", "debugfs", "none"]).arg(&dir).status();
        if mounted.is_ok_and(|status| status.success()) { Some(Account(dir)) } else { None }
    }

    pub(crate) fn total(&self) -> Bandwidth {
        total_bandwidth(&fs::read_to_string(self.0.join("sched/debug")).unwrap()).unwrap()
    }

    /// What the kernel counts and no thread has: lost bandwidth, and whatever changes while this is read.
    pub(crate) fn lost(&self) -> Bandwidth {
        let cpus = u64::try_from(online_cpus().len()).unwrap();
        let fair = Machine::read(Path::new("/proc"), cpus).fair_servers();
        let reserved = Survey::take(Path::new("/proc")).reserved();
        self.total().saturating_sub(fair).saturating_sub(reserved)
    }

    /// What threads have and the kernel does not count: it rebuilds its accounts when cpusets change, and then forgets
    /// reservations (seen on 6.18).
    pub(crate) fn forgotten(&self) -> Bandwidth {
        let cpus = u64::try_from(online_cpus().len()).unwrap();
        let reserved = Survey::take(Path::new("/proc")).reserved();
        match Machine::read(Path::new("/proc"), cpus).account(self.total(), reserved) {
            Books::Forgotten(forgotten) => forgotten,
            Books::Even | Books::Lost(_) => Bandwidth::default(),
        }
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

/// Waits until `holds`, at most 20 seconds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what} does not happen");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A place for sockets and state files that other users can reach.
#[derive(Debug)]
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(directory.path(), open).unwrap();
        Place(directory)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("socket")
    }

    /// `serve` at this place.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deadline-monitor"));
        command
            .arg("serve")
            .arg("--socket")
            .arg(self.socket())
            .arg("--state-directory")
            .arg(self.path("state"));
        command.args(args).stdin(Stdio::null());
        command
    }

    pub(crate) fn serve(&self, args: &[&str]) -> Daemon {
        self.start(&mut self.command(args))
    }

    /// Starts a daemon and waits until it answers.
    pub(crate) fn start(&self, command: &mut Command) -> Daemon {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (lines, log) = std::sync::mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        let daemon = Daemon { child, socket: self.socket(), log };
        eventually("that the daemon answers", || {
            daemon.try_ask("GET", "/readyz", "").is_some_and(|(status, _)| status == 200)
        });
        daemon
    }
}

/// A daemon that is killed with this value.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    socket: PathBuf,
    log: std::sync::mpsc::Receiver<String>,
}

impl Daemon {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged since the last call.
    pub(crate) fn logged(&self) -> String {
        self.log.try_iter().collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.try_ask(method, path, body).expect("the daemon answers")
    }

    /// One request on a connection of its own; none if the daemon goes meanwhile.
    pub(crate) fn try_ask(&self, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
        let (status, text) = exchange(UnixStream::connect(&self.socket).ok()?, method, path, body)?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// Adds a process and returns the target's id.
    pub(crate) fn add(&self, program: &Program, settings: &str) -> u64 {
        let body =
            format!(r#"{{"target":{{"kind":"process","pid":{}}},"settings":{settings}}}"#, program.id());
        let (status, answer) = self.ask("POST", "/v1/targets", &body);
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_u64().unwrap()
    }

    /// SIGTERM, and its exit.
    pub(crate) fn stop(mut self) -> String {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM).unwrap();
        let begin = Instant::now();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
        assert!(begin.elapsed() < Duration::from_secs(10), "it stops within seconds");
        self.logged()
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request and its answer.
pub(crate) fn exchange(
    mut stream: impl Read + Write,
    method: &str,
    path: &str,
    body: &str,
) -> Option<(u16, String)> {
    let length = body.len();
    let head = "host: localhost\r\ncontent-type: application/json\r\nconnection: close";
    write!(stream, "{method} {path} HTTP/1.1\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Whether a program is there: says SKIPPED if not.
pub(crate) fn has(test: &str, program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&path).any(|dir| dir.join(program).is_file());
    if !there {
        println!("SKIPPED: {test}: there is no {program}");
    }
    there
}

/// A file beside this one.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/daemon").join(name)
}
