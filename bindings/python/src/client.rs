//! Connections to vmand, shared by threads: each call has one for itself.

use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pythonize::{depythonize, pythonize};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use vman_core::client::{Client as Connection, ClientError, IMAGE_PREFIX};
use vman_core::command::{ConsoleAttach, PartitionRecord, Paths, Target, VersionRecord};
use vman_core::id::PartitionId;
use vman_core::state::{Condition, Operation, PartitionState};
use vman_core::{Error, ErrorKind};

use crate::console::Console;
use crate::errors::{chain, exception};
use crate::events::EventStream;
use crate::wait::{self, SIGNALS_EVERY};

/// The kernel knows no time-out of nothing.
const SHORTEST: Duration = Duration::from_millis(1);

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

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Error(error.into())
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
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection that vmand has not closed meanwhile, or a new one.
    fn take(&self) -> Result<Connection, Failure> {
        loop {
            match self.pop()? {
                // vmand speaks only when it is asked: what can be read now is the end.
                Some(connection) if wait::is_readable(connection.as_fd()) => drop(connection),
                Some(connection) => return Ok(connection),
                None => return self.connect_for_calls(),
            }
        }
    }

    fn pop(&self) -> Result<Option<Connection>, Failure> {
        let (mut idle, process) = (self.idle(), std::process::id());
        if idle.process != process {
            idle.connections.clear();
            idle.process = process;
        }
        if idle.closed { Err(Failure::Closed) } else { Ok(idle.connections.pop()) }
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle();
        if !idle.closed {
            idle.connections.push(connection);
        }
    }

    fn connect(&self) -> Result<Connection, Failure> {
        Ok(Connection::connect(&self.socket)?)
    }

    fn connect_for_calls(&self) -> Result<Connection, Failure> {
        let mut connection = self.connect()?;
        connection.set_timeout(Some(self.slice()))?;
        Ok(connection)
    }

    /// For events or a console.
    fn own_connection(&self) -> Result<Connection, Failure> {
        if self.idle().closed { Err(Failure::Closed) } else { self.connect() }
    }

    /// How long a read waits before Python's signal handlers get their turn.
    fn slice(&self) -> Duration {
        self.timeout.unwrap_or(SIGNALS_EVERY).clamp(SHORTEST, SIGNALS_EVERY)
    }

    /// One call on a connection of its own. A connection without an answer is not used again.
    fn call_natively<R: DeserializeOwned>(&self, command: &str, args: &impl Serialize) -> Result<R, Failure> {
        let mut connection = self.take()?;
        let answer = self.exchange(&mut connection, command, args);
        if matches!(answer, Ok(_) | Err(Failure::Error(Error::Remote(_)))) {
            self.give_back(connection);
        }
        answer
    }

    fn exchange<R: DeserializeOwned>(
        &self,
        connection: &mut Connection,
        command: &str,
        args: &impl Serialize,
    ) -> Result<R, Failure> {
        let (until, mut raised) = (wait::deadline(self.timeout), None);
        let mut waiting = || {
            raised = Python::attach(|py| py.check_signals()).err();
            let late = until.is_some_and(|until| until <= Instant::now());
            if raised.is_some() || late { Err(ClientError::Timeout) } else { Ok(()) }
        };
        let answer = connection.call_patiently(command, args, &mut waiting);
        match raised {
            Some(error) => Err(Failure::Interrupted(error)),
            None => Ok(answer?),
        }
    }

    /// Brings the files of a `deploy` into vmand's store where it cannot read those of this machine.
    fn upload_files(&self, args: &mut Value) -> Result<(), Failure> {
        let mut connection = self.take()?;
        let version: VersionRecord =
            self.exchange(&mut connection, "query-version", &serde_json::Map::new())?;
        let is_remote = version.paths == Paths::Remote;
        for name in ["kernel", "dtb", "initrd"].into_iter().filter(|_| is_remote) {
            if let Some(Value::String(file)) = args.get_mut(name).filter(|file| is_path(file)) {
                *file = self.upload_natively(&mut connection, file.as_ref(), &mut |_, _| ())?;
            }
        }
        self.give_back(connection);
        Ok(())
    }

    fn upload_natively(
        &self,
        connection: &mut Connection,
        path: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<String, Failure> {
        // A piece of an image may take longer than signals should wait.
        connection.set_timeout(self.timeout.map(|timeout| timeout.max(SHORTEST)))?;
        let reference = connection.upload_with(path, progress)?;
        connection.set_timeout(Some(self.slice()))?;
        Ok(reference)
    }
}

/// The fields of `aivirt.partition.PartitionInfo` in their order.
type PartitionFields<'py> = (
    u32,
    &'static str,
    &'static str,
    Bound<'py, PyTuple>,
    u64,
    u64,
    bool,
    Option<String>,
    Option<String>,
    Option<u32>,
    Option<&'static str>,
    Option<String>,
);

fn fields<'py>(py: Python<'py>, record: PartitionRecord) -> PyResult<PartitionFields<'py>> {
    Ok((
        record.id.0,
        state_name(record.state),
        condition_name(record.condition),
        PyTuple::new(py, record.cores.iter().map(|core| core.0))?,
        record.memsize_mib,
        record.memory_base,
        record.secure,
        record.name,
        record.uuid.map(|uuid| uuid.to_string()),
        record.shared_with.map(|id| id.0),
        record.busy.map(Operation::name),
        record.fault.map(|fault| fault.reason),
    ))
}

const fn state_name(state: PartitionState) -> &'static str {
    match state {
        PartitionState::Ready => "READY",
        PartitionState::Deployed => "DEPLOYED",
        PartitionState::Suspended => "SUSPENDED",
    }
}

const fn condition_name(condition: Condition) -> &'static str {
    match condition {
        Condition::Running => "running",
        Condition::Faulted => "faulted",
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
        let idle = Idle { process: std::process::id(), ..Idle::default() };
        let client = Self { socket, timeout, idle: Mutex::new(idle) };
        let first = py.detach(|| client.connect_for_calls());
        client.give_back(first.map_err(|failure| failure.raise(py, "connect"))?);
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
        let answer = py.detach(|| self.call_natively::<Value>(command, &args));
        let answer = answer.map_err(|failure| failure.raise(py, command))?;
        Ok(pythonize(py, &answer)?)
    }

    /// `query-partition`, by far the most frequent command.
    fn query_partition<'py>(
        &self,
        py: Python<'py>,
        id: &Bound<'py, PyAny>,
    ) -> PyResult<PartitionFields<'py>> {
        const COMMAND: &str = "query-partition";
        let target = Target { id: partition_id(id, COMMAND)? };
        let record = py.detach(|| self.call_natively(COMMAND, &target));
        fields(py, record.map_err(|failure| failure.raise(py, COMMAND))?)
    }

    /// `deploy`; files are uploaded first where vmand is on another machine.
    fn deploy(&self, py: Python<'_>, args: &Bound<'_, PyDict>) -> PyResult<()> {
        let mut args = json(py, args, "deploy")?;
        let deployed = py.detach(|| {
            self.upload_files(&mut args)?;
            self.call_natively::<IgnoredAny>("deploy", &args).map(drop)
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
            let reference = self.upload_natively(&mut connection, &path, &mut tell)?;
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
    fn console(&self, py: Python<'_>, id: &Bound<'_, PyAny>, position: Option<u64>) -> PyResult<Console> {
        let args = ConsoleAttach { id: partition_id(id, "console-attach")?, position };
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

fn partition_id(id: &Bound<'_, PyAny>, command: &str) -> PyResult<PartitionId> {
    id.extract().map(PartitionId).map_err(|_| {
        let text = format!("Argument id: must be a whole number from 0 to {}, not {id}", u32::MAX);
        exception(id.py(), ErrorKind::InvalidArgument, &text, Some(command))
    })
}

fn json(py: Python<'_>, args: &Bound<'_, PyDict>, command: &str) -> PyResult<Value> {
    depythonize(args).map_err(|error| {
        let text = format!("Argument is no JSON value: {error}");
        exception(py, ErrorKind::InvalidArgument, &text, Some(command))
    })
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Client>()
}
