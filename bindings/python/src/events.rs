//! Events as vmand pushes them.

use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use pyo3::prelude::*;
use pythonize::pythonize;
use vman_core::client::Events;
use vman_core::command::EventRecord;

use crate::client::Failure;
use crate::wait::{self, Waited};

const COMMAND: &str = "subscribe-events";

/// A stream of events.
#[pyclass(frozen, module = "aivirt._aivirt")]
#[derive(Debug)]
pub(crate) struct EventStream(Mutex<Option<Events>>);

impl EventStream {
    pub(crate) fn new(events: Events) -> Self {
        Self(Mutex::new(Some(events)))
    }

    fn next(&self, until: Option<Instant>) -> Result<Option<EventRecord>, Failure> {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let open = events.as_mut().ok_or(Failure::Closed)?;
            match open.try_next() {
                Ok(Some(event)) => return Ok(Some(event)),
                Ok(None) => {}
                Err(error) => return Err(error.into()),
            }
            match wait::until_readable(open.as_fd(), until) {
                Waited::Ready => {}
                Waited::Late => return Ok(None),
                Waited::Interrupted(raised) => return Err(Failure::Interrupted(raised)),
            }
        }
    }
}

#[pymethods]
impl EventStream {
    /// The next event, or `None` if none comes within `timeout` seconds.
    fn wait<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let until = wait::deadline(wait::duration(py, "timeout", timeout)?);
        let event = py.detach(|| self.next(until)).map_err(|failure| failure.raise(py, COMMAND))?;
        event.map(|event| Ok(pythonize(py, &event)?)).transpose()
    }

    /// The descriptor that becomes readable when something has come.
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        let events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fd = events.as_ref().map(|events| events.as_fd().as_raw_fd());
        fd.ok_or_else(|| Failure::Closed.raise(py, COMMAND))
    }

    /// Ends the stream, as soon as nobody waits for it.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<EventStream>()
}
