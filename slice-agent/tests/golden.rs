//! One episode of each kind, bit by bit: the same numbers on every machine, in Rust, C and Python.
//! `SLICES_BLESS=1 cargo test -p slice-agent --test golden` writes tests/vectors/slice-episodes.json.
#![allow(clippy::unwrap_used, reason = "a test stops where its own material is wrong")]

use serde_json::{Value, json};
use slice_agent::env::{Action, CpuDrift, EnvConfig, LEVELS, PreemptionRule, SliceEnv};

/// Seed, configuration and name of each episode.
fn episodes() -> Vec<(u64, EnvConfig, &'static str)> {
    let of = EnvConfig::source_document;
    let mut hard = EnvConfig { arrivals_delay_steps: 2, ..of(PreemptionRule::WorkConserving) };
    hard.cpu.growth = 0.5;
    hard.cpu_drift = CpuDrift { deviation: 0.2, correlation: 0.95 };
    vec![
        (7, of(PreemptionRule::Claims), "rule A"),
        (8, EnvConfig { arbiter: true, ..of(PreemptionRule::WorkConserving) }, "rule B with the arbiter"),
        (9, EnvConfig { arbiter: true, ..EnvConfig::prbs(PreemptionRule::Claims) }, "PRBs"),
        (10, hard, "drifting and late"),
    ]
}

/// Levels and messages that visit the whole grid; anybody can write them down.
fn actions(config: &EnvConfig, step: usize) -> Vec<Action> {
    let of = |slice| Action {
        level: (step * (slice + 1) + slice) % LEVELS,
        message: (step + slice) % config.messages,
    };
    (0..config.slices.len()).map(of).collect()
}

/// Numbers as the hexadecimal digits of their bits.
fn hex(value: f64) -> String {
    format!("{:016x}", value.to_bits())
}

fn play(seed: u64, config: &EnvConfig, name: &str) -> Value {
    let mut env = SliceEnv::new(config.clone(), seed).unwrap();
    let mut steps = Vec::new();
    for step in 0..60 {
        let result = env.step(&actions(config, step)).unwrap();
        let outcomes = env.outcomes().iter();
        let reward: f64 = outcomes.clone().map(|outcome| outcome.reward).sum();
        let latency: f64 = outcomes.clone().map(|outcome| outcome.latency_ms).sum();
        let arrived: f64 = outcomes.clone().map(|outcome| outcome.arrived_bits).sum();
        let granted: u64 = outcomes.map(|outcome| outcome.granted_hz).sum();
        let sums =
            json!([hex(reward), hex(latency), hex(arrived), granted, result.conflict, result.trimmed_slices]);
        steps.push(sums);
    }
    json!({"name": name, "seed": seed, "sums": "reward, latency_ms, arrived_bits, granted_hz, conflict, trimmed", "steps": steps})
}

#[test]
fn episodes_have_the_same_bits_as_ever() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/slice-episodes.json");
    let played: Vec<_> = episodes().iter().map(|(seed, config, name)| play(*seed, config, name)).collect();
    let text = serde_json::to_string(&played).unwrap().replace("],[", "],\n[") + "\n";
    if std::env::var_os("SLICES_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    for (found, expected) in text.lines().zip(golden.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(text, golden);
}
