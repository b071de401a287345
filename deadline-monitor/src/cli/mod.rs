//! The command line: one file for each command.

mod attach;
mod chart;
mod doctor;
mod experiment;
mod guard;
mod lines;
mod list;
mod live;
mod options;
mod plot;
mod prepare;
mod release;
mod replay;
mod rounds;
mod run;
mod signals;
mod simulate;
mod targets;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a command says when it fails.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Finds the SCHED_DEADLINE budget that a program needs, and keeps it fitting.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a program and give all its threads budgets that fit.
    Run(run::RunArgs),
    /// Give running threads budgets that fit, until they end or this program is stopped.
    Attach(attach::AttachArgs),
    /// Show what targets use and which budgets would fit, live; touches nothing.
    Watch(attach::WatchArgs),
    /// Record what targets use, as lines of JSON; touches nothing.
    Record(attach::RecordArgs),
    /// Run the policies over a recording and compare them.
    Replay(replay::ReplayArgs),
    /// Draw a recording as SVG or PNG: budgets and use over time.
    Plot(plot::PlotArgs),
    /// List the threads of this machine that have a reservation.
    List,
    /// End reservations that no monitor looks after, for instance because it was killed.
    Release(release::ReleaseArgs),
    /// Run the policies against a model of the kernel.
    Simulate(simulate::SimulateArgs),
    /// Two periodic tasks under each policy: the experiment of the source document's Figures 24 to 27.
    Experiment(experiment::ExperimentArgs),
    /// Check rights, limits, kernel and lost bandwidth, and say what to do.
    Doctor(doctor::DoctorArgs),
    /// Gives threads back when the monitor that holds the other end of standard input is gone.
    #[command(hide = true)]
    Guard,
    /// A periodic task of the experiment.
    #[command(hide = true)]
    Load(experiment::LoadArgs),
}

impl Cli {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Run(args) => run::run(&args),
            Command::Attach(args) => attach::attach(&args),
            Command::Watch(args) => attach::watch(&args),
            Command::Record(args) => attach::record(&args),
            Command::Replay(args) => replay::run(&args),
            Command::Plot(args) => plot::run(&args),
            Command::Guard => guard::run(),
            Command::List => list::run(),
            Command::Release(args) => release::run(&args),
            Command::Simulate(args) => simulate::run(&args),
            Command::Experiment(args) => experiment::run(&args),
            Command::Doctor(args) => doctor::run(&args),
            Command::Load(args) => experiment::load(&args),
        }
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
