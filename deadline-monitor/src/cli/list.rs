//! `list`: the threads that have a reservation.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use anstream::println;
use comfy_table::{Table, presets};
use deadline_monitor::budget::Bandwidth;
use deadline_monitor::sched::{DeadlineScheduler, LinuxScheduler, SchedAttr, Tid};
use deadline_monitor::target::Target;

use super::Result;

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

/// Prints them.
pub(crate) fn run() -> Result<ExitCode> {
    let reserved = reserved()?;
    if reserved.is_empty() {
        println!("No thread has a reservation");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_header(["thread", "name", "budget", "period", "share", "reclaim"]);
    for one in &reserved {
        let reclaim = if one.attr.flags & SchedAttr::RECLAIM == 0 { "no" } else { "yes" };
        let (budget, period) = (format!("{:?}", one.runtime()), format!("{:?}", one.period()));
        let (tid, share) = (one.tid.to_string(), one.bandwidth().to_string());
        table.add_row([&tid, &one.name, &budget, &period, &share, reclaim]);
    }
    println!("{table}");
    Ok(ExitCode::SUCCESS)
}
