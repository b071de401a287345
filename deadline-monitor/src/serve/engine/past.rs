//! The recent past of a target.

use std::collections::VecDeque;

use crate::serve::api::HistorySample;

/// A ring of samples that grows only as far as it is used.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    samples: VecDeque<HistorySample>,
}

/// Samples of all targets together: 64 MiB.
const TOTAL: usize = 1 << 21;
/// A target keeps at least so many.
const LEAST: usize = 16;

impl Past {
    /// How many samples a target keeps when there are so many targets.
    pub(super) fn share(wanted: usize, targets: usize) -> usize {
        wanted.min(TOTAL / targets.max(1)).max(LEAST)
    }

    pub(super) fn push(&mut self, sample: HistorySample, most: usize) {
        while self.samples.len() >= most.max(1) {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// The newest `most` samples taken after `since_ns`, oldest first.
    pub(super) fn since(&self, since_ns: u64, most: usize) -> Vec<HistorySample> {
        let first = self.samples.partition_point(|sample| sample.at_ns <= since_ns);
        let first = first.max(self.samples.len().saturating_sub(most));
        self.samples.iter().skip(first).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_samples_are_kept_and_found_by_their_time() {
        let mut past = Past::default();
        for at_ns in 1..=10 {
            past.push(HistorySample { at_ns, used_ns: 0, budget_ns: 0, threads: 1, saturated: 0 }, 4);
        }
        let times =
            |since, most| past.since(since, most).iter().map(|sample| sample.at_ns).collect::<Vec<_>>();
        assert_eq!(times(0, 100), [7, 8, 9, 10]);
        assert_eq!(times(8, 100), [9, 10]);
        assert_eq!(times(0, 2), [9, 10]);
        assert_eq!(times(10, 2), [0; 0]);
    }

    #[test]
    fn many_targets_remember_less_each() {
        assert_eq!(Past::share(600, 10), 600);
        assert_eq!(Past::share(600, 10_000), 209);
        assert_eq!(Past::share(600, usize::MAX), LEAST);
    }
}
