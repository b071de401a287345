//! Errors of all three libraries as exceptions of `aivirt.exceptions`.

use std::error::Error as StdError;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use vman_core::ErrorKind;

/// The error and its causes in one text.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The exception of `kind`; `command` is what was asked.
pub(crate) fn exception(py: Python<'_>, kind: ErrorKind, text: &str, command: Option<&str>) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = MAKE.import(py, "aivirt.exceptions", "_make");
    match made.and_then(|make| make.call1((kind as i32, text, command))) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// The exception of an error whose kind is known.
pub(crate) fn of_kind(py: Python<'_>, kind: ErrorKind, error: &dyn StdError) -> PyErr {
    exception(py, kind, &chain(error), None)
}

/// An argument that breaks a rule.
pub(crate) fn invalid(py: Python<'_>, rule: &str) -> PyErr {
    exception(py, ErrorKind::InvalidArgument, rule, None)
}

/// Every kind: number, name, errno, whether it is temporary.
#[pyfunction]
fn error_kinds() -> Vec<(i32, &'static str, i32, bool)> {
    let row = |kind: &ErrorKind| (*kind as i32, kind.name(), kind.errno(), kind.is_temporary());
    ErrorKind::ALL.iter().map(row).collect()
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(error_kinds, module)?)
}
