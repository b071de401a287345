//! Many environments in step.

use std::sync::{Mutex, MutexGuard, PoisonError};

use numpy::{
    PyArrayDescr, PyArrayDescrMethods as _, PyReadonlyArray1, PyReadonlyArray3, PyReadwriteArray1,
    PyReadwriteArray2, PyReadwriteArray3, PyUntypedArray, PyUntypedArrayMethods as _,
};
use pyo3::prelude::*;
use slice_agent::env::{ActionIndex, BatchEnv, BatchStep, Column, EnvError};

use super::config::Parameters;
use super::refusal;
use crate::arrays;
use crate::errors::invalid;

/// Many environments of one configuration.
#[pyclass(frozen, module = "aivirt._aivirt")]
#[derive(Debug)]
pub(crate) struct BatchedSliceEnv {
    batch: Mutex<BatchEnv>,
    envs: usize,
    slices: usize,
    features: usize,
    messages: usize,
    episode_steps: u32,
}

/// Actions in the integers that programs hold them in.
enum Actions<'py> {
    Bytes(PyReadonlyArray3<'py, u8>),
    Ints(PyReadonlyArray3<'py, i32>),
    Longs(PyReadonlyArray3<'py, i64>),
}

impl BatchedSliceEnv {
    fn batch(&self) -> MutexGuard<'_, BatchEnv> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn actions<'py>(&self, actions: &Bound<'py, PyAny>) -> PyResult<Actions<'py>> {
        let shape = &[Some(self.envs), Some(self.slices), Some(2)];
        let has = |dtype: Bound<'py, PyArrayDescr>| {
            actions.cast::<PyUntypedArray>().is_ok_and(|array| array.dtype().is_equiv_to(&dtype))
        };
        if has(numpy::dtype::<u8>(actions.py())) {
            return arrays::readable("actions", actions, shape).map(Actions::Bytes);
        }
        if has(numpy::dtype::<i32>(actions.py())) {
            return arrays::readable("actions", actions, shape).map(Actions::Ints);
        }
        arrays::readable("actions", actions, shape).map(Actions::Longs)
    }
}

/// Steps, then writes what the agents see and what they get.
fn advance<I: ActionIndex>(
    batch: &mut BatchEnv,
    actions: &[I],
    observations: &mut [f32],
    rewards: &mut [f32],
    conflicts: &mut [bool],
) -> Result<BatchStep, EnvError> {
    let step = batch.step(actions)?;
    batch.observe(observations)?;
    batch.write(Column::Reward, rewards)?;
    conflicts.iter_mut().zip(batch.conflicts()).for_each(|(place, conflict)| *place = *conflict == 1);
    Ok(step)
}

const COLUMNS: [(&str, Column); 9] = [
    ("reward", Column::Reward),
    ("latency_ms", Column::LatencyMs),
    ("claimed_hz", Column::ClaimedHz),
    ("granted_hz", Column::GrantedHz),
    ("used_hz", Column::UsedHz),
    ("exploitation", Column::Exploitation),
    ("arrived_bits", Column::ArrivedBits),
    ("served_bits", Column::ServedBits),
    ("dropped_bits", Column::DroppedBits),
];

#[pymethods]
impl BatchedSliceEnv {
    #[new]
    fn new(py: Python<'_>, parameters: Parameters<'_>, seeds: &Bound<'_, PyAny>) -> PyResult<Self> {
        let config = parameters.config(py)?;
        let seeds: PyReadonlyArray1<'_, u64> = arrays::readable("seeds", seeds, &[None])?;
        let seeds = seeds.as_slice()?;
        let batch = py.detach(|| BatchEnv::new(config, seeds)).map_err(|error| refusal::env(py, &error))?;
        Ok(Self {
            envs: batch.envs(),
            slices: batch.slices(),
            features: batch.features(),
            messages: batch.config().messages,
            episode_steps: batch.config().episode_steps,
            batch: Mutex::new(batch),
        })
    }

    /// Begins the episodes of `seeds` and writes what the agents see.
    fn reset(
        &self,
        py: Python<'_>,
        seeds: &Bound<'_, PyAny>,
        observations: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let seeds: PyReadonlyArray1<'_, u64> = arrays::readable("seeds", seeds, &[Some(self.envs)])?;
        let shape = &[Some(self.envs), Some(self.slices), Some(self.features)];
        let mut observations: PyReadwriteArray3<'_, f32> =
            arrays::writable("observations", observations, shape)?;
        let (seeds, observations) = (seeds.as_slice()?, observations.as_slice_mut()?);
        py.detach(|| {
            let mut batch = self.batch();
            batch.reset(seeds)?;
            batch.observe(observations)
        })
        .map_err(|error| refusal::env(py, &error))
    }

    /// Steps all of them and writes where it is told; returns conflicts, trimmed claims, and whether it is over.
    fn step(
        &self,
        py: Python<'_>,
        actions: &Bound<'_, PyAny>,
        observations: &Bound<'_, PyAny>,
        rewards: &Bound<'_, PyAny>,
        conflicts: &Bound<'_, PyAny>,
    ) -> PyResult<(usize, usize, bool)> {
        let actions = self.actions(actions)?;
        let (envs, slices, features) = (Some(self.envs), Some(self.slices), Some(self.features));
        let mut observations: PyReadwriteArray3<'_, f32> =
            arrays::writable("observations", observations, &[envs, slices, features])?;
        let mut rewards: PyReadwriteArray2<'_, f32> = arrays::writable("rewards", rewards, &[envs, slices])?;
        let mut conflicts: PyReadwriteArray1<'_, bool> = arrays::writable("conflicts", conflicts, &[envs])?;
        let (observations, rewards) = (observations.as_slice_mut()?, rewards.as_slice_mut()?);
        let conflicts = conflicts.as_slice_mut()?;
        let step = match &actions {
            Actions::Bytes(actions) => {
                let actions = actions.as_slice()?;
                py.detach(|| advance(&mut self.batch(), actions, observations, rewards, conflicts))
            }
            Actions::Ints(actions) => {
                let actions = actions.as_slice()?;
                py.detach(|| advance(&mut self.batch(), actions, observations, rewards, conflicts))
            }
            Actions::Longs(actions) => {
                let actions = actions.as_slice()?;
                py.detach(|| advance(&mut self.batch(), actions, observations, rewards, conflicts))
            }
        };
        let step = step.map_err(|error| refusal::env(py, &error))?;
        Ok((step.conflicts, step.trimmed_slices, step.done))
    }

    /// Writes a figure of the last step.
    fn column(&self, py: Python<'_>, name: &str, out: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some((_, column)) = COLUMNS.into_iter().find(|(known, _)| *known == name) else {
            let names: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();
            let text = format!("There is no figure {name:?}; there are: {}", names.join(", "));
            return Err(invalid(py, &text));
        };
        let shape = &[Some(self.envs), Some(self.slices)];
        let mut out: PyReadwriteArray2<'_, f32> = arrays::writable("out", out, shape)?;
        let out = out.as_slice_mut()?;
        py.detach(|| self.batch().write(column, out)).map_err(|error| refusal::env(py, &error))
    }

    #[getter]
    fn envs(&self) -> usize {
        self.envs
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
    module.add_class::<BatchedSliceEnv>()?;
    module.add("FIGURES", COLUMNS.map(|(name, _)| name).to_vec())
}
