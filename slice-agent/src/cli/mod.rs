//! The program: arguments in, tables and files out.

use std::error::Error;

use anstream::{print, println};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use slice_agent::eval::Figures;

mod args;
mod bench;
mod config;
mod curves;
mod files;
mod folder;
mod generate;
mod plot;
mod progress;
mod record;
mod replay;
mod report;
mod scenario;
mod summary;
mod sweep;
mod table;
mod train;
mod trained;

use args::{Cli, Command, EvalArgs};
use scenario::Scenario;

pub(crate) use train::Interrupted;

/// What a job ends with when it fails.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Does what the command line asks for.
///
/// # Errors
/// The job is refused or a file cannot be written.
pub(crate) fn run() -> Result<(), Failure> {
    match Cli::parse().command {
        Command::Eval(args) => evaluate(&args),
        Command::Report(args) => report::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Replay(mut args) => replay::run(&mut args),
        Command::Bench(args) => bench::run(&args),
        Command::Config => {
            print!("{}", toml::to_string(&config::RunConfig::default())?);
            Ok(())
        }
        Command::Completions { shell } => generate::completions(shell),
        Command::Man { directory } => generate::man(&directory),
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

/// Judges policies and trained agents, and prints a table.
fn evaluate(args: &EvalArgs) -> Result<(), Failure> {
    let scenario = args.scenario()?;
    let mut figures = judge(&scenario)?;
    for path in &args.checkpoints {
        figures.extend(trained::judge(path, &scenario.plan, &trained::arbiters(&scenario.plan.entries))?);
    }
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
