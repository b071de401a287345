//! How much of what is reserved stays unused, and with which certainty.

use std::collections::VecDeque;

use crate::budget::{Bandwidth, Ratio};

/// CPU time that reserved tasks used, second by second.
///
/// The past is cut into blocks as long as the horizon, and each block has its largest use. If the future is like the
/// past, the next block's largest use is equally likely to fall anywhere among those of the past n blocks: it exceeds the
/// k-th largest of them with a probability of k / (n + 1), whatever the distribution. So a risk r needs 1 / r - 1
/// blocks; with fewer there is no answer.
#[derive(Debug, Clone)]
pub struct UseHistory {
    seconds: VecDeque<Bandwidth>,
    most: usize,
}

/// Use over the whole past.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// Half of the seconds were below.
    pub p50: Bandwidth,
    /// 95 of 100 seconds.
    pub p95: Bandwidth,
    /// 99 of 100 seconds.
    pub p99: Bandwidth,
}

/// Whether a level of use is known for a risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reclaimable {
    /// Use stays at or below this over the horizon, except with the risk asked for.
    UseUpTo(Bandwidth),
    /// So many more seconds have to pass before that can be said.
    NotYet(u64),
}

impl UseHistory {
    /// Remembers so many seconds.
    pub fn new(most: usize) -> UseHistory {
        UseHistory { seconds: VecDeque::new(), most: most.max(1) }
    }

    /// One more second has passed.
    pub fn push(&mut self, used: Bandwidth) {
        if self.seconds.len() == self.most {
            self.seconds.pop_front();
        }
        self.seconds.push_back(used);
    }

    /// How many seconds are known.
    pub fn len(&self) -> usize {
        self.seconds.len()
    }

    /// Whether nothing is known yet.
    pub fn is_empty(&self) -> bool {
        self.seconds.is_empty()
    }

    /// How use was distributed; zeros if nothing is known.
    pub fn quantiles(&self) -> Quantiles {
        let mut sorted: Vec<_> = self.seconds.iter().copied().collect();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(index).copied().unwrap_or_default()
        };
        Quantiles { p50: at(50), p95: at(95), p99: at(99) }
    }

    /// Largest use of each whole block of `horizon_s` seconds, the newest block ending now; ascending.
    fn block_maxima(&self, horizon_s: usize) -> Vec<Bandwidth> {
        let horizon = horizon_s.max(1);
        let skip = self.seconds.len() % horizon;
        let seconds: Vec<_> = self.seconds.iter().skip(skip).copied().collect();
        let mut maxima: Vec<_> =
            seconds.chunks(horizon).map(|block| block.iter().copied().max().unwrap_or_default()).collect();
        maxima.sort_unstable();
        maxima
    }

    /// The use that the next `horizon_s` seconds exceed with a probability of at most `risk`.
    pub fn level(&self, horizon_s: usize, risk: Ratio) -> Reclaimable {
        let maxima = self.block_maxima(horizon_s);
        let risk_ppm = usize::try_from(risk.as_ppm()).unwrap_or(usize::MAX).max(1);
        let rank = risk_ppm.saturating_mul(maxima.len() + 1) / PPM;
        if rank == 0 {
            let blocks = PPM.div_ceil(risk_ppm).saturating_sub(1).max(1);
            let missing = blocks.saturating_mul(horizon_s.max(1)).saturating_sub(self.seconds.len());
            return Reclaimable::NotYet(u64::try_from(missing).unwrap_or(u64::MAX));
        }
        let index = maxima.len().saturating_sub(rank.min(maxima.len()));
        maxima.get(index).map_or(Reclaimable::NotYet(1), |level| Reclaimable::UseUpTo(*level))
    }

    /// How likely the next `horizon_s` seconds exceed `level`, never told as nothing: (k + 1) / (n + 1) for k of n
    /// blocks above it.
    pub fn risk_of(&self, horizon_s: usize, level: Bandwidth) -> Ratio {
        let maxima = self.block_maxima(horizon_s);
        let above = maxima.iter().filter(|most| **most > level).count();
        let ppm = (above + 1).saturating_mul(PPM).div_ceil(maxima.len() + 1);
        Ratio::ppm(u32::try_from(ppm).unwrap_or(u32::MAX))
    }

    /// The longest horizon for which a risk can be told at all, in seconds.
    pub fn horizon_max_s(&self) -> usize {
        self.most
    }
}

const PPM: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use rand_like::Sequence;

    fn units(units: u64) -> Bandwidth {
        Bandwidth::from_units(units)
    }

    /// Numbers without pattern, the same each time.
    mod rand_like {
        #[derive(Debug)]
        pub(super) struct Sequence(pub(super) u64);

        impl Sequence {
            pub(super) fn next(&mut self) -> u64 {
                self.0 ^= self.0 << 13;
                self.0 ^= self.0 >> 7;
                self.0 ^= self.0 << 17;
                self.0
            }
        }
    }

    #[test]
    fn a_risk_needs_enough_blocks_and_says_how_many_seconds_are_missing() {
        let mut history = UseHistory::new(10_000);
        assert_eq!(history.level(60, Ratio::percent(10)), Reclaimable::NotYet(540));
        (0..539).for_each(|_| history.push(units(5)));
        assert_eq!(history.level(60, Ratio::percent(10)), Reclaimable::NotYet(1));
        history.push(units(5));
        assert_eq!(history.level(60, Ratio::percent(10)), Reclaimable::UseUpTo(units(5)));
        assert_eq!(history.level(60, Ratio::percent(1)), Reclaimable::NotYet(99 * 60 - 540));
    }

    #[test]
    fn quantiles_are_seconds_of_the_past() {
        let mut history = UseHistory::new(100);
        assert_eq!(history.quantiles(), Quantiles::default());
        (0..200).for_each(|use_| history.push(units(use_)));
        assert_eq!(history.quantiles(), Quantiles { p50: units(149), p95: units(194), p99: units(198) });
    }

    #[test]
    fn a_load_that_was_never_exceeded_still_has_a_risk() {
        let mut history = UseHistory::new(1_000);
        assert_eq!(history.risk_of(10, units(9)), Ratio::ONE);
        (0..990).for_each(|_| history.push(units(5)));
        assert_eq!(history.risk_of(10, units(9)), Ratio::percent(1));
        assert_eq!(history.risk_of(10, units(4)), Ratio::ONE);
    }

    /// The promise itself: of many futures, no more than the risk (and the noise of counting) exceed the level.
    #[test]
    fn the_future_exceeds_the_level_no_more_often_than_promised() {
        let mut numbers = Sequence(0x1234_5678_9abc_def1);
        for (risk, blocks) in [(10, 20), (5, 40), (1, 120)] {
            let (mut exceeded, rounds) = (0_u32, 4_000_u32);
            for _ in 0..rounds {
                // Bursty: mostly small, at times large.
                let mut second = || {
                    units(if numbers.next().is_multiple_of(10) {
                        numbers.next() % 1_000
                    } else {
                        numbers.next() % 50
                    })
                };
                let mut history = UseHistory::new(10_000);
                (0..blocks * 3).for_each(|_| history.push(second()));
                let Reclaimable::UseUpTo(level) = history.level(3, Ratio::percent(risk)) else { panic!() };
                let future = (0..3).map(|_| second()).max().unwrap();
                exceeded += u32::from(future > level);
            }
            let allowed = rounds * risk / 100;
            assert!(exceeded <= allowed + allowed / 3 + 10, "{exceeded} of {rounds} at a risk of {risk} %");
            assert!(
                exceeded >= allowed / 3,
                "far too cautious: {exceeded} of {rounds} at a risk of {risk} %"
            );
        }
    }
}
