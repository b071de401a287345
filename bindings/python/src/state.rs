//! The state machine of a partition, as `aivirt.partition` asks for it.

use pyo3::prelude::*;
use vman_core::ErrorKind;
use vman_core::state::{Next, Operation, PartitionState};

use crate::errors::exception;

/// The state after `operation` on a partition in `state`; `None` if it is gone then.
#[pyfunction]
fn state_after(py: Python<'_>, state: &str, operation: &str) -> PyResult<Option<String>> {
    let unknown = |what, name| {
        exception(py, ErrorKind::InvalidArgument, &format!("There is no {what} {name:?}"), Some(operation))
    };
    let state = PartitionState::ALL
        .into_iter()
        .find(|known| known.to_string() == state)
        .ok_or_else(|| unknown("state", state))?;
    let known = Operation::ALL.into_iter().find(|known| known.name() == operation);
    let known = known.ok_or_else(|| unknown("operation", operation))?;
    match state.after(known) {
        Ok(Next::State(next)) => Ok(Some(next.to_string())),
        Ok(Next::Gone) => Ok(None),
        Err(refused) => Err(exception(py, ErrorKind::InvalidState, &refused.to_string(), Some(operation))),
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(state_after, module)?)
}
