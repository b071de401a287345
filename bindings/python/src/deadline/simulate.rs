//! The simulator of budgets.

use std::str::FromStr;
use std::time::Duration;

use deadline_monitor::simulate::{Load, Scenario, simulate as run};
use deadline_monitor::trace::Trace;
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use vman_core::ErrorKind;

use super::arrays::{ns, times};
use super::policy::Parameters;
use super::refusal;
use crate::errors::{invalid, of_kind};

/// Steps of a simulation at most, so that nobody fills the memory by mistake.
const MOST_PERIODS: u128 = 100_000_000;

#[derive(Debug, FromPyObject)]
enum LoadArgument {
    Constant(u64),
    Named(String),
}

impl LoadArgument {
    fn load(self, py: Python<'_>) -> PyResult<Load> {
        match self {
            Self::Constant(ns) => Ok(Load::Constant(Duration::from_nanos(ns))),
            Self::Named(name) => {
                Load::from_str(&name).map_err(|error| of_kind(py, ErrorKind::InvalidArgument, &error))
            }
        }
    }
}

/// Runs a policy against a model of the kernel's server.
#[pyfunction]
fn simulate<'py>(
    py: Python<'py>,
    parameters: Parameters,
    load: LoadArgument,
    length_ns: u64,
    sampling_ns: Option<u64>,
) -> PyResult<Bound<'py, PyDict>> {
    let (config, initial) = (parameters.config(py)?, parameters.initial(py)?);
    let (load, length) = (load.load(py)?, Duration::from_nanos(length_ns));
    let mut scenario = Scenario::usual(&config, initial, load, length);
    if let Some(sampling) = sampling_ns {
        scenario.sampling = Duration::from_nanos(sampling);
    }
    let shortest = scenario.initial.period().min(scenario.sampling.max(Duration::from_nanos(1)));
    if length.as_nanos() / shortest.as_nanos().max(1) > MOST_PERIODS {
        return Err(invalid(py, &format!("length_ns has more than {MOST_PERIODS} periods or samples")));
    }
    let mut policy = config.build(initial).map_err(|error| refusal::config(py, &error))?;
    let trace = py.detach(|| run(&scenario, &mut *policy));
    describe(py, &trace)
}

fn describe<'py>(py: Python<'py>, trace: &Trace) -> PyResult<Bound<'py, PyDict>> {
    let summary = trace.summary();
    let told = PyDict::new(py);
    told.set_item("release_ns", times(py, trace.jobs.iter().map(|job| job.release)))?;
    told.set_item("response_ns", times(py, trace.jobs.iter().map(|job| job.response)))?;
    told.set_item("changed_at_ns", times(py, trace.settings.iter().map(|setting| setting.at)))?;
    told.set_item("runtime_ns", times(py, trace.settings.iter().map(|setting| setting.runtime)))?;
    told.set_item("period_ns", ns(trace.period))?;
    told.set_item("length_ns", ns(trace.length))?;
    told.set_item("executed_ns", ns(trace.executed))?;
    told.set_item("allocated_ns", ns(trace.allocated()))?;
    told.set_item("late_jobs", summary.late)?;
    told.set_item("settled_ns", summary.settled.map(ns))?;
    told.set_item("over_allocation_percent", summary.over_allocation)?;
    Ok(told)
}

/// CPU time of each of `count` jobs of a load by name, released once in a period, in nanoseconds.
#[pyfunction]
fn load_work<'py>(
    py: Python<'py>,
    load: LoadArgument,
    period_ns: u64,
    count: u32,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let (load, period) = (load.load(py)?, Duration::from_nanos(period_ns));
    Ok(times(py, (0..count).map(|number| load.work(number.into(), period.saturating_mul(number)))))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(simulate, module)?)?;
    module.add_function(wrap_pyfunction!(load_work, module)?)
}
