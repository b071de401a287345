//! Reservations of `/v1/admission`: held for a while, confirmed, taken over or given back.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Owner;
use crate::admission::Hold;
use crate::budget::{Bandwidth, ReservationParams};
use crate::serve::api::{self, AdmissionKind, Failure, LeaseState, Reservation};

/// One of them.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) owner: Owner,
    pub(super) what: What,
    pub(super) state: LeaseState,
    /// When it lapses, by the monotonic clock; unless confirmed.
    pub(super) expires: Duration,
    pub(super) version: u64,
}

/// What is held.
#[derive(Debug)]
pub(super) enum What {
    /// Threads under the reservation.
    Deadline { params: ReservationParams, threads: u32, hold: Hold },
    /// So much of what is unused.
    Share(Bandwidth),
}

/// What the state file keeps of one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredLease {
    pub(super) owner: Owner,
    pub(super) state: LeaseState,
    pub(super) version: u64,
    /// By the monotonic clock of the same boot.
    pub(super) expires_ns: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deadline: Option<StoredDeadline>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) share_units: Option<u64>,
}

/// A reservation in the state file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredDeadline {
    pub(super) runtime_ns: u64,
    pub(super) deadline_ns: u64,
    pub(super) period_ns: u64,
    pub(super) threads: u32,
}

impl Lease {
    /// How much it is.
    pub(super) fn bandwidth(&self) -> Bandwidth {
        match &self.what {
            What::Deadline { params, threads, .. } => {
                Bandwidth::from_units(params.bandwidth().units().saturating_mul((*threads).into()))
            }
            What::Share(share) => *share,
        }
    }

    pub(super) fn etag(&self, id: u64) -> String {
        format!("\"{id}-{}\"", self.version)
    }

    pub(super) fn stored(&self) -> StoredLease {
        let (deadline, share_units) = match &self.what {
            What::Share(share) => (None, Some(share.units())),
            What::Deadline { params, threads, .. } => {
                let deadline = StoredDeadline {
                    runtime_ns: api::nanos(params.runtime()),
                    deadline_ns: api::nanos(params.deadline()),
                    period_ns: api::nanos(params.period()),
                    threads: *threads,
                };
                (Some(deadline), None)
            }
        };
        let expires_ns = api::nanos(self.expires);
        StoredLease {
            owner: self.owner,
            state: self.state,
            version: self.version,
            expires_ns,
            deadline,
            share_units,
        }
    }

    pub(super) fn view(&self, id: u64, now: Duration) -> Reservation {
        let params = match &self.what {
            What::Deadline { params, .. } => Some(params),
            What::Share(_) => None,
        };
        let left = self.expires.saturating_sub(now);
        Reservation {
            id,
            kind: if params.is_some() { AdmissionKind::Deadline } else { AdmissionKind::Share },
            owner_uid: self.owner.uid,
            state: self.state,
            runtime_ns: params.map(|params| api::nanos(params.runtime())),
            deadline_ns: params.map(|params| api::nanos(params.deadline())),
            period_ns: params.map(|params| api::nanos(params.period())),
            cpus: api::cpus(self.bandwidth()),
            etag: self.etag(id),
            expires_in_ms: (self.state == LeaseState::Held)
                .then(|| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Leases {
    by_id: BTreeMap<u64, Lease>,
}

impl Leases {
    pub(super) fn insert(&mut self, id: u64, lease: Lease) {
        self.by_id.insert(id, lease);
    }

    /// The lease, if it is there.
    pub(super) fn get(&self, id: u64) -> Result<&Lease, Failure> {
        self.by_id.get(&id).ok_or_else(|| missing(id))
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Result<&mut Lease, Failure> {
        self.by_id.get_mut(&id).ok_or_else(|| missing(id))
    }

    pub(super) fn take(&mut self, id: u64) -> Result<Lease, Failure> {
        self.by_id.remove(&id).ok_or_else(|| missing(id))
    }

    pub(super) fn ids(&self) -> Vec<u64> {
        self.by_id.keys().copied().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Lease)> {
        self.by_id.iter().map(|(id, lease)| (*id, lease))
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many one user has.
    pub(super) fn count_of(&self, owner: Owner) -> usize {
        self.by_id.values().filter(|lease| lease.owner == owner).count()
    }

    /// Those whose time is up.
    pub(super) fn expired(&self, now: Duration) -> Vec<u64> {
        let lapsed = |lease: &Lease| lease.state == LeaseState::Held && lease.expires <= now;
        self.by_id.iter().filter(|(_, lease)| lapsed(lease)).map(|(id, _)| *id).collect()
    }

    /// Bandwidth that the kernel holds for them.
    pub(super) fn held(&self) -> Bandwidth {
        self.sum(|what| matches!(what, What::Deadline { .. }))
    }

    /// What is promised of the unused.
    pub(super) fn shared(&self) -> Bandwidth {
        self.sum(|what| matches!(what, What::Share(_)))
    }

    fn sum(&self, counts: fn(&What) -> bool) -> Bandwidth {
        let counted = self.by_id.values().filter(|lease| counts(&lease.what)).map(Lease::bandwidth);
        counted.fold(Bandwidth::default(), Bandwidth::saturating_add)
    }
}

fn missing(id: u64) -> Failure {
    Failure::not_found(format!("There is no reservation {id}; it was cancelled, taken over or has expired"))
}
