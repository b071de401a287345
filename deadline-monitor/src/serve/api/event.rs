//! What happened.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventName {
    /// A target is monitored from now on.
    TargetAdded,
    /// A target of an earlier run is monitored again.
    TargetResumed,
    /// A target is monitored in another way.
    TargetChanged,
    /// A target was let go; its threads are scheduled as before.
    TargetReleased,
    /// A target has ended by itself.
    TargetEnded,
    /// The kernel or a quota refused a thread a budget.
    Refused,
    /// Threads that an earlier run left under a reservation are scheduled as before.
    ThreadsRestored,
    /// Bandwidth is held for somebody.
    ReservationHeld,
    /// It stays held until it is cancelled.
    ReservationConfirmed,
    /// It was taken over by a target, or given back.
    ReservationEnded,
    /// It was not confirmed in time.
    ReservationExpired,
    /// The daemon does less than it should.
    Degraded,
    /// It does what it should again.
    Recovered,
    /// The state file was broken and is set aside.
    StateSetAside,
    /// Events between the last one that this reader got and the next one are lost.
    Missed,
}

impl EventName {
    /// Its name in the stream.
    pub fn as_str(self) -> &'static str {
        match self {
            EventName::TargetAdded => "target-added",
            EventName::TargetResumed => "target-resumed",
            EventName::TargetChanged => "target-changed",
            EventName::TargetReleased => "target-released",
            EventName::TargetEnded => "target-ended",
            EventName::Refused => "refused",
            EventName::ThreadsRestored => "threads-restored",
            EventName::ReservationHeld => "reservation-held",
            EventName::ReservationConfirmed => "reservation-confirmed",
            EventName::ReservationEnded => "reservation-ended",
            EventName::ReservationExpired => "reservation-expired",
            EventName::Degraded => "degraded",
            EventName::Recovered => "recovered",
            EventName::StateSetAside => "state-set-aside",
            EventName::Missed => "missed",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Counts up by one within one run of the daemon.
    pub seq: u64,
    /// When, in milliseconds since 1970 by the wall clock.
    pub time_unix_ms: u64,
    /// What.
    pub event: EventName,
    /// The target that it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<u64>,
    /// The reservation that it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation: Option<u64>,
    /// The rest, for people.
    pub detail: String,
}
