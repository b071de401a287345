//! Writes down what a demand-following rule does that also tries other things out: a log to learn from.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use anstream::eprintln;
use clap::Args;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rand_xoshiro::{SplitMix64, Xoshiro256PlusPlus};
use slice_agent::checkpoint::{CheckpointError, Reader, Stateful, Writer};
use slice_agent::env::{Action, LEVELS};
use slice_agent::learn::explore::explore;
use slice_agent::learn::network::Network;
use slice_agent::learn::offline::{Log, Recording};
use slice_agent::learn::{Experience, Mode, Rollout, Seen, Shape, SliceWorld, TeamLearner, World as _};
use slice_agent::study::{RuleSpec, RuleTeam};

use super::Failure;
use super::train::RunSettings;

/// What `record` takes.
#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    /// The log: CSV, a line for each slice in each step.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What the rule claims of the demand that it sees.
    #[arg(long, default_value_t = 1.0)]
    margin: f64,
    /// The lowest level that it claims, from 0 (a quarter of the share) over 2 (the share) to 4 (twice the share).
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..5))]
    floor: u8,
    /// Part of the claims and messages that are random: what nobody tries cannot be learnt.
    #[arg(long, default_value_t = 0.2)]
    random: f64,
    #[command(flatten)]
    settings: RunSettings,
}

/// Does it.
///
/// # Errors
/// The configuration is refused or the file cannot be written.
pub(super) fn run(args: &RecordArgs) -> Result<(), Failure> {
    let config = args.settings.draft()?.finish()?;
    let is_margin = args.margin > 0.0 && args.margin.is_finite();
    if !is_margin || !(0.0..=1.0).contains(&args.random) {
        return Err("--random must lie between 0 and 1, --margin above 0".into());
    }
    let env = config.env.build()?;
    let mut world = SliceWorld::new(env.clone(), config.talks == Some(true))?;
    let spec = RuleSpec { margin: args.margin, floor: args.floor.into() };
    let (shape, rules) = (world.shape(), RuleTeam::new(world.shape(), &env, &spec));
    let mut seeds = SplitMix64::seed_from_u64(config.first_seed);
    let random = Xoshiro256PlusPlus::seed_from_u64(seeds.next_u64());
    let team = Trying { shape, rules, part: args.random, random };
    let mut recording = Recording { team, log: Log::new(shape) };
    let mut rollout = Rollout::new(&world);
    let mut reward = 0.0;
    for _ in 0..config.episodes {
        reward += rollout.play(&mut world, &mut recording, Mode::Learn, seeds.next_u64())?;
        world.forget_latencies();
    }
    let named = |error| format!("Cannot write {}: {error}", args.out.display());
    recording.log.write(BufWriter::new(File::create(&args.out).map_err(named)?))?;
    let mean = reward / f64::from(config.episodes);
    eprintln!("{} episodes with a mean reward of {mean:.1} are in {}", config.episodes, args.out.display());
    Ok(())
}

/// Rules, and now and then anything else.
#[derive(Debug)]
struct Trying {
    shape: Shape,
    rules: RuleTeam,
    part: f64,
    random: Xoshiro256PlusPlus,
}

impl TeamLearner for Trying {
    fn begin(&mut self, _: u32) {}

    fn decide(&mut self, seen: &Seen, mode: Mode, actions: &mut [Action]) {
        self.rules.decide(seen, mode, actions);
        for (slice, action) in actions.iter_mut().enumerate() {
            let allowed = seen.levels_of(slice, &self.shape);
            action.level = explore(action.level, LEVELS, self.part, |level| allowed[level], &mut self.random);
            action.message =
                explore(action.message, self.shape.messages, self.part, |_| true, &mut self.random);
        }
    }

    fn learn(&mut self, _: &Experience<'_>) {}

    fn network(&self, _: usize) -> Option<Network> {
        None
    }
}

/// Nothing of it is ever stored.
impl Stateful for Trying {
    fn store(&self, _: &mut Writer<'_>) {}

    fn restore(&mut self, _: &mut Reader<'_>) -> Result<(), CheckpointError> {
        Ok(())
    }
}
