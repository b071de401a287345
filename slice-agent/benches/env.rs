//! Speed of the environment and the arbiter on one thread: `cargo bench -p slice-agent --bench env`.
//!
//! Prints `BENCH name value unit` lines. Timed by the thread's own CPU clock, so that a busy machine does not count.

use std::hint::black_box;

use nix::time::{ClockId, clock_gettime};
use slice_agent::arbiter::{Arbiter, Claim};
use slice_agent::env::{Action, BatchEnv, EnvConfig, PreemptionRule, SliceEnv};
use slice_agent::infer::Agent;

const EPISODES: u64 = 20_000;
const BATCHES: u32 = 200;
const ROUNDS: u64 = 2_000_000;

fn seconds() -> f64 {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("every thread has a CPU clock");
    std::time::Duration::from(now).as_secs_f64()
}

/// Environment steps a second with `count` slices.
fn steps_per_second(count: usize, episodes: u64) -> f64 {
    let mut config = EnvConfig::source_document(PreemptionRule::WorkConserving);
    config.slices = config.slices.iter().cycle().take(count).cloned().collect();
    config.arbiter = true;
    let steps = f64::from(config.episode_steps) * episodes as f64;
    let mut env = SliceEnv::new(config, 0).expect("the defaults hold");
    let actions: Vec<_> = (0..count).map(|slice| Action { level: slice % 5, message: 0 }).collect();
    let begin = seconds();
    for seed in 0..episodes {
        env.reset(seed);
        while !env.step(&actions).expect("the episode goes on").done {}
        black_box(env.outcomes());
    }
    steps / (seconds() - begin)
}

/// Environment steps a second of a batch with three slices each.
fn batched_steps_per_second(rule: PreemptionRule, arbiter: bool) -> f64 {
    const ENVS: usize = 256;
    let config = EnvConfig { arbiter, ..EnvConfig::source_document(rule) };
    let steps = f64::from(config.episode_steps) * ENVS as f64 * f64::from(BATCHES);
    let seeds: Vec<u64> = (0..).take(ENVS).collect();
    let mut envs = BatchEnv::new(config, &seeds).expect("the defaults hold");
    let actions: Vec<u8> = (0u8..5).cycle().flat_map(|level| [level, 0]).take(ENVS * 6).collect();
    let begin = seconds();
    for _ in 0..BATCHES {
        envs.reset(&seeds).expect("there is a seed for each");
        while !envs.step(&actions).expect("the episodes go on").done {}
        black_box(envs.conflicts());
    }
    steps / (seconds() - begin)
}

fn rounds_per_second() -> f64 {
    let mut arbiter = Arbiter::new();
    let claims = [Claim::of(5), Claim::of(22), Claim::of(20)];
    let mut grants = [0; 3];
    let begin = seconds();
    for _ in 0..ROUNDS {
        arbiter.share(black_box(&[15, 15, 10]), black_box(&claims), &mut grants).expect("the lengths agree");
        black_box(&grants);
    }
    ROUNDS as f64 / (seconds() - begin)
}

/// One decision of a trained agent.
fn decision_ns() -> f64 {
    const DECISIONS: u32 = 1_000_000;
    let file = include_bytes!("../../tests/vectors/agent.safetensors");
    let mut memory = [0.0; 5_000];
    let agent = Agent::read(file, &mut memory).expect("the vectors hold an agent");
    let begin = seconds();
    for _ in 0..DECISIONS {
        black_box(agent.act(black_box(&[0.3; 16]), None).expect("the observation fits"));
    }
    1e9 * (seconds() - begin) / f64::from(DECISIONS)
}

fn main() {
    let three = steps_per_second(3, EPISODES);
    println!("BENCH env/steps-3-slices {:.3} Msteps/s", three / 1e6);
    println!("BENCH env/slice-step-3-slices {:.1} ns", 1e9 / three / 3.0);
    let thousand = steps_per_second(1_000, EPISODES / 400);
    println!("BENCH env/slice-step-1000-slices {:.1} ns", 1e9 / thousand / 1_000.0);
    println!(
        "BENCH env/batched-steps-rule-a {:.3} Msteps/s vs env/steps-3-slices",
        batched_steps_per_second(PreemptionRule::Claims, false) / 1e6
    );
    println!(
        "BENCH env/batched-steps-rule-b-arbiter {:.3} Msteps/s vs env/steps-3-slices",
        batched_steps_per_second(PreemptionRule::WorkConserving, true) / 1e6
    );
    println!("BENCH arbiter/round-3-slices {:.1} ns", 1e9 / rounds_per_second());
    println!("BENCH infer/decision {:.0} ns", decision_ns());
}
