//! The daemon's thread.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use pyo3::prelude::*;
use tokio::sync::oneshot;
use vman_core::ErrorKind;
use vman_core::id::ByteSize;
use vman_sim::{SimConfig, SimDevice};
use vmand::{Config, Server};

use crate::errors::{chain, exception, invalid, of_kind};

/// A running board with its daemon.
#[pyclass(frozen, module = "aivirt._aivirt")]
#[derive(Debug)]
pub(crate) struct SimBoard {
    device: SimDevice,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<Stop>,
    thread: JoinHandle<()>,
}

/// How the daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// Commands that run may finish.
    InOrder,
    /// As if the process were killed.
    AtOnce,
}

#[pymethods]
impl SimBoard {
    #[new]
    fn new(
        py: Python<'_>,
        cpus: u16,
        management_cpus: u16,
        memory_mib: u64,
        secure_memory_mib: u64,
        management_memory_mib: u64,
    ) -> PyResult<Self> {
        let mib = |mib| ByteSize::from_mib(mib).ok_or_else(|| invalid(py, "Memory is beyond 64 bits"));
        let config = SimConfig {
            cpus,
            management_cpus,
            memory: mib(memory_mib)?,
            secure_memory: mib(secure_memory_mib)?,
            management_memory: mib(management_memory_mib)?,
            ..SimConfig::default()
        };
        let device =
            SimDevice::new(config).map_err(|error| of_kind(py, ErrorKind::InvalidArgument, &error))?;
        Ok(Self { device, running: Mutex::new(None) })
    }

    /// Starts a daemon on the board; partitions of an earlier one are still there.
    fn serve(
        &self,
        py: Python<'_>,
        socket: PathBuf,
        image_dirs: Vec<PathBuf>,
        image_store: PathBuf,
    ) -> PyResult<()> {
        let mut config = Config { socket, image_dirs, ..Config::default() };
        config.images.directory = Some(image_store);
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            return Err(exception(py, ErrorKind::InvalidState, "The board's daemon runs already", None));
        }
        *running = Some(
            py.detach(|| start(config, self.device.clone()))
                .map_err(|error| exception(py, ErrorKind::Internal, &error, None))?,
        );
        Ok(())
    }

    /// Stops the daemon, in order or as if it were killed; the board and its partitions stay.
    fn stop(&self, py: Python<'_>, in_order: bool) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { stop, thread }) = running else { return };
        py.detach(|| {
            // A daemon that has ended by itself takes no message, and a thread that panicked has ended too.
            let _ = stop.send(if in_order { Stop::InOrder } else { Stop::AtOnce });
            let _ = thread.join();
        });
    }

    /// Takes the whole device away: every operation answers Disconnected from now on.
    fn unplug(&self, py: Python<'_>) {
        py.detach(|| self.device.unplug());
    }

    #[getter]
    fn serving(&self) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// Starts the daemon's thread and waits until it listens.
fn start(config: Config, device: SimDevice) -> Result<Running, String> {
    let (stop, stopped) = oneshot::channel();
    let (ready, listening) = mpsc::channel();
    let thread = thread::Builder::new()
        .name("aivirt-board".into())
        .spawn(move || serve(&config, device, stopped, &ready))
        .map_err(|error| chain(&error))?;
    match listening.recv() {
        Ok(Ok(())) => Ok(Running { stop, thread }),
        Ok(Err(error)) => Err(error),
        Err(mpsc::RecvError) => Err("The board's daemon ended before it listened".into()),
    }
}

fn serve(
    config: &Config,
    device: SimDevice,
    stopped: oneshot::Receiver<Stop>,
    ready: &mpsc::Sender<Result<(), String>>,
) {
    // Whoever waits for the answer is gone only when its thread is.
    let tell = |result| drop(ready.send(result));
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tell(Err(chain(&error))),
    };
    runtime.block_on(async {
        let server = match Server::bind(config, device, false) {
            Ok(server) => server,
            Err(error) => return tell(Err(chain(&error))),
        };
        tell(Ok(()));
        let (in_order, asked) = oneshot::channel();
        let daemon = server.run(async {
            let _ = asked.await;
        });
        tokio::pin!(daemon);
        tokio::select! {
            how = stopped => if how == Ok(Stop::InOrder) {
                let _ = in_order.send(());
                daemon.await;
            },
            () = &mut daemon => {}
        }
    });
    runtime.shutdown_background();
}
