//! The budget algorithm: a policy takes one sample after another and decides the SCHED_DEADLINE budget. No clock, no
//! I/O, no rights.

use std::time::Duration;

use deadline_monitor::ErrorKind as MonitorKind;
use deadline_monitor::budget::{Policy, PolicyConfig, PolicyKind, Ratio, ReservationParams, Sample};
use vman_core::ErrorKind;

use crate::error::{ErrorOut, Failure, vman_error};
use crate::panic::{guard, guard_value};
use crate::pointer::{borrow_mut, out};
use crate::sized::{extensible, read_sized, sized_out};
use crate::status::vman_status;

/// How budgets are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum vman_policy_kind {
    /// Figure 23 of the source document.
    Seed = 1,
    /// The default: throttling is the sign that a budget is too small.
    Saturation = 2,
    /// A percentile of the recent demand.
    Percentile = 3,
    /// A controller.
    Pi = 4,
    /// The first budget for ever.
    Static = 5,
}

const KINDS: [(vman_policy_kind, PolicyKind); 5] = [
    (vman_policy_kind::Seed, PolicyKind::Seed),
    (vman_policy_kind::Saturation, PolicyKind::Saturation),
    (vman_policy_kind::Percentile, PolicyKind::Percentile),
    (vman_policy_kind::Pi, PolicyKind::Pi),
    (vman_policy_kind::Static, PolicyKind::Static),
];

fn kind(number: i32) -> Result<PolicyKind, Failure> {
    let known = KINDS.iter().find(|(known, _)| *known as i32 == number).map(|(_, kind)| *kind);
    known.ok_or_else(|| Failure::argument("kind", format_args!("{number} is no policy; there are 1 to 5")))
}

/// Everything that a policy can be told; vman_policy_config_init fills it with what each policy is known to work with.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_policy_config {
    /// sizeof(vman_policy_config).
    pub size: u32,
    /// A vman_policy_kind.
    pub kind: i32,
    /// P: the period of the reservation, in nanoseconds.
    pub period_ns: u64,
    /// Q at first, in nanoseconds.
    pub initial_ns: u64,
    /// Least budget in nanoseconds.
    pub floor_ns: u64,
    /// N: how many samples are remembered.
    pub window: u32,
    /// ovh: what a budget has above the demand, in millionths.
    pub overhead_ppm: u32,
    /// Smaller changes of a budget are not made, in millionths of it.
    pub dead_band_ppm: u32,
    /// Which percentile, for VMAN_POLICY_KIND_PERCENTILE, in millionths.
    pub percentile_ppm: u32,
    /// Largest budget in millionths of the period.
    pub cap_ppm: u32,
    /// 0.
    pub reserved: u32,
}
extensible!(vman_policy_config, 56, {
    size: u32, kind: i32, period_ns: u64, initial_ns: u64, floor_ns: u64, window: u32, overhead_ppm: u32,
    dead_band_ppm: u32, percentile_ppm: u32, cap_ppm: u32, reserved: u32,
});

/// In `flags` of vman_sample: `throttled_ns` is known.
pub const VMAN_SAMPLE_THROTTLED: u32 = 1;

/// What was measured since the sample before.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_sample {
    /// sizeof(vman_sample).
    pub size: u32,
    /// VMAN_SAMPLE_THROTTLED or 0.
    pub flags: u32,
    /// CPU time used, in nanoseconds.
    pub executed_ns: u64,
    /// Time spent runnable without running, in nanoseconds.
    pub throttled_ns: u64,
    /// Time since the sample before, in nanoseconds.
    pub interval_ns: u64,
}
extensible!(vman_sample, 32, { size: u32, flags: u32, executed_ns: u64, throttled_ns: u64, interval_ns: u64 });

/// In `flags` of vman_decision: the budget differs from the one before.
pub const VMAN_DECISION_CHANGED: u32 = 1;
/// In `flags` of vman_decision: the task wanted more than it had.
pub const VMAN_DECISION_SATURATED: u32 = 2;

/// What the policy wants.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_decision {
    /// sizeof(vman_decision).
    pub size: u32,
    /// VMAN_DECISION_CHANGED, VMAN_DECISION_SATURATED.
    pub flags: u32,
    /// Q in nanoseconds.
    pub runtime_ns: u64,
}
extensible!(vman_decision, 16, { size: u32, flags: u32, runtime_ns: u64 });

/// A policy with its memory. One thread at a time may use it.
#[derive(Debug)]
pub struct vman_policy {
    policy: Box<dyn Policy>,
}

/// The same kind in the table of all interfaces.
pub(crate) fn core_kind(kind: MonitorKind) -> ErrorKind {
    match kind {
        MonitorKind::InvalidArgument => ErrorKind::InvalidArgument,
        MonitorKind::NotFound => ErrorKind::NotFound,
        MonitorKind::InvalidState => ErrorKind::InvalidState,
        MonitorKind::NoResources => ErrorKind::NoResources,
        MonitorKind::Busy => ErrorKind::Busy,
        MonitorKind::PermissionDenied => ErrorKind::PermissionDenied,
        MonitorKind::Unsupported => ErrorKind::Unsupported,
        MonitorKind::Timeout => ErrorKind::Timeout,
        MonitorKind::Internal => ErrorKind::Internal,
        MonitorKind::AlreadyExists => ErrorKind::AlreadyExists,
    }
}

/// An error and its causes.
pub(crate) fn failure(kind: MonitorKind, error: &dyn std::error::Error) -> Failure {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    Failure::new(core_kind(kind), text)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Fills `config` with the values that the policy `kind` (a vman_policy_kind) is known to work with, for a period in
/// nanoseconds: Q at first is a tenth of it.
///
/// Fails with VMAN_STATUS_INVALID_ARGUMENT for an unknown kind.
///
/// # Safety
/// `config` is a structure with its size, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_policy_config_init(
    kind: i32,
    period_ns: u64,
    config: *mut vman_policy_config,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        let usual = PolicyConfig::new(self::kind(kind)?);
        // SAFETY: promised by the caller.
        let place = unsafe { sized_out(config, "config") }?;
        place.write(vman_policy_config {
            size: 0,
            kind,
            period_ns,
            initial_ns: period_ns / 10,
            floor_ns: nanos(usual.floor),
            window: u32::try_from(usual.window).unwrap_or(u32::MAX),
            overhead_ppm: usual.overhead.as_ppm(),
            dead_band_ppm: usual.dead_band.as_ppm(),
            percentile_ppm: usual.percentile.as_ppm(),
            cap_ppm: usual.cap.as_ppm(),
            reserved: 0,
        });
        Ok(())
    })
}

/// Makes a policy. Free it with vman_policy_free.
///
/// Fails with VMAN_STATUS_INVALID_ARGUMENT; the text names the parameter and its rule.
///
/// # Safety
/// `config` is a structure, `policy` a valid place for a pointer, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_policy_new(
    config: *const vman_policy_config,
    policy: *mut *mut vman_policy,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let config = unsafe { read_sized(config, "config") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { out(policy, "policy") }?;
        let period = Duration::from_nanos(config.period_ns);
        let initial = ReservationParams::new(Duration::from_nanos(config.initial_ns), period)
            .map_err(|error| failure(error.kind(), &error))?;
        let built = policy_config(&config)?.build(initial).map_err(|error| failure(error.kind(), &error))?;
        place.write(Box::into_raw(Box::new(vman_policy { policy: built })));
        Ok(())
    })
}

fn policy_config(config: &vman_policy_config) -> Result<PolicyConfig, Failure> {
    if config.reserved != 0 {
        return Err(Failure::argument("config", "reserved must be 0"));
    }
    let mut built = PolicyConfig::new(kind(config.kind)?);
    built.window = usize::try_from(config.window).unwrap_or(usize::MAX);
    built.overhead = Ratio::ppm(config.overhead_ppm);
    built.dead_band = Ratio::ppm(config.dead_band_ppm);
    built.percentile = Ratio::ppm(config.percentile_ppm);
    built.cap = Ratio::ppm(config.cap_ppm);
    built.floor = Duration::from_nanos(config.floor_ns);
    Ok(built)
}

/// Takes one sample and decides the next budget.
///
/// # Safety
/// `policy` is a policy that nobody else uses now, `sample` a structure, `decision` a structure with its size, `error`
/// NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_policy_step(
    policy: *mut vman_policy,
    sample: *const vman_sample,
    decision: *mut vman_decision,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let policy = unsafe { borrow_mut(policy, "policy") }?;
        // SAFETY: promised by the caller.
        let sample = unsafe { read_sized(sample, "sample") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { sized_out(decision, "decision") }?;
        if sample.flags & !VMAN_SAMPLE_THROTTLED != 0 {
            return Err(Failure::argument(
                "sample",
                format_args!("flags {:#x} have unknown bits", sample.flags),
            ));
        }
        let throttled =
            (sample.flags & VMAN_SAMPLE_THROTTLED != 0).then(|| Duration::from_nanos(sample.throttled_ns));
        let [executed, interval] = [sample.executed_ns, sample.interval_ns].map(Duration::from_nanos);
        let decided = policy.policy.step(&Sample { executed, throttled, interval });
        let changed = if decided.changed { VMAN_DECISION_CHANGED } else { 0 };
        let saturated = if decided.saturated { VMAN_DECISION_SATURATED } else { 0 };
        place.write(vman_decision {
            size: 0,
            flags: changed | saturated,
            runtime_ns: nanos(decided.runtime),
        });
        Ok(())
    })
}

/// Tells the policy which budget is really in force, when another than it wanted was given.
///
/// # Safety
/// `policy` is a policy that nobody else uses now, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_policy_granted(
    policy: *mut vman_policy,
    runtime_ns: u64,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let policy = unsafe { borrow_mut(policy, "policy") }?;
        policy.policy.granted(Duration::from_nanos(runtime_ns));
        Ok(())
    })
}

/// Frees a policy; NULL is fine.
///
/// # Safety
/// `policy` is NULL or a policy that is not freed yet and that nobody else uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_policy_free(policy: *mut vman_policy) {
    guard_value((), || {
        if !policy.is_null() {
            // SAFETY: made by `Box::into_raw` in `vman_policy_new`; the caller promises that it is not freed yet.
            drop(unsafe { Box::from_raw(policy) });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_has_its_number() {
        assert_eq!(KINDS.map(|(_, kind)| kind), PolicyKind::ALL);
        for (number, policy) in KINDS {
            assert_eq!(kind(number as i32).unwrap(), policy);
        }
        assert!(kind(0).is_err() && kind(6).is_err());
    }

    #[test]
    fn kinds_keep_their_names_in_the_common_table() {
        for kind in MonitorKind::ALL {
            assert_eq!(core_kind(kind).name(), kind.name());
        }
    }
}
