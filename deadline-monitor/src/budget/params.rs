//! What a reservation consists of, and what the kernel accepts.

use core::fmt;
use core::time::Duration;

/// What the kernel accepts as a reservation (`kernel/sched/deadline.c`, `__checkparam_dl`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelLimits {
    /// Least runtime.
    pub runtime_min: Duration,
    /// Shortest period (`sched_deadline_period_min_us`).
    pub period_min: Duration,
    /// Longest period (`sched_deadline_period_max_us`).
    pub period_max: Duration,
}

impl Default for KernelLimits {
    /// The values of a kernel whose limits were not changed.
    fn default() -> KernelLimits {
        KernelLimits {
            runtime_min: Duration::from_nanos(1 << 10),
            period_min: Duration::from_micros(100),
            period_max: Duration::from_micros(1 << 22),
        }
    }
}

/// A reservation: `runtime` Q of CPU time in each `period` P, before `deadline` after its begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservationParams {
    runtime: Duration,
    deadline: Duration,
    period: Duration,
}

impl ReservationParams {
    /// A reservation whose deadline is its period, checked against the kernel's usual limits.
    ///
    /// # Errors
    /// The rule that the values break.
    pub fn new(runtime: Duration, period: Duration) -> Result<ReservationParams, ParamsError> {
        Self::within(runtime, period, period, &KernelLimits::default())
    }

    /// A reservation checked against `limits`.
    ///
    /// # Errors
    /// The rule that the values break.
    pub fn within(
        runtime: Duration,
        deadline: Duration,
        period: Duration,
        limits: &KernelLimits,
    ) -> Result<ReservationParams, ParamsError> {
        if runtime < limits.runtime_min {
            return Err(ParamsError::RuntimeTooShort { runtime, least: limits.runtime_min });
        }
        if period < limits.period_min || period > limits.period_max {
            let (least, most) = (limits.period_min, limits.period_max);
            return Err(ParamsError::PeriodOutOfRange { period, least, most });
        }
        if deadline > period {
            return Err(ParamsError::DeadlineBeyondPeriod { deadline, period });
        }
        if runtime > deadline {
            return Err(ParamsError::RuntimeBeyondDeadline { runtime, deadline });
        }
        Ok(ReservationParams { runtime, deadline, period })
    }

    /// Q: CPU time in each period.
    pub fn runtime(&self) -> Duration {
        self.runtime
    }

    /// D: the runtime is given within this time after a period begins.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// P.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// The same reservation with another runtime.
    ///
    /// # Errors
    /// The runtime is too short for the kernel or exceeds the deadline.
    pub fn with_runtime(&self, runtime: Duration) -> Result<ReservationParams, ParamsError> {
        let limits = KernelLimits { period_min: self.period, period_max: self.period, ..Default::default() };
        Self::within(runtime, self.deadline, self.period, &limits)
    }

    /// Share of one CPU, as the kernel's admission counts it.
    pub fn bandwidth(&self) -> Bandwidth {
        Bandwidth::of(self.runtime, self.period)
    }
}

/// A share of CPU time in the kernel's own fixed point (`to_ratio`: units of 2^-20 CPUs, rounded down).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bandwidth(u64);

impl Bandwidth {
    const SHIFT: u32 = 20;
    /// One CPU.
    pub const CPU: Bandwidth = Bandwidth(1 << Self::SHIFT);

    /// `runtime` in each `period`; nothing if the period is zero.
    pub fn of(runtime: Duration, period: Duration) -> Bandwidth {
        let units = (runtime.as_nanos() << Self::SHIFT).checked_div(period.as_nanos()).unwrap_or(0);
        Bandwidth(u64::try_from(units).unwrap_or(u64::MAX))
    }

    /// So many units of 2^-20 CPUs.
    pub const fn from_units(units: u64) -> Bandwidth {
        Bandwidth(units)
    }

    /// In units of 2^-20 CPUs.
    pub const fn units(self) -> u64 {
        self.0
    }

    /// The sum, at most what fits.
    pub fn saturating_add(self, other: Bandwidth) -> Bandwidth {
        Bandwidth(self.0.saturating_add(other.0))
    }

    /// The difference, at least nothing.
    pub fn saturating_sub(self, other: Bandwidth) -> Bandwidth {
        Bandwidth(self.0.saturating_sub(other.0))
    }

    /// The longest runtime in `period` that this share pays for.
    pub fn runtime_in(self, period: Duration) -> Duration {
        super::ratio::nanos(period.as_nanos().saturating_mul(u128::from(self.0)) >> Self::SHIFT)
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permille = (u128::from(self.0) * 1_000) >> Self::SHIFT;
        write!(f, "{}.{} %", permille / 10, permille % 10)
    }
}

/// The rule that a reservation breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// The kernel gives no reservation that short.
    #[error("Runtime of {runtime:?} is below the kernel's least, {least:?}")]
    RuntimeTooShort {
        /// Budget Q.
        runtime: Duration,
        /// The kernel's least.
        least: Duration,
    },
    /// The budget does not fit.
    #[error("Runtime of {runtime:?} exceeds the deadline of {deadline:?}")]
    RuntimeBeyondDeadline {
        /// Budget Q.
        runtime: Duration,
        /// Deadline D.
        deadline: Duration,
    },
    /// The kernel wants runtime <= deadline <= period.
    #[error("Deadline of {deadline:?} exceeds the period of {period:?}")]
    DeadlineBeyondPeriod {
        /// Deadline D.
        deadline: Duration,
        /// Period P.
        period: Duration,
    },
    /// The kernel's limits of the period.
    #[error(
        "Period of {period:?} is not between {least:?} and {most:?} (sysctls kernel.sched_deadline_period_*)"
    )]
    PeriodOutOfRange {
        /// Period P.
        period: Duration,
        /// Shortest.
        least: Duration,
        /// Longest.
        most: Duration,
    },
}
