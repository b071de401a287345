//! Refusals of the kernel, explained by the rule that was broken.

use std::fmt;
use std::io;

use super::thread::Affinity;
use super::{SchedAttr, Tid};
use crate::budget::{KernelLimits, ParamsError, ReservationParams};
use std::time::Duration;

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
    /// EBUSY or EPERM: the thread's cpuset leaves out CPUs of its root domain.
    Cpuset,
    /// EPERM: the caller lacks CAP_SYS_NICE.
    NotAllowed,
    /// EPERM: the caller lacks CAP_SYS_NICE, and the thread belongs to this other user.
    OtherUser(u32),
    /// EINVAL: the parameters are outside the kernel's limits, in this way.
    Params(ParamsError),
    /// EINVAL: the kernel does not accept the call's flags, or has a rule that is not known here.
    Invalid,
    /// EINVAL and the thread is a thread of the kernel, or is not to be reserved for another reason.
    KernelThread,
    /// The thread belongs to this program.
    Own,
    /// The thread does not belong to the user who wants it monitored.
    Foreign,
    /// The thread is part of another target already.
    Taken,
    /// Another program monitors the thread: this process, or one that cannot be seen if it is 0.
    Monitored(u32),
    /// The user's threads would have more together than one user may.
    Quota,
    /// How the thread is scheduled could not be written to the state file, so it was left alone.
    Unrecorded,
    /// ENOSYS: the kernel knows no reservations.
    Unsupported,
    /// Another refusal, kept as it came.
    Unknown(i32),
}

/// What decides between the meanings of one number.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts {
    /// Whether the caller has CAP_SYS_NICE.
    pub(super) privileged: bool,
    /// Where the thread may run.
    pub(super) affinity: Affinity,
    /// The thread's user, if it is not the caller's.
    pub(super) foreign: Option<u32>,
    /// This machine's limits.
    pub(super) limits: KernelLimits,
}

impl Facts {
    /// The rule about CPUs that the thread breaks, if it breaks one.
    fn cpus(&self) -> Option<Rule> {
        match self.affinity {
            Affinity::Everywhere => None,
            Affinity::Pinned => Some(Rule::Pinned),
            Affinity::Cpuset => Some(Rule::Cpuset),
        }
    }

    fn permission(&self, attr: &SchedAttr) -> Rule {
        let cpus = self.cpus().filter(|_| attr.is_deadline());
        match (self.privileged, self.foreign) {
            (true, _) => cpus.unwrap_or(Rule::NotAllowed),
            (false, Some(user)) => Rule::OtherUser(user),
            (false, None) => Rule::NotAllowed,
        }
    }

    fn parameters(&self, attr: &SchedAttr) -> Rule {
        let ns = Duration::from_nanos;
        let (runtime, deadline, period) = (ns(attr.runtime_ns), ns(attr.deadline_ns), ns(attr.period_ns));
        let checked = ReservationParams::within(runtime, deadline, period, &self.limits);
        checked.err().filter(|_| attr.is_deadline()).map_or(Rule::Invalid, Rule::Params)
    }
}

impl Error {
    /// The refusal of `attr` for `tid`, with `facts` that are only looked up now.
    pub(super) fn explain(tid: Tid, attr: &SchedAttr, source: io::Error, facts: Facts) -> Error {
        let rule = match source.raw_os_error() {
            Some(libc::ESRCH) => Rule::Gone,
            Some(libc::EBUSY) => facts.cpus().unwrap_or(Rule::NoBandwidth),
            Some(libc::EPERM) => facts.permission(attr),
            Some(libc::EINVAL) => facts.parameters(attr),
            Some(libc::ENOSYS) => Rule::Unsupported,
            raw => Rule::Unknown(raw.unwrap_or_default()),
        };
        Error { tid, rule, source }
    }

    /// A thread of the kernel, which the kernel itself would not protect.
    pub(super) fn kernel_thread(tid: Tid) -> Error {
        Error { tid, rule: Rule::KernelThread, source: io::Error::from_raw_os_error(libc::EINVAL) }
    }

    /// Whether the same call may succeed later: bandwidth comes back when others end, and so do threads of other monitors.
    pub fn is_temporary(&self) -> bool {
        matches!(self.rule, Rule::NoBandwidth | Rule::Quota | Rule::Monitored(_))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Rule::Gone => "No such thread; it has ended",
            Rule::NoBandwidth => {
                "No bandwidth left: all reservations together may take what sched_rt_runtime_us leaves on each CPU, \
                 less the kernel's fair server (usually 90 % in all). `deadline-monitor doctor` shows who has it"
            }
            Rule::Pinned => {
                "The thread is pinned: a reservation needs an affinity to all CPUs of its root domain. Widen it \
                 (taskset -pc), or give the thread an exclusive cpuset"
            }
            Rule::Cpuset => {
                "The thread's cpuset leaves CPUs out: a reservation needs all CPUs of its root domain. Start the \
                 container without --cpuset-cpus, or make the cpuset a partition of its own (cpuset.cpus.partition=root)"
            }
            Rule::NotAllowed => {
                "Not allowed: reservations need CAP_SYS_NICE (root, or setcap cap_sys_nice+ep on this program)"
            }
            Rule::OtherUser(user) => {
                return write!(
                    f,
                    "Not allowed: the thread belongs to user {user}, and threads of others need CAP_SYS_NICE (root)"
                );
            }
            Rule::Params(broken) => return broken.fmt(f),
            Rule::Invalid => "The kernel does not accept these parameters or flags",
            Rule::KernelThread => "A thread of the kernel gets no reservation",
            Rule::Own => "A thread of this program gets no reservation from it",
            Rule::Foreign => "Not allowed: it belongs to another user",
            Rule::Taken => "Another target has this thread already; a thread has one budget",
            Rule::Monitored(process) => {
                return write!(
                    f,
                    "Another monitor has this thread already (process {process}); a thread has one budget"
                );
            }
            Rule::Quota => "Quota used up: the threads of one user may have no more bandwidth together",
            Rule::Unrecorded => {
                "How it is scheduled now cannot be written to the state file; it is left alone, so that it can always be \
                 restored"
            }
            Rule::Unsupported => "This kernel has no SCHED_DEADLINE",
            Rule::Unknown(_) => "The kernel refuses",
        };
        f.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Facts = Facts {
        privileged: true,
        affinity: Affinity::Everywhere,
        foreign: None,
        limits: KernelLimits {
            runtime_min: Duration::from_nanos(1_024),
            period_min: Duration::from_micros(100),
            period_max: Duration::from_secs(4),
        },
    };

    fn rule(errno: i32, facts: Facts) -> Rule {
        let attr =
            SchedAttr { period_ns: 100_000_000, deadline_ns: 100_000_000, ..SchedAttr::without_bandwidth() };
        Error::explain(Tid(7), &attr, io::Error::from_raw_os_error(errno), facts).rule
    }

    #[test]
    fn a_number_of_the_kernel_is_explained_by_what_is_known_of_the_thread() {
        let pinned = Facts { affinity: Affinity::Pinned, ..FREE };
        let cpuset = Facts { affinity: Affinity::Cpuset, ..FREE };
        let poor = |facts| Facts { privileged: false, ..facts };
        let table = [
            (libc::ESRCH, FREE, Rule::Gone),
            (libc::EBUSY, FREE, Rule::NoBandwidth),
            (libc::EBUSY, pinned, Rule::Pinned),
            (libc::EBUSY, cpuset, Rule::Cpuset),
            (libc::EPERM, pinned, Rule::Pinned),
            (libc::EPERM, cpuset, Rule::Cpuset),
            (libc::EPERM, poor(pinned), Rule::NotAllowed),
            (libc::EPERM, Facts { foreign: Some(5), ..poor(FREE) }, Rule::OtherUser(5)),
            (libc::EPERM, FREE, Rule::NotAllowed),
            (libc::EINVAL, FREE, Rule::Invalid),
            (libc::ENOSYS, FREE, Rule::Unsupported),
            (libc::EIO, FREE, Rule::Unknown(libc::EIO)),
        ];
        for (errno, facts, expected) in table {
            assert_eq!(rule(errno, facts), expected, "{errno} {facts:?}");
        }
    }

    #[test]
    fn refused_parameters_are_explained_by_the_one_that_is_wrong() {
        let explain = |runtime_ns, period_ns| {
            let attr =
                SchedAttr { runtime_ns, deadline_ns: period_ns, period_ns, ..SchedAttr::without_bandwidth() };
            Error::explain(Tid(7), &attr, io::Error::from_raw_os_error(libc::EINVAL), FREE).to_string()
        };
        assert!(explain(500, 100_000_000).contains("below the kernel's least"));
        assert!(explain(200_000_000, 100_000_000).contains("exceeds the deadline of 100ms"));
        assert!(explain(10_000, 50_000).contains("Period of 50µs is not between"));
        assert!(explain(10_000_000, 5_000_000_000).contains("Period of 5s is not between"));
    }

    #[test]
    fn an_error_names_the_thread_and_keeps_the_kernels_words() {
        let source = io::Error::from_raw_os_error(libc::EPERM);
        let error = Error::explain(Tid(7), &SchedAttr::other(0), source, Facts::default());
        assert!(error.to_string().starts_with("Thread 7: Not allowed: reservations need CAP_SYS_NICE"));
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("os error 1"));
    }
}
