//! What works here, and what to do where it does not.

use std::time::Duration;

use super::{Clocks, Engine, Reader, Survey};
use crate::account;
use crate::admission::{Hold, HoldError};
use crate::budget::ReservationParams;
use crate::machine::Account;
use crate::sched::DeadlineScheduler;
use crate::serve::api::{self, Check, CheckState, Doctor};

impl<S: DeadlineScheduler, A: Reader, C: Clocks> Engine<S, A, C> {
    pub(super) fn doctor(&mut self, survey: &Survey) -> Doctor {
        let checks = vec![self.can_reserve(), self.cpu_time(), self.bandwidth(survey), self.sampler()];
        let works = checks.iter().all(|check| check.state != CheckState::Bad);
        Doctor { works, checks }
    }

    fn can_reserve(&mut self) -> Check {
        let (runtime, period) = (Duration::from_millis(1), Duration::from_millis(100));
        let shared = &mut *self.shared.borrow_mut();
        let scheduler = shared.remembering.scheduler_mut();
        let tried =
            ReservationParams::new(runtime, period).map_err(|error| error.to_string()).and_then(|params| {
                let explain = |error: HoldError| api::chain(&error);
                Hold::take(scheduler, &params, 1).map_err(explain)
            });
        match tried {
            Ok(hold) => {
                hold.give_back(scheduler);
                check("reservation", CheckState::Good, "given to a thread of this daemon, and given back")
            }
            Err(reason) => check("reservation", CheckState::Bad, reason),
        }
    }

    fn cpu_time(&self) -> Check {
        if account::is_available(&self.procfs) {
            return check("cpu-time", CheckState::Good, "/proc/TID/schedstat tells CPU time and throttling");
        }
        let remedy =
            "No /proc/TID/schedstat: the kernel needs CONFIG_SCHED_INFO (any of SCHEDSTATS, TASK_DELAY_ACCT)";
        check("cpu-time", CheckState::Bad, remedy)
    }

    fn bandwidth(&self, survey: &Survey) -> Check {
        let sum = survey.reserved();
        let given = format!("{} threads have {sum} of a CPU in all", survey.reservations.len());
        let Some(total) = survey.total else {
            let detail = format!("{given}; whether some is lost cannot be seen without debugfs");
            return check("bandwidth", CheckState::Notice, detail);
        };
        let (state, detail) = match self.machine.account(total, sum) {
            Account::Even => (CheckState::Good, format!("{given}; none is lost")),
            Account::Forgotten(forgotten) => (
                CheckState::Bad,
                format!(
                    "{given}, of which the kernel has forgotten {forgotten}: it rebuilt its accounts, as it does when a \
                     cpuset changes, and may give the same bandwidth twice. Release the targets and attach them again"
                ),
            ),
            Account::Lost(lost) => (
                CheckState::Bad,
                format!(
                    "{given}, and {lost} more are lost: a task left SCHED_DEADLINE while it slept and the kernel kept its \
                     bandwidth. A reboot gives it back"
                ),
            ),
        };
        check("bandwidth", state, detail)
    }

    fn sampler(&self) -> Check {
        let (stretched, short) = self.load.degraded();
        let percent = self.load.percent();
        let detail = format!("{percent} % of a CPU for {} threads", self.threads());
        match (stretched, short) {
            (false, false) => check("sampler", CheckState::Good, detail),
            (true, _) => {
                let times = self.load.stretch();
                check(
                    "sampler",
                    CheckState::Notice,
                    format!("{detail}: {times} times longer between samples"),
                )
            }
            (false, true) => {
                let remedy =
                    "not every thread has an open file (raise the limit of open files: LimitNOFILE=)";
                check("sampler", CheckState::Notice, format!("{detail}; {remedy}"))
            }
        }
    }
}

fn check(name: &str, state: CheckState, detail: impl Into<String>) -> Check {
    Check { name: name.to_owned(), state, detail: detail.into() }
}
