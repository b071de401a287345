//! What happened, for those who follow.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::watch;

use crate::api::{Id, Kind};

/// Events that are remembered for those who come back.
const REMEMBERED: usize = 4_096;

/// What happened to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// It is new.
    Created,
    /// It is another one.
    Changed,
    /// It is gone.
    Deleted,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Counts up from 1 from the server's start.
    pub seq: u64,
    /// What happened.
    pub what: What,
    /// To which kind of resource.
    pub kind: &'static str,
    /// To which one.
    pub id: Id,
    /// Whose it is.
    pub user_id: Id,
    /// Whether all users may know of it.
    #[serde(skip)]
    pub is_public: bool,
}

/// The last events, and a bell.
#[derive(Debug)]
pub struct Events {
    ring: Mutex<VecDeque<Event>>,
    bell: watch::Sender<u64>,
}

impl Default for Events {
    fn default() -> Self {
        Self { ring: Mutex::default(), bell: watch::Sender::new(0) }
    }
}

impl Events {
    fn ring(&self) -> MutexGuard<'_, VecDeque<Event>> {
        // The ring is whole at every moment.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, what: What, kind: Kind, id: &Id, user: &Id, is_public: bool) {
        let mut ring = self.ring();
        let seq = *self.bell.borrow() + 1;
        if ring.len() == REMEMBERED {
            ring.pop_front();
        }
        let (id, user_id) = (id.clone(), user.clone());
        ring.push_back(Event { seq, what, kind: kind.path(), id, user_id, is_public });
        drop(ring);
        self.bell.send_replace(seq);
    }

    /// Rings with the number of each event.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    /// Events behind this one, and how many more there were that are forgotten.
    pub fn since(&self, seq: u64) -> (u64, Vec<Event>) {
        let ring = self.ring();
        let first = ring.front().map_or(seq + 1, |event| event.seq);
        let missed = first.saturating_sub(seq + 1);
        (missed, ring.iter().filter(|event| event.seq > seq).cloned().collect())
    }

    /// Number of the last event.
    pub fn last(&self) -> u64 {
        *self.bell.borrow()
    }
}
