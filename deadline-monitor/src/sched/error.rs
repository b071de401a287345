//! Refusals of the kernel, explained by the rule that was broken.

use std::fmt;
use std::io;

use super::{SchedAttr, Tid};

/// The kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("Thread {tid}: {rule}")]
pub struct Error {
    /// The thread.
    pub tid: Tid,
    /// Why.
    pub rule: Rule,
    /// What the kernel said.
    #[source]
    pub source: io::Error,
}

/// The rule that was broken, as far as the kernel's number and the thread tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// ESRCH: there is no such thread.
    Gone,
    /// EBUSY: the sum of all reservations would exceed what the kernel admits.
    NoBandwidth,
    /// EBUSY or EPERM: the thread may not run on every CPU of its root domain.
    Pinned,
    /// EPERM: the caller lacks CAP_SYS_NICE.
    NotAllowed,
    /// EINVAL: the parameters are outside the kernel's limits.
    Invalid,
    /// EINVAL and the thread is a thread of the kernel, or is not to be reserved for another reason.
    KernelThread,
    /// The thread belongs to this program.
    Own,
    /// The thread does not belong to the user who wants it monitored.
    Foreign,
    /// The thread is part of another target already.
    Taken,
    /// The user's threads would have more together than one user may.
    Quota,
    /// How the thread is scheduled could not be written to the state file, so it was left alone.
    Unrecorded,
    /// ENOSYS: the kernel knows no reservations.
    Unsupported,
    /// Another refusal, kept as it came.
    Unknown(i32),
}

/// What decides between two meanings of one number.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts {
    /// Whether the caller has CAP_SYS_NICE.
    pub(super) privileged: bool,
    /// Whether the thread may run on every CPU.
    pub(super) everywhere: bool,
}

impl Error {
    /// The refusal of `attr` for `tid`, with `facts` that are only looked up now.
    pub(super) fn explain(tid: Tid, attr: &SchedAttr, source: io::Error, facts: Facts) -> Error {
        let rule = match source.raw_os_error() {
            Some(libc::ESRCH) => Rule::Gone,
            Some(libc::EBUSY) if !facts.everywhere => Rule::Pinned,
            Some(libc::EBUSY) => Rule::NoBandwidth,
            Some(libc::EPERM) if facts.privileged && attr.is_deadline() && !facts.everywhere => Rule::Pinned,
            Some(libc::EPERM) => Rule::NotAllowed,
            Some(libc::EINVAL) => Rule::Invalid,
            Some(libc::ENOSYS) => Rule::Unsupported,
            raw => Rule::Unknown(raw.unwrap_or_default()),
        };
        Error { tid, rule, source }
    }

    /// A thread of the kernel, which the kernel itself would not protect.
    pub(super) fn kernel_thread(tid: Tid) -> Error {
        Error { tid, rule: Rule::KernelThread, source: io::Error::from_raw_os_error(libc::EINVAL) }
    }

    /// Whether the same call may succeed later: bandwidth comes back when others end.
    pub fn is_temporary(&self) -> bool {
        matches!(self.rule, Rule::NoBandwidth | Rule::Quota)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::Gone => "No such thread; it has ended",
            Rule::NoBandwidth => {
                "No bandwidth left: all reservations together may take what sched_rt_runtime_us leaves on each CPU, \
                 less the kernel's fair server (usually 90 % in all). `deadline-monitor doctor` shows who has it"
            }
            Rule::Pinned => {
                "The thread is pinned: a reservation needs an affinity to all CPUs of its root domain. Widen it \
                 (taskset -pc), or give the thread an exclusive cpuset"
            }
            Rule::NotAllowed => {
                "Not allowed: reservations need CAP_SYS_NICE (root, or setcap cap_sys_nice+ep on this program)"
            }
            Rule::Invalid => {
                "Parameters refused: runtime from 1024 ns up to the deadline, deadline up to the period, period within \
                 the sysctls kernel.sched_deadline_period_min_us and _max_us"
            }
            Rule::KernelThread => "A thread of the kernel gets no reservation",
            Rule::Own => "A thread of this program gets no reservation from it",
            Rule::Foreign => "Not allowed: it belongs to another user",
            Rule::Taken => "Another target has this thread already; a thread has one budget",
            Rule::Quota => "Quota used up: the threads of one user may have no more bandwidth together",
            Rule::Unrecorded => {
                "How it is scheduled now cannot be written to the state file; it is left alone, so that it can always be \
                 restored"
            }
            Rule::Unsupported => "This kernel has no SCHED_DEADLINE",
            Rule::Unknown(_) => "The kernel refuses",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(errno: i32, privileged: bool, everywhere: bool) -> Rule {
        let source = io::Error::from_raw_os_error(errno);
        let attr = SchedAttr::without_bandwidth();
        Error::explain(Tid(7), &attr, source, Facts { privileged, everywhere }).rule
    }

    #[test]
    fn a_number_of_the_kernel_is_explained_by_what_is_known_of_the_thread() {
        assert_eq!(rule(libc::ESRCH, true, true), Rule::Gone);
        assert_eq!(rule(libc::EBUSY, true, true), Rule::NoBandwidth);
        assert_eq!(rule(libc::EBUSY, true, false), Rule::Pinned);
        assert_eq!(rule(libc::EPERM, true, false), Rule::Pinned);
        assert_eq!(rule(libc::EPERM, false, false), Rule::NotAllowed);
        assert_eq!(rule(libc::EPERM, true, true), Rule::NotAllowed);
        assert_eq!(rule(libc::EINVAL, true, true), Rule::Invalid);
        assert_eq!(rule(libc::EIO, true, true), Rule::Unknown(libc::EIO));
    }

    #[test]
    fn an_error_names_the_thread_and_keeps_the_kernels_words() {
        let source = io::Error::from_raw_os_error(libc::EPERM);
        let error = Error::explain(Tid(7), &SchedAttr::other(0), source, Facts::default());
        assert!(error.to_string().starts_with("Thread 7: Not allowed: reservations need CAP_SYS_NICE"));
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("os error 1"));
    }
}
