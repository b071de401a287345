//! Trainings and judgements by the hundred: what the report and the second evaluation are made of.
//!
//! A [`Job`] trains one team on one seed and judges it in worlds that it has not seen. A [`Store`] keeps what jobs came
//! to, one JSON line each, so that an evaluation that was stopped goes on where it was. Results depend on the job only,
//! never on threads or on what ran before.

mod captures;
mod job;
mod judge;
mod rules;
mod second;
mod store;
mod suite;
mod world;

pub use captures::{CaptureError, Captures, offsets};
pub use job::{Job, JobError, LearnerSpec, Outcome, SourceSpec, TrainingCurve, run};
pub use judge::{Judged, LATENCY_BIN_MS, judge};
pub use rules::{RuleSpec, RuleTeam};
pub use second::{Candidate, Second, SecondScenario};
pub use store::{Store, StoreError};
pub use suite::{Group, suite};
pub use world::{DriftSpec, StudyWorld, TrafficSource, WorldSpec};
