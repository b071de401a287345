//! Speed of learning on one thread and two: `cargo bench -p slice-agent --bench train`.
//!
//! Prints `BENCH name value unit` lines. The other side is `benches/step_torch.py`, ordinary PyTorch on one thread, run in
//! the same minute by a Python that has torch; without one that part is said to be not measured.

use std::hint::black_box;
use std::process::Command;
use std::thread;
use std::time::Instant;

use nix::time::{ClockId, clock_gettime};
use slice_agent::env::{EnvConfig, PreemptionRule};
use slice_agent::learn::replay::Transition;
use slice_agent::learn::{Learner, Method, Recipe, Training};

/// As in the source document.
const EPISODES: u32 = 500;
const UPDATES: u32 = 20_000;

fn seconds() -> f64 {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("every thread has a CPU clock");
    std::time::Duration::from(now).as_secs_f64()
}

/// One agent's update, with the replay and without the world, ms.
fn update_ms(method: Method) -> f64 {
    let config = EnvConfig::source_document(PreemptionRule::Claims);
    let settings = method.settings(&config, EPISODES, None);
    let mut learner = Learner::new(settings, 1);
    learner.begin(100);
    let features = vec![0.25; settings.inputs];
    let mut one = |step: u32| {
        let transition = Transition {
            before: &features,
            level: (step % 5) as usize,
            message: (step % 4) as usize,
            reward: (step % 7) as f32 - 3.0,
            after: &features,
            last: step.is_multiple_of(60),
        };
        learner.learn(transition);
    };
    (0..1_000).for_each(&mut one);
    let begin = seconds();
    (0..UPDATES).for_each(&mut one);
    1e3 * (seconds() - begin) / f64::from(UPDATES)
}

fn training(method: Method, seed: u64) -> Training {
    let config = EnvConfig::source_document(PreemptionRule::Claims);
    let settings = method.settings(&config, EPISODES, None);
    let recipe = Recipe::Source { method, settings };
    Training::new(&recipe, config, seed, EPISODES).expect("the defaults hold")
}

/// A run of 500 episodes of 60 steps with three agents, CPU time of its thread, s.
fn run_s(method: Method, seed: u64) -> f64 {
    let mut training = training(method, seed);
    let begin = seconds();
    while !training.is_done() {
        black_box(training.episode().expect("learners keep to their grid"));
    }
    seconds() - begin
}

/// Two seeds one after another, and side by side: wall time of the first by that of the second.
fn two_cores() -> f64 {
    let begin = Instant::now();
    for seed in 0..2 {
        black_box(run_s(Method::Step, seed));
    }
    let alone = begin.elapsed();
    let begin = Instant::now();
    thread::scope(|scope| {
        for seed in 0..2 {
            scope.spawn(move || black_box(run_s(Method::Step, seed)));
        }
    });
    alone.as_secs_f64() / begin.elapsed().as_secs_f64()
}

/// Highest resident memory of this process, MiB.
fn resident_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

/// A Python with torch: `AIVIRT_TORCH_PYTHON`, a virtual environment in the cache, or the system's.
fn torch_python() -> Option<String> {
    let cached = std::env::var("HOME").map(|home| format!("{home}/.cache/aivirt/torch/bin/python3"));
    let candidates = [std::env::var("AIVIRT_TORCH_PYTHON"), cached];
    let candidates =
        candidates.into_iter().flatten().chain(["python3", "/usr/bin/python3"].map(str::to_owned));
    candidates.into_iter().find(|python| {
        let output = Command::new(python).args(["-c", "import torch"]).output();
        output.is_ok_and(|output| output.status.success())
    })
}

fn torch() {
    let Some(python) = torch_python() else {
        println!(
            "NOT MEASURED: PyTorch: no Python has torch; apt-get install python3-torch, or set AIVIRT_TORCH_PYTHON"
        );
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/step_torch.py");
    match Command::new(python).arg(script).output() {
        Ok(output) if output.status.success() => print!("{}", String::from_utf8_lossy(&output.stdout)),
        Ok(output) => println!("NOT MEASURED: PyTorch: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => println!("NOT MEASURED: PyTorch: {error}"),
    }
}

fn main() {
    println!("vectors: {}", slice_agent::vectors());
    torch();
    let compared = |name: &str, value: f64, unit: &str| {
        println!("BENCH {name} {value:.4} {unit} vs torch/{}", &name[6..])
    };
    compared("learn/step-update", update_ms(Method::Step), "ms");
    compared("learn/madrl-update", update_ms(Method::Madrl), "ms");
    compared("learn/step-run", run_s(Method::Step, 0), "s");
    compared("learn/madrl-run", run_s(Method::Madrl, 0), "s");
    if let Some(mib) = resident_mib() {
        println!("BENCH learn/resident {mib:.1} MiB");
    }
    println!("BENCH learn/two-seeds-on-two-cores {:.2} x", two_cores());
}
