//! A partition's console as vmand carries it.

use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vman_core::client::Console as Stream;
use vman_core::command::ConsoleChunk;

use crate::client::Failure;
use crate::wait::{self, Waited};

const COMMAND: &str = "console-attach";

/// An attached console.
#[pyclass(frozen, module = "aivirt._aivirt")]
#[derive(Debug)]
pub(crate) struct Console(Mutex<Option<Stream>>);

impl Console {
    pub(crate) fn new(stream: Stream) -> Self {
        Self(Mutex::new(Some(stream)))
    }

    fn stream(&self) -> MutexGuard<'_, Option<Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, until: Option<Instant>) -> Result<Option<ConsoleChunk>, Failure> {
        let mut stream = self.stream();
        loop {
            let open = stream.as_mut().ok_or(Failure::Closed)?;
            if let Some(chunk) = open.try_next()? {
                return Ok(Some(chunk));
            }
            match wait::until_readable(open.as_fd(), until) {
                Waited::Ready => {}
                Waited::Late => return Ok(None),
                Waited::Interrupted(raised) => return Err(Failure::Interrupted(raised)),
            }
        }
    }
}

/// Position of the first byte, the bytes, and the position behind the last byte printed.
type Piece<'py> = (u64, Bound<'py, PyBytes>, u64);

#[pymethods]
impl Console {
    /// The next piece, or `None` if none comes within `timeout` seconds.
    fn read<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Option<Piece<'py>>> {
        let until = wait::deadline(wait::duration(py, "timeout", timeout)?);
        let chunk = py.detach(|| self.next(until)).map_err(|failure| failure.raise(py, COMMAND))?;
        Ok(chunk.map(|chunk| (chunk.position, PyBytes::new(py, &chunk.data), chunk.end)))
    }

    /// Types `data`.
    fn write(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        let sent = py.detach(|| {
            let mut stream = self.stream();
            Ok(stream.as_mut().ok_or(Failure::Closed)?.send(data)?)
        });
        sent.map_err(|failure: Failure| failure.raise(py, COMMAND))
    }

    /// The descriptor that becomes readable when something has come.
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        let fd = self.stream().as_ref().map(|stream| stream.as_fd().as_raw_fd());
        fd.ok_or_else(|| Failure::Closed.raise(py, COMMAND))
    }

    /// Detaches, as soon as nobody waits for it.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.stream().take());
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Console>()
}
