//! `simulate`: policies against the model of the kernel.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use anstream::println;
use clap::Args;
use comfy_table::{Table, presets};
use deadline_monitor::budget::{PolicyConfig, PolicyKind, Ratio, ReservationParams};
use deadline_monitor::simulate::{Load, Scenario, simulate};
use deadline_monitor::trace::Summary;
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
    /// N: how many samples are remembered; each policy's own unless given.
    #[arg(long)]
    window: Option<usize>,
    /// ovh: percent of the demand that the budget has above it.
    #[arg(long, value_name = "PERCENT")]
    overhead: Option<u32>,
}

/// The period of the simulated tasks.
const PERIOD: Duration = Duration::from_millis(100);

/// Prints one row for each load and policy, and how the default policy does against the source document's.
pub(crate) fn run(args: &SimulateArgs) -> Result<ExitCode> {
    let initial = ReservationParams::new(args.initial, PERIOD)?;
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["load", "policy"].into_iter().chain(FIGURES));
    let mut verdicts = Vec::new();
    for load in args.load.map_or_else(|| Load::SIX.to_vec(), |load| vec![load]) {
        let mut summaries = BTreeMap::new();
        for kind in args.policy.map_or_else(|| PolicyKind::ALL.to_vec(), |kind| vec![kind]) {
            let config = config(args, kind);
            let scenario = Scenario::usual(&config, initial, load, args.length);
            let summary = simulate(&scenario, &mut *config.build(initial)?).summary();
            table.add_row([load.to_string(), kind.to_string()].into_iter().chain(table::figures(&summary)));
            summaries.insert(kind.name(), summary);
        }
        verdicts.extend(verdict(&load, &summaries));
    }
    println!("{table}");
    verdicts.iter().for_each(|verdict| println!("{verdict}"));
    Ok(ExitCode::SUCCESS)
}

fn config(args: &SimulateArgs, kind: PolicyKind) -> PolicyConfig {
    let mut config = PolicyConfig::new(kind);
    config.window = args.window.unwrap_or(config.window);
    config.overhead = args.overhead.map_or(config.overhead, Ratio::percent);
    config
}

/// The default policy against the source document's, if both were run.
fn verdict(load: &Load, summaries: &BTreeMap<&str, Summary>) -> Option<String> {
    let ours = summaries.get(PolicyKind::Saturation.name())?;
    let seed = summaries.get(PolicyKind::Seed.name())?;
    Some(format!("{load}: saturation against seed: {}", table::against(ours, seed)))
}
