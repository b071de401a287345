//! Teams of trained agents, from the folders of their trainings.

use std::path::Path;

use rayon::ThreadPoolBuilder;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use slice_agent::checkpoint::{Checkpoint, CheckpointError};
use slice_agent::env::EnvConfig;
use slice_agent::eval::{Entry, Figures, Plan, Run, run_team};
use slice_agent::learn::TrainedAgent;

use super::{Failure, chain};

/// The agents in a folder (`agent-0.safetensors` and so on), or the one of a file for every slice.
pub(super) fn agents(path: &Path, slices: usize) -> Result<Vec<TrainedAgent>, Failure> {
    let read = |file: &Path| {
        let named = |error: CheckpointError| format!("Cannot use {}: {}", file.display(), chain(&error));
        let checkpoint = Checkpoint::load(file).map_err(named)?;
        TrainedAgent::from_checkpoint(&checkpoint).map_err(|error| Failure::from(named(error)))
    };
    if path.is_dir() {
        return (0..slices).map(|slice| read(&path.join(format!("agent-{slice}.safetensors")))).collect();
    }
    let agent = read(path)?;
    Ok(vec![agent; slices])
}

/// The figures of the team at `path`, over the seeds of `plan`, with and without the arbiter as `arbiters` says.
pub(super) fn judge(path: &Path, plan: &Plan, arbiters: &[bool]) -> Result<Vec<Figures>, Failure> {
    let agents = agents(path, plan.config.slices.len())?;
    let pool = ThreadPoolBuilder::new().num_threads(plan.threads).build()?;
    let figures = |arbiter: &bool| {
        let config = EnvConfig { arbiter: *arbiter, ..plan.config.clone() };
        let one = |seed: &u64| -> Result<Run, Failure> {
            let team = TrainedAgent::team(agents.clone(), &config);
            let mut team = team.ok_or_else(|| misfit(path, &agents, &config))?;
            Ok(run_team(config.clone(), &mut team, *seed, plan.episodes)?)
        };
        let runs: Vec<Run> = pool.install(|| {
            plan.seeds.clone().into_par_iter().map(|seed| one(&seed)).collect::<Result<_, _>>()
        })?;
        Ok(Figures::named(&name(path), *arbiter, config.latency_cap_ms, &runs))
    };
    arbiters.iter().map(figures).collect()
}

/// Whether entries ask for runs without and with the arbiter.
pub(super) fn arbiters(entries: &[Entry]) -> Vec<bool> {
    [false, true]
        .into_iter()
        .filter(|arbiter| entries.iter().any(|entry| entry.arbiter == *arbiter))
        .collect()
}

fn name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn misfit(path: &Path, agents: &[TrainedAgent], config: &EnvConfig) -> String {
    let agent = agents.iter().find(|agent| !agent.fits(config)).map(TrainedAgent::card);
    let (slices, messages) = (config.slices.len(), config.messages);
    match agent {
        Some(card) => format!(
            "The agents in {} learnt with {} slices and hear {} messages ({} features); this world has {slices} slices and \
             {messages} messages",
            path.display(),
            card.slices,
            card.heard,
            card.features
        ),
        None => format!("There are {} agents in {} for {slices} slices", agents.len(), path.display()),
    }
}
