//! `simulate`: policies against the model of the kernel.

use std::process::ExitCode;
use std::time::Duration;

use anstream::println;
use clap::Args;
use comfy_table::{Table, presets};
use deadline_monitor::budget::{PolicyConfig, PolicyKind, ReservationParams};
use deadline_monitor::simulate::{Load, Scenario, simulate};
use humantime::parse_duration;

use super::Result;
use super::experiment::table::{self, FIGURES};

/// What `simulate` takes.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// Only this policy: saturation, seed, percentile, pi, static.
    #[arg(long)]
    policy: Option<PolicyKind>,
    /// Only this load: step, lognormal, on-off, sine, or milliseconds for each job.
    #[arg(long)]
    load: Option<Load>,
    /// The first budget of each period of 100 ms.
    #[arg(long, value_parser = parse_duration, default_value = "2ms", value_name = "TIME")]
    initial: Duration,
    /// How long each load is simulated.
    #[arg(long, value_parser = parse_duration, default_value = "30s", value_name = "TIME")]
    length: Duration,
}

/// The period of the simulated tasks.
const PERIOD: Duration = Duration::from_millis(100);

/// Prints one row for each load and policy.
pub(crate) fn run(args: &SimulateArgs) -> Result<ExitCode> {
    let initial = ReservationParams::new(args.initial, PERIOD)?;
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["load", "policy"].into_iter().chain(FIGURES));
    for load in args.load.map_or_else(|| Load::SIX.to_vec(), |load| vec![load]) {
        for kind in args.policy.map_or_else(|| PolicyKind::ALL.to_vec(), |kind| vec![kind]) {
            let config = PolicyConfig::new(kind);
            let scenario = Scenario::usual(&config, initial, load, args.length);
            let summary = simulate(&scenario, &mut *config.build(initial)?).summary();
            table.add_row([load.to_string(), kind.to_string()].into_iter().chain(table::figures(&summary)));
        }
    }
    println!("{table}");
    Ok(ExitCode::SUCCESS)
}
