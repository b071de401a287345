//! The board's clock, and what is due on it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use vman_core::id::PartitionId;

/// Nanoseconds since the board was turned on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now_ns(&self) -> u64 {
        nanoseconds(self.0.elapsed())
    }
}

/// Saturates after 584 years.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What a guest does at a time of its choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    PowerOff,
    Reset,
    Crash,
    Oops,
    /// Looks again at a kick that it has ignored.
    Nudge,
}

/// An action of one run of a partition's guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    pub(crate) at_ns: u64,
    /// Keeps the order of actions that are due at the same time.
    order: u64,
    pub(crate) id: PartitionId,
    /// The run of the guest; actions of earlier runs are dropped.
    pub(crate) run: u64,
    pub(crate) action: Action,
}

/// What is due, soonest first.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<Due>>,
    order: u64,
}

impl Agenda {
    pub(crate) fn add(&mut self, at_ns: u64, id: PartitionId, run: u64, action: Action) {
        self.order += 1;
        self.heap.push(Reverse(Due { at_ns, order: self.order, id, run, action }));
    }

    /// The next action that is due at `now_ns`.
    pub(crate) fn take_due(&mut self, now_ns: u64) -> Option<Due> {
        self.next_ns().filter(|at_ns| *at_ns <= now_ns)?;
        self.heap.pop().map(|Reverse(due)| due)
    }

    /// When the next action is due.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(due)| due.at_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_come_in_order_of_time_then_of_addition() {
        let mut agenda = Agenda::default();
        for (at, action) in [(5, Action::Reset), (3, Action::Nudge), (3, Action::Crash)] {
            agenda.add(at, PartitionId(1), 1, action);
        }
        assert_eq!(agenda.take_due(2), None);
        assert_eq!(agenda.next_ns(), Some(3));
        let order: Vec<_> = std::iter::from_fn(|| agenda.take_due(9)).map(|due| due.action).collect();
        assert_eq!(order, [Action::Nudge, Action::Crash, Action::Reset]);
    }
}
