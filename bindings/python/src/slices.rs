//! `aivirt.slices`: environments, and the policies in them.

mod agent;
mod batch;
mod config;
mod env;
mod refusal;
mod team;
mod trace;

use pyo3::prelude::*;
use slice_agent::env::{LEVELS, LEVELS_PERCENT, OWN_FEATURES};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("LEVELS", LEVELS)?;
    module.add("LEVELS_PERCENT", LEVELS_PERCENT.to_vec())?;
    module.add("OWN_FEATURES", OWN_FEATURES)?;
    agent::register(module)?;
    config::register(module)?;
    env::register(module)?;
    batch::register(module)?;
    team::register(module)?;
    trace::register(module)
}
