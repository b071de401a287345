//! How fast this machine does what a training is made of.

use std::hint::black_box;
use std::time::Instant;

use anstream::println;
use clap::Args;
use serde::Serialize;
use slice_agent::env::{Action, BatchEnv, EnvConfig, PreemptionRule, SliceEnv};
use slice_agent::infer::Agent;
use slice_agent::learn::{Method, Recipe, Training};

use super::{Failure, summary, train};

/// What `bench` takes.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// Prints JSON lines instead of a table.
    #[arg(long)]
    json: bool,
    /// Episodes of the training that is timed.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=500))]
    episodes: u32,
}

/// One measured value.
#[derive(Debug, Serialize)]
struct Measure {
    name: &'static str,
    value: f64,
    unit: &'static str,
}

/// Does it.
///
/// # Errors
/// Nothing but what a defect would cause.
pub(super) fn run(args: &BenchArgs) -> Result<(), Failure> {
    let (training_s, agent) = training(args.episodes)?;
    let updates = 180.0 * f64::from(args.episodes);
    let measures = [
        Measure { name: "environment, one of three slices", value: env()? / 1e6, unit: "Msteps/s" },
        Measure { name: "environment, batch of 256", value: batch()? / 1e6, unit: "Msteps/s" },
        Measure {
            name: "training of step, update and step of the world",
            value: 1e3 * training_s / updates,
            unit: "ms",
        },
        Measure { name: "decision of a trained agent", value: decision_ns(&agent)?, unit: "ns" },
    ];
    if args.json {
        return train::print_json(&measures);
    }
    let row = |measure: &Measure| {
        vec![measure.name.to_owned(), format!("{:.3}", measure.value), measure.unit.to_owned()]
    };
    println!("{}", summary::aligned(&["measure", "value", "unit"], measures.iter().map(row), 1));
    println!("Vectors: {}; one thread, wall time.", slice_agent::vectors());
    Ok(())
}

fn config() -> EnvConfig {
    EnvConfig::source_document(PreemptionRule::Claims)
}

fn env() -> Result<f64, Failure> {
    const EPISODES: u32 = 5_000;
    let mut env = SliceEnv::new(config(), 0)?;
    let actions: Vec<_> = (0..env.slices()).map(|level| Action { level, message: 0 }).collect();
    let begin = Instant::now();
    for seed in 0..EPISODES {
        env.reset(seed.into());
        while !env.step(&actions)?.done {}
    }
    Ok(f64::from(60 * EPISODES) / begin.elapsed().as_secs_f64())
}

fn batch() -> Result<f64, Failure> {
    const BATCHES: u32 = 100;
    let seeds: Vec<u64> = (0..256).collect();
    let mut envs = BatchEnv::new(config(), &seeds)?;
    let actions: Vec<u8> = (0..5u8).cycle().flat_map(|level| [level, 0]).take(256 * 6).collect();
    let begin = Instant::now();
    for _ in 0..BATCHES {
        envs.reset(&seeds)?;
        while !envs.step(&actions)?.done {}
    }
    Ok(f64::from(256 * 60 * BATCHES) / begin.elapsed().as_secs_f64())
}

/// Seconds of a training after its first episode, and an agent of it.
fn training(episodes: u32) -> Result<(f64, Vec<u8>), Failure> {
    let config = config();
    let settings = Method::Step.settings(&config, episodes + 2, None);
    let recipe = Recipe::Source { method: Method::Step, settings };
    let mut training = Training::new(&recipe, config, 0, episodes + 2)?;
    // The replay fills.
    (0..2).try_for_each(|_| training.episode().map(drop))?;
    let begin = Instant::now();
    while !training.is_done() {
        training.episode()?;
    }
    let seconds = begin.elapsed().as_secs_f64();
    let agent = training.agents().into_iter().next().ok_or("There is no agent")?;
    Ok((seconds, agent.to_checkpoint()?.to_bytes()?))
}

fn decision_ns(file: &[u8]) -> Result<f64, Failure> {
    const DECISIONS: u32 = 200_000;
    let mut memory = vec![0.0; Agent::memory(file)?];
    let agent = Agent::read(file, &mut memory)?;
    let observation = vec![0.3; agent.features()];
    let begin = Instant::now();
    for _ in 0..DECISIONS {
        black_box(agent.act(black_box(&observation), None)?);
    }
    Ok(1e9 * begin.elapsed().as_secs_f64() / f64::from(DECISIONS))
}
