//! The command line: one file for each command.

mod attach;
mod chart;
mod client;
mod doctor;
mod experiment;
mod generate;
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
mod serve;
mod set;
mod show;
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
    /// List the daemon's targets, if one runs, and the threads of this machine that have a reservation.
    List(list::ListArgs),
    /// Run the daemon: targets of many users behind a REST interface.
    Serve(serve::ServeArgs),
    /// Show a target of the daemon.
    Show(show::ShowArgs),
    /// Change how a target of the daemon is monitored.
    Set(set::SetArgs),
    /// Release a target of the daemon, or end reservations that no monitor looks after.
    Release(release::ReleaseArgs),
    /// Run the policies against a model of the kernel.
    Simulate(simulate::SimulateArgs),
    /// Two periodic tasks under each policy: the experiment of the source document's Figures 24 to 27.
    Experiment(experiment::ExperimentArgs),
    /// Check rights, limits, kernel and lost bandwidth, and say what to do.
    Doctor(doctor::DoctorArgs),
    /// Print a completion script for a shell.
    Completions(generate::CompletionsArgs),
    /// Write the manual pages.
    Man(generate::ManArgs),
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
            Command::List(args) => list::run(&args),
            Command::Serve(args) => serve::run(&args),
            Command::Show(args) => show::run(&args),
            Command::Set(args) => set::run(&args),
            Command::Release(args) => release::run(&args),
            Command::Simulate(args) => simulate::run(&args),
            Command::Experiment(args) => experiment::run(&args),
            Command::Doctor(args) => doctor::run(&args),
            Command::Completions(args) => generate::completions(&args),
            Command::Man(args) => generate::man(&args),
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
