//! The circular array of Figure 23.

use alloc::collections::VecDeque;
use core::time::Duration;

/// The last N samples and their maximum.
#[derive(Debug, Clone)]
pub struct MaxWindow {
    samples: VecDeque<Duration>,
    size: usize,
}

impl MaxWindow {
    /// An empty window of `size` samples; a window of none keeps one.
    pub fn new(size: usize) -> MaxWindow {
        MaxWindow { samples: VecDeque::with_capacity(size.max(1)), size: size.max(1) }
    }

    /// Puts a sample in, over the oldest once the window is full.
    pub fn push(&mut self, sample: Duration) {
        if self.samples.len() == self.size {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// cmax: the largest sample; `None` before the first.
    pub fn max(&self) -> Option<Duration> {
        self.samples.iter().max().copied()
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
