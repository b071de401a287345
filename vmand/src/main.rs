//! `vmand`: see the crate's documentation and `vmand --help`.

use std::process::ExitCode;

use clap::Parser as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use vman_core::device::ManagerDevice;
use vmand::args::Args;
use vmand::device::{self, Wanted};
use vmand::{Config, Error, Server, error, log, notify};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vmand: {}", error::chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let config = Args::parse().config()?;
    log::start(&config.log)?;
    match device::wanted(&config.device) {
        Wanted::Driver(path) => serve(&config, device::open_driver(path)?, false),
        #[cfg(feature = "sim")]
        Wanted::Simulator => serve(&config, device::make_simulator(&config.sim)?, false),
        #[cfg(not(feature = "sim"))]
        Wanted::Simulator => Err(Error::NoSimulator(config.device)),
        #[cfg(feature = "sim")]
        Wanted::RemoteSimulator(path) => serve(&config, device::connect_simulator(path)?, true),
        #[cfg(not(feature = "sim"))]
        Wanted::RemoteSimulator(_) => Err(Error::NoSimulator(config.device)),
    }
}

/// One thread serves every connection; commands that wait run on threads of their own.
fn serve<D: ManagerDevice + 'static>(config: &Config, device: D, queries_wait: bool) -> Result<(), Error>
where
    D::Partition: 'static,
    D::Events: 'static,
{
    announce(config, &device)?;
    raise_file_limit();
    let failed = |action| move |source| Error::System { action, source };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("Starting the event loop"))?;
    let outcome = runtime.block_on(async {
        let server = Server::bind(config, device, queries_wait)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed("Catching SIGTERM"))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed("Catching SIGINT"))?;
        notify::ready();
        tokio::spawn(notify::keep_alive());
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            notify::stopping();
        };
        server.run(stop).await;
        Ok(())
    });
    runtime.shutdown_background();
    outcome
}

/// Each connection takes a descriptor, and services start with a limit of 1,024.
fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::warn!(%error, "The limit of open files cannot be raised");
    }
}

fn announce(config: &Config, device: &impl ManagerDevice) -> Result<(), Error> {
    let name = || config.device.clone();
    let host = device.host().map_err(|source| Error::Device { name: name(), source })?;
    if host.simulated {
        tracing::warn!("The board is SIMULATED: no partition runs on this machine");
    }
    let (major, minor) = (host.firmware.major, host.firmware.minor);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        model = host.model,
        cpus = host.cpus.len(),
        firmware = format!("{major}.{minor}"),
        socket = %config.socket.display(),
        "vmand starts"
    );
    Ok(())
}
