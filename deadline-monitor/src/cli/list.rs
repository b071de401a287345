//! `list`: the daemon's targets, and the threads that have a reservation.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use anstream::println;
use clap::Args;
use comfy_table::{Table, presets};
use deadline_monitor::budget::Bandwidth;
use deadline_monitor::sched::{DeadlineScheduler, LinuxScheduler, SchedAttr, Tid};
use deadline_monitor::serve::api::{TargetPage, TargetView};
use deadline_monitor::target::Target;
use serde_json::json;

use super::client::{Client, DaemonArgs};
use super::{Result, show};

/// What `list` takes.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    daemon: DaemonArgs,
}

/// A thread with a reservation.
#[derive(Debug)]
pub(crate) struct Reserved {
    tid: Tid,
    name: String,
    attr: SchedAttr,
}

impl Reserved {
    /// Its share of a CPU.
    pub(crate) fn bandwidth(&self) -> Bandwidth {
        Bandwidth::of(self.runtime(), self.period())
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "tid": self.tid.0,
            "name": self.name,
            "runtime_ns": self.attr.runtime_ns,
            "deadline_ns": self.attr.deadline_ns,
            "period_ns": self.attr.period_ns,
            "reclaim": self.attr.flags & SchedAttr::RECLAIM != 0,
        })
    }

    fn runtime(&self) -> Duration {
        Duration::from_nanos(self.attr.runtime_ns)
    }

    fn period(&self) -> Duration {
        Duration::from_nanos(self.attr.period_ns)
    }
}

/// All of this machine, as far as this procfs shows them.
pub(crate) fn reserved() -> Result<Vec<Reserved>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process that ends meanwhile has no threads.
        let tids = Target::Process(pid).threads("/proc".as_ref()).unwrap_or_default();
        found.extend(tids.into_iter().filter_map(of));
    }
    Ok(found)
}

fn of(tid: Tid) -> Option<Reserved> {
    let attr = LinuxScheduler.attributes(tid).ok().filter(SchedAttr::is_deadline)?;
    let name = fs::read_to_string(format!("/proc/{tid}/comm")).unwrap_or_default().trim().to_owned();
    Some(Reserved { tid, name, attr })
}

/// All targets of the daemon.
fn targets(client: &Client) -> Result<Vec<TargetView>> {
    let (mut targets, mut after) = (Vec::new(), 0);
    loop {
        let page: TargetPage = client.get(&format!("/v1/targets?limit=1000&after={after}"))?;
        targets.extend(page.targets);
        match page.next_after {
            Some(next) => after = next,
            None => return Ok(targets),
        }
    }
}

/// Prints them.
pub(crate) fn run(args: &ListArgs) -> Result<ExitCode> {
    let targets = args.daemon.client_if_any().map(|client| targets(&client)).transpose()?;
    let reserved = reserved()?;
    if args.daemon.json {
        let threads: Vec<_> = reserved.iter().map(Reserved::json).collect();
        println!("{}", serde_json::to_string_pretty(&json!({ "targets": targets, "threads": threads }))?);
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(targets) = &targets {
        print_targets(targets);
    }
    print_threads(&reserved);
    Ok(ExitCode::SUCCESS)
}

fn print_targets(targets: &[TargetView]) {
    if targets.is_empty() {
        return println!("The daemon has no target");
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header([
        "target",
        "name",
        "what",
        "user",
        "policy",
        "threads",
        "used",
        "budget",
        "share",
        "saturated",
    ]);
    for view in targets {
        let ns = |ns| format!("{:?}", Duration::from_nanos(ns));
        table.add_row([
            view.id.to_string(),
            view.name.clone().unwrap_or_default(),
            show::describe(&view.target),
            view.owner_uid.to_string(),
            format!("{:?}", view.settings.policy).to_lowercase(),
            view.threads.to_string(),
            ns(view.used_ns),
            ns(view.budget_ns),
            format!("{:.1} %", view.bandwidth_cpus * 100.0),
            if view.saturated { "yes" } else { "no" }.to_owned(),
        ]);
    }
    println!("{table}");
}

fn print_threads(reserved: &[Reserved]) {
    if reserved.is_empty() {
        return println!("No thread has a reservation");
    }
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_header(["thread", "name", "budget", "period", "share", "reclaim"]);
    for one in reserved {
        let reclaim = if one.attr.flags & SchedAttr::RECLAIM == 0 { "no" } else { "yes" };
        let (budget, period) = (format!("{:?}", one.runtime()), format!("{:?}", one.period()));
        let (tid, share) = (one.tid.to_string(), one.bandwidth().to_string());
        table.add_row([&tid, &one.name, &budget, &period, &share, reclaim]);
    }
    println!("{table}");
}
