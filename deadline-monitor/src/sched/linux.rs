//! The kernel's own scheduler, by system calls that libc has no functions for. The crate's only unsafe code.
#![allow(unsafe_code, reason = "sched_setattr and sched_getattr have no safe wrapper in libc or nix")]

use std::fs;
use std::io;

use super::error::Facts;
use super::thread::{affinity, is_kernel_thread, owner};
use super::{DeadlineScheduler, Error, Rule, SchedAttr, Tid};
use crate::budget::ReservationParams;

/// `CAP_SYS_NICE`, a bit of the capability sets.
const CAP_SYS_NICE: u32 = 23;
/// `SCHED_GETATTR_FLAG_DL_DYNAMIC`: what is left now instead of what was set.
const DYNAMIC: libc::c_uint = 1;

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

    /// What is left of the thread's budget in this period, where the kernel tells (`SCHED_GETATTR_FLAG_DL_DYNAMIC`,
    /// newer than 6.18).
    ///
    /// # Errors
    /// The thread is gone, or the kernel does not know the question ([`Rule::Invalid`](super::Rule::Invalid)).
    pub fn remaining(&mut self, tid: Tid) -> Result<std::time::Duration, Error> {
        get(tid, DYNAMIC).map(|attr| std::time::Duration::from_nanos(attr.runtime_ns))
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
        get(tid, 0)
    }

    fn reserve(&mut self, tid: Tid, params: &ReservationParams, reclaim: bool) -> Result<(), Error> {
        if !has_ours(tid) && is_kernel_thread(tid) {
            return Err(Error::kernel_thread(tid));
        }
        set(tid, &SchedAttr::deadline(params, reclaim))
    }

    /// In two steps: a sleeping or throttled task that leaves SCHED_DEADLINE would leave its bandwidth behind in the
    /// kernel's accounts for good (seen on 6.18); so its bandwidth is made nothing first.
    ///
    /// The kernel refuses even that where it has lost the task's bandwidth itself: it rebuilds its accounts when a
    /// cpuset changes, and then forgets reservations (seen on 6.18). Then nothing can be left behind.
    fn release(&mut self, tid: Tid, before: &SchedAttr) -> Result<(), Error> {
        if !before.is_deadline() {
            match set(tid, &SchedAttr::without_bandwidth()) {
                Err(error) if error.rule != Rule::NoBandwidth => return Err(error),
                Ok(()) | Err(_) => {}
            }
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

fn get(tid: Tid, flags: libc::c_uint) -> Result<SchedAttr, Error> {
    let mut attr = SchedAttr::default();
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
    let facts = Facts {
        privileged: LinuxScheduler::is_privileged(),
        affinity: affinity(tid),
        foreign: owner(tid).filter(|user| own_user() != Some(*user)),
        limits: crate::machine::Machine::read("/proc".as_ref(), 1).limits,
    };
    Error::explain(tid, attr, source, facts)
}

/// Whether the thread has a reservation as this program gives them. Then it was looked at when it got it, which costs
/// ten times as much as asking this.
fn has_ours(tid: Tid) -> bool {
    get(tid, 0).is_ok_and(|attr| attr.is_deadline() && attr.flags & SchedAttr::RESET_ON_FORK != 0)
}

/// The user that this process acts as.
fn own_user() -> Option<u32> {
    owner(Tid(std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::SchedPolicy;
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
