//! Trains methods over seeds, on all cores, and shows how conflicts fall.

use std::fs;

use anstream::println;
use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::ThreadPoolBuilder;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use slice_agent::env::{EnvConfig, EnvError};
use slice_agent::eval::Spread;
use slice_agent::learn::{LearntEpisode, Method, Trained, train};

use super::Failure;
use super::args::Rule;

/// What `train` takes.
#[derive(Debug, Args)]
pub(super) struct TrainArgs {
    /// Methods [default: all].
    #[arg(long = "method", value_enum, value_delimiter = ',')]
    methods: Vec<MethodName>,
    /// When claims beyond shares are a conflict.
    #[arg(long, value_enum, default_value_t = Rule::Claims)]
    rule: Rule,
    /// Lets the arbiter turn claims into grants.
    #[arg(long)]
    arbiter: bool,
    /// Number of seeds, from 0 on.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: u64,
    /// Episodes of each seed.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    episodes: u32,
    /// Random part of the actions, episode by episode to the power of: the same for all methods instead of 0.95 (step),
    /// 0.98 (madrl), 0.99 (predefined).
    #[arg(long, value_name = "DECAY", value_parser = decay)]
    exploration: Option<f64>,
    /// Threads [default: one for each core]; the results do not depend on them.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Writes one CSV line for each episode into this file.
    #[arg(long, value_name = "FILE")]
    csv: Option<std::path::PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MethodName {
    Step,
    Madrl,
    Predefined,
}

impl From<MethodName> for Method {
    fn from(name: MethodName) -> Method {
        match name {
            MethodName::Step => Method::Step,
            MethodName::Madrl => Method::Madrl,
            MethodName::Predefined => Method::Predefined,
        }
    }
}

fn decay(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "It must be a number".to_owned())?;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err("It must lie between 0 and 1".to_owned()) }
}

/// Does it.
///
/// # Errors
/// A training is refused, or the file cannot be written.
pub(super) fn run(args: &TrainArgs) -> Result<(), Failure> {
    let methods: Vec<Method> = match args.methods.as_slice() {
        [] => Method::ALL.to_vec(),
        named => named.iter().map(|name| (*name).into()).collect(),
    };
    let trainings = train_all(args, &methods)?;
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(HEAD);
    let seeds = usize::try_from(args.seeds)?;
    table.add_rows(methods.iter().zip(trainings.chunks(seeds)).map(|(method, runs)| line(*method, runs)));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}\n{LEGEND}");
    if let Some(file) = &args.csv {
        let text = episodes(&methods, seeds, &trainings)?;
        fs::write(file, text).map_err(|error| format!("Cannot write {}: {error}", file.display()))?;
    }
    Ok(())
}

fn train_all(args: &TrainArgs, methods: &[Method]) -> Result<Vec<Trained>, Failure> {
    let config = EnvConfig { arbiter: args.arbiter, ..EnvConfig::source_document(args.rule.into()) };
    let jobs: Vec<_> =
        methods.iter().flat_map(|method| (0..args.seeds).map(move |seed| (*method, seed))).collect();
    let bar = ProgressBar::new(u64::try_from(jobs.len())? * u64::from(args.episodes));
    bar.set_style(ProgressStyle::with_template("training {bar:40} {pos}/{len} episodes, {eta} left")?);
    let one = |(method, seed): (Method, u64)| {
        let settings = method.settings(&config, args.episodes, args.exploration);
        train(method, &config, seed, settings, || bar.inc(1))
    };
    let pool = ThreadPoolBuilder::new().num_threads(args.threads).build()?;
    let trainings: Result<_, EnvError> = pool.install(|| jobs.into_par_iter().map(one).collect());
    bar.finish_and_clear();
    Ok(trainings?)
}

/// Episodes at the begin and at the end that are looked at, as in the source document.
const WINDOW: usize = 100;

const HEAD: [&str; 8] = [
    "method",
    "conflicts first 100",
    "conflicts last 100",
    "conflicts all",
    "trimmed last 100",
    "latency ms last 100",
    "network use % last 100",
    "reward last 100",
];

const LEGEND: &str = "\
Means of an episode ± sample deviation over seeds. The first 100 episodes depend most of all on how fast exploration
ends, which differs by method unless --exploration is given.";

fn line(method: Method, runs: &[Trained]) -> [String; 8] {
    let first: fn(&[LearntEpisode]) -> &[LearntEpisode] = |all| &all[..all.len().min(WINDOW)];
    let last: fn(&[LearntEpisode]) -> &[LearntEpisode] = |all| &all[all.len().saturating_sub(WINDOW)..];
    let all: fn(&[LearntEpisode]) -> &[LearntEpisode] = |all| all;
    let cell = |part: fn(&[LearntEpisode]) -> &[LearntEpisode], of: fn(&LearntEpisode) -> f64| {
        let mean = |run: &Trained| {
            let part = part(&run.episodes);
            part.iter().map(of).sum::<f64>() / part.len() as f64
        };
        let spread = Spread::of(&runs.iter().map(mean).collect::<Vec<_>>());
        format!("{:.2} ± {:.2}", spread.mean, spread.deviation)
    };
    let conflicts = |episode: &LearntEpisode| f64::from(episode.conflicts);
    [
        method.name().to_owned(),
        cell(first, conflicts),
        cell(last, conflicts),
        cell(all, conflicts),
        cell(last, |episode| episode.trimmed_claims as f64),
        cell(last, |episode| episode.latency_ms),
        cell(last, |episode| 100.0 * episode.network_utilisation),
        cell(last, |episode| episode.reward),
    ]
}

fn episodes(methods: &[Method], seeds: usize, trainings: &[Trained]) -> Result<String, Failure> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record([
        "method",
        "seed",
        "episode",
        "conflicts",
        "trimmed",
        "latency_ms",
        "network_utilisation",
        "reward",
    ])?;
    let names = methods.iter().flat_map(|method| (0..seeds).map(move |seed| (method.name(), seed)));
    for ((name, seed), training) in names.zip(trainings) {
        for (index, episode) in training.episodes.iter().enumerate() {
            let counts = [seed, index].map(|count| count.to_string());
            let conflicts = [episode.conflicts.to_string(), episode.trimmed_claims.to_string()];
            let numbers = [episode.latency_ms, episode.network_utilisation, episode.reward];
            let numbers = numbers.map(|number| number.to_string());
            let fields = counts.into_iter().chain(conflicts).chain(numbers);
            table.write_record(std::iter::once(name.to_owned()).chain(fields))?;
        }
    }
    Ok(String::from_utf8(table.into_inner()?)?)
}
