//! Times as arrays of nanoseconds.

use std::time::Duration;

use numpy::{PyArray1, PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::errors::invalid;

/// Nanoseconds; what is beyond 64 bits (292 years) is the most that they hold.
pub(super) fn ns(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Times as an array of int64; the memory is handed over, not copied.
pub(super) fn times<'py>(
    py: Python<'py>,
    times: impl IntoIterator<Item = Duration>,
) -> Bound<'py, PyArray1<i64>> {
    PyArray1::from_vec(py, times.into_iter().map(ns).collect())
}

/// A contiguous view of an array of int64 nanoseconds, none below zero.
pub(super) fn nanoseconds<'a>(
    py: Python<'_>,
    name: &str,
    array: &'a PyReadonlyArray1<'_, i64>,
) -> PyResult<&'a [i64]> {
    let slice = array.as_slice().map_err(|_| invalid(py, &format!("{name} must be contiguous")))?;
    match slice.iter().position(|ns| *ns < 0) {
        None => Ok(slice),
        Some(index) => Err(invalid(py, &format!("{name}[{index}] is {} ns, below zero", slice[index]))),
    }
}

/// Arrays that belong together must be of one length.
pub(super) fn same_length(
    py: Python<'_>,
    (name, array): (&str, &PyReadonlyArray1<'_, i64>),
    (other_name, other): (&str, &PyReadonlyArray1<'_, i64>),
) -> PyResult<()> {
    if array.len() == other.len() {
        return Ok(());
    }
    Err(invalid(
        py,
        &format!("{name} has {} samples and {other_name} {}", array.len(), other.len()),
    ))
}
