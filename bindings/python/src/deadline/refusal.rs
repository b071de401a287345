//! The errors of deadline-monitor as exceptions.

use deadline_monitor::budget::{ConfigError, ParamsError};
use deadline_monitor::sched::Rule;
use deadline_monitor::{monitor, sched, target};
use pyo3::prelude::*;
use vman_core::ErrorKind;

use crate::errors::of_kind;

pub(super) fn config(py: Python<'_>, error: &ConfigError) -> PyErr {
    of_kind(py, ErrorKind::InvalidArgument, error)
}

pub(super) fn params(py: Python<'_>, error: &ParamsError) -> PyErr {
    of_kind(py, ErrorKind::InvalidArgument, error)
}

pub(super) fn sched(py: Python<'_>, error: &sched::Error) -> PyErr {
    of_kind(py, kind_of_rule(error.rule), error)
}

pub(super) fn monitor(py: Python<'_>, error: &monitor::Error) -> PyErr {
    of_kind(py, kind_of_monitor(error), error)
}

/// The kind of a refusal of the kernel.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum may grow, and what it gains is unknown here")]
fn kind_of_rule(rule: Rule) -> ErrorKind {
    match rule {
        Rule::Gone => ErrorKind::NotFound,
        Rule::NoBandwidth | Rule::Quota => ErrorKind::NoResources,
        Rule::Pinned | Rule::Cpuset => ErrorKind::InvalidState,
        Rule::Taken | Rule::Monitored(_) => ErrorKind::AlreadyExists,
        Rule::NotAllowed | Rule::OtherUser(_) | Rule::Foreign => ErrorKind::PermissionDenied,
        Rule::Invalid | Rule::KernelThread | Rule::Params(_) | Rule::Own => ErrorKind::InvalidArgument,
        Rule::Unsupported => ErrorKind::Unsupported,
        Rule::Unknown(errno) => ErrorKind::from_errno(errno),
        _ => ErrorKind::Internal,
    }
}

fn kind_of_monitor(error: &monitor::Error) -> ErrorKind {
    match error {
        monitor::Error::Target(error) => kind_of_target(error),
        monitor::Error::Config(_) => ErrorKind::InvalidArgument,
        _ => ErrorKind::Internal,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum may grow, and what it gains is unknown here")]
fn kind_of_target(error: &target::Error) -> ErrorKind {
    match error {
        target::Error::Gone(_) => ErrorKind::NotFound,
        target::Error::Read { source, .. } => {
            source.raw_os_error().map_or(ErrorKind::Internal, ErrorKind::from_errno)
        }
        _ => ErrorKind::Internal,
    }
}
