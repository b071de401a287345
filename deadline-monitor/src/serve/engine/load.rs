//! Whether the sampler keeps up, and what it does if not.

use std::time::Duration;

use crate::serve::api::EventName;

/// Above this part of a CPU the time between samples is doubled, below the other it is halved again.
const TOO_BUSY_PERCENT: u128 = 75;
const IDLE_PERCENT: u128 = 25;
/// Ten times a second becomes once in six seconds.
const STRETCH_MAX: u32 = 64;

/// How busy the sampler is.
#[derive(Debug)]
pub(super) struct Load {
    busy: Duration,
    stretch: u32,
    /// Part of a CPU in the last second, in percent.
    percent: u32,
    files_short: bool,
    ended_use: Duration,
    ended: Ended,
}

/// What targets that are gone had counted, so that no sum ever goes back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ended {
    pub(super) observed_use: Duration,
    pub(super) missed: u64,
    pub(super) changes: u64,
    pub(super) refusals: u64,
}

impl Default for Load {
    fn default() -> Load {
        Load {
            busy: Duration::ZERO,
            stretch: 1,
            percent: 0,
            files_short: false,
            ended_use: Duration::ZERO,
            ended: Ended::default(),
        }
    }
}

impl Load {
    /// So long was spent on samples.
    pub(super) fn busy(&mut self, time: Duration) {
        self.busy += time;
    }

    /// By how much the time between samples is longer than asked for.
    pub(super) fn stretch(&self) -> u32 {
        self.stretch
    }

    /// Part of a CPU in the last second, in percent.
    pub(super) fn percent(&self) -> u32 {
        self.percent
    }

    /// What targets that are gone had used: the sum of all must never go back.
    pub(super) fn ended_use(&self) -> Duration {
        self.ended_use
    }

    /// A target that had used so much under reservations, and counted so much, is gone.
    pub(super) fn ended(&mut self, used: Duration, counts: Ended) {
        self.ended_use += used;
        self.ended.observed_use += counts.observed_use;
        self.ended.missed += counts.missed;
        self.ended.changes += counts.changes;
        self.ended.refusals += counts.refusals;
    }

    /// What targets that are gone had counted.
    pub(super) fn ended_counts(&self) -> Ended {
        self.ended
    }

    /// Whether something is not as it should be.
    pub(super) fn degraded(&self) -> (bool, bool) {
        (self.stretch > 1, self.files_short)
    }

    /// A second (or so) has passed; `unkept` threads are read without a kept file, because only `files` may be kept.
    pub(super) fn second(
        &mut self,
        passed: Duration,
        unkept: usize,
        files: usize,
    ) -> Vec<(EventName, String)> {
        let mut told = Vec::new();
        let busy = std::mem::take(&mut self.busy).as_nanos() * 100 / passed.as_nanos().max(1);
        self.percent = u32::try_from(busy).unwrap_or(u32::MAX);
        if busy > TOO_BUSY_PERCENT && self.stretch < STRETCH_MAX {
            self.stretch *= 2;
            let percent = self.percent;
            let what =
                format!("sampling takes {percent} % of a CPU: {} times longer between samples", self.stretch);
            told.push((EventName::Degraded, what));
        } else if busy < IDLE_PERCENT && self.stretch > 1 {
            self.stretch /= 2;
            told.push(match self.stretch {
                1 => (EventName::Recovered, "samples are as frequent as asked for".to_owned()),
                more => (EventName::Degraded, format!("{more} times longer between samples")),
            });
        }
        let short = unkept > 0;
        if short && !self.files_short {
            let what = format!(
                "{unkept} threads are read without a file of their own, more slowly: only {files} may be kept open \
                 (raise the limit of open files: LimitNOFILE=)"
            );
            told.push((EventName::Degraded, what));
        } else if !short && self.files_short {
            told.push((EventName::Recovered, "every thread has a file of its own".to_owned()));
        }
        self.files_short = short;
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_sampler_that_cannot_keep_up_samples_less_often_until_it_can() {
        let mut load = Load::default();
        load.busy(SECOND);
        let told = load.second(SECOND, 0, 10);
        assert_eq!(
            told,
            [(EventName::Degraded, "sampling takes 100 % of a CPU: 2 times longer between samples".into())]
        );
        load.busy(SECOND / 2);
        assert_eq!(load.second(SECOND, 0, 10), [], "between the two bounds nothing changes");
        assert_eq!(load.second(SECOND, 0, 10)[0].0, EventName::Recovered);
        assert_eq!(load.stretch(), 1);
        for _ in 0..20 {
            load.busy(2 * SECOND);
            load.second(SECOND, 0, 10);
        }
        assert_eq!(load.stretch(), STRETCH_MAX);
    }

    #[test]
    fn too_few_files_are_told_once() {
        let mut load = Load::default();
        let told = load.second(SECOND, 7, 10);
        assert!(told[0].1.starts_with("7 threads are read without a file of their own"), "{told:?}");
        assert_eq!(load.second(SECOND, 8, 10), []);
        assert_eq!(load.second(SECOND, 0, 10)[0].0, EventName::Recovered);
    }
}
