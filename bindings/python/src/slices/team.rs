//! The policies that need no learning.

use std::sync::{Mutex, PoisonError};

use numpy::PyReadwriteArray2;
use pyo3::prelude::*;
use slice_agent::env::Action;
use slice_agent::policy::{PolicyName, Team as Policies};

use super::config::Parameters;
use super::env::SliceEnv;
use super::refusal;
use crate::arrays;
use crate::errors::invalid;

/// One policy for all slices of an environment.
#[pyclass(frozen, module = "aivirt._aivirt")]
#[derive(Debug)]
pub(crate) struct Team {
    state: Mutex<(Policies, Vec<Action>)>,
    slices: usize,
}

#[pymethods]
impl Team {
    #[new]
    fn new(py: Python<'_>, name: &str, parameters: Parameters<'_>) -> PyResult<Self> {
        let config = parameters.config(py)?;
        let name: PolicyName = name.parse().map_err(|error| refusal::policy(py, &error))?;
        let team = Policies::new(name, &config).map_err(|error| refusal::policy(py, &error))?;
        let slices = config.slices.len();
        Ok(Self { state: Mutex::new((team, vec![Action::default(); slices])), slices })
    }

    /// An episode begins.
    fn begin(&self, seed: u64) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0.begin(seed);
    }

    /// Writes level and message for each slice of `env`.
    fn decide(&self, py: Python<'_>, env: &SliceEnv, out: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (team, actions) = &mut *state;
        let decided = env.with(|env| {
            let fits = env.slices() == self.slices;
            if fits {
                team.decide(env, actions);
            }
            fits
        });
        if !decided {
            return Err(invalid(
                py,
                &format!("The team is for {} slices, the environment has others", self.slices),
            ));
        }
        let mut out: PyReadwriteArray2<'_, i64> =
            arrays::writable("out", out, &[Some(self.slices), Some(2)])?;
        let out = out.as_slice_mut()?;
        let index = |index: usize| i64::try_from(index).unwrap_or(i64::MAX);
        for (place, action) in out.chunks_exact_mut(2).zip(actions) {
            place.copy_from_slice(&[index(action.level), index(action.message)]);
        }
        Ok(())
    }
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Team>()?;
    module.add("POLICY_NAMES", PolicyName::ALL.map(PolicyName::name).to_vec())
}
