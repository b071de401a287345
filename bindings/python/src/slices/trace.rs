//! Captured packets as traffic.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use numpy::PyArray1;
use pyo3::prelude::*;
use slice_agent::traffic::{TraceError, TrafficTrace};
use vman_core::ErrorKind;

use super::refusal;
use crate::errors::exception;

/// Bits of each step of a capture: superposed at `offsets` if there are some, scaled to a mean if one is given.
#[pyfunction]
fn read_trace(
    py: Python<'_>,
    path: PathBuf,
    step_s: f64,
    offsets: Vec<usize>,
    mean_bps: Option<f64>,
) -> PyResult<Bound<'_, PyArray1<f64>>> {
    let file = File::open(&path).map_err(|error| {
        let kind = error.raw_os_error().map_or(ErrorKind::Internal, ErrorKind::from_errno);
        exception(py, kind, &format!("Cannot read {}: {error}", path.display()), None)
    })?;
    let bits = py.detach(|| read(file, step_s, &offsets, mean_bps));
    Ok(PyArray1::from_vec(py, bits.map_err(|error| refusal::trace(py, &error))?))
}

fn read(file: File, step_s: f64, offsets: &[usize], mean_bps: Option<f64>) -> Result<Vec<f64>, TraceError> {
    let mut trace = TrafficTrace::from_csv(BufReader::new(file), step_s)?;
    if !offsets.is_empty() {
        trace = trace.superpose(offsets)?;
    }
    if let Some(mean_bps) = mean_bps {
        trace = trace.rescale(mean_bps, step_s)?;
    }
    Ok((0..trace.steps()).map(|step| trace.at(step, 0)).collect())
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(read_trace, module)?)
}
