//! Asking for a part of the node, in two steps: held for a while, then confirmed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdmissionKind {
    /// A reservation that the kernel guarantees.
    Deadline,
    /// CPU time that reservations leave unused, with a risk.
    Share,
    /// A partition; not answered here.
    Partition,
}

/// What the one who asks has promised to others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sla {
    /// Longest response in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub latency_ms: Option<f64>,
    /// For how many of 100 it holds: 99 accepts a risk of 1 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100)]
    pub percentile: Option<f64>,
}

/// A request for a part of this node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdmissionRequest {
    /// What.
    pub kind: AdmissionKind,
    /// For `deadline`: Q in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_ns: Option<u64>,
    /// For `deadline`: P in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_ns: Option<u64>,
    /// For `deadline`: D in nanoseconds; the period by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ns: Option<u64>,
    /// For `deadline`: for how many threads, 1 by default. For `share`: how many CPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub cpus: Option<f64>,
    /// Not looked at by this daemon, which does not manage memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// What the one who asks has promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla: Option<Sla>,
    /// For how long ahead, in seconds; 60 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon_s: Option<u64>,
    /// How long it is held unless confirmed, in milliseconds; 30 s by default, ten minutes at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_ms: Option<u64>,
    /// Only tell whether it would be admitted.
    #[serde(default)]
    pub dry_run: bool,
}

/// Why, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonCode {
    /// It is, or would be, admitted.
    Admitted,
    /// It breaks a rule that does not depend on what others have.
    InvalidParameters,
    /// The kernel's sum of reservations would be exceeded.
    NoBandwidth,
    /// One user may not have more.
    Quota,
    /// The kernel refused for another reason, told in `detail`.
    KernelRefused,
    /// The risk would be higher than the agreement allows.
    RiskTooHigh,
    /// Too little was observed to tell the risk.
    NotEnoughHistory,
    /// The response time that was promised cannot be guaranteed.
    TooSlow,
}

/// Where it would run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Placement {
    /// On how many CPUs of this node the scheduler may place it.
    pub cpus: u64,
}

/// What to expect.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Predicted {
    /// How likely a deadline is missed (`deadline`), or the share is not there in full within the horizon (`share`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p_miss: Option<f64>,
    /// The longest response that the scheduler guarantees to jobs within their budget, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_max_ms: Option<f64>,
}

/// Whether it is admitted, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AdmissionAnswer {
    /// Whether.
    pub admit: bool,
    /// Why, in one word.
    pub reason_code: ReasonCode,
    /// Why, for people.
    pub detail: String,
    /// Whether the kernel itself was asked; if not, it is the sum of what is known.
    pub asked_kernel: bool,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// What to expect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted: Option<Predicted>,
    /// The reservation; absent in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation_id: Option<u64>,
    /// Give this as `If-Match` to confirm it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// When it lapses unless confirmed, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at_unix_ms: Option<u64>,
    /// The same in milliseconds from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in_ms: Option<u64>,
}

/// How far a reservation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LeaseState {
    /// It lapses unless it is confirmed in time.
    Held,
    /// It stays until it is cancelled or taken over by a target.
    Confirmed,
}

/// What a reservation is changed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// `confirmed`.
    pub state: LeaseState,
}

/// A part of this node that is held for somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reservation {
    /// Its id in this daemon; never used again.
    pub id: u64,
    /// What.
    pub kind: AdmissionKind,
    /// Whose.
    pub owner_uid: u32,
    /// How far.
    pub state: LeaseState,
    /// For `deadline`: Q.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_ns: Option<u64>,
    /// For `deadline`: D.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ns: Option<u64>,
    /// For `deadline`: P.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_ns: Option<u64>,
    /// How many CPUs it is worth.
    pub cpus: f64,
    /// Changes whenever it does.
    pub etag: String,
    /// How long it lasts unless confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in_ms: Option<u64>,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reservations {
    /// In the order of their ids.
    pub reservations: Vec<Reservation>,
}
