//! A scheduler that keeps accounts of its own, for tests and dry runs.

use std::collections::BTreeMap;
use std::io;

use super::error::Facts;
use super::{DeadlineScheduler, Error, SchedAttr, Tid};
use crate::budget::{Bandwidth, ReservationParams};

/// What was asked of a [`RecordingScheduler`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A reservation was given or changed.
    Reserve(Tid, ReservationParams),
    /// A reservation was refused.
    Refuse(Tid, ReservationParams),
    /// A reservation ended.
    Release(Tid),
}

/// Admits reservations as the kernel does, and touches nothing.
#[derive(Debug, Clone)]
pub struct RecordingScheduler {
    /// What all reservations together may take.
    pub capacity: Bandwidth,
    /// What was asked, in order.
    pub calls: Vec<Call>,
    /// Nice value that threads without a reservation have.
    pub nice: i32,
    /// What threads were given back as, in order.
    pub restored: Vec<SchedAttr>,
    reserved: BTreeMap<Tid, ReservationParams>,
}

impl RecordingScheduler {
    /// Admits up to `capacity`.
    pub fn new(capacity: Bandwidth) -> RecordingScheduler {
        RecordingScheduler {
            capacity,
            calls: Vec::new(),
            nice: 0,
            restored: Vec::new(),
            reserved: BTreeMap::new(),
        }
    }

    /// The sum of all reservations.
    pub fn total(&self) -> Bandwidth {
        let parts = self.reserved.values().map(ReservationParams::bandwidth);
        parts.fold(Bandwidth::default(), Bandwidth::saturating_add)
    }
}

impl DeadlineScheduler for RecordingScheduler {
    fn attributes(&mut self, tid: Tid) -> Result<SchedAttr, Error> {
        let reserved = self.reserved.get(&tid).map(|params| SchedAttr::deadline(params, false));
        Ok(reserved.unwrap_or(SchedAttr::other(self.nice)))
    }

    fn reserve(&mut self, tid: Tid, params: &ReservationParams, reclaim: bool) -> Result<(), Error> {
        let own = self.reserved.get(&tid).map(ReservationParams::bandwidth).unwrap_or_default();
        let total = self.total().saturating_sub(own).saturating_add(params.bandwidth());
        if total > self.capacity && params.bandwidth() > own {
            self.calls.push(Call::Refuse(tid, *params));
            let source = io::Error::from_raw_os_error(libc::EBUSY);
            let facts = Facts { privileged: true, ..Facts::default() };
            return Err(Error::explain(tid, &SchedAttr::deadline(params, reclaim), source, facts));
        }
        self.calls.push(Call::Reserve(tid, *params));
        self.reserved.insert(tid, *params);
        Ok(())
    }

    fn release(&mut self, tid: Tid, before: &SchedAttr) -> Result<(), Error> {
        self.calls.push(Call::Release(tid));
        self.restored.push(*before);
        self.reserved.remove(&tid);
        Ok(())
    }
}
