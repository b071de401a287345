//! Trains methods over seeds, on all cores, and shows how conflicts fall.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::{eprintln, println};
use clap::Args;
use rayon::ThreadPoolBuilder;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::Serialize;
use slice_agent::env::EnvConfig;
use slice_agent::learn::{Recipe, Training};

use super::Failure;
use super::args::Rule;
use super::config::{Draft, RunConfig};
use super::curves;
use super::folder::{Line, RunFolder};
use super::progress::Progress;
use super::summary::{self, Summary};

/// What `train` takes.
#[derive(Debug, Args)]
pub(super) struct TrainArgs {
    #[command(flatten)]
    pub(super) settings: RunSettings,
    /// Stores the run in this folder: configuration, metrics, checkpoints; it can be stopped at any time and resumed.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Goes on with the run in this folder; its results are those of a run that was never stopped, to the last bit.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "config", "set", "methods", "rule", "arbiter", "seeds", "episodes", "exploration", "talks", "log"])]
    resume: Option<PathBuf>,
    /// Writes one CSV line for each episode into this file.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Prints a JSON line for each method instead of a table.
    #[arg(long)]
    json: bool,
}

/// What a run is made of; `train` and `sweep` take it.
#[derive(Debug, Args)]
pub(super) struct RunSettings {
    /// A configuration (TOML); `slice-agent config` prints one with all defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets a field of the configuration, as env.messages=8 or env.slices.0.share=20.
    #[arg(long = "set", value_name = "FIELD=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Methods: step, madrl, predefined, dqn, double-dqn, duelling-dqn, vdn, qmix, mappo, dial [default: the first three].
    #[arg(long = "method", value_name = "NAME", value_delimiter = ',')]
    methods: Vec<String>,
    /// When claims beyond shares are a conflict [default: claims].
    #[arg(long, value_enum)]
    rule: Option<Rule>,
    /// Lets the arbiter turn claims into grants.
    #[arg(long)]
    arbiter: bool,
    /// Number of seeds, from 0 on [default: 2].
    #[arg(long)]
    seeds: Option<u64>,
    /// Episodes of each seed [default: 500].
    #[arg(long)]
    episodes: Option<u32>,
    /// Random part of the actions, episode by episode to the power of: the same for all methods instead of 0.95 (step),
    /// 0.98 (madrl), 0.99 (predefined).
    #[arg(long, value_name = "DECAY")]
    exploration: Option<f64>,
    /// Lets learners beyond the source document talk to one another (dial always does).
    #[arg(long)]
    talks: bool,
    /// Learns from this log alone (`slice-agent record` writes one); for learners of values.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Threads [default: one for each core]; the results do not depend on them.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub(super) threads: usize,
    /// Draws conflicts while it trains, a line for each method.
    #[arg(long)]
    pub(super) plot: bool,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (field, value) = text.split_once('=').ok_or("It must be FIELD=VALUE")?;
    Ok((field.trim().to_owned(), value.trim().to_owned()))
}

impl RunSettings {
    /// Defaults, file, flags, `--set`: what comes later wins.
    pub(super) fn draft(&self) -> Result<Draft, Failure> {
        let mut draft = Draft::read(self.config.as_deref())?;
        if !self.methods.is_empty() {
            draft.set("methods", &format!("{:?}", self.methods))?;
        }
        let flags = [
            ("env.rule", self.rule.map(|rule| rule.name().to_owned())),
            ("env.arbiter", self.arbiter.then(|| "true".to_owned())),
            ("seeds", self.seeds.map(|seeds| seeds.to_string())),
            ("episodes", self.episodes.map(|episodes| episodes.to_string())),
            ("exploration", self.exploration.map(|decay| format!("{decay:?}"))),
        ];
        for (field, value) in flags {
            if let Some(value) = value {
                draft.set(field, &value)?;
            }
        }
        if self.talks {
            draft.set("talks", "true")?;
        }
        if let Some(log) = &self.log {
            draft.set("offline", &format!("{{ log = {:?} }}", log.display().to_string()))?;
        }
        for (field, value) in &self.set {
            draft.set(field, value)?;
        }
        Ok(draft)
    }
}

/// A training's result: one line for each episode.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    pub(super) method: &'static str,
    pub(super) seed: u64,
    pub(super) lines: Vec<Line>,
}

/// Does it.
///
/// # Errors
/// A training is refused, a file cannot be written, or the user stopped it.
pub(super) fn run(args: &TrainArgs) -> Result<(), Failure> {
    let (folder, config) = match (&args.resume, &args.out) {
        (Some(path), _) => RunFolder::open(path).map(|(folder, config)| (Some(folder), config))?,
        (None, out) => {
            let config = args.settings.draft()?.finish()?;
            let folder = out.as_ref().map(|path| RunFolder::create(path, &config)).transpose()?;
            (folder, config)
        }
    };
    let curves = train_all(&config, folder.as_ref(), &args.settings)?;
    if let Some(folder) = &folder {
        curves::write(&folder.path().join("conflicts.svg"), &curves)?;
    }
    if let Some(file) = &args.csv {
        std::fs::write(file, episodes(&curves)?)
            .map_err(|error| format!("Cannot write {}: {error}", file.display()))?;
    }
    let summaries = summary::of(&curves);
    if args.json {
        print_json(&summaries)?;
    } else {
        println!("{}\n{}", summary::table(&summaries), summary::LEGEND);
    }
    Ok(())
}

/// One JSON object on a line for each of `items`.
pub(super) fn print_json(items: &[impl Serialize]) -> Result<(), Failure> {
    for item in items {
        println!("{}", serde_json::to_string(item)?);
    }
    Ok(())
}

/// Trains every method on every seed, side by side; results come in their order.
pub(super) fn train_all(
    config: &RunConfig,
    folder: Option<&RunFolder>,
    settings: &RunSettings,
) -> Result<Vec<Curve>, Failure> {
    let stop = stop_flag()?;
    let env = config.env.build()?;
    let seeds = config.first_seed..config.first_seed + config.seeds;
    let recipes = config.recipes(&env)?;
    let jobs: Vec<_> =
        recipes.iter().flat_map(|recipe| seeds.clone().map(move |seed| (recipe, seed))).collect();
    let names: Vec<_> = recipes.iter().map(Recipe::name).collect();
    let progress = Progress::new(jobs.len() as u64 * u64::from(config.episodes), &names, settings.plot)?;
    let pool = ThreadPoolBuilder::new().num_threads(settings.threads).build()?;
    let one = |(recipe, seed)| {
        Job { config, env: &env, folder, progress: &progress, stop: &stop }.train(recipe, seed)
    };
    let curves: Result<Vec<_>, Failure> = pool.install(|| jobs.into_par_iter().map(one).collect());
    progress.finish();
    if !stop.load(Ordering::Relaxed) {
        return curves;
    }
    curves?;
    if let Some(folder) = folder {
        let path = folder.path().display();
        eprintln!("Stopped and stored; go on with: slice-agent train --resume {path}");
    }
    Err(Box::new(Interrupted))
}

/// The user stopped the run.
#[derive(Debug, thiserror::Error)]
#[error("Interrupted")]
pub(crate) struct Interrupted;

/// Becomes true with SIGINT or SIGTERM; a second one ends the program at once.
fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// What all trainings of a run have in common.
struct Job<'a> {
    config: &'a RunConfig,
    env: &'a EnvConfig,
    folder: Option<&'a RunFolder>,
    progress: &'a Progress,
    stop: &'a AtomicBool,
}

impl Job<'_> {
    fn train(&self, recipe: &Recipe, seed: u64) -> Result<Curve, Failure> {
        let method = recipe.name();
        let mut training = Training::new(recipe, self.env.clone(), seed, self.config.episodes)?;
        let folder = self.folder.map(|folder| folder.training(method, seed)).transpose()?;
        let mut lines = match &folder {
            Some(folder) => folder.resume(&mut training)?,
            None => Vec::new(),
        };
        lines.iter().for_each(|line| self.progress.add(method, line));
        let mut stored = lines.len();
        while !training.is_done() && !self.stop.load(Ordering::Relaxed) {
            let episode = training.episodes_done();
            let line = Line::of(episode, &training.episode()?);
            self.progress.add(method, &line);
            lines.push(line);
            let is_due = training.episodes_done().is_multiple_of(self.config.checkpoint_every);
            if let (Some(folder), true) = (&folder, is_due) {
                folder.store(&training, &lines)?;
                stored = lines.len();
            }
        }
        if let (Some(folder), true) = (&folder, stored < lines.len()) {
            folder.store(&training, &lines)?;
        }
        Ok(Curve { method, seed, lines })
    }
}

fn episodes(curves: &[Curve]) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct Row<'a> {
        method: &'a str,
        seed: u64,
        episode: u32,
        conflicts: u32,
        trimmed: usize,
        latency_ms: f64,
        network_utilisation: f64,
        exploitation: f64,
        reward: f64,
    }
    let mut table = csv::Writer::from_writer(Vec::new());
    for curve in curves {
        for line in &curve.lines {
            table.serialize(Row {
                method: curve.method,
                seed: curve.seed,
                episode: line.episode,
                conflicts: line.conflicts,
                trimmed: line.trimmed,
                latency_ms: line.latency_ms,
                network_utilisation: line.network_utilisation,
                exploitation: line.exploitation,
                reward: line.reward,
            })?;
        }
    }
    Ok(String::from_utf8(table.into_inner()?)?)
}

/// The figures of each method.
pub(super) fn summaries(curves: &[Curve]) -> Vec<Summary> {
    summary::of(curves)
}
