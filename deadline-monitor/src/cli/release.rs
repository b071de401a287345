//! `release`: threads go back to SCHED_OTHER, for instance after a monitor was killed.

use std::process::ExitCode;

use anstream::println;
use clap::Args;
use deadline_monitor::sched::{DeadlineScheduler, LinuxScheduler, SchedAttr, Tid};
use deadline_monitor::target::Target;

use super::Result;

/// What `release` takes.
#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    /// Threads, by their ids.
    #[arg(required_unless_present = "pid")]
    tid: Vec<u32>,
    /// Processes, with all their threads.
    #[arg(long)]
    pid: Vec<u32>,
}

/// Releases each thread that has a reservation.
pub(crate) fn run(args: &ReleaseArgs) -> Result<ExitCode> {
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
