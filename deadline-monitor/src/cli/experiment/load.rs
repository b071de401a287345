//! The periodic task of the experiment, a process of its own: Figure 22 of the source document.

use std::process::ExitCode;
use std::time::Duration;

use anstream::println;
use clap::Args;
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};

use super::super::Result;

/// What the task takes, in nanoseconds; times are of the monotonic clock.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// First release.
    #[arg(long)]
    pub(super) start_ns: u64,
    /// The task stops then, whatever it does.
    #[arg(long)]
    pub(super) end_ns: u64,
    /// Time between two releases.
    #[arg(long)]
    pub(super) period_ns: u64,
    /// CPU time of each job.
    #[arg(long)]
    pub(super) work_ns: u64,
}

/// The time of a clock.
pub(super) fn now(clock: ClockId) -> Result<Duration> {
    Ok(Duration::from(clock_gettime(clock)?))
}

/// Sleeps until a time of the monotonic clock.
pub(super) fn sleep_until(time: Duration) -> Result<()> {
    let (clock, flags) = (ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::TIMER_ABSTIME);
    while now(clock)? < time {
        match clock_nanosleep(clock, flags, &time.into()) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Runs the jobs; then prints `job RELEASE RESPONSE` for each, `overdue COUNT` and `executed TIME`.
pub(crate) fn load(args: &LoadArgs) -> Result<ExitCode> {
    let ns = Duration::from_nanos;
    let (start, end, period) = (ns(args.start_ns), ns(args.end_ns), ns(args.period_ns));
    let (mut release, mut jobs) = (start, Vec::new());
    let before = now(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    while release < end {
        sleep_until(release)?;
        let Some(done) = execute(ns(args.work_ns), end)? else { break };
        jobs.push((release - start, done.saturating_sub(release)));
        release += period;
    }
    let executed = now(ClockId::CLOCK_THREAD_CPUTIME_ID)?.saturating_sub(before);
    for (release, response) in &jobs {
        println!("job {} {}", release.as_nanos(), response.as_nanos());
    }
    let overdue = end.saturating_sub(release).as_nanos() / period.as_nanos();
    println!("overdue {overdue}");
    println!("executed {}", executed.as_nanos());
    Ok(ExitCode::SUCCESS)
}

/// Uses so much CPU time; returns when it was used up, or `None` at `end`.
fn execute(work: Duration, end: Duration) -> Result<Option<Duration>> {
    let until = now(ClockId::CLOCK_THREAD_CPUTIME_ID)? + work;
    while now(ClockId::CLOCK_THREAD_CPUTIME_ID)? < until {
        if now(ClockId::CLOCK_MONOTONIC)? >= end {
            return Ok(None);
        }
    }
    Ok(Some(now(ClockId::CLOCK_MONOTONIC)?))
}
