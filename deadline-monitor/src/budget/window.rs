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
}

impl MaxWindow {
    /// An empty window of `size` samples; a window of none keeps one.
    pub fn new(size: usize) -> MaxWindow {
        MaxWindow { samples: Vec::with_capacity(size.max(1)), size: size.max(1), oldest: 0 }
    }

    /// Puts a sample in, over the oldest once the window is full.
    pub fn push(&mut self, sample: Duration) {
        let sample = as_nanos(sample);
        if self.samples.len() < self.size {
            return self.samples.push(sample);
        }
        if let Some(oldest) = self.samples.get_mut(self.oldest) {
            *oldest = sample;
        }
        self.oldest = (self.oldest + 1) % self.size;
    }

    /// cmax: the largest sample; `None` before the first.
    pub fn max(&self) -> Option<Duration> {
        self.samples.iter().max().copied().map(Duration::from_nanos)
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
