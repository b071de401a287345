//! `experiment`: two periodic tasks under each policy (source document, Figures 24 to 27).

mod arms;
mod figures;
mod load;
pub(crate) mod table;

pub(crate) use load::{LoadArgs, load};

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anstream::println;
use clap::Args;
use humantime::parse_duration;

use super::doctor;
use super::{Result, chart};
use arms::{Arm, Kind, Place, Ran};

/// What `experiment` takes.
#[derive(Debug, Args)]
pub(crate) struct ExperimentArgs {
    /// How long each of the seven runs takes.
    #[arg(long, value_parser = parse_duration, default_value = "12s", value_name = "TIME")]
    length: Duration,
    /// Use the simulator even if the kernel would do.
    #[arg(long)]
    simulated: bool,
    /// Write the four plots into this directory.
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Write the plots as PNG instead of SVG.
    #[arg(long, requires = "plots")]
    png: bool,
}

/// Period of both tasks.
const PERIOD: Duration = Duration::from_millis(100);
/// CPU time of their jobs.
const WORKS: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(20)];
/// The first budgets: far too little, and too little.
const INITIALS: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(8)];

/// Runs every arm, prints the table, writes the plots.
pub(crate) fn run(args: &ExperimentArgs) -> Result<ExitCode> {
    if args.length < 10 * PERIOD {
        return Err(
            format!("A run of {:?} is too short; it needs at least {:?}", args.length, 10 * PERIOD).into()
        );
    }
    let place = place(args);
    let mut ran = Vec::new();
    for arm in arms(place) {
        ran.push(arms::run(&arm, place, args.length)?);
    }
    println!("{}", table::of(&ran));
    table::verdicts(&ran).iter().for_each(|verdict| println!("{verdict}"));
    if let Some(dir) = &args.plots {
        write_plots(dir, args.png, &ran)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where it runs, and says so.
fn place(args: &ExperimentArgs) -> Place {
    let refusal = if args.simulated { Some("asked for".to_owned()) } else { doctor::refusal() };
    let (ms, seconds) = (PERIOD.as_millis(), args.length.as_secs_f64());
    match refusal {
        None => {
            println!(
                "Two tasks, 10 and 20 ms of {ms} ms, on this machine's kernel; {seconds} s for each row"
            );
            Place::Kernel
        }
        Some(reason) => {
            println!("SIMULATED, not measured: {reason}");
            println!(
                "Two tasks, 10 and 20 ms of {ms} ms, on a model of the kernel; {seconds} s for each row"
            );
            Place::Simulator
        }
    }
}

/// Every policy from every first budget; SCHED_OTHER needs none, and the simulator has no model of it.
fn arms(place: Place) -> Vec<Arm> {
    let kinds = [Kind::Seed, Kind::Default, Kind::Fixed];
    let with = |initial| kinds.map(|kind| Arm { kind, initial });
    let other = Arm { kind: Kind::Other, initial: INITIALS[0] };
    let other = (place == Place::Kernel).then_some(other);
    INITIALS.into_iter().flat_map(with).chain(other).collect()
}

fn write_plots(dir: &Path, png: bool, ran: &[Ran]) -> Result<()> {
    fs::create_dir_all(dir).map_err(|error| format!("Cannot make {}: {error}", dir.display()))?;
    for (name, svg) in figures::figures(ran) {
        let path = dir.join(name).with_extension(if png { "png" } else { "svg" });
        chart::write(&path, &svg)?;
        println!("{}", path.display());
    }
    Ok(())
}
