//! `release`: a target of the daemon goes, or threads go back to SCHED_OTHER, for instance after a monitor was killed.

use std::process::ExitCode;

use anstream::println;
use clap::Args;
use deadline_monitor::sched::{DeadlineScheduler, LinuxScheduler, SchedAttr, Tid};
use deadline_monitor::target::Target;

use super::Result;
use super::client::DaemonArgs;

/// What `release` takes.
#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    /// Threads, by their ids.
    #[arg(required_unless_present_any = ["pid", "target"])]
    tid: Vec<u32>,
    /// Processes, with all their threads.
    #[arg(long)]
    pid: Vec<u32>,
    /// Targets of the daemon, by the ids that `list` tells.
    #[arg(long, value_name = "ID")]
    target: Vec<u64>,
    #[command(flatten)]
    daemon: DaemonArgs,
}

/// Releases each thread that has a reservation.
pub(crate) fn run(args: &ReleaseArgs) -> Result<ExitCode> {
    for target in &args.target {
        args.daemon.client().delete(&format!("/v1/targets/{target}"))?;
    }
    let mut tids: Vec<_> = args.tid.iter().copied().map(Tid).collect();
    for pid in &args.pid {
        tids.extend(Target::Process(*pid).threads("/proc".as_ref())?);
    }
    for tid in tids {
        if LinuxScheduler.attributes(tid)?.is_deadline() {
            LinuxScheduler.release(tid, &SchedAttr::other(0))?;
        } else {
            println!("Thread {tid} has no reservation");
        }
    }
    Ok(ExitCode::SUCCESS)
}
