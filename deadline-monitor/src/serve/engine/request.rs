//! Requests for a part of the node, checked as far as that does not depend on the machine.

use std::time::Duration;

use crate::ErrorKind;
use crate::budget::{Bandwidth, Ratio};
use crate::serve::api::{AdmissionKind, AdmissionRequest, Failure, Sla};

/// A request that is well formed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    Deadline { runtime: Duration, deadline: Duration, period: Duration, threads: u32 },
    Share(Bandwidth),
}

/// Checks what does not depend on the machine.
pub(super) fn wanted(request: &AdmissionRequest) -> Result<Wanted, Failure> {
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
pub(super) fn allowed_risk(sla: Option<Sla>) -> Result<Ratio, Failure> {
    let percentile = sla.and_then(|sla| sla.percentile).unwrap_or(99.0);
    if !(0.0..100.0).contains(&percentile) {
        return Err(Failure::argument(format!("A percentile of {percentile} is not from 0 to below 100")));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10^6 fits")]
    Ok(Ratio::ppm(((100.0 - percentile) * 1e4).round() as u32))
}
