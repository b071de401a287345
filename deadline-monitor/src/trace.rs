//! What happened to one task: its jobs and its budgets, from the simulator or from the kernel, and the figures of both.

use std::time::Duration;

/// A periodic job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// When it could begin, since the start of the trace.
    pub release: Duration,
    /// From the release to the end.
    pub response: Duration,
}

/// The budget from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Since the start of the trace.
    pub at: Duration,
    /// Budget Q for each period.
    pub runtime: Duration,
}

/// One task over some time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// P: a job that takes longer is late.
    pub period: Duration,
    /// How long the task was watched.
    pub length: Duration,
    /// CPU time that it used.
    pub executed: Duration,
    /// Its jobs that ended.
    pub jobs: Vec<Job>,
    /// Jobs that had not ended at the end of the trace although a period had passed.
    pub overdue: usize,
    /// Its budgets, the first one included; none without a reservation.
    pub settings: Vec<Setting>,
}

/// The figures of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// When the budget came to stay within a tenth of its last value; `None` if jobs were still late at the end, or if
    /// the last budget is still above twice the mean use.
    pub settled: Option<Duration>,
    /// How many jobs ended, or should have.
    pub jobs: usize,
    /// How many of them took longer than a period, ended or not.
    pub late: usize,
    /// Median response.
    pub p50: Duration,
    /// The response that 99 % of the jobs do not exceed.
    pub p99: Duration,
    /// Longest response.
    pub max: Duration,
    /// What was reserved above what was used, in percent of what was used; `None` without a reservation.
    pub over_allocation: Option<i64>,
    /// How often the budget was changed.
    pub changes: usize,
}

/// Late jobs among so many last ones tell that a task has not settled.
const LAST_JOBS: usize = 5;

impl Trace {
    /// The figures.
    pub fn summary(&self) -> Summary {
        let mut responses: Vec<_> = self.jobs.iter().map(|job| job.response).collect();
        responses.sort_unstable();
        Summary {
            settled: self.settled(),
            jobs: self.jobs.len() + self.overdue,
            late: self.jobs.iter().filter(|job| self.is_late(job)).count() + self.overdue,
            p50: rank(&responses, 50),
            p99: rank(&responses, 99),
            max: responses.last().copied().unwrap_or_default(),
            over_allocation: self.over_allocation(),
            changes: self.settings.len().saturating_sub(1),
        }
    }

    fn is_late(&self, job: &Job) -> bool {
        job.response > self.period
    }

    fn settled(&self) -> Option<Duration> {
        let last_jobs = self.jobs.iter().rev().take(LAST_JOBS);
        if self.jobs.is_empty() || self.overdue > 0 || last_jobs.clone().any(|job| self.is_late(job)) {
            return None;
        }
        let last = self.settings.last()?.runtime;
        if last > 2 * self.mean_use() {
            return None;
        }
        let near = |setting: &&Setting| setting.runtime.abs_diff(last) <= last / 10;
        self.settings.iter().rev().take_while(near).last().map(|setting| setting.at)
    }

    /// CPU time used in one period, on average.
    fn mean_use(&self) -> Duration {
        let product = self.executed.as_nanos().saturating_mul(self.period.as_nanos());
        let nanos = product.checked_div(self.length.as_nanos()).unwrap_or(0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The reserved CPU time, over all periods.
    pub fn allocated(&self) -> Duration {
        let ends = self.settings.iter().skip(1).map(|setting| setting.at).chain([self.length]);
        let parts = self.settings.iter().zip(ends).map(|(setting, end)| {
            let periods = end.saturating_sub(setting.at).as_nanos();
            setting
                .runtime
                .as_nanos()
                .saturating_mul(periods)
                .checked_div(self.period.as_nanos())
                .unwrap_or(0)
        });
        Duration::from_nanos(u64::try_from(parts.sum::<u128>()).unwrap_or(u64::MAX))
    }

    fn over_allocation(&self) -> Option<i64> {
        let used = i128::try_from(self.executed.as_nanos()).ok().filter(|used| *used > 0)?;
        let allocated =
            i128::try_from(self.allocated().as_nanos()).ok().filter(|allocated| *allocated > 0)?;
        i64::try_from((allocated - used) * 100 / used).ok()
    }
}

/// The nearest rank: the smallest value that `percent` of them do not exceed.
fn rank(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn trace() -> Trace {
        let job = |release, response| Job { release: ms(release), response: ms(response) };
        let mut jobs: Vec<_> = (1..100).map(|k| job(100 * k, 10)).collect();
        jobs.insert(0, job(0, 150));
        let setting = |at, runtime| Setting { at: ms(at), runtime: ms(runtime) };
        let settings = vec![setting(0, 2), setting(500, 80), setting(1_000, 11)];
        Trace { period: ms(100), length: ms(10_000), executed: ms(1_000), jobs, overdue: 0, settings }
    }

    #[test]
    fn the_figures_of_a_trace() {
        let summary = trace().summary();
        assert_eq!((summary.jobs, summary.late, summary.changes), (100, 1, 2));
        assert_eq!((summary.p50, summary.p99, summary.max), (ms(10), ms(10), ms(150)));
        // 5 * 2 + 5 * 80 + 90 * 11 = 1400 ms for 1000 ms.
        assert_eq!((summary.over_allocation, summary.settled), (Some(40), Some(ms(1_000))));
    }

    #[test]
    fn a_task_that_ends_with_late_jobs_has_not_settled() {
        let mut trace = trace();
        trace.jobs[98].response = ms(101);
        assert_eq!(trace.summary().settled, None);
        let overdue = Trace { overdue: 3, ..self::trace() }.summary();
        assert_eq!((overdue.settled, overdue.late), (None, 4));
        assert_eq!(Trace::default().summary().settled, None);
        let mut high = self::trace();
        high.settings.pop();
        assert_eq!(high.summary().settled, None);
    }

    #[test]
    fn without_a_reservation_nothing_is_over_allocated() {
        let trace = Trace { settings: vec![], ..trace() };
        assert_eq!(trace.summary().over_allocation, None);
    }
}
