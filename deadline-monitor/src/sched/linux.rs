//! The kernel's own scheduler, by system calls that libc has no functions for. The crate's only unsafe code.
#![allow(unsafe_code, reason = "sched_setattr and sched_getattr have no safe wrapper in libc or nix")]

use std::fs;
use std::io;

use super::error::Facts;
use super::{DeadlineScheduler, Error, SchedAttr, Tid};
use crate::budget::ReservationParams;
use crate::machine;

/// `CAP_SYS_NICE`, a bit of the capability sets.
const CAP_SYS_NICE: u32 = 23;
/// `PF_KTHREAD`, a bit of the flags in `/proc/PID/stat`.
const PF_KTHREAD: u64 = 0x0020_0000;
/// The flags' place among the fields behind the name in `/proc/PID/stat`.
const STAT_FLAGS: usize = 6;

/// Reservations by `sched_setattr`.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinuxScheduler;

impl LinuxScheduler {
    /// Whether this process may give reservations: CAP_SYS_NICE is effective.
    pub fn is_privileged() -> bool {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let bits = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
        bits >> CAP_SYS_NICE & 1 == 1
    }

    /// Puts the calling thread under SCHED_FIFO, so that its samples come in time beside busy tasks.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn prioritise_this_thread(&mut self) -> Result<(), Error> {
        set(Tid(0), &SchedAttr::fifo(1))
    }
}

impl DeadlineScheduler for LinuxScheduler {
    fn attributes(&mut self, tid: Tid) -> Result<SchedAttr, Error> {
        get(tid)
    }

    fn reserve(&mut self, tid: Tid, params: &ReservationParams, reclaim: bool) -> Result<(), Error> {
        if is_kernel_thread(tid) {
            return Err(Error::kernel_thread(tid));
        }
        set(tid, &SchedAttr::deadline(params, reclaim))
    }

    /// In two steps: a sleeping or throttled task that leaves SCHED_DEADLINE would leave its bandwidth behind in the
    /// kernel's accounts for good (seen on 6.18); so its bandwidth is made nothing first.
    fn release(&mut self, tid: Tid, before: &SchedAttr) -> Result<(), Error> {
        if !before.is_deadline() {
            set(tid, &SchedAttr::without_bandwidth())?;
        }
        set(tid, &before.restorable())
    }
}

fn set(tid: Tid, attr: &SchedAttr) -> Result<(), Error> {
    let flags: libc::c_uint = 0;
    // SAFETY: the kernel reads `size` bytes, which is the size of the structure that `attr` borrows, and keeps nothing.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, tid.0, std::ptr::from_ref(attr), flags) };
    if result == 0 { Ok(()) } else { Err(refusal(tid, attr)) }
}

fn get(tid: Tid) -> Result<SchedAttr, Error> {
    let mut attr = SchedAttr::default();
    let flags: libc::c_uint = 0;
    // SAFETY: the kernel writes at most SIZE bytes, the size of the structure that `attr` borrows alone; any bytes are a
    // valid SchedAttr.
    let result = unsafe {
        libc::syscall(libc::SYS_sched_getattr, tid.0, std::ptr::from_mut(&mut attr), SchedAttr::SIZE, flags)
    };
    if result == 0 { Ok(attr) } else { Err(refusal(tid, &attr)) }
}

/// The last system call's refusal; the facts are read after its number was taken.
fn refusal(tid: Tid, attr: &SchedAttr) -> Error {
    let source = io::Error::last_os_error();
    let facts = Facts { privileged: LinuxScheduler::is_privileged(), everywhere: may_run_everywhere(tid) };
    Error::explain(tid, attr, source, facts)
}

/// Whether the thread's affinity covers every CPU that is online; true if that cannot be read.
fn may_run_everywhere(tid: Tid) -> bool {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let allowed = allowed.map(machine::cpus);
    allowed.is_none_or(|allowed| machine::online_cpus().iter().all(|cpu| allowed.contains(cpu)))
}

fn is_kernel_thread(tid: Tid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{tid}/stat")).unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let flags =
        behind_name.split_ascii_whitespace().nth(STAT_FLAGS).and_then(|flags| flags.parse::<u64>().ok());
    flags.is_some_and(|flags| flags & PF_KTHREAD != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::{Rule, SchedPolicy};
    use std::time::Duration;

    #[test]
    fn a_thread_that_is_gone_is_named_as_such() {
        // Above the largest pid that Linux gives (2^22).
        let tid = Tid((1 << 22) + 1);
        assert_eq!(LinuxScheduler.attributes(tid).unwrap_err().rule, Rule::Gone);
    }

    #[test]
    fn the_calling_thread_can_be_read() {
        let attr = LinuxScheduler.attributes(Tid(0)).unwrap();
        assert!(!matches!(attr.scheduling(), SchedPolicy::Deadline | SchedPolicy::Unknown(_)), "{attr:?}");
    }

    #[test]
    fn a_thread_of_the_kernel_gets_no_reservation() {
        let params = ReservationParams::new(Duration::from_millis(1), Duration::from_millis(100)).unwrap();
        // In a container of its own pids 2 is no thread of the kernel.
        if is_kernel_thread(Tid(2)) {
            assert_eq!(LinuxScheduler.reserve(Tid(2), &params, false).unwrap_err().rule, Rule::KernelThread);
        } else {
            println!(
                "SKIPPED: a_thread_of_the_kernel_gets_no_reservation: pid 2 is no thread of the kernel here"
            );
        }
    }
}
