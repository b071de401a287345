//! Whole episodes, to the last bit: what Rust and Python must both compute.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::path::PathBuf;

use serde_json::{Value, json};
use slice_agent::env::{Action, EnvConfig, LEVELS, Observation, PreemptionRule, SliceEnv};

const SEED: u64 = 20_261_124;

/// The worlds by the names of the shared file.
fn worlds() -> [(&'static str, EnvConfig); 4] {
    let claims = || EnvConfig::source_document(PreemptionRule::Claims);
    let work = || EnvConfig::source_document(PreemptionRule::WorkConserving);
    [
        ("claims", claims()),
        ("work-conserving", work()),
        ("arbiter", EnvConfig { arbiter: true, ..work() }),
        ("late", EnvConfig { arrivals_delay_steps: 2, ..claims() }),
    ]
}

/// Changes from step to step and from slice to slice.
fn action(step: usize, slice: usize, messages: usize) -> Action {
    Action { level: (3 * step + 2 * slice) % LEVELS, message: (step + slice) % messages }
}

fn episode(config: EnvConfig) -> Value {
    let messages = config.messages;
    let mut env = SliceEnv::new(config, SEED).unwrap();
    let (mut steps, mut done) = (Vec::new(), false);
    while !done {
        let actions: Vec<_> =
            (0..env.slices()).map(|slice| action(steps.len(), slice, messages)).collect();
        let step = env.step(&actions).unwrap();
        done = step.done;
        let bits = |value: f64| value.to_bits();
        let rewards: Vec<_> = env.outcomes().iter().map(|outcome| bits(outcome.reward)).collect();
        let latencies: Vec<_> = env.outcomes().iter().map(|outcome| bits(outcome.latency_ms)).collect();
        steps.push(json!([step.conflict, step.trimmed_slices, rewards, latencies]));
    }
    json!({ "steps": steps, "observation_bits": observations(&env) })
}

/// What all agents see at the end.
fn observations(env: &SliceEnv) -> Vec<Vec<u32>> {
    let config = env.config();
    let of = |slice| {
        let mut features = vec![0.0; Observation::features(env.slices(), config.messages)];
        env.observe(slice).write(config.step_s, config.total_hz(), config.messages, &mut features);
        features.into_iter().map(f32::to_bits).collect()
    };
    (0..env.slices()).map(of).collect()
}

/// `AIVIRT_REWRITE=1` writes the file anew.
#[test]
fn the_golden_episodes_come_out_to_the_last_bit() {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/slice-episode.json"));
    let episodes: serde_json::Map<_, _> =
        worlds().into_iter().map(|(name, config)| (name.to_owned(), episode(config))).collect();
    let text = format!("{}\n", json!({ "seed": SEED, "episodes": episodes }));
    if std::env::var_os("AIVIRT_REWRITE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert!(std::fs::read_to_string(&path).unwrap() == text, "{} is not what comes out", path.display());
}
