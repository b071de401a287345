//! `set`: a target of the daemon is monitored in another way.

use std::process::ExitCode;
use std::time::Duration;

use anstream::println;
use clap::Args;
use deadline_monitor::budget::PolicyKind;
use deadline_monitor::serve::api::{Mode, PolicyName, Settings, TargetView};
use humantime::parse_duration;
use hyper::Method;

use super::client::DaemonArgs;
use super::{Result, show};

/// What `set` takes; what is not given stays as it is.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The target's id, as `list` tells it.
    target: u64,
    /// How the budget is found: saturation, seed (the source document's), percentile, pi, static.
    #[arg(long)]
    policy: Option<PolicyKind>,
    /// Only find budgets, do not set them (`observe`), or set them again (`control`).
    #[arg(long, value_enum)]
    mode: Option<ModeArg>,
    /// P: the period of the reservation.
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    period: Option<Duration>,
    /// D: the deadline of the reservation.
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    deadline: Option<Duration>,
    /// Q: the budget of threads that are yet to come.
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    initial: Option<Duration>,
    /// T: the time between two samples.
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    sampling: Option<Duration>,
    /// N: how many samples are remembered.
    #[arg(long)]
    window: Option<u32>,
    /// ovh: percent of the demand that the budget has above it.
    #[arg(long, value_name = "PERCENT")]
    overhead: Option<f64>,
    /// Percent of the period that the budget never exceeds.
    #[arg(long, value_name = "PERCENT")]
    cap: Option<f64>,
    /// Least budget.
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    floor: Option<Duration>,
    /// Part of what is scarce, relative to other targets.
    #[arg(long)]
    weight: Option<u32>,
    #[command(flatten)]
    daemon: DaemonArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ModeArg {
    /// Budgets are set.
    Control,
    /// Budgets are only found.
    Observe,
}

/// The policy's name in the interface.
pub(crate) fn policy_name(kind: PolicyKind) -> Result<PolicyName> {
    Ok(serde_json::from_value(kind.name().into())?)
}

/// Nanoseconds in the interface.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Changes it and prints what it is now.
pub(crate) fn run(args: &SetArgs) -> Result<ExitCode> {
    let settings = Settings {
        policy: args.policy.map(policy_name).transpose()?,
        mode: args.mode.map(|mode| match mode {
            ModeArg::Control => Mode::Control,
            ModeArg::Observe => Mode::Observe,
        }),
        period_ns: args.period.map(nanos),
        deadline_ns: args.deadline.map(nanos),
        initial_ns: args.initial.map(nanos),
        sampling_ns: args.sampling.map(nanos),
        window: args.window,
        overhead_percent: args.overhead,
        cap_percent: args.cap,
        floor_ns: args.floor.map(nanos),
        weight: args.weight,
        ..Settings::default()
    };
    if settings == Settings::default() {
        return Err("Nothing to set; `deadline-monitor set --help` tells what can be".into());
    }
    let path = format!("/v1/targets/{}", args.target);
    let view: TargetView = args.daemon.client().send(Method::PATCH, &path, &settings)?;
    if args.daemon.json {
        println!("{}", serde_json::to_string_pretty(&view)?);
    } else {
        show::print(&view);
    }
    Ok(ExitCode::SUCCESS)
}
