//! One environment.

use std::sync::{Mutex, MutexGuard, PoisonError};

use numpy::{PyArray1, PyReadonlyArray2, PyReadwriteArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use slice_agent::env::{Action, LEVELS, Observation, SliceEnv as Env, SliceOutcome};
use vman_core::ErrorKind;

use super::config::Parameters;
use super::refusal;
use crate::arrays;
use crate::errors::exception;

/// One environment.
#[pyclass(frozen, module = "aivirt._aivirt")]
#[derive(Debug)]
pub(crate) struct SliceEnv {
    env: Mutex<State>,
    slices: usize,
    features: usize,
    messages: usize,
    episode_steps: u32,
}

/// A figure of a slice in a step.
type Figure = fn(&SliceOutcome) -> f64;

#[derive(Debug)]
struct State {
    env: Env,
    actions: Vec<Action>,
}

impl SliceEnv {
    fn state(&self) -> MutexGuard<'_, State> {
        self.env.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_slice(&self, py: Python<'_>, slice: usize) -> PyResult<()> {
        if slice < self.slices {
            return Ok(());
        }
        let text = format!("There is no slice {slice}; there are {} from 0 on", self.slices);
        Err(exception(py, ErrorKind::NotFound, &text, None))
    }

    /// What `read` finds in the environment.
    pub(super) fn with<R>(&self, read: impl FnOnce(&Env) -> R) -> R {
        read(&self.state().env)
    }
}

#[pymethods]
impl SliceEnv {
    #[new]
    fn new(py: Python<'_>, parameters: Parameters<'_>, seed: u64) -> PyResult<Self> {
        let config = parameters.config(py)?;
        let env = Env::new(config, seed).map_err(|error| refusal::env(py, &error))?;
        let (slices, config) = (env.slices(), env.config());
        Ok(Self {
            slices,
            features: Observation::features(slices, config.messages),
            messages: config.messages,
            episode_steps: config.episode_steps,
            env: Mutex::new(State { actions: vec![Action::default(); slices], env }),
        })
    }

    /// Begins the episode of `seed`.
    fn reset(&self, seed: u64) {
        self.state().env.reset(seed);
    }

    /// Does the actions; returns whether there was a conflict, how many claims an arbiter trimmed, whether it is over.
    fn step(&self, py: Python<'_>, actions: &Bound<'_, PyAny>) -> PyResult<(bool, usize, bool)> {
        let actions: PyReadonlyArray2<'_, i64> =
            arrays::readable("actions", actions, &[Some(self.slices), Some(2)])?;
        let actions = actions.as_slice()?;
        let mut state = self.state();
        let State { env, actions: places } = &mut *state;
        for (place, pair) in places.iter_mut().zip(actions.chunks_exact(2)) {
            // What is no index is outside every grid.
            let index = |value: i64| usize::try_from(value).unwrap_or(usize::MAX);
            *place = Action { level: index(pair[0]), message: index(pair[1]) };
        }
        let step = env.step(places).map_err(|error| refusal::env(py, &error))?;
        Ok((step.conflict, step.trimmed_slices, step.done))
    }

    /// Writes what the agents see.
    fn observe(&self, out: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut out: PyReadwriteArray2<'_, f32> =
            arrays::writable("out", out, &[Some(self.slices), Some(self.features)])?;
        let out = out.as_slice_mut()?;
        let state = self.state();
        let config = state.env.config();
        for (slice, out) in out.chunks_exact_mut(self.features).enumerate() {
            state.env.observe(slice).write(config.step_s, config.total_hz(), config.messages, out);
        }
        Ok(())
    }

    /// A column for each figure of the last step, a row for each slice.
    fn outcomes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        const COLUMNS: [(&str, Figure); 10] = [
            ("reward", |outcome| outcome.reward),
            ("latency_ms", |outcome| outcome.latency_ms),
            ("claimed_hz", |outcome| outcome.claimed_hz as f64),
            ("granted_hz", |outcome| outcome.granted_hz as f64),
            ("used_hz", |outcome| outcome.used_hz),
            ("exploitation", |outcome| outcome.exploitation),
            ("arrived_bits", |outcome| outcome.arrived_bits),
            ("served_bits", |outcome| outcome.served_bits),
            ("dropped_bits", |outcome| outcome.dropped_bits),
            ("in_conflict", |outcome| f64::from(u8::from(outcome.in_conflict))),
        ];
        let state = self.state();
        let told = PyDict::new(py);
        for (name, column) in COLUMNS {
            let values = state.env.outcomes().iter().map(column).collect();
            told.set_item(name, PyArray1::from_vec(py, values))?;
        }
        Ok(told)
    }

    /// The rewards of the last step.
    fn rewards(&self) -> Vec<f64> {
        self.state().env.outcomes().iter().map(|outcome| outcome.reward).collect()
    }

    /// Which levels the agent of a slice may choose.
    fn action_mask(&self, py: Python<'_>, slice: usize) -> PyResult<[bool; LEVELS]> {
        self.check_slice(py, slice)?;
        Ok(self.state().env.action_mask(slice))
    }

    /// What a slice could use in the coming step, Hz.
    fn demand_hz(&self, py: Python<'_>, slice: usize) -> PyResult<u64> {
        self.check_slice(py, slice)?;
        Ok(self.state().env.demand_hz(slice))
    }

    /// The last complete E2 report of a slice.
    fn e2_report<'py>(&self, py: Python<'py>, slice: usize) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.check_slice(py, slice)?;
        let state = self.state();
        let Some(report) = state.env.e2_report(slice) else { return Ok(None) };
        let told = PyDict::new(py);
        told.set_item("steps", report.steps)?;
        told.set_item("throughput_kbps", report.throughput_kbps)?;
        told.set_item("arrived_bits", report.arrived_bits)?;
        told.set_item("dropped_bits", report.dropped_bits)?;
        told.set_item("radio_used_percent", report.radio_used_percent)?;
        told.set_item("delay_ms", report.delay_ms)?;
        told.set_item("snr_db", report.snr_db)?;
        Ok(Some(told))
    }

    #[getter]
    fn slices(&self) -> usize {
        self.slices
    }

    #[getter]
    fn features(&self) -> usize {
        self.features
    }

    #[getter]
    fn messages(&self) -> usize {
        self.messages
    }

    #[getter]
    fn episode_steps(&self) -> u32 {
        self.episode_steps
    }
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SliceEnv>()
}
