//! `aivirt._aivirt`: the native part of the Python package `aivirt`.
//!
//! It is private: the hand-written package in `python/aivirt/` is what users see, and may change without it. Three
//! rules hold for every function here: a wait releases the interpreter's lock and can be ended by Ctrl-C; an error is
//! one of `aivirt.exceptions`; arrays are read and written where they are.

mod arrays;
mod board;
mod client;
mod console;
mod deadline;
mod errors;
mod events;
mod slices;
mod state;
mod wait;

use pyo3::prelude::*;

/// The native part of `aivirt`.
#[pymodule]
fn _aivirt(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("DEFAULT_SOCKET", vman_core::client::DEFAULT_SOCKET)?;
    errors::register(module)?;
    state::register(module)?;
    client::register(module)?;
    events::register(module)?;
    console::register(module)?;
    board::register(module)?;
    deadline::register(module)?;
    slices::register(module)
}
