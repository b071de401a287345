//! `/v1/capacity` and `/v1/admission`.

use std::time::Duration;

use super::leases::{Lease, What};
use super::request::{Wanted, allowed_risk, wanted};
use super::{Clocks, Engine, Owner, Reader, Survey};
use crate::ErrorKind;
use crate::admission::{Books, Hold, HoldError, Reclaimable, Refusal, Responses};
use crate::budget::{Bandwidth, Ratio, ReservationParams};
use crate::sched::{self, DeadlineScheduler, Rule};
use crate::serve::api::{
    self, AdmissionAnswer, AdmissionRequest, CapacityAnswer, Failure, LeaseState, Placement, Predicted,
    ReasonCode, ReclaimableAt, Used,
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
