//! The kernel's `struct sched_attr`.

use std::time::Duration;

use crate::budget::{KernelLimits, ReservationParams};

/// How a thread is scheduled, laid out as the kernel wants it (`include/uapi/linux/sched/types.h`, version 0).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SchedAttr {
    /// Size of this structure in bytes.
    pub size: u32,
    /// `SCHED_*`.
    pub policy: u32,
    /// `SCHED_FLAG_*`.
    pub flags: u64,
    /// Nice value, for SCHED_OTHER and SCHED_BATCH.
    pub nice: i32,
    /// Priority, for SCHED_FIFO and SCHED_RR.
    pub priority: u32,
    /// Budget Q in nanoseconds, for SCHED_DEADLINE.
    pub runtime_ns: u64,
    /// Deadline D in nanoseconds.
    pub deadline_ns: u64,
    /// Period P in nanoseconds.
    pub period_ns: u64,
}

const _: () = assert!(size_of::<SchedAttr>() == 48 && SchedAttr::SIZE == 48);
const _: () = assert!(core::mem::offset_of!(SchedAttr, runtime_ns) == 24);

/// The kernel's scheduling policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchedPolicy {
    /// `SCHED_OTHER`.
    Other,
    /// `SCHED_FIFO`.
    Fifo,
    /// `SCHED_RR`.
    RoundRobin,
    /// `SCHED_BATCH`.
    Batch,
    /// `SCHED_IDLE`.
    Idle,
    /// `SCHED_DEADLINE`.
    Deadline,
    /// Another one, by its number.
    Unknown(u32),
}

impl From<u32> for SchedPolicy {
    fn from(raw: u32) -> SchedPolicy {
        match raw {
            0 => SchedPolicy::Other,
            1 => SchedPolicy::Fifo,
            2 => SchedPolicy::RoundRobin,
            3 => SchedPolicy::Batch,
            5 => SchedPolicy::Idle,
            SchedAttr::DEADLINE => SchedPolicy::Deadline,
            raw => SchedPolicy::Unknown(raw),
        }
    }
}

impl SchedAttr {
    /// Size of the structure's first version.
    pub const SIZE: u32 = 48;
    /// `SCHED_DEADLINE`.
    const DEADLINE: u32 = 6;
    /// `SCHED_FLAG_RESET_ON_FORK`: children begin under SCHED_OTHER. Without it the kernel refuses every fork and
    /// every new thread of a task under SCHED_DEADLINE.
    pub const RESET_ON_FORK: u64 = 1;
    /// `SCHED_FLAG_RECLAIM`: bandwidth that others leave unused may be used (GRUB).
    pub const RECLAIM: u64 = 2;
    /// The flags that this structure can carry back into the kernel; the others describe fields that it lacks.
    const RESTORABLE: u64 = Self::RESET_ON_FORK | Self::RECLAIM | 4;

    /// A reservation.
    pub fn deadline(params: &ReservationParams, reclaim: bool) -> SchedAttr {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        SchedAttr {
            size: Self::SIZE,
            policy: Self::DEADLINE,
            flags: Self::RESET_ON_FORK | if reclaim { Self::RECLAIM } else { 0 },
            runtime_ns: nanos(params.runtime()),
            deadline_ns: nanos(params.deadline()),
            period_ns: nanos(params.period()),
            ..SchedAttr::default()
        }
    }

    /// SCHED_OTHER with a nice value.
    pub fn other(nice: i32) -> SchedAttr {
        SchedAttr { size: Self::SIZE, nice, ..SchedAttr::default() }
    }

    /// SCHED_FIFO with a priority.
    pub fn fifo(priority: u32) -> SchedAttr {
        SchedAttr {
            size: Self::SIZE,
            policy: 1,
            flags: Self::RESET_ON_FORK,
            priority,
            ..SchedAttr::default()
        }
    }

    /// Its policy.
    pub fn scheduling(&self) -> SchedPolicy {
        self.policy.into()
    }

    /// Whether it is a reservation.
    pub fn is_deadline(&self) -> bool {
        self.policy == Self::DEADLINE
    }

    /// Its reservation, if it has one that this kernel accepts.
    pub fn params(&self) -> Option<ReservationParams> {
        let [runtime, deadline, period] =
            [self.runtime_ns, self.deadline_ns, self.period_ns].map(Duration::from_nanos);
        let limits = KernelLimits { period_min: period, period_max: period, ..KernelLimits::default() };
        let params =
            self.is_deadline().then(|| ReservationParams::within(runtime, deadline, period, &limits));
        params?.ok()
    }

    /// The same, as it can be set again after it was read.
    #[must_use]
    pub fn restorable(mut self) -> SchedAttr {
        self.size = Self::SIZE;
        self.flags &= Self::RESTORABLE;
        self
    }

    /// The smallest reservation there is: its bandwidth is counted as 0.
    pub(super) fn without_bandwidth() -> SchedAttr {
        let (runtime_ns, period_ns) = (1 << 10, (1 << 22) * 1_000);
        SchedAttr {
            size: Self::SIZE,
            policy: Self::DEADLINE,
            flags: Self::RESET_ON_FORK,
            runtime_ns,
            deadline_ns: period_ns,
            period_ns,
            ..SchedAttr::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Bandwidth;

    #[test]
    fn the_last_reservation_before_a_release_has_no_bandwidth() {
        let attr = SchedAttr::without_bandwidth();
        let (runtime, period) = (Duration::from_nanos(attr.runtime_ns), Duration::from_nanos(attr.period_ns));
        assert_eq!(Bandwidth::of(runtime, period), Bandwidth::default());
        assert!(ReservationParams::new(runtime, period).is_ok());
    }

    #[test]
    fn a_reservation_is_written_in_nanoseconds_and_lets_the_task_fork() {
        let params = ReservationParams::new(Duration::from_millis(10), Duration::from_millis(100)).unwrap();
        let attr = SchedAttr::deadline(&params, true);
        assert_eq!(
            (attr.runtime_ns, attr.deadline_ns, attr.period_ns),
            (10_000_000, 100_000_000, 100_000_000)
        );
        assert_eq!(attr.flags, SchedAttr::RESET_ON_FORK | SchedAttr::RECLAIM);
        assert_eq!(attr.scheduling(), SchedPolicy::Deadline);
    }

    #[test]
    fn what_was_read_can_be_set_again() {
        let read = SchedAttr { size: 56, flags: 0x61, nice: 5, ..SchedAttr::default() };
        assert_eq!(read.restorable(), SchedAttr { flags: 1, ..SchedAttr::other(5) });
    }
}
