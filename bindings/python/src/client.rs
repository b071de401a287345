//! Connections to vmand, shared by threads: each call has one for itself.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use pythonize::{depythonize, pythonize};
use serde_json::Value;
use vman_core::client::{Client as Connection, ClientError, IMAGE_PREFIX};
use vman_core::command::{ConsoleAttach, Paths, VersionRecord};
use vman_core::id::PartitionId;
use vman_core::{Error, ErrorKind};

use crate::console::Console;
use crate::errors::{chain, exception};
use crate::events::EventStream;
use crate::wait::{self, Waited};

/// Connections to one vmand. A call takes an idle one or makes a new one, so that calls of several threads run at the
/// same time.
#[pyclass(frozen, module = "aivirt._aivirt")]
#[derive(Debug)]
pub(crate) struct Client {
    socket: PathBuf,
    timeout: Option<Duration>,
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    connections: Vec<Connection>,
    /// The process that made them: after a fork they belong to the parent.
    process: u32,
    closed: bool,
}

/// Why a call has no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the client or of vmand.
    Error(Error),
    /// A signal handler of Python raised.
    Interrupted(PyErr),
    /// The client was closed.
    Closed,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Failure {
    pub(crate) fn raise(self, py: Python<'_>, command: &str) -> PyErr {
        match self {
            Self::Error(error) => exception(py, error.kind(), &chain(&error), Some(command)),
            Self::Interrupted(raised) => raised,
            Self::Closed => exception(py, ErrorKind::Disconnected, "The client is closed", Some(command)),
        }
    }
}

impl Client {
    fn idle(&self) -> MutexGuard<'_, Idle> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if idle.process != process {
            idle.connections.clear();
            idle.process = process;
        }
        idle
    }

    /// An idle connection that vmand has not closed meanwhile, or a new one.
    fn take(&self) -> Result<Connection, Failure> {
        loop {
            let idle = {
                let mut idle = self.idle();
                if idle.closed {
                    return Err(Failure::Closed);
                }
                idle.connections.pop()
            };
            match idle {
                // vmand speaks only when it is asked: what can be read now is the end.
                Some(connection) if wait::is_readable(connection.as_fd()) => drop(connection),
                Some(connection) => return Ok(connection),
                None => return self.connect(),
            }
        }
    }

    fn connect(&self) -> Result<Connection, Failure> {
        Connection::connect(&self.socket).map_err(|error| Failure::Error(error.into()))
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle();
        if !idle.closed {
            idle.connections.push(connection);
        }
    }

    /// One call on a connection of its own. A connection without an answer is not used again.
    fn call_natively(&self, command: &str, args: &Value) -> Result<Value, Failure> {
        let mut connection = self.take()?;
        let answer = self.exchange(&mut connection, command, args);
        if matches!(answer, Ok(_) | Err(Failure::Error(Error::Remote(_)))) {
            self.give_back(connection);
        }
        answer
    }

    fn exchange(&self, connection: &mut Connection, command: &str, args: &Value) -> Result<Value, Failure> {
        let (until, mut raised) = (wait::deadline(self.timeout), None);
        let mut ready = |fd: BorrowedFd<'_>| match wait::until_readable(fd, until) {
            Waited::Ready => Ok(()),
            Waited::Late => Err(ClientError::Timeout),
            Waited::Interrupted(error) => {
                raised = Some(error);
                Err(ClientError::Timeout)
            }
        };
        let answer = connection.call_when_ready(command, args, &mut ready);
        match raised {
            Some(error) => Err(Failure::Interrupted(error)),
            None => Ok(answer?),
        }
    }

    /// Brings the files of a `deploy` into vmand's store where it cannot read those of this machine.
    fn upload_files(&self, args: &mut Value) -> Result<(), Failure> {
        let mut connection = self.take()?;
        let version =
            self.exchange(&mut connection, "query-version", &Value::Object(serde_json::Map::new()))?;
        let remote = serde_json::from_value::<VersionRecord>(version)
            .is_ok_and(|version| version.paths == Paths::Remote);
        for name in ["kernel", "dtb", "initrd"].into_iter().filter(|_| remote) {
            if let Some(Value::String(file)) = args.get_mut(name).filter(|file| is_path(file)) {
                *file = connection.upload(&*file)?;
            }
        }
        self.give_back(connection);
        Ok(())
    }

    fn own_connection(&self) -> Result<Connection, Failure> {
        if self.idle().closed {
            return Err(Failure::Closed);
        }
        self.connect()
    }
}

fn is_path(file: &Value) -> bool {
    file.as_str().is_some_and(|file| !file.starts_with(IMAGE_PREFIX))
}

#[pymethods]
impl Client {
    #[new]
    fn new(py: Python<'_>, socket: PathBuf, timeout: Option<f64>) -> PyResult<Self> {
        let timeout = wait::duration(py, "timeout", timeout)?;
        let client = Self { socket, timeout, idle: Mutex::default() };
        let first = py.detach(|| client.connect()).map_err(|failure| failure.raise(py, "connect"))?;
        client.give_back(first);
        Ok(client)
    }

    /// Gives a command and returns what vmand answers.
    fn call<'py>(
        &self,
        py: Python<'py>,
        command: &str,
        args: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let args = json(py, args, command)?;
        let answer = py.detach(|| self.call_natively(command, &args));
        let answer = answer.map_err(|failure| failure.raise(py, command))?;
        Ok(pythonize(py, &answer)?)
    }

    /// `deploy`; files are uploaded first where vmand is on another machine.
    fn deploy(&self, py: Python<'_>, args: &Bound<'_, PyDict>) -> PyResult<()> {
        let mut args = json(py, args, "deploy")?;
        let deployed = py.detach(|| {
            self.upload_files(&mut args)?;
            self.call_natively("deploy", &args).map(drop)
        });
        deployed.map_err(|failure| failure.raise(py, "deploy"))
    }

    /// Brings a file into vmand's store; `progress` is told bytes stored and bytes in all.
    fn upload(&self, py: Python<'_>, path: PathBuf, progress: Option<Py<PyAny>>) -> PyResult<String> {
        let mut raised = None;
        let mut tell = |stored: u64, size: u64| {
            let Some(progress) = progress.as_ref().filter(|_| raised.is_none()) else { return };
            raised = Python::attach(|py| progress.call1(py, (stored, size)).err());
        };
        let uploaded = py.detach(|| {
            let mut connection = self.take()?;
            let reference = connection.upload_with(&path, &mut tell)?;
            self.give_back(connection);
            Ok::<_, Failure>(reference)
        });
        match raised {
            Some(error) => Err(error),
            None => uploaded.map_err(|failure| failure.raise(py, "image-put")),
        }
    }

    /// A stream of events, on a connection of its own.
    fn events(&self, py: Python<'_>) -> PyResult<EventStream> {
        let events = py.detach(|| Ok::<_, Failure>(self.own_connection()?.subscribe()?));
        Ok(EventStream::new(events.map_err(|failure| failure.raise(py, "subscribe-events"))?))
    }

    /// A partition's console, on a connection of its own.
    fn console(&self, py: Python<'_>, id: u32, position: Option<u64>) -> PyResult<Console> {
        let args = ConsoleAttach { id: PartitionId(id), position };
        let console = py.detach(|| Ok::<_, Failure>(self.own_connection()?.attach(&args)?));
        Ok(Console::new(console.map_err(|failure| failure.raise(py, "console-attach"))?))
    }

    /// Closes the idle connections; calls under way end as they would.
    fn close(&self) {
        let mut idle = self.idle();
        idle.closed = true;
        idle.connections.clear();
    }

    #[getter]
    fn closed(&self) -> bool {
        self.idle().closed
    }

    #[getter]
    fn idle_connections(&self) -> usize {
        self.idle().connections.len()
    }
}

fn json(py: Python<'_>, args: &Bound<'_, PyDict>, command: &str) -> PyResult<Value> {
    depythonize(args).map_err(|error| {
        exception(
            py,
            ErrorKind::InvalidArgument,
            &format!("Argument is no JSON value: {error}"),
            Some(command),
        )
    })
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Client>()
}
