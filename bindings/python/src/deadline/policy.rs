//! Policies: samples in, budgets out.

use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadline_monitor::budget::{
    Bandwidth, Policy as Algorithm, PolicyConfig, PolicyKind, Ratio, Request, ReservationParams, Sample,
    compress,
};
use numpy::PyArray1;
use pyo3::prelude::*;
use vman_core::ErrorKind;

use super::arrays::nanoseconds;
use super::refusal;
use crate::errors::{invalid, of_kind};

/// What a policy wants for the next sampling period.
#[pyclass(frozen, eq, hash, skip_from_py_object, module = "aivirt._aivirt")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Decision {
    /// Budget Q for each period, in nanoseconds.
    #[pyo3(get)]
    runtime_ns: u64,
    /// Whether it differs from the budget in force.
    #[pyo3(get)]
    changed: bool,
    /// Whether the task wanted more than it got.
    #[pyo3(get)]
    saturated: bool,
}

#[pymethods]
impl Decision {
    fn __repr__(&self) -> String {
        let (changed, saturated) = (python_bool(self.changed), python_bool(self.saturated));
        format!("Decision(runtime_ns={}, changed={changed}, saturated={saturated})", self.runtime_ns)
    }
}

fn python_bool(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// A policy with its memory.
#[pyclass(frozen, module = "aivirt._aivirt")]
#[derive(Debug)]
pub(crate) struct Policy {
    config: PolicyConfig,
    initial: ReservationParams,
    algorithm: Mutex<Box<dyn Algorithm>>,
}

/// What Python calls a policy's parameters; what is `None` has the policy's own value.
#[derive(Debug, FromPyObject)]
pub(super) struct Parameters {
    kind: String,
    runtime_ns: Option<u64>,
    period_ns: u64,
    window: Option<usize>,
    overhead: Option<f64>,
    dead_band: Option<f64>,
    percentile: Option<f64>,
    floor_ns: Option<u64>,
    cap: Option<f64>,
}

impl Parameters {
    pub(super) fn config(&self, py: Python<'_>) -> PyResult<PolicyConfig> {
        let kind = PolicyKind::from_str(&self.kind);
        let kind = kind.map_err(|error| of_kind(py, ErrorKind::InvalidArgument, &error))?;
        let mut config = PolicyConfig::new(kind);
        config.window = self.window.unwrap_or(config.window);
        config.floor = self.floor_ns.map_or(config.floor, Duration::from_nanos);
        let ratios = [
            ("overhead", self.overhead, &mut config.overhead),
            ("dead_band", self.dead_band, &mut config.dead_band),
            ("percentile", self.percentile, &mut config.percentile),
            ("cap", self.cap, &mut config.cap),
        ];
        for (name, given, place) in ratios {
            if let Some(given) = given {
                *place = ratio(py, name, given)?;
            }
        }
        Ok(config)
    }

    /// The first reservation; a tenth of the period unless said otherwise.
    pub(super) fn initial(&self, py: Python<'_>) -> PyResult<ReservationParams> {
        let period = Duration::from_nanos(self.period_ns);
        let runtime = self.runtime_ns.map_or(period / 10, Duration::from_nanos);
        let limits = super::machine().limits;
        ReservationParams::within(runtime, period, period, &limits)
            .map_err(|error| refusal::params(py, &error))
    }
}

/// A fraction as Python gives it, to the millionth.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked before")]
fn ratio(py: Python<'_>, name: &str, value: f64) -> PyResult<Ratio> {
    const MOST: f64 = 4_000.0;
    if (0.0..=MOST).contains(&value) {
        return Ok(Ratio::ppm((value * 1e6).round() as u32));
    }
    Err(invalid(py, &format!("{name} must be a fraction of at least 0 and at most {MOST}, not {value}")))
}

impl Policy {
    fn algorithm(&self) -> MutexGuard<'_, Box<dyn Algorithm>> {
        self.algorithm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn whole_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn sample(executed_ns: u64, throttled_ns: Option<u64>, interval_ns: u64) -> Sample {
    Sample {
        executed: Duration::from_nanos(executed_ns),
        throttled: throttled_ns.map(Duration::from_nanos),
        interval: Duration::from_nanos(interval_ns),
    }
}

#[pymethods]
impl Policy {
    #[new]
    fn new(py: Python<'_>, parameters: Parameters) -> PyResult<Self> {
        let (config, initial) = (parameters.config(py)?, parameters.initial(py)?);
        let algorithm = config.build(initial).map_err(|error| refusal::config(py, &error))?;
        Ok(Self { config, initial, algorithm: Mutex::new(algorithm) })
    }

    /// Takes what was measured over the last sampling period, and decides the next budget.
    #[pyo3(signature = (executed_ns, interval_ns, throttled_ns=None))]
    fn step(&self, executed_ns: u64, interval_ns: u64, throttled_ns: Option<u64>) -> Decision {
        let decision = self.algorithm().step(&sample(executed_ns, throttled_ns, interval_ns));
        Decision {
            runtime_ns: whole_ns(decision.runtime),
            changed: decision.changed,
            saturated: decision.saturated,
        }
    }

    /// A step for each sample; returns the budget after each of them.
    #[pyo3(signature = (executed_ns, interval_ns, throttled_ns=None))]
    fn run<'py>(
        &self,
        py: Python<'py>,
        executed_ns: &Bound<'py, PyAny>,
        interval_ns: u64,
        throttled_ns: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let executed = nanoseconds("executed_ns", executed_ns, None)?;
        let executed = executed.as_slice()?;
        let length = Some(executed.len());
        let throttled = throttled_ns.map(|array| nanoseconds("throttled_ns", array, length)).transpose()?;
        let throttled = throttled.as_ref().map(|array| array.as_slice()).transpose()?;
        let budgets = py.detach(|| {
            let mut algorithm = self.algorithm();
            let mut step = |index: usize| {
                let throttled = throttled.map(|times| times[index].unsigned_abs());
                let sample = sample(executed[index].unsigned_abs(), throttled, interval_ns);
                super::arrays::ns(algorithm.step(&sample).runtime)
            };
            (0..executed.len()).map(&mut step).collect()
        });
        Ok(PyArray1::from_vec(py, budgets))
    }

    /// Tells the budget that is really in force.
    fn granted(&self, runtime_ns: u64) {
        self.algorithm().granted(Duration::from_nanos(runtime_ns));
    }

    #[getter]
    fn kind(&self) -> &'static str {
        self.config.kind.name()
    }

    #[getter]
    fn period_ns(&self) -> u64 {
        whole_ns(self.initial.period())
    }

    #[getter]
    fn sampling_ns(&self) -> u64 {
        whole_ns(self.config.sampling(self.initial.period()))
    }

    #[getter]
    fn reclaims(&self) -> bool {
        self.config.reclaims()
    }

    /// The least and the largest budget in nanoseconds.
    #[getter]
    fn bounds_ns(&self, py: Python<'_>) -> PyResult<(u64, u64)> {
        let bounds = self.config.bounds(self.initial.period());
        let bounds = bounds.map_err(|error| refusal::config(py, &error))?;
        Ok((whole_ns(bounds.floor()), whole_ns(bounds.cap())))
    }
}

/// Shares `available` CPUs among requests of (wanted, floor, weight).
#[pyfunction]
fn share_bandwidth(py: Python<'_>, requests: Vec<(f64, f64, u32)>, available: f64) -> PyResult<Vec<f64>> {
    let requests = requests
        .into_iter()
        .map(|(wanted, floor, weight)| {
            Ok(Request { wanted: units(py, "wanted", wanted)?, floor: units(py, "floor", floor)?, weight })
        })
        .collect::<PyResult<Vec<_>>>()?;
    let shares = compress(&requests, units(py, "available", available)?);
    Ok(shares.into_iter().map(cpus).collect())
}

/// CPUs in the kernel's fixed point.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked before")]
fn units(py: Python<'_>, name: &str, cpus: f64) -> PyResult<Bandwidth> {
    const MOST: f64 = 1e6;
    if (0.0..=MOST).contains(&cpus) {
        return Ok(Bandwidth::from_units((cpus * Bandwidth::CPU.units() as f64) as u64));
    }
    Err(invalid(py, &format!("{name} must be a number of CPUs of at least 0 and at most {MOST}, not {cpus}")))
}

/// The kernel's fixed point as CPUs.
pub(super) fn cpus(bandwidth: Bandwidth) -> f64 {
    bandwidth.units() as f64 / Bandwidth::CPU.units() as f64
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Decision>()?;
    module.add_class::<Policy>()?;
    module.add("POLICY_KINDS", PolicyKind::ALL.map(PolicyKind::name).to_vec())?;
    module.add_function(wrap_pyfunction!(share_bandwidth, module)?)
}
