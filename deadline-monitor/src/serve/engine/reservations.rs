//! `/v1/reservations`: what was admitted, until it is taken over, cancelled or lapses.

use std::time::Duration;

use super::leases::{Lease, StoredLease, What};
use super::{Clocks, Engine, Owner, Reader};
use crate::ErrorKind;
use crate::admission::{Books, Hold};
use crate::budget::{Bandwidth, ReservationParams};
use crate::sched::DeadlineScheduler;
use crate::serve::api::{AdmissionAnswer, EventName, Failure, LeaseState, Reservation, Reservations};

impl<S: DeadlineScheduler, A: Reader, C: Clocks> Engine<S, A, C> {
    /// Keeps what was admitted for as long as the lease lasts.
    pub(super) fn keep_lease(&mut self, lease: Lease, answer: &mut AdmissionAnswer) -> Result<(), Failure> {
        let id = self.new_id();
        if let Err(error) = self.store_lease(id, &lease) {
            self.give_back(lease);
            return Err(error);
        }
        let left = lease.expires.saturating_sub(self.clocks.now());
        let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        answer.reservation_id = Some(id);
        answer.etag = Some(lease.etag(id));
        answer.expires_in_ms = Some(left_ms);
        answer.expires_at_unix_ms = Some(self.clocks.wall_unix_ms() + left_ms);
        let detail = format!("{} of a CPU for {left:?}", lease.bandwidth());
        self.leases.insert(id, lease);
        self.events.push(&mut self.clocks, EventName::ReservationHeld, None, Some(id), detail);
        self.changed();
        Ok(())
    }

    fn store_lease(&self, id: u64, lease: &Lease) -> Result<(), Failure> {
        let value = serde_json::to_value(lease.stored())
            .map_err(|error| Failure::because(ErrorKind::Internal, &error))?;
        self.shared.borrow().journal().borrow_mut().put("lease", &id.to_string(), value)?;
        Ok(())
    }

    /// Gives back what the lease holds.
    pub(super) fn give_back(&mut self, lease: Lease) {
        if let What::Deadline { hold, .. } = lease.what {
            let shared = &mut *self.shared.borrow_mut();
            for tid in hold.tids() {
                shared.ledger.remove(tid);
            }
            hold.give_back(shared.remembering.scheduler_mut());
        }
    }

    /// Ends a lease, for whatever reason.
    pub(super) fn end_lease(&mut self, id: u64, event: EventName, detail: &str) -> Result<(), Failure> {
        let lease = self.leases.take(id)?;
        self.give_back(lease);
        self.events.push(&mut self.clocks, event, None, Some(id), detail);
        self.changed();
        self.shared.borrow().journal().borrow_mut().remove("lease", &id.to_string())?;
        Ok(())
    }

    pub(super) fn expire_leases(&mut self, now: Duration) {
        for id in self.leases.expired(now) {
            // A line too many in the state file expires at the next start.
            let _ = self.end_lease(id, EventName::ReservationExpired, "It was not confirmed in time");
        }
    }

    pub(super) fn reservations(&mut self) -> Reservations {
        let now = self.clocks.now();
        let reservations = self.leases.iter().map(|(id, lease)| lease.view(id, now));
        Reservations { reservations: reservations.collect() }
    }

    pub(super) fn reservation(&mut self, id: u64) -> Result<Reservation, Failure> {
        let now = self.clocks.now();
        Ok(self.leases.get(id)?.view(id, now))
    }

    /// The reservation stays from now on. `etag` says which state of it the caller has seen.
    pub(super) fn confirm(&mut self, owner: Owner, id: u64, etag: &str) -> Result<Reservation, Failure> {
        self.expire_leases_now();
        let lease = self.leases.get_mut(id)?;
        allowed_to(owner, lease, id)?;
        if lease.state == LeaseState::Confirmed {
            return self.reservation(id); // A repeated confirmation does no harm.
        }
        if lease.etag(id) != etag {
            let rule = format!("Reservation {id} is at {} and not at {etag}", lease.etag(id));
            return Err(Failure::new(ErrorKind::InvalidState, rule));
        }
        (lease.state, lease.version) = (LeaseState::Confirmed, lease.version + 1);
        let lease = self.leases.get(id)?;
        self.store_lease(id, lease)?;
        self.events.push(&mut self.clocks, EventName::ReservationConfirmed, None, Some(id), "");
        self.changed();
        self.reservation(id)
    }

    fn expire_leases_now(&mut self) {
        let now = self.clocks.now();
        self.expire_leases(now);
    }

    pub(super) fn cancel(&mut self, owner: Owner, id: u64) -> Result<(), Failure> {
        allowed_to(owner, self.leases.get(id)?, id)?;
        self.end_lease(id, EventName::ReservationEnded, "It was cancelled")
    }

    /// The parameters of a confirmed reservation that a target takes over.
    pub(super) fn confirmed(&mut self, owner: Owner, id: u64) -> Result<ReservationParams, Failure> {
        self.expire_leases_now();
        let lease = self.leases.get(id)?;
        allowed_to(owner, lease, id)?;
        match (&lease.what, lease.state) {
            (What::Share(_), _) => {
                Err(Failure::argument(format!("Reservation {id} is a share, not a deadline")))
            }
            (What::Deadline { .. }, LeaseState::Held) => {
                Err(Failure::new(ErrorKind::InvalidState, format!("Reservation {id} is not confirmed")))
            }
            (What::Deadline { params, .. }, LeaseState::Confirmed) => Ok(*params),
        }
    }

    /// Holds again what an earlier run held.
    pub(super) fn hold_again(&mut self, id: u64, stored: StoredLease) -> Result<(), Failure> {
        let expires = Duration::from_nanos(stored.expires_ns);
        if stored.state == LeaseState::Held && expires <= self.clocks.now() {
            return Err(Failure::not_found("It was not confirmed in time"));
        }
        let shared = &mut *self.shared.borrow_mut();
        let what = match (stored.deadline, stored.share_units) {
            (Some(deadline), None) => {
                let [runtime, relative, period] =
                    [deadline.runtime_ns, deadline.deadline_ns, deadline.period_ns].map(Duration::from_nanos);
                let params = ReservationParams::within(runtime, relative, period, &self.machine.limits)?;
                let threads = deadline.threads.min(Books::THREADS_MAX);
                let hold = Hold::take(shared.remembering.scheduler_mut(), &params, threads)
                    .map_err(|error| Failure::because(ErrorKind::NoResources, &error))?;
                for tid in hold.tids() {
                    shared.ledger.set(tid, 0, stored.owner, params.bandwidth());
                }
                What::Deadline { params, threads, hold }
            }
            (None, Some(units)) => What::Share(Bandwidth::from_units(units)),
            (None, None) | (Some(_), Some(_)) => {
                return Err(Failure::argument("It is neither a deadline nor a share"));
            }
        };
        let lease =
            Lease { owner: stored.owner, what, state: stored.state, expires, version: stored.version };
        self.leases.insert(id, lease);
        Ok(())
    }
}

fn allowed_to(owner: Owner, lease: &Lease, id: u64) -> Result<(), Failure> {
    if owner.may_change(&lease.owner) {
        return Ok(());
    }
    let rule = format!("Reservation {id} belongs to user {}", lease.owner.uid);
    Err(Failure::new(ErrorKind::PermissionDenied, rule))
}
