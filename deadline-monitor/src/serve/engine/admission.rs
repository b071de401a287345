//! `/v1/capacity`, `/v1/admission` and `/v1/reservations`.

use std::time::Duration;

use super::leases::{Lease, StoredLease, What};
use super::{Clocks, Engine, Owner, Reader, Survey};
use crate::ErrorKind;
use crate::admission::{Books, Hold, HoldError, Reclaimable, Refusal, Responses};
use crate::budget::{Bandwidth, Ratio, ReservationParams};
use crate::sched::{self, DeadlineScheduler, Rule};
use crate::serve::api::{
    self, AdmissionAnswer, AdmissionKind, AdmissionRequest, CapacityAnswer, EventName, Failure, LeaseState,
    Placement, Predicted, ReasonCode, ReclaimableAt, Reservation, Reservations, Sla, Used,
};

const HORIZON_S: u64 = 60;
const LEASE: Duration = Duration::from_secs(30);
const LEASE_MAX: Duration = Duration::from_secs(600);
/// An answer about capacity is not older than that.
const VALID_MS: u64 = 1_000;
/// The risks that are told, in percent.
const RISKS: [u32; 3] = [1, 5, 10];
/// Reservations in all: each held thread is a thread of ours.
const LEASES_MAX: usize = 1_024;

/// A request that is well formed.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    Deadline { runtime: Duration, deadline: Duration, period: Duration, threads: u32 },
    Share(Bandwidth),
}

impl<S: DeadlineScheduler, A: Reader, C: Clocks> Engine<S, A, C> {
    fn books(&self, survey: &Survey) -> Books {
        // What this daemon knows is never outdated.
        let reserved = survey.reserved().max(self.reserved());
        Books::new(&self.machine, reserved, survey.total)
    }

    pub(super) fn capacity(
        &mut self,
        horizon_s: Option<u64>,
        survey: &Survey,
    ) -> Result<CapacityAnswer, Failure> {
        let horizon_s = self.horizon(horizon_s)?;
        let horizon = usize::try_from(horizon_s).unwrap_or(usize::MAX);
        let books = self.books(survey);
        let admissible = self.machine.capacity();
        let reserved = books.given.saturating_sub(self.machine.fair_servers());
        let shared = self.leases.shared();
        let reclaimable = RISKS.map(|risk| match self.used.level(horizon, Ratio::percent(risk)) {
            Reclaimable::UseUpTo(level) => {
                let unused = admissible.saturating_sub(level).saturating_sub(shared);
                ReclaimableAt { risk_percent: risk.into(), cpus: Some(api::cpus(unused)), needs_s: None }
            }
            Reclaimable::NotYet(needs) => {
                ReclaimableAt { risk_percent: risk.into(), cpus: None, needs_s: Some(needs) }
            }
        });
        let used = self.used.quantiles();
        Ok(CapacityAnswer {
            cpus: self.machine.cpus,
            admissible_cpus: api::cpus(admissible),
            reserved_cpus: api::cpus(reserved),
            held_cpus: api::cpus(self.leases.held()),
            free_cpus: api::cpus(books.free().unwrap_or(admissible.saturating_sub(reserved))),
            shared_cpus: api::cpus(shared),
            used: Used {
                p50_cpus: api::cpus(used.p50),
                p95_cpus: api::cpus(used.p95),
                p99_cpus: api::cpus(used.p99),
            },
            reclaimable: reclaimable.to_vec(),
            horizon_s,
            observed_s: u64::try_from(self.used.len()).unwrap_or(u64::MAX),
            generation: self.generation,
            valid_until_unix_ms: self.clocks.wall_unix_ms() + VALID_MS,
        })
    }

    fn horizon(&self, horizon_s: Option<u64>) -> Result<u64, Failure> {
        let horizon_s = horizon_s.unwrap_or(HORIZON_S);
        let most = u64::try_from(self.used.horizon_max_s()).unwrap_or(u64::MAX);
        if (1..=most).contains(&horizon_s) {
            return Ok(horizon_s);
        }
        Err(Failure::argument(format!("A horizon of {horizon_s} s is not between 1 and {most} s")))
    }

    pub(super) fn admit(
        &mut self,
        owner: Owner,
        request: &AdmissionRequest,
        survey: &Survey,
    ) -> Result<AdmissionAnswer, Failure> {
        let wanted = wanted(request)?;
        let lease = request.lease_ms.map_or(LEASE, Duration::from_millis);
        if lease.is_zero() || lease > LEASE_MAX {
            return Err(Failure::argument(format!(
                "A lease of {lease:?} is not between 1 ms and {LEASE_MAX:?}"
            )));
        }
        if !request.dry_run {
            self.check_lease_count(owner)?;
        }
        let (mut answer, what) = match wanted {
            Wanted::Deadline { runtime, deadline, period, threads } => {
                let books = self.books(survey);
                match books.admit(runtime, deadline, period, threads) {
                    Err(error @ (Refusal::Params(_) | Refusal::Threads(_))) => {
                        return Ok(refused(ReasonCode::InvalidParameters, error.to_string(), false));
                    }
                    Err(Refusal::NoBandwidth { .. }) | Ok(_) => {}
                }
                let params = ReservationParams::within(runtime, deadline, period, &books.limits)?;
                self.admit_deadline(owner, request, &params, threads, (&books, survey))?
            }
            Wanted::Share(share) => self.admit_share(request, share)?,
        };
        let Some(what) = what else { return Ok(answer) };
        let expires = self.clocks.now() + lease;
        let lease = Lease { owner, what, state: LeaseState::Held, expires, version: 1 };
        self.keep_lease(lease, &mut answer)?;
        Ok(answer)
    }

    fn check_lease_count(&self, owner: Owner) -> Result<(), Failure> {
        let own = self.leases.count_of(owner);
        if self.leases.len() >= LEASES_MAX {
            let rule = format!("There are {LEASES_MAX} reservations, and no more can be held");
            return Err(Failure::new(ErrorKind::NoResources, rule));
        }
        if !owner.privileged && own >= self.limits.reservations_per_user {
            let rule = format!("User {} has {own} reservations and may have no more", owner.uid);
            return Err(Failure::new(ErrorKind::NoResources, rule));
        }
        Ok(())
    }

    /// The kernel itself is asked: threads of ours get the reservation and, unless this is a dry run, keep it.
    fn admit_deadline(
        &mut self,
        owner: Owner,
        request: &AdmissionRequest,
        params: &ReservationParams,
        threads: u32,
        (books, survey): (&Books, &Survey),
    ) -> Result<(AdmissionAnswer, Option<What>), Failure> {
        let responses = responses(books, survey, params, threads);
        let predicted = predicted(params, responses);
        let promised = request.sla.and_then(|sla| sla.latency_ms);
        if promised.zip(predicted.response_max_ms).is_some_and(|(promised, bound)| promised < bound) {
            let detail = format!(
                "A response within {} ms is promised, and {} ms is what can be guaranteed",
                promised.unwrap_or_default(),
                predicted.response_max_ms.unwrap_or_default()
            );
            return Ok((refused(ReasonCode::TooSlow, detail, false), None));
        }
        let total = Bandwidth::from_units(params.bandwidth().units().saturating_mul(threads.into()));
        let shared = &mut *self.shared.borrow_mut();
        if let Err(rule) = shared.ledger.check_quota(owner, Bandwidth::default(), total) {
            return Ok((refused(ReasonCode::Quota, rule.to_string(), false), None));
        }
        let scheduler = shared.remembering.scheduler_mut();
        match Hold::take(scheduler, params, threads) {
            Ok(hold) if request.dry_run => {
                hold.give_back(scheduler);
                Ok((admitted(self.machine.cpus, predicted, true), None))
            }
            Ok(hold) => {
                for tid in hold.tids() {
                    shared.ledger.set(tid, 0, owner, params.bandwidth());
                }
                let what = What::Deadline { params: *params, threads, hold };
                Ok((admitted(self.machine.cpus, predicted, true), Some(what)))
            }
            Err(HoldError::Refused(error)) => {
                let admits = books.admit(params.runtime(), params.deadline(), params.period(), threads);
                Ok((not_held(self.machine.cpus, request.dry_run, &error, admits.err(), predicted), None))
            }
            Err(error @ HoldError::Thread(_)) => Err(Failure::because(ErrorKind::NoResources, &error)),
        }
    }

    /// What reserved threads leave unused, if the risk is as small as the agreement wants.
    fn admit_share(
        &mut self,
        request: &AdmissionRequest,
        share: Bandwidth,
    ) -> Result<(AdmissionAnswer, Option<What>), Failure> {
        let horizon = usize::try_from(self.horizon(request.horizon_s)?).unwrap_or(usize::MAX);
        let allowed = allowed_risk(request.sla)?;
        let left = self.machine.capacity().saturating_sub(self.leases.shared());
        if share > left {
            let detail = format!("{share} of a CPU is wanted and {left} can be shared at all");
            return Ok((refused(ReasonCode::NoBandwidth, detail, false), None));
        }
        let risk = self.used.risk_of(horizon, left.saturating_sub(share));
        let p_miss = Some(f64::from(risk.as_ppm()) / 1e6);
        let predicted = Predicted { p_miss, response_max_ms: None };
        if risk <= allowed {
            let what = (!request.dry_run).then_some(What::Share(share));
            return Ok((admitted(self.machine.cpus, predicted, false), what));
        }
        let mut answer = match self.used.level(horizon, allowed) {
            Reclaimable::NotYet(needs) => {
                let detail =
                    format!("A risk of {allowed} cannot be told before {needs} s more were observed");
                refused(ReasonCode::NotEnoughHistory, detail, false)
            }
            Reclaimable::UseUpTo(_) => {
                let detail = format!("The risk is {risk}, and {allowed} is accepted");
                refused(ReasonCode::RiskTooHigh, detail, false)
            }
        };
        answer.predicted = Some(predicted);
        Ok((answer, None))
    }

    fn keep_lease(&mut self, lease: Lease, answer: &mut AdmissionAnswer) -> Result<(), Failure> {
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
    pub(super) fn to_be_taken_over(&mut self, owner: Owner, id: u64) -> Result<ReservationParams, Failure> {
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

/// Checks what does not depend on the machine.
fn wanted(request: &AdmissionRequest) -> Result<Wanted, Failure> {
    let needed = |name: &str, value: Option<u64>| {
        value
            .map(Duration::from_nanos)
            .ok_or_else(|| Failure::argument(format!("A deadline request needs {name}")))
    };
    let for_deadlines_only = request.runtime_ns.or(request.period_ns).or(request.deadline_ns);
    match request.kind {
        AdmissionKind::Partition => Err(Failure::new(
            ErrorKind::Unsupported,
            "This daemon answers deadline and share requests; partitions are the partition manager's",
        )),
        AdmissionKind::Deadline => {
            let runtime = needed("runtime_ns", request.runtime_ns)?;
            let period = needed("period_ns", request.period_ns)?;
            let deadline = request.deadline_ns.map_or(period, Duration::from_nanos);
            Ok(Wanted::Deadline { runtime, deadline, period, threads: threads(request.cpus)? })
        }
        AdmissionKind::Share if for_deadlines_only.is_some() => {
            Err(Failure::argument("A share request has no runtime, period or deadline"))
        }
        AdmissionKind::Share => {
            let cpus = request.cpus.ok_or_else(|| Failure::argument("A share request needs cpus"))?;
            if !(cpus > 0.0 && cpus <= 65_536.0) {
                return Err(Failure::argument(format!("{cpus} CPUs are not between 0 and 65536")));
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2^36 fits")]
            let units = (cpus * f64::from(1 << 20)).ceil() as u64;
            Ok(Wanted::Share(Bandwidth::from_units(units)))
        }
    }
}

fn threads(cpus: Option<f64>) -> Result<u32, Failure> {
    match cpus {
        None => Ok(1),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 65536 fits")]
        Some(cpus) if cpus.fract() == 0.0 && (1.0..=65_536.0).contains(&cpus) => Ok(cpus as u32),
        Some(cpus) => Err(Failure::argument(format!(
            "cpus is {cpus}: a deadline request is for a whole number of threads, 1 or more"
        ))),
    }
}

/// The risk that an agreement accepts; 1 % without one.
fn allowed_risk(sla: Option<Sla>) -> Result<Ratio, Failure> {
    let percentile = sla.and_then(|sla| sla.percentile).unwrap_or(99.0);
    if !(0.0..100.0).contains(&percentile) {
        return Err(Failure::argument(format!("A percentile of {percentile} is not from 0 to below 100")));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10^6 fits")]
    Ok(Ratio::ppm(((100.0 - percentile) * 1e4).round() as u32))
}

fn responses(books: &Books, survey: &Survey, params: &ReservationParams, threads: u32) -> Responses {
    let mut all = survey.reservations.clone();
    all.extend((0..threads).map(|_| *params));
    books.responses(&all)
}

fn predicted(params: &ReservationParams, responses: Responses) -> Predicted {
    let ms = |time: Duration| Some(time.as_secs_f64() * 1e3);
    match responses {
        Responses::WithinDeadline => Predicted { p_miss: Some(0.0), response_max_ms: ms(params.deadline()) },
        Responses::LateByAtMost(late) => {
            Predicted { p_miss: None, response_max_ms: ms(params.deadline() + late) }
        }
    }
}

fn answer(admit: bool, reason_code: ReasonCode, detail: String, asked_kernel: bool) -> AdmissionAnswer {
    AdmissionAnswer {
        admit,
        reason_code,
        detail,
        asked_kernel,
        placement: None,
        predicted: None,
        reservation_id: None,
        etag: None,
        expires_at_unix_ms: None,
        expires_in_ms: None,
    }
}

fn admitted(cpus: u64, predicted: Predicted, asked_kernel: bool) -> AdmissionAnswer {
    let detail =
        if asked_kernel { "The kernel admits it" } else { "It is free at the risk that is accepted" };
    AdmissionAnswer {
        placement: Some(Placement { cpus }),
        predicted: Some(predicted),
        ..answer(true, ReasonCode::Admitted, detail.to_owned(), asked_kernel)
    }
}

fn refused(reason: ReasonCode, detail: String, asked_kernel: bool) -> AdmissionAnswer {
    answer(false, reason, detail, asked_kernel)
}

/// The kernel refused the threads that should hold the reservation. Where it refuses *us*, whatever is asked, a dry run
/// is answered by the books.
fn not_held(
    cpus: u64,
    dry_run: bool,
    error: &sched::Error,
    books_refuse: Option<Refusal>,
    predicted: Predicted,
) -> AdmissionAnswer {
    match (error.rule, books_refuse) {
        (Rule::NoBandwidth, Some(refusal)) => refused(ReasonCode::NoBandwidth, refusal.to_string(), true),
        (Rule::NoBandwidth, None) => refused(ReasonCode::NoBandwidth, error.to_string(), true),
        (_, Some(refusal)) => refused(ReasonCode::NoBandwidth, refusal.to_string(), false),
        (rule, None) if dry_run && matches!(rule, Rule::NotAllowed | Rule::Unsupported | Rule::Pinned) => {
            let mut answer = admitted(cpus, predicted, false);
            answer.detail =
                format!("By what is known it would fit; the kernel was not asked ({})", api::chain(error));
            answer
        }
        (_, None) => refused(ReasonCode::KernelRefused, api::chain(error), true),
    }
}
