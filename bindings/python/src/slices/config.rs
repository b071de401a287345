//! An environment's configuration, as Python gives it.

use std::sync::Arc;

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use slice_agent::env::{EnvConfig, PreemptionRule, Resource, SliceEnv, SliceSpec, TrafficModel};
use slice_agent::traffic::{SliceClass, TrafficSpec, TrafficTrace};

use super::refusal;
use crate::arrays;
use crate::errors::invalid;

/// What differs from the source document's world; `None` does not.
#[derive(Debug, FromPyObject)]
pub(super) struct Parameters<'py> {
    rule: String,
    resource: String,
    slices: Option<Vec<SliceParameters<'py>>>,
    arbiter: bool,
    step_s: Option<f64>,
    episode_steps: Option<u32>,
    messages: Option<usize>,
    cycles_per_bit: Option<f64>,
    cpu_growth: Option<f64>,
    cpu_drift_deviation: Option<f64>,
    cpu_drift_correlation: Option<f64>,
    latency_scale_ms: Option<f64>,
    conflict_weight: Option<f64>,
    idle_weight: Option<f64>,
    arrivals_delay_steps: Option<usize>,
    hidden_demand: bool,
    transmission_limit_bits: Option<f64>,
    computation_limit_s: Option<f64>,
    latency_cap_ms: Option<f64>,
    e2_interval_steps: Option<u32>,
}

#[derive(Debug, FromPyObject)]
struct SliceParameters<'py> {
    slice_class: String,
    share_hz: u64,
    bandwidth_hz: f64,
    traffic: Option<TrafficParameters>,
    trace_bits: Option<Bound<'py, PyAny>>,
}

#[derive(Debug, FromPyObject)]
struct TrafficParameters {
    mean_bps: f64,
    deviation_bps: f64,
    on_probability: f64,
    on_steps: f64,
}

impl Parameters<'_> {
    /// The configuration, checked.
    pub(super) fn config(&self, py: Python<'_>) -> PyResult<EnvConfig> {
        let rule = rule(py, &self.rule)?;
        let mut config = match resource(py, &self.resource)? {
            Resource::Cpu => EnvConfig::source_document(rule),
            Resource::Prb { .. } => EnvConfig::prbs(rule),
        };
        if let Some(slices) = &self.slices {
            config.slices = slices.iter().map(|slice| slice.spec(py)).collect::<PyResult<_>>()?;
        }
        self.change(&mut config);
        config.check().map_err(|error| refusal::env(py, &error))?;
        Ok(config)
    }

    fn change(&self, config: &mut EnvConfig) {
        config.arbiter = self.arbiter;
        config.hidden_demand = self.hidden_demand;
        set(&mut config.step_s, self.step_s);
        set(&mut config.episode_steps, self.episode_steps);
        set(&mut config.messages, self.messages);
        set(&mut config.cpu.cycles_per_bit, self.cycles_per_bit);
        set(&mut config.cpu.growth, self.cpu_growth);
        set(&mut config.cpu_drift.deviation, self.cpu_drift_deviation);
        set(&mut config.cpu_drift.correlation, self.cpu_drift_correlation);
        set(&mut config.reward.latency_scale_ms, self.latency_scale_ms);
        set(&mut config.reward.conflict, self.conflict_weight);
        set(&mut config.reward.idle, self.idle_weight);
        set(&mut config.arrivals_delay_steps, self.arrivals_delay_steps);
        set(&mut config.transmission_limit_bits, self.transmission_limit_bits);
        set(&mut config.computation_limit_s, self.computation_limit_s);
        set(&mut config.latency_cap_ms, self.latency_cap_ms);
        set(&mut config.e2_interval_steps, self.e2_interval_steps);
    }
}

fn set<T: Copy>(place: &mut T, given: Option<T>) {
    *place = given.unwrap_or(*place);
}

impl SliceParameters<'_> {
    fn spec(&self, py: Python<'_>) -> PyResult<SliceSpec> {
        let mut spec = SliceSpec::of(class(py, &self.slice_class)?, self.share_hz, self.bandwidth_hz);
        match (&self.traffic, &self.trace_bits) {
            (None, None) => {}
            (Some(traffic), None) => spec.traffic = TrafficModel::Modulated(traffic.spec()),
            (None, Some(bits)) => {
                let bits: PyReadonlyArray1<'_, f64> = arrays::readable("trace_bits", bits, &[None])?;
                let trace = TrafficTrace::from_bits(bits.as_slice()?.to_vec());
                spec.traffic =
                    TrafficModel::Trace(Arc::new(trace.map_err(|error| refusal::trace(py, &error))?));
            }
            (Some(_), Some(_)) => return Err(invalid(py, "A slice has traffic or trace_bits, not both")),
        }
        Ok(spec)
    }
}

impl TrafficParameters {
    fn spec(&self) -> TrafficSpec {
        TrafficSpec {
            mean_bps: self.mean_bps,
            deviation_bps: self.deviation_bps,
            on_probability: self.on_probability,
            on_steps: self.on_steps,
        }
    }
}

const RULES: [(&str, PreemptionRule); 2] =
    [("claims", PreemptionRule::Claims), ("work-conserving", PreemptionRule::WorkConserving)];

fn rule(py: Python<'_>, name: &str) -> PyResult<PreemptionRule> {
    let found = RULES.into_iter().find(|(known, _)| *known == name);
    found
        .map(|(_, rule)| rule)
        .ok_or_else(|| invalid(py, &format!("There is no rule {name:?}; there are: claims, work-conserving")))
}

fn resource(py: Python<'_>, name: &str) -> PyResult<Resource> {
    Resource::by_name(name)
        .ok_or_else(|| invalid(py, &format!("There is no resource {name:?}; there are: cpu, prb")))
}

fn class(py: Python<'_>, name: &str) -> PyResult<SliceClass> {
    let found = SliceClass::ALL.into_iter().find(|class| class.name().eq_ignore_ascii_case(name));
    found.ok_or_else(|| invalid(py, &format!("There is no class {name:?}; there are: eMBB, URLLC, mMTC")))
}

/// Every value of a configuration, those that Python left out too.
#[pyfunction]
fn resolve_config<'py>(py: Python<'py>, parameters: Parameters<'py>) -> PyResult<Bound<'py, PyDict>> {
    let config = parameters.config(py)?;
    // Whether the traffic can be is known when it is made.
    SliceEnv::new(config.clone(), 0).map_err(|error| refusal::env(py, &error))?;
    let told = PyDict::new(py);
    let slices = PyList::empty(py);
    for slice in &config.slices {
        let row = PyDict::new(py);
        row.set_item("slice_class", slice.class.name())?;
        row.set_item("share_hz", slice.share_hz)?;
        row.set_item("bandwidth_hz", slice.bandwidth_hz)?;
        if let TrafficModel::Modulated(traffic) = &slice.traffic {
            let numbers = (traffic.mean_bps, traffic.deviation_bps, traffic.on_probability, traffic.on_steps);
            row.set_item("traffic", numbers)?;
        }
        slices.append(row)?;
    }
    told.set_item("slices", slices)?;
    told.set_item("step_s", config.step_s)?;
    told.set_item("episode_steps", config.episode_steps)?;
    told.set_item("messages", config.messages)?;
    told.set_item("cycles_per_bit", config.cpu.cycles_per_bit)?;
    told.set_item("cpu_growth", config.cpu.growth)?;
    told.set_item("cpu_drift_deviation", config.cpu_drift.deviation)?;
    told.set_item("cpu_drift_correlation", config.cpu_drift.correlation)?;
    told.set_item("latency_scale_ms", config.reward.latency_scale_ms)?;
    told.set_item("conflict_weight", config.reward.conflict)?;
    told.set_item("idle_weight", config.reward.idle)?;
    told.set_item("arrivals_delay_steps", config.arrivals_delay_steps)?;
    told.set_item("transmission_limit_bits", config.transmission_limit_bits)?;
    told.set_item("computation_limit_s", config.computation_limit_s)?;
    told.set_item("latency_cap_ms", config.latency_cap_ms)?;
    told.set_item("e2_interval_steps", config.e2_interval_steps)?;
    Ok(told)
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(resolve_config, module)?)
}
