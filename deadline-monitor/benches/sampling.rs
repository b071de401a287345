//! What monitoring costs: the decision alone, whole rounds over 1,000 and 10,000 threads beside a bare read loop and a
//! monitor in Python, memory for each thread, settings, and what the monitored tasks notice of it.
#![allow(clippy::unwrap_used, reason = "a benchmark stops where its material is wrong")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

#[cfg(feature = "bpf")]
use deadline_monitor::account::bpf::Sweep;
use deadline_monitor::account::{CpuAccounting, SchedStat};
use deadline_monitor::budget::{Bandwidth, PolicyConfig, PolicyKind, ReservationParams, Sample};
use deadline_monitor::monitor::{Monitor, MonotonicClock, Options};
use deadline_monitor::sched::{DeadlineScheduler, LinuxScheduler, RecordingScheduler, Tid};
use deadline_monitor::target::Target;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::time::{ClockId, clock_gettime};

const PERIOD: Duration = Duration::from_millis(100);
const TICKS: u32 = 50;
const DECISIONS: u32 = 1_000_000;
/// Each figure is the least of so many: other programs only ever add.
const REPEATS: u32 = 5;
/// How long the monitored tasks of the last part run, each time.
const WATCHED: Duration = Duration::from_secs(5);

fn now(clock: ClockId) -> Duration {
    clock_gettime(clock).unwrap().into()
}

/// The least CPU time, in nanoseconds, of one of `count` steps.
fn least(count: u32, mut step: impl FnMut()) -> f64 {
    let measure = |_| {
        let begin = now(ClockId::CLOCK_THREAD_CPUTIME_ID);
        (0..count).for_each(|_| step());
        (now(ClockId::CLOCK_THREAD_CPUTIME_ID) - begin).as_secs_f64() * 1e9 / f64::from(count)
    };
    (0..REPEATS).map(measure).fold(f64::INFINITY, f64::min)
}

/// Samples whose times are never round, as real ones.
fn decisions(initial: ReservationParams) {
    for kind in PolicyKind::ALL {
        let mut policy = PolicyConfig::new(kind).build(initial).unwrap();
        let mut number = 0u64;
        let ns = least(DECISIONS, || {
            number = number.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let executed = Duration::from_nanos(9_000_000 + (number >> 44));
            let interval = PERIOD + Duration::from_nanos(number >> 50);
            let sample = Sample { executed, throttled: Some(Duration::from_nanos(number >> 52)), interval };
            black_box(policy.step(black_box(&sample)));
        });
        println!("BENCH decision,_{kind} {ns:.1} ns");
    }
}

/// Opened files of all threads, read one after another: the least that any reader of procfs pays.
fn bare_reads(ticks: u32) -> f64 {
    let files: Vec<_> = fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|entry| File::open(entry.unwrap().path().join("schedstat")).unwrap())
        .collect();
    let mut buffer = [0; 64];
    least(ticks, || {
        for file in &files {
            black_box(file.read_at(&mut buffer, 0).unwrap());
        }
    })
}

/// CPU time of one round of the monitor in Python, in nanoseconds; none without a Python.
fn python() -> Option<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/naive_monitor.py");
    let output =
        Command::new("python3").args([script, &std::process::id().to_string(), "10"]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

type Observer = Monitor<RecordingScheduler, Box<dyn CpuAccounting>, MonotonicClock>;

/// A monitor of this process's threads after its first two rounds; it sets nothing.
fn monitor(initial: ReservationParams, accounting: Box<dyn CpuAccounting>) -> Observer {
    let options = Options {
        config: PolicyConfig::new(PolicyKind::Saturation),
        initial,
        capacity: Bandwidth::from_units(u64::MAX),
        procfs: "/proc".into(),
    };
    let scheduler = RecordingScheduler::new(Bandwidth::from_units(u64::MAX));
    let target = Target::Process(std::process::id());
    let clock = MonotonicClock::default();
    let mut monitor = Monitor::new(target, options, scheduler, accounting, clock).unwrap().observing();
    monitor.tick().unwrap();
    monitor.tick().unwrap();
    monitor
}

/// Sampling and decision of every thread.
fn ticks(monitor: &mut Observer, ticks: u32) -> f64 {
    least(ticks, || {
        black_box(monitor.tick().unwrap());
    })
}

/// Resident memory of this process, in bytes.
fn memory() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1_024.0
}

fn share(ns: f64) -> f64 {
    ns / 1e9 / PERIOD.as_secs_f64() * 100.0
}

/// Threads that sleep until this value goes.
struct Sleepers {
    gate: Arc<Barrier>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Sleepers {
    /// As many as this machine allows, at most `count`.
    fn start(count: usize) -> Option<Sleepers> {
        let gate = Arc::new(Barrier::new(count + 1));
        let mut threads = Vec::new();
        for _ in 0..count {
            let gate = gate.clone();
            let wait = move || {
                gate.wait();
            };
            threads.push(thread::Builder::new().stack_size(64 << 10).spawn(wait).ok()?);
        }
        Some(Sleepers { gate, threads })
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        self.gate.wait();
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

fn thousand(initial: ReservationParams) {
    let Some(_sleepers) = Sleepers::start(1_000) else { return };
    let (bare, tick) =
        (bare_reads(TICKS), ticks(&mut monitor(initial, Box::new(SchedStat::default())), TICKS));
    // Once: both ratios are to the same round.
    let naive = python();
    println!("BENCH bare_reads_of_1000_threads {:.0} us", bare / 1e3);
    println!("BENCH tick_of_1000_threads {:.0} us vs bare_reads_of_1000_threads", tick / 1e3);
    println!("BENCH tick_of_1000_threads_at_100_ms {:.2} %_of_a_CPU", share(tick));
    #[cfg(feature = "bpf")]
    match Sweep::new() {
        Ok(sweep) => {
            let swept = ticks(&mut monitor(initial, Box::new(sweep)), TICKS);
            println!("BENCH BPF_tick_of_1000_threads {:.0} us vs bare_reads_of_1000_threads", swept / 1e3);
            println!("BENCH BPF_tick_of_1000_threads_at_100_ms {:.2} %_of_a_CPU", share(swept));
            if let Some(naive) = naive {
                println!("BENCH Python_to_BPF_tick {:.0} times", naive / swept);
            }
        }
        Err(error) => println!("NOT MEASURED: {error}"),
    }
    match naive {
        Some(naive) => {
            println!("BENCH Python_round_of_1000_threads {:.0} us vs tick_of_1000_threads", naive / 1e3);
            println!("BENCH Python_to_tick {:.0} times", naive / tick);
        }
        None => println!("NOT MEASURED: there is no python3"),
    }
}

fn ten_thousand(initial: ReservationParams) {
    let before_threads = memory();
    let Some(_sleepers) = Sleepers::start(10_000) else {
        return println!("NOT MEASURED: 10,000 threads cannot be made here");
    };
    assert!(memory() > before_threads);
    let before = memory();
    let mut files = monitor(initial, Box::new(SchedStat::default()));
    println!("BENCH memory_for_each_of_10000_threads {:.0} bytes", (memory() - before) / 1e4);
    let tick = ticks(&mut files, 5);
    println!("BENCH tick_of_10000_threads {:.1} ms", tick / 1e6);
    println!("BENCH tick_of_10000_threads_at_100_ms {:.1} %_of_a_CPU", share(tick));
    drop(files);
    #[cfg(feature = "bpf")]
    if let Ok(sweep) = Sweep::new() {
        let swept = ticks(&mut monitor(initial, Box::new(sweep)), 5);
        println!("BENCH BPF_tick_of_10000_threads {:.1} ms vs tick_of_10000_threads", swept / 1e6);
        println!("BENCH BPF_tick_of_10000_threads_at_100_ms {:.2} %_of_a_CPU", share(swept));
    }
}

/// A periodic task: 10 ms in each 100 ms.
fn task(begin: Duration, reserved: ReservationParams) -> Child {
    let ns = |time: Duration| time.as_nanos().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_deadline-monitor"));
    command.args(["load", "--start-ns", &ns(begin), "--end-ns", &ns(begin + WATCHED)]);
    command.args(["--period-ns", &ns(PERIOD), "--work-ns", &ns(Duration::from_millis(10))]);
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    LinuxScheduler.reserve(Tid(child.id()), &reserved, false).unwrap();
    child
}

/// Response times of a task's jobs, sorted, in microseconds.
fn responses(mut child: Child) -> Vec<f64> {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    let response = |line: &str| line.strip_prefix("job ")?.split(' ').nth(1)?.parse::<f64>().ok();
    let mut responses: Vec<_> = text.lines().filter_map(response).map(|ns| ns / 1e3).collect();
    responses.sort_by(f64::total_cmp);
    responses
}

/// What a reserved task notices of a monitor that reads 1,000 threads, and it, every 100 ms.
fn interference(initial: ReservationParams) {
    let reserved = ReservationParams::new(Duration::from_millis(30), PERIOD).unwrap();
    let probe = Command::new("sleep").arg("10").spawn();
    let refused = probe.is_ok_and(|mut child| {
        let refused = LinuxScheduler.reserve(Tid(child.id()), &reserved, false).is_err();
        child.kill().unwrap();
        child.wait().unwrap();
        refused
    });
    let Some(_sleepers) = Sleepers::start(1_000).filter(|_| !refused) else {
        return println!("NOT MEASURED: reservations are refused here (`deadline-monitor doctor` tells why)");
    };
    for (name, monitored) in [("alone", false), ("monitored", true)] {
        let begin = now(ClockId::CLOCK_MONOTONIC) + Duration::from_millis(300);
        let task = task(begin, reserved);
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, tid) = (stop.clone(), Tid(task.id()));
        let watcher = monitored.then(|| {
            thread::spawn(move || {
                let (mut all, mut files) =
                    (monitor(initial, Box::new(SchedStat::default())), SchedStat::default());
                // As the program does; without priority it only disturbs less.
                let _ = LinuxScheduler.prioritise_this_thread();
                while !stopped.load(Ordering::Relaxed) {
                    black_box((all.tick().unwrap(), files.cpu_time(tid).ok()));
                    thread::sleep(PERIOD);
                }
            })
        });
        let responses = responses(task);
        stop.store(true, Ordering::Relaxed);
        watcher.into_iter().for_each(|watcher| watcher.join().unwrap());
        let at = |percent: usize| responses[(responses.len() * percent).div_ceil(100).max(1) - 1];
        let versus =
            |what: &str| if monitored { format!(" vs response_{what},_alone") } else { String::new() };
        println!("BENCH response_p50,_{name} {:.0} us{}", at(50), versus("p50"));
        println!("BENCH response_max,_{name} {:.0} us{}", at(100), versus("max"));
    }
}

/// What it costs to tell the kernel another budget.
fn settings() {
    let mut child = Command::new("sleep").arg("100").spawn().unwrap();
    let tid = Tid(child.id());
    let params = |us| ReservationParams::new(Duration::from_micros(us), PERIOD).unwrap();
    if LinuxScheduler.reserve(tid, &params(1_000), true).is_ok() {
        let mut us = 1_000;
        let ns = least(2_000, || {
            us = 3_000 - us;
            LinuxScheduler.reserve(tid, &params(us), true).unwrap();
        });
        println!("BENCH setting_a_budget {ns:.0} ns");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn main() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    }
    let initial = ReservationParams::new(PERIOD / 100, PERIOD).unwrap();
    decisions(initial);
    thousand(initial);
    settings();
    interference(initial);
    ten_thousand(initial);
}
