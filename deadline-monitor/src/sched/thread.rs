//! What procfs tells of a thread.

use std::fs;
use std::path::Path;

use super::Tid;
use crate::machine;

/// `PF_KTHREAD`, a bit of the flags in `stat`.
const PF_KTHREAD: u64 = 0x0020_0000;
/// Places behind the name in `stat` (proc_pid_stat(5), less the two fields before it).
const STAT_FLAGS: usize = 6;
const STAT_START: usize = 19;

/// When the thread began, in clock ticks since the machine started; with its id it names a thread for good. `None` if
/// there is no such thread.
pub fn start_time(procfs: &Path, tid: Tid) -> Option<u64> {
    stat_field(procfs, tid, STAT_START)
}

/// Whether the thread runs or would like to: its state is `R`, also while it is throttled.
pub(crate) fn is_runnable(procfs: &Path, tid: Tid) -> bool {
    let stat = fs::read_to_string(procfs.join(tid.to_string()).join("stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('R'))
}

/// Whether it is a thread of the kernel.
pub(super) fn is_kernel_thread(tid: Tid) -> bool {
    stat_field("/proc".as_ref(), tid, STAT_FLAGS).is_some_and(|flags| flags & PF_KTHREAD != 0)
}

/// A number of `stat`; the name before may hold blanks and brackets.
fn stat_field(procfs: &Path, tid: Tid, place: usize) -> Option<u64> {
    let directory = procfs.join(tid.to_string());
    // The thread's own file: the one of the process adds up all its threads, a millisecond for thousands of them.
    let own = directory.join("task").join(tid.to_string()).join("stat");
    let stat = fs::read_to_string(own).or_else(|_| fs::read_to_string(directory.join("stat"))).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(place)?.parse().ok()
}

/// Where a thread may run, as far as that decides about reservations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Affinity {
    /// On every CPU that is online.
    #[default]
    Everywhere,
    /// Its own affinity leaves CPUs out.
    Pinned,
    /// Its cpuset leaves CPUs out.
    Cpuset,
}

/// The thread's affinity; everywhere if it cannot be read.
pub(super) fn affinity(tid: Tid) -> Affinity {
    let online = machine::online_cpus();
    let covers = |cpus: &str| {
        let cpus = machine::cpus(cpus.trim());
        online.iter().all(|cpu| cpus.contains(cpu))
    };
    let status = fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    if allowed.is_none_or(covers) {
        return Affinity::Everywhere;
    }
    let cpuset = crate::cgroup::cpus_of(tid).is_some_and(|cpus| !covers(&cpus));
    if cpuset { Affinity::Cpuset } else { Affinity::Pinned }
}

/// The user that a thread belongs to.
pub(super) fn owner(tid: Tid) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_thread_has_a_beginning_an_owner_and_no_kernel_flag() {
        let tid = Tid(std::process::id());
        assert!(start_time("/proc".as_ref(), tid).unwrap() > 0);
        assert_eq!(owner(tid), Some(nix::unistd::geteuid().as_raw()));
        assert!(!is_kernel_thread(tid));
        assert_eq!(start_time("/proc".as_ref(), Tid(u32::MAX)), None);
    }
}
