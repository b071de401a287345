//! The circular array of Figure 23.

use alloc::vec::Vec;
use core::time::Duration;

use super::ratio::as_nanos;

/// The last N samples and their maximum.
#[derive(Debug, Clone)]
pub struct MaxWindow {
    /// In nanoseconds, which are compared faster than durations.
    samples: Vec<u64>,
    size: usize,
    /// Where the oldest is, once the window is full.
    oldest: usize,
    /// cmax and the next one, so that they are searched only when one of them leaves.
    most: u64,
    second: u64,
}

impl MaxWindow {
    /// An empty window of `size` samples; a window of none keeps one.
    pub fn new(size: usize) -> MaxWindow {
        MaxWindow {
            samples: Vec::with_capacity(size.max(1)),
            size: size.max(1),
            oldest: 0,
            most: 0,
            second: 0,
        }
    }

    /// Puts a sample in, over the oldest once the window is full.
    pub fn push(&mut self, sample: Duration) {
        let sample = as_nanos(sample);
        if self.samples.len() < self.size {
            self.rank(sample);
            return self.samples.push(sample);
        }
        let Some(oldest) = self.samples.get_mut(self.oldest) else { return };
        let left = core::mem::replace(oldest, sample);
        self.oldest = if self.oldest + 1 == self.size { 0 } else { self.oldest + 1 };
        // As with an idle task, most of the time: what comes is what goes.
        if left == sample {
            return;
        }
        self.rank(sample);
        if left >= self.second {
            (self.most, self.second) = (0, 0);
            for index in 0..self.samples.len() {
                self.rank(self.samples.get(index).copied().unwrap_or_default());
            }
        }
    }

    fn rank(&mut self, sample: u64) {
        if sample >= self.most {
            (self.most, self.second) = (sample, self.most);
        } else if sample > self.second {
            self.second = sample;
        }
    }

    /// cmax: the largest sample; `None` before the first.
    pub fn max(&self) -> Option<Duration> {
        (!self.is_empty()).then(|| Duration::from_nanos(self.most))
    }

    /// The second largest sample: what one outlier does not move. The largest while there is no other; `None` before
    /// the first.
    pub fn second(&self) -> Option<Duration> {
        let nanos = if self.len() > 1 { self.second } else { self.most };
        (!self.is_empty()).then(|| Duration::from_nanos(nanos))
    }

    /// How many samples it holds.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}
