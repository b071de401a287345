//! The command line.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand, ValueEnum};
use slice_agent::env::{EnvConfig, PreemptionRule, TrafficModel};
use slice_agent::eval::{Entry, Plan};
use slice_agent::policy::PolicyName;
use slice_agent::traffic::{SliceClass, TraceColumns};

use super::Failure;
use super::bench::BenchArgs;
use super::config::read_trace;
use super::record::RecordArgs;
use super::replay::ReplayArgs;
use super::report::ReportArgs;
use super::scenario::Scenario;
use super::sweep::SweepArgs;
use super::train::TrainArgs;

/// Agents that share CPU between network slices.
#[derive(Debug, Parser)]
#[command(version)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Evaluates policies in one scenario and prints a table.
    Eval(EvalArgs),
    /// Reproduces the whole evaluation and writes a page with tables and plots.
    Report(ReportArgs),
    /// Trains the learning methods of the source document, or others, and shows how conflicts fall.
    Train(TrainArgs),
    /// Writes a log of what a rule does, for learning without a world (`train --log`).
    Record(RecordArgs),
    /// Trains over the values of one field of the configuration, such as the size of the message space.
    Sweep(SweepArgs),
    /// Plays captured traffic: what it is like, and what policies and trained agents make of it.
    Replay(ReplayArgs),
    /// Measures how fast this machine trains and decides.
    Bench(BenchArgs),
    /// Prints the configuration of a run with all defaults.
    Config,
    /// Prints a completion script.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Writes the manual pages.
    #[command(hide = true)]
    Man {
        /// Into this directory.
        directory: PathBuf,
    },
}

/// What `eval` takes.
#[derive(Debug, Args)]
pub(super) struct EvalArgs {
    /// Policies: random, static, codes, demand, demand-floor, oracle [default: all].
    #[arg(long = "policy", value_name = "NAME", value_delimiter = ',')]
    policies: Vec<PolicyName>,
    /// Also trained agents: the folder of a training (RUN/step-seed-0), or one file of weights for every slice.
    #[arg(long = "checkpoint", value_name = "PATH", value_delimiter = ',')]
    pub(super) checkpoints: Vec<PathBuf>,
    /// When claims beyond shares are a conflict.
    #[arg(long, value_enum, default_value_t = Rule::Claims)]
    rule: Rule,
    /// Whether the arbiter turns claims into grants.
    #[arg(long, value_enum, default_value_t = Arbiter::Both)]
    arbiter: Arbiter,
    /// Number of seeds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    seeds: u64,
    /// The first seed; the others follow it.
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// Episodes of each seed.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    episodes: u32,
    /// Steps by which the arrivals that agents see are old.
    #[arg(long, default_value_t = 0, value_name = "STEPS")]
    delay: usize,
    /// Growth of the CPU cycles of a bit at 50 Mbit/s.
    #[arg(long, default_value_t = 0.0)]
    growth: f64,
    /// Size of the message space.
    #[arg(long, default_value_t = 4)]
    messages: usize,
    /// A capture (CSV with Time and Length) as traffic of a class: embb, urllc or mmtc. Twenty copies at random offsets
    /// are scaled to the mean of the class.
    #[arg(long = "trace", value_name = "CLASS=FILE")]
    traces: Vec<TraceArg>,
    /// Column of captures with the time of a packet, s.
    #[arg(long, value_name = "NAME", default_value = "Time")]
    time_column: String,
    /// Column of captures with the length of a packet, byte.
    #[arg(long, value_name = "NAME", default_value = "Length")]
    length_column: String,
    /// Threads [default: one for each core]; the figures do not depend on them.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Prints JSON lines instead of a table.
    #[arg(long)]
    pub(super) json: bool,
    /// Also writes CSV, JSON lines and a plot into this folder.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
}

impl EvalArgs {
    /// The columns of captures.
    pub(super) fn columns(&self) -> TraceColumns {
        TraceColumns { time: self.time_column.clone(), length: self.length_column.clone() }
    }

    /// The captures.
    pub(super) fn traces(&self) -> Vec<(SliceClass, &Path)> {
        self.traces.iter().map(|trace| (trace.class, trace.file.as_path())).collect()
    }

    /// Adds a capture.
    pub(super) fn add_trace(&mut self, class: SliceClass, file: PathBuf) {
        self.traces.push(TraceArg { class, file });
    }

    /// The scenario that is asked for.
    pub(super) fn scenario(&self) -> Result<Scenario, Failure> {
        let mut config = EnvConfig::source_document(self.rule.into());
        config.arrivals_delay_steps = self.delay;
        config.cpu.growth = self.growth;
        config.messages = self.messages;
        for trace in &self.traces {
            trace.apply(&self.columns(), &mut config)?;
        }
        let policies = if self.policies.is_empty() { &PolicyName::ALL[..] } else { &self.policies };
        let last = self.first_seed.checked_add(self.seeds).ok_or("The seeds exceed 64 bits")?;
        let plan = Plan {
            config,
            entries: self.arbiter.entries(policies),
            seeds: (self.first_seed..last).collect(),
            episodes: self.episodes,
            threads: self.threads,
        };
        let title =
            format!("Rule {}, {} seeds of {} episodes", self.rule.letter(), self.seeds, self.episodes);
        Ok(Scenario { name: "eval".to_owned(), title, plan })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Rule {
    /// Rule A: what is claimed counts.
    Claims,
    /// Rule B: what is used counts.
    WorkConserving,
}

impl Rule {
    /// Its name in a configuration.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Rule::Claims => "claims",
            Rule::WorkConserving => "work-conserving",
        }
    }

    const fn letter(self) -> char {
        match self {
            Rule::Claims => 'A',
            Rule::WorkConserving => 'B',
        }
    }
}

impl From<Rule> for PreemptionRule {
    fn from(rule: Rule) -> PreemptionRule {
        match rule {
            Rule::Claims => PreemptionRule::Claims,
            Rule::WorkConserving => PreemptionRule::WorkConserving,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Arbiter {
    On,
    Off,
    Both,
}

impl Arbiter {
    fn entries(self, policies: &[PolicyName]) -> Vec<Entry> {
        let arbiters: &[bool] = match self {
            Arbiter::On => &[true],
            Arbiter::Off => &[false],
            Arbiter::Both => &[false, true],
        };
        let with = |policy: &PolicyName| {
            let policy = *policy;
            arbiters.iter().map(move |arbiter| Entry { policy, arbiter: *arbiter })
        };
        policies.iter().flat_map(with).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct TraceArg {
    class: SliceClass,
    file: PathBuf,
}

impl FromStr for TraceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<TraceArg, String> {
        let (class, file) = text.split_once('=').ok_or("It must be CLASS=FILE")?;
        let found = SliceClass::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(class));
        let class = found.ok_or_else(|| format!("There is no class {class:?}: embb, urllc, mmtc"))?;
        Ok(TraceArg { class, file: file.into() })
    }
}

impl TraceArg {
    fn apply(&self, columns: &TraceColumns, config: &mut EnvConfig) -> Result<(), Failure> {
        let mean_bps = self.class.traffic().mean_bps;
        let trace = Arc::new(read_trace(&self.file, columns, mean_bps, config.step_s)?);
        for slice in config.slices.iter_mut().filter(|slice| slice.class == self.class) {
            slice.traffic = TrafficModel::Trace(Arc::clone(&trace));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn traces_name_a_class_and_a_file() {
        let trace: TraceArg = "embb=a=b.csv".parse().unwrap();
        assert_eq!(trace, TraceArg { class: SliceClass::Embb, file: "a=b.csv".into() });
        assert!("video=a.csv".parse::<TraceArg>().unwrap_err().contains("urllc"));
        assert!("embb".parse::<TraceArg>().is_err());
    }
}
