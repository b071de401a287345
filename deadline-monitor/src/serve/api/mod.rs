//! What goes over the wire: the types of the REST interface, from which its OpenAPI document is made.

mod admission;
mod body;
mod capacity;
mod event;
mod failure;
mod settings;
mod target;

pub use admission::{
    AdmissionAnswer, AdmissionKind, AdmissionRequest, Confirmation, LeaseState, Placement, Predicted,
    ReasonCode, Reservation, Reservations, Sla,
};
pub use body::parse;
pub use capacity::{CapacityAnswer, ReclaimableAt, Used};
pub use event::{Event, EventName};
pub(crate) use failure::chain;
pub use failure::{Failure, Problem};
pub(crate) use settings::Resolved;
pub use settings::{Effective, Mode, PolicyName, Settings};
pub use target::{
    Check, CheckState, Doctor, History, HistorySample, NewTarget, TargetPage, TargetRef, TargetView,
    ThreadView,
};

/// A share of CPU time as a number of CPUs.
pub(super) fn cpus(bandwidth: crate::budget::Bandwidth) -> f64 {
    let parts = |units: u64| u32::try_from(units).map_or(f64::MAX, f64::from);
    parts(bandwidth.units()) / parts(crate::budget::Bandwidth::CPU.units())
}

/// Nanoseconds, at most what fits.
pub(super) fn nanos(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
