//! `show`: one target of the daemon.

use std::process::ExitCode;
use std::time::Duration;

use anstream::println;
use clap::Args;
use comfy_table::{Table, presets};
use deadline_monitor::serve::api::{TargetRef, TargetView};

use super::Result;
use super::client::DaemonArgs;

/// What `show` takes.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The target's id, as `list` tells it.
    target: u64,
    #[command(flatten)]
    daemon: DaemonArgs,
}

/// Prints everything that is known of it.
pub(crate) fn run(args: &ShowArgs) -> Result<ExitCode> {
    let view: TargetView = args.daemon.client().get(&format!("/v1/targets/{}", args.target))?;
    if args.daemon.json {
        println!("{}", serde_json::to_string_pretty(&view)?);
    } else {
        print(&view);
    }
    Ok(ExitCode::SUCCESS)
}

/// For people.
pub(crate) fn print(view: &TargetView) {
    let ns = Duration::from_nanos;
    let settings = &view.settings;
    let name = view.name.as_ref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
    println!("target {}{name}: {}, of user {}", view.id, describe(&view.target), view.owner_uid);
    println!(
        "  {:?} {:?}: period {:?}, sampled every {:?}, overhead {} %, cap {} %, weight {}",
        settings.policy,
        settings.mode,
        ns(settings.period_ns),
        ns(settings.sampling_ns),
        settings.overhead_percent,
        settings.cap_percent,
        settings.weight
    );
    println!(
        "  {} threads, {:.1} % of a CPU, {} samples, {} changes, {} refusals",
        view.threads,
        view.bandwidth_cpus * 100.0,
        view.samples,
        view.changes,
        view.refusals
    );
    if let Some(refusal) = &view.last_refusal {
        println!("  last refusal: {refusal}");
    }
    if view.tasks.is_empty() {
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["thread", "used", "budget", "saturated"]);
    for task in &view.tasks {
        let (used, budget) = (format!("{:?}", ns(task.used_ns)), format!("{:?}", ns(task.budget_ns)));
        table.add_row([
            task.tid.to_string(),
            used,
            budget,
            if task.saturated { "yes" } else { "no" }.to_owned(),
        ]);
    }
    println!("{table}");
}

/// What it is.
pub(crate) fn describe(target: &TargetRef) -> String {
    match target {
        TargetRef::Thread { tid } => format!("thread {tid}"),
        TargetRef::Process { pid } => format!("process {pid}"),
        TargetRef::Vcpus { pid } => format!("virtual CPUs of process {pid}"),
        TargetRef::Cgroup { path } => format!("control group {path}"),
    }
}
