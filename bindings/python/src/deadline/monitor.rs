//! Monitors: budgets that follow what threads need.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use deadline_monitor::account::SchedStat;
use deadline_monitor::monitor::{Monitor as Loop, MonotonicClock, Options, Outcome, Tick};
use deadline_monitor::sched::{LinuxScheduler, Tid};
use deadline_monitor::target::Target;
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use vman_core::ErrorKind;

use super::arrays::ns;
use super::policy::Parameters;
use super::refusal;
use crate::errors::{chain, exception, invalid};

type KernelLoop = Loop<LinuxScheduler, SchedStat, MonotonicClock>;

/// Samples that are kept; later ones are counted as lost.
const MOST_SAMPLES: usize = 4 << 20;

/// Watches a target and sets its budgets.
#[pyclass(frozen, module = "aivirt._aivirt")]
#[derive(Debug)]
pub(crate) struct Monitor {
    watch: Arc<Mutex<Watch>>,
    sampling: Duration,
    runner: Mutex<Option<Runner>>,
}

/// The loop and what it has seen.
#[derive(Debug)]
struct Watch {
    /// `None` once everything is released.
    monitor: Option<KernelLoop>,
    samples: Samples,
    /// Why the loop has ended by itself.
    ended: Option<String>,
}

#[derive(Debug)]
struct Runner {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

/// One column for each thing that is known of a thread in a tick.
#[derive(Debug, Default)]
struct Samples {
    at_ns: Vec<i64>,
    tid: Vec<u32>,
    executed_ns: Vec<i64>,
    budget_ns: Vec<i64>,
    saturated: Vec<bool>,
    outcome: Vec<u8>,
    lost: u64,
    refused: Vec<String>,
}

impl Samples {
    fn add(&mut self, tick: &Tick) {
        for task in &tick.tasks {
            if self.at_ns.len() >= MOST_SAMPLES {
                self.lost += 1;
                continue;
            }
            self.at_ns.push(ns(tick.at));
            self.tid.push(task.tid.0);
            self.executed_ns.push(ns(task.executed));
            self.budget_ns.push(ns(task.budget));
            self.saturated.push(task.saturated);
            self.outcome.push(number(task.outcome));
        }
        let new = tick.refused.iter().map(|error| chain(error));
        self.refused.extend(new.take(MOST_SAMPLES.saturating_sub(self.refused.len())));
    }
}

/// Names of the outcomes by their numbers.
const OUTCOMES: [&str; 5] = ["kept", "changed", "compressed", "halved", "refused"];

const fn number(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Kept => 0,
        Outcome::Changed => 1,
        Outcome::Compressed => 2,
        Outcome::Halved => 3,
        Outcome::Refused => 4,
    }
}

impl Watch {
    /// One tick; `Err` when the target has ended.
    fn tick(&mut self) -> Result<Tick, Ended> {
        let monitor = self.monitor.as_mut().ok_or(Ended::Released)?;
        let tick = monitor.tick().map_err(Ended::Target)?;
        self.samples.add(&tick);
        Ok(tick)
    }
}

#[derive(Debug)]
enum Ended {
    Released,
    Target(deadline_monitor::monitor::Error),
}

impl Ended {
    fn raise(self, py: Python<'_>) -> PyErr {
        match self {
            Self::Released => exception(py, ErrorKind::InvalidState, "The monitor is released", None),
            Self::Target(error) => refusal::monitor(py, &error),
        }
    }
}

impl Monitor {
    fn watch(&self) -> MutexGuard<'_, Watch> {
        lock(&self.watch)
    }

    fn stop_runner(&self) {
        let runner = self.runner.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Runner { stop, thread }) = runner {
            // A thread that has ended by itself does not listen.
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

fn lock(watch: &Mutex<Watch>) -> MutexGuard<'_, Watch> {
    watch.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, FromPyObject)]
enum TargetArgument {
    #[pyo3(transparent)]
    Number(u32),
    #[pyo3(transparent)]
    Path(PathBuf),
}

fn target(py: Python<'_>, kind: &str, value: TargetArgument) -> PyResult<Target> {
    match (kind, value) {
        ("tid", TargetArgument::Number(tid)) => Ok(Target::Thread(Tid(tid))),
        ("pid", TargetArgument::Number(pid)) => Ok(Target::Process(pid)),
        ("cgroup", TargetArgument::Path(path)) => Ok(Target::Cgroup(path)),
        _ => Err(invalid(
            py,
            "A target is a tid or a pid, which are numbers, or a cgroup, which is a directory",
        )),
    }
}

#[pymethods]
impl Monitor {
    #[new]
    fn new(
        py: Python<'_>,
        kind: &str,
        value: TargetArgument,
        parameters: Parameters,
        sampling_ns: Option<u64>,
    ) -> PyResult<Self> {
        let target = target(py, kind, value)?;
        let (config, initial) = (parameters.config(py)?, parameters.initial(py)?);
        let period = initial.period();
        let sampling = sampling_ns.map_or_else(|| config.sampling(period), Duration::from_nanos);
        if sampling < period {
            return Err(invalid(
                py,
                &format!("A sampling time of {sampling:?} is below the period of {period:?}"),
            ));
        }
        let capacity = super::machine().capacity();
        let options = Options { config, initial, capacity, procfs: PathBuf::from("/proc") };
        let (accounting, clock) = (SchedStat::default(), MonotonicClock::default());
        let monitor = Loop::new(target, options, LinuxScheduler, accounting, clock)
            .map_err(|error| refusal::monitor(py, &error))?;
        let watch = Watch { monitor: Some(monitor), samples: Samples::default(), ended: None };
        let monitor = Self { watch: Arc::new(Mutex::new(watch)), sampling, runner: Mutex::default() };
        monitor.adopt(py)?;
        Ok(monitor)
    }

    /// One tick by hand; returns the number of threads that were sampled.
    fn tick(&self, py: Python<'_>) -> PyResult<usize> {
        let tick = py.detach(|| self.watch().tick());
        tick.map(|tick| tick.tasks.len()).map_err(|ended| ended.raise(py))
    }

    /// Ticks by itself on a thread of its own.
    fn start(&self, py: Python<'_>, realtime: bool) -> PyResult<()> {
        let mut runner = self.runner.lock().unwrap_or_else(PoisonError::into_inner);
        if runner.is_some() {
            return Err(exception(py, ErrorKind::InvalidState, "The monitor runs already", None));
        }
        let (stop, stopped) = channel();
        let (watch, sampling) = (Arc::clone(&self.watch), self.sampling);
        let thread = thread::Builder::new()
            .name("aivirt-monitor".into())
            .spawn(move || run(&watch, sampling, &stopped, realtime))
            .map_err(|error| exception(py, ErrorKind::Internal, &chain(&error), None))?;
        *runner = Some(Runner { stop, thread });
        Ok(())
    }

    /// Ends the thread of `start`; the reservations stay.
    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.stop_runner());
    }

    /// Gives every thread back how it was scheduled before; returns what was refused.
    fn release(&self, py: Python<'_>) -> Vec<String> {
        py.detach(|| {
            self.stop_runner();
            let monitor = self.watch().monitor.take();
            monitor
                .map(|mut monitor| monitor.release().iter().map(|error| chain(error)).collect())
                .unwrap_or_default()
        })
    }

    /// What was seen since the last time that this was asked, one array for each column.
    fn samples<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let samples = py.detach(|| std::mem::take(&mut self.watch().samples));
        let columns = PyDict::new(py);
        columns.set_item("at_ns", PyArray1::from_vec(py, samples.at_ns))?;
        columns.set_item("tid", PyArray1::from_vec(py, samples.tid))?;
        columns.set_item("executed_ns", PyArray1::from_vec(py, samples.executed_ns))?;
        columns.set_item("budget_ns", PyArray1::from_vec(py, samples.budget_ns))?;
        columns.set_item("saturated", PyArray1::from_vec(py, samples.saturated))?;
        columns.set_item("outcome", PyArray1::from_vec(py, samples.outcome))?;
        columns.set_item("lost", samples.lost)?;
        columns.set_item("refused", samples.refused)?;
        Ok(columns)
    }

    #[getter]
    fn running(&self) -> bool {
        let runner = self.runner.lock().unwrap_or_else(PoisonError::into_inner);
        runner.as_ref().is_some_and(|runner| !runner.thread.is_finished())
    }

    /// How many threads have a reservation.
    #[getter]
    fn reserved(&self, py: Python<'_>) -> usize {
        py.detach(|| self.watch().monitor.as_ref().map_or(0, Loop::reserved))
    }

    /// Why the loop has ended by itself.
    #[getter]
    fn ended(&self, py: Python<'_>) -> Option<String> {
        py.detach(|| self.watch().ended.clone())
    }

    #[getter]
    fn sampling_ns(&self) -> i64 {
        ns(self.sampling)
    }
}

impl Monitor {
    /// The first tick: the target's threads get their reservations, or the refusal is raised.
    fn adopt(&self, py: Python<'_>) -> PyResult<()> {
        let first = py.detach(|| self.watch().tick()).map_err(|ended| ended.raise(py))?;
        let reserved = py.detach(|| self.watch().monitor.as_ref().map_or(0, Loop::reserved));
        match (reserved, first.refused.first()) {
            (0, Some(refused)) => Err(refusal::sched(py, refused)),
            (0, None) => Err(exception(py, ErrorKind::NotFound, "The target has no threads", None)),
            _ => Ok(()),
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop_runner();
    }
}

/// Ticks until it is told to stop or the target has ended.
fn run(watch: &Mutex<Watch>, sampling: Duration, stopped: &Receiver<()>, realtime: bool) {
    if realtime && let Err(error) = LinuxScheduler.prioritise_this_thread() {
        lock(watch).samples.refused.push(chain(&error));
    }
    let mut next = Instant::now() + sampling;
    loop {
        match stopped.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
        let mut watch = lock(watch);
        match watch.tick() {
            Ok(_) => next = (next + sampling).max(Instant::now()),
            Err(Ended::Released) => return,
            Err(Ended::Target(error)) => {
                watch.ended = Some(chain(&error));
                return;
            }
        }
    }
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Monitor>()?;
    module.add("OUTCOMES", OUTCOMES.to_vec())
}
