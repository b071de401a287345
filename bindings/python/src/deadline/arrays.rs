//! Times as arrays of nanoseconds.

use std::time::Duration;

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::arrays;
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

/// An array of int64 nanoseconds, none below zero; of a certain length if one is given.
pub(super) fn nanoseconds<'py>(
    name: &str,
    array: &Bound<'py, PyAny>,
    length: Option<usize>,
) -> PyResult<PyReadonlyArray1<'py, i64>> {
    let times: PyReadonlyArray1<'py, i64> = arrays::readable(name, array, &[length])?;
    match times.as_slice()?.iter().enumerate().find(|(_, ns)| **ns < 0) {
        None => Ok(times),
        Some((index, ns)) => Err(invalid(array.py(), &format!("{name}[{index}] is {ns} ns, below zero"))),
    }
}
