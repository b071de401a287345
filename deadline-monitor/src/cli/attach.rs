//! `attach`: budgets that fit for what runs already.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use anstream::eprintln;
use clap::Args;
use deadline_monitor::sched::Tid;
use deadline_monitor::target::Target;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::Result;
use super::options::PolicyArgs;
use super::signals;
use super::watch::{Watch, monitor};

/// What `attach` takes.
#[derive(Debug, Args)]
pub(crate) struct AttachArgs {
    /// Threads, by their ids.
    #[arg(required_unless_present_any = ["pid", "cgroup"])]
    tid: Vec<u32>,
    /// Processes, with all their threads.
    #[arg(long)]
    pid: Vec<u32>,
    /// Control groups, such as a container's: a directory below /sys/fs/cgroup.
    #[arg(long, value_name = "DIR")]
    cgroup: Vec<PathBuf>,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Show each sample and budget.
    #[arg(long, short)]
    verbose: bool,
}

/// Watches until all targets have ended, or until it is told to stop; then they are scheduled as before.
pub(crate) fn run(args: &AttachArgs) -> Result<ExitCode> {
    let signals = signals::receive()?;
    let targets: Vec<_> = targets(args).collect();
    let mut monitors = Vec::new();
    for target in &targets {
        let mut monitor = monitor(target.clone(), args.policy.monitor()?)?;
        let first = monitor.tick()?;
        if monitor.reserved() == 0 {
            let refused = first.refused.into_iter().next();
            return Err(refused
                .map_or_else(|| format!("No thread to be found: {target} is empty").into(), Into::into));
        }
        monitors.push(monitor);
    }
    let mut watch = Watch::new(monitors, args.policy.sampling()?, args.verbose);
    watch.run(&signals, |signal| match signal {
        SIGINT | SIGTERM | SIGHUP | SIGQUIT => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })?;
    for error in watch.monitors.iter_mut().flat_map(|monitor| monitor.release()) {
        eprintln!("deadline-monitor: Not restored: {}", super::chain(&error));
    }
    Ok(ExitCode::SUCCESS)
}

fn targets(args: &AttachArgs) -> impl Iterator<Item = Target> {
    let threads = args.tid.iter().map(|tid| Target::Thread(Tid(*tid)));
    let processes = args.pid.iter().map(|pid| Target::Process(*pid));
    threads.chain(processes).chain(args.cgroup.iter().cloned().map(Target::Cgroup))
}
