//! More targets than a process may have files.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use deadline_monitor::sched::{DeadlineScheduler, LinuxScheduler, Tid};
use nix::unistd::gettid;

use crate::support::{Account, Place, Turn, eventually};

const PERIOD: Duration = Duration::from_secs(2);

/// Threads that only wait.
struct Crowd {
    tids: Vec<u32>,
    _wake: Vec<mpsc::Sender<()>>,
}

impl Crowd {
    fn gather(count: usize) -> Option<Crowd> {
        let (tell, told) = mpsc::channel();
        let mut wake = Vec::new();
        for _ in 0..count {
            let (sender, asleep) = mpsc::channel::<()>();
            let tell = tell.clone();
            let thread = thread::Builder::new().stack_size(32 << 10).spawn(move || {
                tell.send(gettid().as_raw()).unwrap();
                let _ = asleep.recv();
            });
            thread.ok()?;
            wake.push(sender);
        }
        let tids = told.iter().take(count).map(|tid| u32::try_from(tid).unwrap()).collect();
        Some(Crowd { tids, _wake: wake })
    }
}

/// Sends a request on a connection that stays, and reads the answer.
fn ask(stream: &mut BufReader<UnixStream>, body: &str) -> u16 {
    let length = body.len();
    let head = format!(
        "POST /v1/targets HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.get_mut().write_all(format!("{head}{body}").as_bytes()).unwrap();
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest[..3].parse().unwrap();
        }
        if let Some(rest) = line.strip_prefix("content-length: ") {
            length = rest.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    status
}

#[test]
fn more_targets_than_files_are_monitored_and_given_back() {
    run("more_targets_than_files_are_monitored_and_given_back", 1_500, Mode::Control);
}

/// Without reservations: ten thousand threads of which each may run for microseconds in seconds would hold up the machine.
#[test]
fn ten_thousand_targets_with_1024_files_are_observed() {
    run("ten_thousand_targets_with_1024_files_are_observed", 10_000, Mode::Observe);
}

/// The limit of open files that many machines begin with.
const FILES: usize = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Control,
    Observe,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::Control => "control",
            Mode::Observe => "observe",
        }
    }
}

fn run(name: &str, targets: usize, mode: Mode) {
    let Some(_turn) = Turn::take(name) else { return };
    let Some(crowd) = Crowd::gather(targets) else {
        return println!("SKIPPED: {name}: this machine does not let a process have {targets} threads");
    };
    let (place, account) = (Place::new(), Account::open());
    let before = account.as_ref().map(Account::lost);
    let mut limited = Command::new("sh");
    let shell = format!("ulimit -n {FILES} && exec \"$0\" \"$@\"");
    limited.args(["-c", &shell]).arg(env!("CARGO_BIN_EXE_deadline-monitor"));
    let serve = place.command(&["--log", "warn,deadline_monitor=warn"]);
    limited.args(serve.get_args());
    let daemon = place.start(&mut limited);
    let (begin, resting) = (Instant::now(), memory_kib(daemon.id()));
    let mut stream = BufReader::new(UnixStream::connect(place.socket()).unwrap());
    let settings = settings(targets, mode);
    for tid in &crowd.tids {
        ask(&mut stream, &format!(r#"{{"target":{{"kind":"thread","tid":{tid}}},"settings":{settings}}}"#));
    }
    let per_target = (memory_kib(daemon.id()) - resting) * 1024 / targets;
    println!("{targets} targets added in {:.1} s, {per_target} bytes each", begin.elapsed().as_secs_f64());
    assert!(per_target <= 8 << 10, "{per_target} bytes for each target");
    let reserved = |tid: &&u32| LinuxScheduler.attributes(Tid(**tid)).unwrap().is_deadline();
    let expected = if mode == Mode::Control { targets } else { 0 };
    assert_eq!(crowd.tids.iter().filter(reserved).count(), expected);
    eventually("the report that files are short", || {
        let (_, doctor) = daemon.ask("GET", "/v1/doctor", "");
        doctor["checks"].to_string().contains("not every thread has an open file")
    });
    let files = fs::read_dir(format!("/proc/{}/fd", daemon.id())).unwrap().count();
    assert!((FILES / 2..FILES).contains(&files), "{files} open files");
    let (_, page) = daemon.ask("GET", "/v1/targets?limit=100", "");
    assert_eq!((page["total"].as_u64(), page["next_after"].as_u64()), (Some(targets as u64), Some(100)));
    eventually("a sample of everyone", || {
        let (_, page) = daemon.ask("GET", &format!("/v1/targets?limit=1&after={}", targets - 1), "");
        page["targets"][0]["samples"].as_u64() >= Some(1)
    });
    daemon.stop();
    assert_eq!(crowd.tids.iter().filter(reserved).count(), 0);
    // The kernel takes a thread's bandwidth back at the end of its period.
    thread::sleep(PERIOD);
    if let (Some(account), Some(before)) = (account, before) {
        eventually("that no bandwidth is left behind", || account.lost() <= before);
    }
}

/// Half of the machine for all of them: a thread with a few microseconds in seconds could not even end in good time, and
/// would keep the locks of its process meanwhile.
fn settings(targets: usize, mode: Mode) -> String {
    let mode = mode.name();
    let period_ns = PERIOD.as_nanos();
    let budget_ns = period_ns / targets as u128;
    format!(
        r#"{{"mode":"{mode}","period_ns":{period_ns},"initial_ns":{budget_ns},"floor_ns":{budget_ns},"policy":"seed","sampling_ns":{period_ns}}}"#
    )
}

/// Resident memory.
fn memory_kib(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
