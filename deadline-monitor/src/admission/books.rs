//! The kernel's admission test (`__dl_overflow`), and what it means for response times.

use std::time::Duration;

use crate::budget::{Bandwidth, KernelLimits, ParamsError, ReservationParams};
use crate::machine::Machine;

/// What the kernel counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Books {
    /// CPUs of the root domain.
    pub cpus: u64,
    /// Bounds of a single reservation.
    pub limits: KernelLimits,
    /// What reservations may take together, the kernel's own included; `None` if that is not limited.
    pub limit: Option<Bandwidth>,
    /// What is given, the kernel's own included.
    pub given: Bandwidth,
}

/// Why a reservation would not be admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A rule that does not depend on what others have.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// More threads than could ever be reserved.
    #[error("A reservation for {0} threads at once is not between 1 and {most}", most = Books::THREADS_MAX)]
    Threads(u32),
    /// The sum would exceed what the kernel admits.
    #[error("{wanted} of a CPU is wanted and {free} is free")]
    NoBandwidth {
        /// What all threads of the request take.
        wanted: Bandwidth,
        /// What is left.
        free: Bandwidth,
    },
}

/// What the kernel's scheduler promises for the response times of all reservations together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Responses {
    /// No deadline is missed by a task that needs no more than its budget.
    WithinDeadline,
    /// Deadlines may be missed, by less than this (bounded tardiness of global EDF).
    LateByAtMost(Duration),
}

impl Books {
    /// Most threads in one request.
    pub const THREADS_MAX: u32 = 256;

    /// Books of this machine. `reserved` is the sum of all threads' reservations; `total` is the kernel's own account
    /// if it can be read, which also knows bandwidth that was lost. The larger one counts.
    pub fn new(machine: &Machine, reserved: Bandwidth, total: Option<Bandwidth>) -> Books {
        let known = reserved.saturating_add(machine.fair_servers());
        let limit =
            machine.share.map(|share| Bandwidth::from_units(share.units().saturating_mul(machine.cpus)));
        let given = total.unwrap_or_default().max(known);
        Books { cpus: machine.cpus, limits: machine.limits, limit, given }
    }

    /// What is left to be admitted; `None` if that is not limited.
    pub fn free(&self) -> Option<Bandwidth> {
        self.limit.map(|limit| limit.saturating_sub(self.given))
    }

    /// Whether `threads` threads would each get the reservation.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn admit(
        &self,
        runtime: Duration,
        deadline: Duration,
        period: Duration,
        threads: u32,
    ) -> Result<ReservationParams, Refusal> {
        let params = ReservationParams::within(runtime, deadline, period, &self.limits)?;
        if !(1..=Books::THREADS_MAX).contains(&threads) {
            return Err(Refusal::Threads(threads));
        }
        // The kernel rounds each thread's share down before it adds.
        let wanted = Bandwidth::from_units(params.bandwidth().units().saturating_mul(threads.into()));
        match self.free() {
            Some(free) if wanted > free => Err(Refusal::NoBandwidth { wanted, free }),
            _ => Ok(params),
        }
    }

    /// What the scheduler promises to the given reservations: (runtime, deadline, period) of every thread on the
    /// machine that has one.
    ///
    /// Within the deadline by the density test of Goossens, Funk and Baruah; else late by at most the bound of Devi and
    /// Anderson, in the simple form for all tasks alike (the kernel's admission keeps the sum below the CPUs).
    pub fn responses(&self, reservations: &[ReservationParams]) -> Responses {
        let density = |params: &ReservationParams| Bandwidth::of(params.runtime(), params.deadline());
        let sum = reservations.iter().map(density).fold(Bandwidth::default(), Bandwidth::saturating_add);
        let most = reservations.iter().map(density).max().unwrap_or_default();
        let cpus = u128::from(self.cpus);
        let all = cpus * u128::from(Bandwidth::CPU.units());
        let spread = cpus.saturating_sub(1) * u128::from(most.units());
        // Each density was rounded down by less than one unit.
        let rounding = u128::try_from(reservations.len()).unwrap_or(u128::MAX);
        if u128::from(sum.units()) + spread + rounding <= all {
            return Responses::WithinDeadline;
        }
        Responses::LateByAtMost(self.tardiness(reservations))
    }

    /// (sum of the M - 1 longest runtimes) / (M - sum of the M - 2 largest shares), and the longest runtime.
    fn tardiness(&self, reservations: &[ReservationParams]) -> Duration {
        let mut runtimes: Vec<_> = reservations.iter().map(|params| params.runtime()).collect();
        let mut shares: Vec<_> = reservations.iter().map(|params| params.bandwidth().units()).collect();
        runtimes.sort_unstable_by(|a, b| b.cmp(a));
        shares.sort_unstable_by(|a, b| b.cmp(a));
        let others = usize::try_from(self.cpus.saturating_sub(1)).unwrap_or(usize::MAX);
        let ahead = runtimes.iter().take(others).fold(Duration::ZERO, |sum, one| sum.saturating_add(*one));
        let busy: u64 = shares.iter().take(others.saturating_sub(1)).sum();
        let idle = (self.cpus << 20).saturating_sub(busy).max(1);
        let shared = ahead.as_nanos().saturating_mul(u128::from(Bandwidth::CPU.units())) / u128::from(idle);
        let longest = runtimes.first().copied().unwrap_or_default();
        longest.saturating_add(Duration::from_nanos(u64::try_from(shared).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PERIOD: Duration = Duration::from_millis(100);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn machine() -> Machine {
        let share = Some(Bandwidth::of(ms(950), ms(1_000)));
        Machine { share, ..Machine::read("/nonexistent".as_ref(), 2) }
    }

    fn params(runtime: u64, deadline: u64) -> ReservationParams {
        ReservationParams::within(ms(runtime), ms(deadline), PERIOD, &KernelLimits::default()).unwrap()
    }

    #[test]
    fn two_cpus_give_seven_quarters_and_a_twentieth_but_not_more() {
        let quarters = Bandwidth::from_units(7 * Bandwidth::of(ms(25), PERIOD).units());
        let books = Books::new(&machine(), quarters, None);
        assert!(books.admit(ms(5), PERIOD, PERIOD, 1).is_ok());
        let refusal = books.admit(Duration::from_micros(5_500), PERIOD, PERIOD, 1).unwrap_err();
        assert_eq!(refusal.to_string(), "5.4 % of a CPU is wanted and 5.0 % is free");
        assert!(books.admit(ms(2), PERIOD, PERIOD, 3).is_err());
    }

    #[test]
    fn bandwidth_that_only_the_kernel_knows_of_counts() {
        let lost = Bandwidth::from_units(Bandwidth::CPU.units() * 3 / 2);
        assert!(
            Books::new(&machine(), Bandwidth::default(), Some(lost))
                .admit(ms(85), PERIOD, PERIOD, 1)
                .is_err()
        );
        let reserved = Bandwidth::CPU;
        let stale = Some(Bandwidth::default());
        assert!(Books::new(&machine(), reserved, stale).admit(ms(85), PERIOD, PERIOD, 1).is_err());
    }

    #[test]
    fn each_broken_rule_is_named() {
        let books = Books::new(&machine(), Bandwidth::default(), None);
        let cases = [
            (Duration::from_nanos(1_023), PERIOD, PERIOD, 1, "Runtime of 1.023µs is below"),
            (ms(10), PERIOD, ms(5_000), 1, "Period of 5s is not between"),
            (ms(60), ms(50), PERIOD, 1, "Runtime of 60ms exceeds the deadline of 50ms"),
            (ms(60), ms(200), PERIOD, 1, "Deadline of 200ms exceeds the period of 100ms"),
            (ms(1), PERIOD, PERIOD, 0, "A reservation for 0 threads at once is not between 1 and 256"),
        ];
        for (runtime, deadline, period, threads, rule) in cases {
            let refusal = books.admit(runtime, deadline, period, threads).unwrap_err().to_string();
            assert!(refusal.starts_with(rule), "{refusal}");
        }
    }

    #[test]
    fn without_a_limit_everything_that_is_well_formed_is_admitted() {
        let books = Books::new(&Machine { share: None, ..machine() }, Bandwidth::CPU, None);
        assert!(books.free().is_none() && books.admit(PERIOD, PERIOD, PERIOD, 256).is_ok());
    }

    #[test]
    fn light_loads_miss_no_deadline_and_heavy_ones_are_late_by_a_bound() {
        let books = Books::new(&machine(), Bandwidth::default(), None);
        assert_eq!(
            books.responses(&[params(50, 100), params(50, 100), params(40, 100)]),
            Responses::WithinDeadline
        );
        // Three tasks of 60 of 100 ms on two CPUs: the third of them can be late.
        let heavy = [params(60, 100), params(60, 100), params(60, 100)];
        assert_eq!(books.responses(&heavy), Responses::LateByAtMost(ms(90)));
        assert_eq!(books.responses(&[]), Responses::WithinDeadline);
    }

    proptest! {
        /// Whatever was admitted one by one stays within the limit.
        #[test]
        fn the_sum_of_what_is_admitted_never_exceeds_the_limit(
            requests in prop::collection::vec((1_u64..200_000, 100_u64..200_000, 1_u32..4), 1..40),
        ) {
            let mut books = Books::new(&machine(), Bandwidth::default(), None);
            for (runtime, period, threads) in requests {
                let (runtime, period) = (Duration::from_micros(runtime), Duration::from_micros(period));
                if let Ok(params) = books.admit(runtime, period, period, threads) {
                    let units = params.bandwidth().units() * u64::from(threads);
                    books.given = books.given.saturating_add(Bandwidth::from_units(units));
                }
                prop_assert!(Some(books.given) <= books.limit);
            }
        }
    }
}
