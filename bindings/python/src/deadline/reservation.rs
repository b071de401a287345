//! Reservations by hand: one thread, one budget, no policy.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deadline_monitor::budget::ReservationParams;
use deadline_monitor::sched::{DeadlineScheduler as _, LinuxScheduler, SchedAttr, SchedPolicy, Tid};
use pyo3::prelude::*;

use super::policy::cpus;
use super::refusal;

/// A thread's reservation; ends when it is released, or forgotten.
#[pyclass(frozen, module = "aivirt._aivirt")]
#[derive(Debug)]
pub(crate) struct Reservation {
    tid: Tid,
    params: ReservationParams,
    /// How the thread was scheduled before; `None` once it is so again.
    before: Mutex<Option<SchedAttr>>,
}

#[pymethods]
impl Reservation {
    /// Gives a thread `runtime_ns` of CPU time in each `period_ns`.
    #[new]
    fn new(
        py: Python<'_>,
        tid: u32,
        runtime_ns: u64,
        period_ns: u64,
        deadline_ns: Option<u64>,
        reclaim: bool,
    ) -> PyResult<Self> {
        let limits = super::machine().limits;
        let (runtime, period) = (Duration::from_nanos(runtime_ns), Duration::from_nanos(period_ns));
        let deadline = deadline_ns.map_or(period, Duration::from_nanos);
        let params = ReservationParams::within(runtime, deadline, period, &limits);
        let params = params.map_err(|error| refusal::params(py, &error))?;
        let reserved = py.detach(|| {
            let before = LinuxScheduler.attributes(Tid(tid))?;
            LinuxScheduler.reserve(Tid(tid), &params, reclaim).map(|()| before)
        });
        let before = reserved.map_err(|error| refusal::sched(py, &error))?;
        Ok(Self { tid: Tid(tid), params, before: Mutex::new(Some(before)) })
    }

    /// Gives the thread back how it was scheduled before; tells whether it was not so already.
    fn release(&self, py: Python<'_>) -> PyResult<bool> {
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(before) = before else { return Ok(false) };
        let released = py.detach(|| LinuxScheduler.release(self.tid, &before));
        released.map(|()| true).map_err(|error| refusal::sched(py, &error))
    }

    #[getter]
    fn tid(&self) -> u32 {
        self.tid.0
    }

    #[getter]
    fn bandwidth(&self) -> f64 {
        cpus(self.params.bandwidth())
    }

    #[getter]
    fn active(&self) -> bool {
        self.before.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(before) = self.before.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A thread that has ended needs nothing back, and nobody is there to hear of another refusal.
            let _ = LinuxScheduler.release(self.tid, &before);
        }
    }
}

/// How a thread is scheduled: policy, runtime, deadline and period in nanoseconds.
#[pyfunction]
fn scheduling(py: Python<'_>, tid: u32) -> PyResult<(String, u64, u64, u64)> {
    let attr = LinuxScheduler.attributes(Tid(tid)).map_err(|error| refusal::sched(py, &error))?;
    let policy = match attr.scheduling() {
        SchedPolicy::Other => "SCHED_OTHER".to_owned(),
        SchedPolicy::Fifo => "SCHED_FIFO".to_owned(),
        SchedPolicy::RoundRobin => "SCHED_RR".to_owned(),
        SchedPolicy::Batch => "SCHED_BATCH".to_owned(),
        SchedPolicy::Idle => "SCHED_IDLE".to_owned(),
        SchedPolicy::Deadline => "SCHED_DEADLINE".to_owned(),
        SchedPolicy::Unknown(number) => number.to_string(),
    };
    if !attr.is_deadline() {
        // Recent kernels tell the time slice of other policies in the same place.
        return Ok((policy, 0, 0, 0));
    }
    Ok((policy, attr.runtime_ns, attr.deadline_ns, attr.period_ns))
}

/// CPUs that are online, and what reservations may take of them.
#[pyfunction]
fn machine_capacity() -> (u64, f64) {
    let machine = super::machine();
    (machine.cpus, cpus(machine.capacity()))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Reservation>()?;
    module.add_function(wrap_pyfunction!(scheduling, module)?)?;
    module.add_function(wrap_pyfunction!(machine_capacity, module)?)
}
