//! What happened: a ring of events with numbers, and a bell for those who wait for the next.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Clocks;
use crate::serve::api::{Event, EventName};

/// Written by the sampler, read by any number of readers who never hold it up.
#[derive(Debug)]
pub struct Events {
    ring: Mutex<Ring>,
    bell: watch::Sender<u64>,
    /// Tells runs of the daemon apart.
    run: u64,
}

#[derive(Debug)]
struct Ring {
    events: VecDeque<Event>,
    most: usize,
    last: u64,
}

/// What a reader has missed, and what comes next.
#[derive(Debug, PartialEq)]
pub struct Since {
    /// How many events are lost to this reader.
    pub missed: u64,
    /// Those behind them.
    pub events: Vec<Event>,
}

impl Events {
    /// Remembers so many events.
    pub fn new(most: usize) -> Events {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let run = u64::try_from(now.as_millis()).unwrap_or_default() << 20 | u64::from(std::process::id());
        let ring = Ring { events: VecDeque::new(), most: most.max(1), last: 0 };
        Events { ring: Mutex::new(ring), bell: watch::Sender::new(0), run }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // A ring is whole at every moment.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(
        &self,
        clocks: &mut impl Clocks,
        event: EventName,
        target: Option<u64>,
        reservation: Option<u64>,
        detail: impl Into<String>,
    ) {
        let (time_unix_ms, detail) = (clocks.wall_unix_ms(), detail.into());
        tracing::info!(event = event.as_str(), target_id = target, reservation, detail, "event");
        let mut ring = self.ring();
        ring.last += 1;
        let seq = ring.last;
        if ring.events.len() == ring.most {
            ring.events.pop_front();
        }
        ring.events.push_back(Event { seq, time_unix_ms, event, target, reservation, detail });
        drop(ring);
        self.bell.send_replace(seq);
    }

    /// What a reader who has seen everything up to number `seq` has not seen.
    pub fn since(&self, seq: u64) -> Since {
        let ring = self.ring();
        let first = ring.events.front().map_or(ring.last + 1, |event| event.seq);
        let missed = first.saturating_sub(seq.saturating_add(1));
        let events = ring.events.iter().filter(|event| event.seq > seq).cloned().collect();
        Since { missed, events }
    }

    /// Number of the last event.
    pub fn last(&self) -> u64 {
        self.ring().last
    }

    /// Wakes whenever something has happened.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    /// The run's number, for ids that readers bring back.
    pub fn run(&self) -> u64 {
        self.run
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::engine::SystemClocks;

    #[test]
    fn readers_get_what_they_have_not_seen_and_are_told_what_they_missed() {
        let events = Events::new(3);
        let mut bell = events.subscribe();
        for number in 1..=5 {
            events.push(&mut SystemClocks, EventName::TargetAdded, Some(number), None, "");
        }
        assert!(bell.has_changed().unwrap());
        assert_eq!(*bell.borrow_and_update(), 5);
        let since = |seq| {
            let Since { missed, events } = events.since(seq);
            (missed, events.iter().map(|event| event.seq).collect::<Vec<_>>())
        };
        assert_eq!(since(0), (2, vec![3, 4, 5]));
        assert_eq!(since(3), (0, vec![4, 5]));
        assert_eq!(since(5), (0, vec![]));
    }
}
