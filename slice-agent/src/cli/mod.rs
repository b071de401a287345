//! The program: arguments in, tables and files out.

use std::error::Error;

use anstream::println;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use slice_agent::eval::Figures;

mod args;
mod files;
mod plot;
mod report;
mod scenario;
mod table;
mod train;

use args::{Cli, Command, EvalArgs};
use scenario::Scenario;

/// What a job ends with when it fails.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Does what the command line asks for.
///
/// # Errors
/// The job is refused or a file cannot be written.
pub(crate) fn run() -> Result<(), Failure> {
    match Cli::parse().command {
        Command::Eval(args) => eval(&args),
        Command::Report(args) => report::run(&args),
        Command::Train(args) => train::run(&args),
    }
}

/// The error with its causes, on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn eval(args: &EvalArgs) -> Result<(), Failure> {
    let scenario = args.scenario()?;
    let figures = judge(&scenario)?;
    if let Some(dir) = &args.out {
        files::write(dir, &scenario, &figures)?;
    }
    if args.json {
        println!("{}", files::json_lines(&scenario, &figures)?.trim_end());
        return Ok(());
    }
    println!("{}\n{}", scenario.title, table::of(&figures));
    println!("{}", table::LEGEND);
    Ok(())
}

/// Evaluates, with a bar on a terminal.
fn judge(scenario: &Scenario) -> Result<Vec<Figures>, Failure> {
    let bar = ProgressBar::new(u64::try_from(scenario.plan.runs())?);
    bar.set_style(ProgressStyle::with_template("{msg:40} {bar:30} {pos}/{len} runs, {eta} left")?);
    bar.set_message(scenario.name.clone());
    let figures = scenario.plan.evaluate(|| bar.inc(1));
    bar.finish_and_clear();
    Ok(figures?)
}
