//! One task in a constant bandwidth server, as SCHED_DEADLINE implements it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::budget::{Bandwidth, Ratio};
use crate::trace::Job;

/// What the kernel leaves to tasks outside SCHED_DEADLINE; unused bandwidth is lent up to the rest (GRUB).
const NEVER_LENT: Ratio = Ratio::percent(5);

/// The state of the server and of the jobs that wait in it. Time only moves by [`Server::advance`].
#[derive(Debug)]
pub(super) struct Server {
    period: Duration,
    /// Q in force from the next replenishment on.
    runtime: Duration,
    /// Bandwidth of others that is never lent, when unused bandwidth is lent at all.
    reclaim: Option<Ratio>,
    now: Duration,
    /// What is left of the budget.
    left: Duration,
    deadline: Duration,
    throttled: bool,
    /// Release and rest of the jobs that have not ended.
    jobs: VecDeque<(Duration, Duration)>,
    /// Jobs that have ended.
    pub(super) ended: Vec<Job>,
    /// CPU time used.
    pub(super) executed: Duration,
    /// Time spent throttled with work to do.
    pub(super) waited: Duration,
}

impl Server {
    /// A server with a whole budget at time zero; `reclaim` lends it what others, of this bandwidth, leave.
    pub(super) fn new(runtime: Duration, period: Duration, reclaim: Option<Ratio>) -> Server {
        Server {
            period,
            runtime,
            reclaim,
            now: Duration::ZERO,
            left: Duration::ZERO,
            deadline: Duration::ZERO,
            throttled: false,
            jobs: VecDeque::new(),
            ended: Vec::new(),
            executed: Duration::ZERO,
            waited: Duration::ZERO,
        }
    }

    /// Sets Q; as in the kernel a running period goes on with its old budget.
    pub(super) fn set_runtime(&mut self, runtime: Duration) {
        self.runtime = runtime;
    }

    /// A job of `work` is released now; a job without work ends at once.
    pub(super) fn release(&mut self, work: Duration) {
        if work.is_zero() {
            return self.ended.push(Job { release: self.now, response: Duration::ZERO });
        }
        if self.jobs.is_empty() && !self.throttled {
            self.wake();
        }
        self.jobs.push_back((self.now, work));
    }

    /// The wake-up rule: an old deadline is kept only if the budget left fits the bandwidth until then.
    fn wake(&mut self) {
        let until = self.deadline.saturating_sub(self.now);
        let fits = !until.is_zero()
            && self.left.as_nanos() * self.period.as_nanos() <= self.runtime.as_nanos() * until.as_nanos();
        if !fits {
            self.left = self.runtime;
            self.deadline = self.now + self.period;
        }
    }

    /// Lets time pass until `end`.
    pub(super) fn advance(&mut self, end: Duration) {
        while self.now < end {
            let most = end - self.now;
            if self.throttled {
                self.wait(most);
            } else if let Some(&(_, rest)) = self.jobs.front() {
                self.run(most, rest);
            } else {
                self.now = end;
            }
        }
    }

    /// How many jobs were released a period ago or earlier and have not ended.
    pub(super) fn overdue(&self) -> usize {
        self.jobs.iter().filter(|(release, _)| *release + self.period <= self.now).count()
    }

    fn wait(&mut self, most: Duration) {
        let time = self.deadline.saturating_sub(self.now).min(most);
        self.now += time;
        if !self.jobs.is_empty() {
            self.waited += time;
        }
        if self.now >= self.deadline {
            self.throttled = false;
            self.deadline += self.period;
            self.left = self.runtime;
        }
    }

    fn run(&mut self, most: Duration, rest: Duration) {
        let whole = self.stretched(self.left);
        let time = whole.min(rest).min(most);
        self.left = self.left.saturating_sub(self.shrunk(time));
        self.now += time;
        self.executed += time;
        if let Some(front) = self.jobs.front_mut() {
            front.1 -= time;
        }
        if self.left.is_zero() || time == whole {
            self.throttled = true;
            self.left = Duration::ZERO;
        }
        if time == rest {
            self.end_job();
        }
    }

    fn end_job(&mut self) {
        if let Some((release, _)) = self.jobs.pop_front() {
            self.ended.push(Job { release, response: self.now - release });
        }
    }

    /// How fast the budget is used up, in units of 2^-20: fully, or slower where unused bandwidth is lent.
    fn rate(&self) -> u128 {
        let one = Bandwidth::CPU.units();
        let own = Bandwidth::of(self.runtime, self.period).units();
        let rate = self.reclaim.map_or(one, |others| {
            let kept = u64::from(others.as_ppm()) + u64::from(NEVER_LENT.as_ppm());
            (own + kept * one / u64::from(Ratio::ONE.as_ppm())).min(one)
        });
        u128::from(rate.max(1))
    }

    /// The time in which `budget` is used up.
    fn stretched(&self, budget: Duration) -> Duration {
        from_nanos(budget.as_nanos() * u128::from(Bandwidth::CPU.units()) / self.rate())
    }

    /// The budget that is used up in `time`.
    fn shrunk(&self, time: Duration) -> Duration {
        from_nanos(time.as_nanos() * self.rate() / u128::from(Bandwidth::CPU.units()))
    }
}

fn from_nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_task_gets_its_budget_in_each_period_and_no_more() {
        let mut server = Server::new(ms(20), ms(100), None);
        server.release(ms(10_000));
        server.advance(ms(1_000));
        assert_eq!((server.executed, server.waited), (ms(200), ms(800)));
    }

    #[test]
    fn a_job_that_fits_is_not_throttled() {
        let mut server = Server::new(ms(20), ms(100), None);
        for k in 0..10 {
            server.advance(ms(100 * k));
            server.release(ms(19));
        }
        server.advance(ms(1_000));
        assert_eq!((server.ended.len(), server.waited), (10, ms(0)));
        assert!(server.ended.iter().all(|job| job.response == ms(19)));
    }

    #[test]
    fn a_job_beyond_its_budget_ends_in_a_later_period() {
        let mut server = Server::new(ms(20), ms(100), None);
        server.release(ms(50));
        server.advance(ms(1_000));
        assert_eq!(server.ended, [Job { release: ms(0), response: ms(210) }]);
    }

    #[test]
    fn a_job_of_half_the_budget_leaves_the_other_half() {
        let mut server = Server::new(ms(20), ms(100), None);
        server.release(ms(10));
        server.release(ms(10));
        server.advance(ms(1_000));
        assert_eq!(server.ended.iter().map(|job| job.response).collect::<Vec<_>>(), [ms(10), ms(20)]);
    }

    #[test]
    fn a_new_budget_waits_for_the_replenishment() {
        let mut server = Server::new(ms(10), ms(100), None);
        server.release(ms(1_000));
        server.advance(ms(50));
        server.set_runtime(ms(40));
        server.advance(ms(100));
        assert_eq!(server.executed, ms(10));
        server.advance(ms(200));
        assert_eq!(server.executed, ms(50));
    }

    #[test]
    fn unused_bandwidth_is_lent() {
        // 20 % of a CPU, used up at a rate of 20 % + 5 %: four fifths of the CPU.
        let mut server = Server::new(ms(20), ms(100), Some(Ratio::ppm(0)));
        server.release(ms(10_000));
        server.advance(ms(2_000));
        assert!(server.executed.abs_diff(ms(1_600)) < ms(1), "{:?}", server.executed);
    }
}
