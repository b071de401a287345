//! What a sample costs: the decision alone, and a whole tick over 1,000 threads beside a bare read loop.
#![allow(clippy::unwrap_used, reason = "a benchmark stops where its material is wrong")]

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use deadline_monitor::account::SchedStat;
use deadline_monitor::budget::{Bandwidth, PolicyConfig, PolicyKind, ReservationParams, Sample};
use deadline_monitor::monitor::{Monitor, MonotonicClock, Options};
use deadline_monitor::sched::RecordingScheduler;
use deadline_monitor::target::Target;
use nix::time::{ClockId, clock_gettime};

const PERIOD: Duration = Duration::from_millis(100);
const THREADS: u32 = 1_000;
const TICKS: u32 = 50;
const DECISIONS: u32 = 1_000_000;
/// Each figure is the least of so many: other programs only ever add.
const REPEATS: u32 = 5;

fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

/// The least CPU time, in nanoseconds, of one of `count` steps.
fn least(count: u32, mut step: impl FnMut()) -> f64 {
    let measure = |_| {
        let begin = cpu_time();
        (0..count).for_each(|_| step());
        (cpu_time() - begin).as_secs_f64() * 1e9 / f64::from(count)
    };
    (0..REPEATS).map(measure).fold(f64::INFINITY, f64::min)
}

fn decisions(initial: ReservationParams) {
    for kind in PolicyKind::ALL {
        let mut policy = PolicyConfig::new(kind).build(initial).unwrap();
        let mut number = 0u64;
        let ns = least(DECISIONS, || {
            number = number.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let executed = Duration::from_nanos(9_000_000 + (number >> 44));
            let sample = Sample { executed, throttled: Some(Duration::ZERO), interval: PERIOD };
            black_box(policy.step(black_box(&sample)));
        });
        println!("BENCH decision,_{kind} {ns:.1} ns");
    }
}

/// Opened files of all threads, read one after another: the least that any reader of procfs pays.
fn bare_reads() -> f64 {
    let files: Vec<_> = fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|entry| File::open(entry.unwrap().path().join("schedstat")).unwrap())
        .collect();
    let mut buffer = [0; 64];
    least(TICKS, || {
        for file in &files {
            black_box(file.read_at(&mut buffer, 0).unwrap());
        }
    })
}

/// What a monitor pays that opens each file again and reads it as text.
fn naive_reads() -> f64 {
    least(TICKS / 5, || {
        for entry in fs::read_dir("/proc/self/task").unwrap() {
            let text = fs::read_to_string(entry.unwrap().path().join("stat")).unwrap();
            black_box(text.split(' ').nth(13).map(str::len));
        }
    })
}

fn ticks(initial: ReservationParams) -> f64 {
    let options = Options {
        config: PolicyConfig::new(PolicyKind::Saturation),
        initial,
        capacity: Bandwidth::from_units(u64::MAX),
        procfs: "/proc".into(),
    };
    let scheduler = RecordingScheduler::new(Bandwidth::from_units(u64::MAX));
    let clock = MonotonicClock::default();
    let target = Target::Process(std::process::id());
    let mut monitor = Monitor::new(target, options, scheduler, SchedStat::default(), clock).unwrap();
    monitor.tick().unwrap();
    least(TICKS, || {
        black_box(monitor.tick().unwrap());
    })
}

fn main() {
    let initial = ReservationParams::new(PERIOD / 100, PERIOD).unwrap();
    decisions(initial);
    let gate = Arc::new(Barrier::new(usize::try_from(THREADS).unwrap() + 1));
    let wait = |gate: Arc<Barrier>| move || gate.wait();
    let threads: Vec<_> = (0..THREADS)
        .map(|_| thread::Builder::new().stack_size(64 << 10).spawn(wait(gate.clone())).unwrap())
        .collect();
    let (bare, tick, naive) = (bare_reads(), ticks(initial), naive_reads());
    println!("BENCH bare_reads_of_1000_threads {:.0} us", bare / 1e3);
    println!("BENCH tick_of_1000_threads {:.0} us vs bare_reads_of_1000_threads", tick / 1e3);
    println!("BENCH opening_and_parsing_1000_threads {:.0} us vs tick_of_1000_threads", naive / 1e3);
    println!("BENCH share_of_a_CPU_at_100_ms {:.2} %", tick / 1e9 / PERIOD.as_secs_f64() * 100.0);
    gate.wait();
    for thread in threads {
        thread.join().unwrap();
    }
}
