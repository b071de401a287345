//! `aivirt.deadline`: budgets, their simulator, and reservations on this machine's kernel.

mod arrays;
mod monitor;
mod policy;
mod refusal;
mod reservation;
mod simulate;

use std::path::Path;

use deadline_monitor::machine::{Machine, online_cpus};
use pyo3::prelude::*;

/// This machine's limits.
fn machine() -> Machine {
    let cpus = online_cpus().len().max(1);
    Machine::read(Path::new("/proc"), u64::try_from(cpus).unwrap_or(u64::MAX))
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    policy::register(module)?;
    simulate::register(module)?;
    reservation::register(module)?;
    monitor::register(module)
}
