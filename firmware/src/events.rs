//! What waits for the management partition: a bounded queue that forgets its oldest events and says so.

use vman_core::abi::smc::EventKind;
use vman_core::id::PartitionId;

/// Events that wait at most. A partition cannot fill it: between two starts by the management partition it causes
/// at most two events.
const CAPACITY: usize = 64;

/// One event, as [`vman_core::abi::smc::FunctionId::EventGet`] answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    /// The partition.
    pub(crate) id: PartitionId,
    /// What happened.
    pub(crate) kind: EventKind,
    /// By kind: a fault's reason, the number of lost events.
    pub(crate) detail: u32,
    /// Rises by one with every event.
    pub(crate) seq: u64,
}

impl Event {
    const NONE: Self = Self { id: PartitionId::MANAGEMENT, kind: EventKind::Overflow, detail: 0, seq: 0 };

    /// `x1`..`x3`.
    pub(crate) const fn to_registers(self) -> [u64; 3] {
        [self.id.0 as u64, self.kind as u64 | (self.detail as u64) << 32, self.seq]
    }
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Events {
    ring: [Event; CAPACITY],
    first: usize,
    len: usize,
    seq: u64,
    /// The last event that was lost; its detail counts the lost ones.
    lost: Option<Event>,
}

impl Events {
    pub(crate) const fn new() -> Self {
        Self { ring: [Event::NONE; CAPACITY], first: 0, len: 0, seq: 0, lost: None }
    }

    /// Appends an event; a full queue forgets its oldest one.
    pub(crate) fn push(&mut self, id: PartitionId, kind: EventKind, detail: u32) {
        if self.len == CAPACITY {
            self.lose_oldest();
        }
        self.seq += 1;
        let place = (self.first + self.len) % CAPACITY;
        if let Some(slot) = self.ring.get_mut(place) {
            *slot = Event { id, kind, detail, seq: self.seq };
            self.len += 1;
        }
    }

    /// The oldest event. Lost ones come first, as one [`EventKind::Overflow`] with the partition and the sequence
    /// number of the last of them.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.lost.take().or_else(|| self.pop_oldest())
    }

    fn pop_oldest(&mut self) -> Option<Event> {
        if self.len == 0 {
            return None;
        }
        let event = self.ring.get(self.first).copied();
        self.first = (self.first + 1) % CAPACITY;
        self.len -= 1;
        event
    }

    fn lose_oldest(&mut self) {
        let before = self.lost.map_or(0, |lost| lost.detail);
        if let Some(oldest) = self.pop_oldest() {
            self.lost = Some(Event { kind: EventKind::Overflow, detail: before.saturating_add(1), ..oldest });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_with_rising_numbers() {
        let mut events = Events::new();
        events.push(PartitionId(3), EventKind::Stopped, 0);
        events.push(PartitionId(4), EventKind::Faulted, 2);
        assert_eq!(events.pop().map(Event::to_registers), Some([3, 1, 1]));
        assert_eq!(events.pop().map(Event::to_registers), Some([4, 5 | 2 << 32, 2]));
        assert_eq!(events.pop(), None);
    }

    #[test]
    fn full_queue_loses_the_oldest_and_counts_them() {
        let mut events = Events::new();
        for id in 1..=67 {
            events.push(PartitionId(id), EventKind::Stopped, 0);
        }
        let lost = Event { id: PartitionId(3), kind: EventKind::Overflow, detail: 3, seq: 3 };
        assert_eq!(events.pop(), Some(lost));
        for seq in 4..=67 {
            assert_eq!(events.pop().map(|event| event.seq), Some(seq));
        }
        assert_eq!(events.pop(), None);
    }
}
