//! A simulated board in this process: the real daemon on the real firmware library, behind a Unix socket.

#[cfg(feature = "simulator")]
mod running;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    #[cfg(feature = "simulator")]
    module.add_class::<running::SimBoard>()?;
    module.add("HAS_SIMULATOR", cfg!(feature = "simulator"))
}
