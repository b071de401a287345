//! The errors of slice-agent as exceptions.

use pyo3::prelude::*;
use slice_agent::env::EnvError;
use slice_agent::policy::PolicyError;
use slice_agent::traffic::TraceError;
use vman_core::ErrorKind;

use crate::errors::of_kind;

pub(super) fn env(py: Python<'_>, error: &EnvError) -> PyErr {
    let is_over = matches!(error, EnvError::EpisodeOver { .. });
    let kind = if is_over { ErrorKind::InvalidState } else { ErrorKind::InvalidArgument };
    of_kind(py, kind, error)
}

pub(super) fn policy(py: Python<'_>, error: &PolicyError) -> PyErr {
    of_kind(py, ErrorKind::InvalidArgument, error)
}

pub(super) fn trace(py: Python<'_>, error: &TraceError) -> PyErr {
    of_kind(py, ErrorKind::InvalidArgument, error)
}
