//! The daemon from its start to its end.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::api::Failure;
use super::config::{Config, ConfigError, OnStop};
use super::engine::{Engine, EngineHandle, Survey, SystemClocks};
use super::http::{App, Token};
use super::listen::{
    Admins, Connections, Socket, SocketError, TlsError, accept_tcp, accept_unix, handed_over, tls_server,
};
use super::{log, notify};
use crate::account::SchedStat;
use crate::machine::{Machine, online_cpus};
use crate::sched::{Claiming, LinuxScheduler};
use crate::state::{self, Journal};

/// Why the daemon does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration.
    #[error("The configuration is wrong")]
    Config(#[from] ConfigError),
    /// The log's filter.
    #[error("log.filter \"{filter}\" cannot be used: {reason}")]
    Log {
        /// The filter.
        filter: String,
        /// Why.
        reason: String,
    },
    /// The token.
    #[error("The token in {} cannot be used: {reason}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// Why; never the token.
        reason: String,
    },
    /// The socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The state file.
    #[error(transparent)]
    State(#[from] state::Error),
    /// What the state file says cannot be done.
    #[error("The last run cannot be gone on with: {}", .0.detail)]
    Resume(Failure),
    /// A TCP address.
    #[error("Cannot listen at {address}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The system.
    #[error("The system refuses")]
    System(#[from] io::Error),
    /// A defect.
    #[error("The sampler has ended by itself")]
    SamplerEnded,
}

/// Connections have so long to end.
const LAST_ANSWERS: Duration = Duration::from_secs(3);
/// Descriptors for everything that is neither a connection nor a thread that is monitored.
const OTHER_FILES: usize = 64;
/// How often it is looked whether the sampler lives.
const LOOK: Duration = Duration::from_millis(500);
const PROCFS: &str = "/proc";

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// [`Error`].
pub fn run(mut config: Config) -> Result<(), Error> {
    config.check()?;
    log::start(&config.log)?;
    let token = token(&config)?;
    let tls = tls(&config)?;
    config.limits.files = files_for_threads(config.limits.connections);
    // Whoever has the state file is the daemon; two sockets would not hinder each other.
    let (journal, loaded) = Journal::open(&config.state_file(), Path::new(PROCFS))?;
    let (listener, socket) = socket(&config)?;
    let (limits, recovery) = (config.limits.clone(), config.recovery);
    let make = move || {
        let accounting = SchedStat::new(PROCFS).with_files_at_most(limits.kept_files());
        let mut engine = Engine::new(
            machine(),
            limits,
            recovery,
            journal,
            (Claiming::new(LinuxScheduler), accounting, SystemClocks),
        );
        engine.resume(&loaded).map_err(Error::Resume)?;
        Ok::<_, Error>(engine)
    };
    let keep = recovery.on_stop == OnStop::Keep;
    let (engine, sampler) = EngineHandle::start(keep, make)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(serve(&config, listener, (token, tls), engine, &sampler));
    end(runtime, sampler);
    drop(socket);
    outcome
}

fn machine() -> Machine {
    let cpus = online_cpus().len().max(1);
    Machine::read(Path::new(PROCFS), u64::try_from(cpus).unwrap_or(u64::MAX))
}

/// What still holds on to the sampler goes; then it gives everything back and ends.
fn end(runtime: Runtime, sampler: JoinHandle<()>) {
    runtime.shutdown_timeout(LAST_ANSWERS);
    if sampler.join().is_err() {
        tracing::error!("The sampler has failed");
    }
    tracing::info!("deadline-monitor has stopped");
}

async fn serve(
    config: &Config,
    listener: std::os::unix::net::UnixListener,
    (token, tls): (Option<Token>, Option<TlsAcceptor>),
    engine: EngineHandle,
    sampler: &JoinHandle<()>,
) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, stopping) = watch::channel(false);
    let survey = || Survey::take(Path::new(PROCFS));
    let app = App::new(engine.clone(), survey, token, config.limits.clone(), stopping.clone());
    let (connections, mut all_gone) = Connections::new(app.router(), &config.limits, stopping);
    listener.set_nonblocking(true)?;
    let admins = Admins::new(config.admin_group.as_deref());
    let mut accepting =
        vec![tokio::spawn(accept_unix(UnixListener::from_std(listener)?, admins, connections.clone()))];
    if let Some(tcp) = &config.tcp {
        let failed = |source| Error::Listen { address: tcp.listen, source };
        let listener = TcpListener::bind(tcp.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        tracing::info!(%address, tls = tls.is_some(), "Listening");
        accepting.push(tokio::spawn(accept_tcp(listener, tls, connections.clone())));
    }
    drop(connections);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), socket = %config.socket.display(), "deadline-monitor serves");
    notify::ready();
    let watchdog = engine.clone();
    let outcome = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        () = ended(sampler) => Err(Error::SamplerEnded),
        () = notify::keep_alive(move || { let engine = watchdog.clone(); async move { engine.ask(|_| ()).await.is_ok() } }) => Ok(()),
    };
    notify::stopping();
    tracing::info!("deadline-monitor stops");
    stop.send_replace(true);
    for task in &accepting {
        task.abort();
    }
    drop(accepting);
    // Requests that are under way get their answers.
    let _ = tokio::time::timeout(LAST_ANSWERS, all_gone.recv()).await;
    outcome
}

async fn ended(sampler: &JoinHandle<()>) {
    while !sampler.is_finished() {
        tokio::time::sleep(LOOK).await;
    }
}

/// Takes systemd's socket, or makes one.
fn socket(config: &Config) -> Result<(std::os::unix::net::UnixListener, Option<Socket>), Error> {
    if let Some(listener) = handed_over()? {
        return Ok((listener, None));
    }
    let (listener, socket) = Socket::listen(&config.socket, config.socket_mode, config.group.as_deref())?;
    Ok((listener, Some(socket)))
}

fn token(config: &Config) -> Result<Option<Token>, Error> {
    let Some(path) = config.tcp.as_ref().and_then(|tcp| tcp.token_file.as_deref()) else { return Ok(None) };
    let wrong = |reason: String| Error::Token { path: path.into(), reason };
    let mode = fs::metadata(path).map_err(|error| wrong(error.to_string()))?.mode();
    if mode & 0o007 != 0 {
        return Err(wrong("everybody may read it; chmod o= it".to_owned()));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    Token::new(&text).map(Some).map_err(|failure| wrong(failure.detail))
}

fn tls(config: &Config) -> Result<Option<TlsAcceptor>, Error> {
    let files = config.tcp.as_ref().and_then(|tcp| tcp.certificate.as_deref().zip(tcp.key.as_deref()));
    Ok(files.map(|(certificate, key)| tls_server(certificate, key)).transpose()?)
}

/// Raises the limit of open files as far as it goes; what connections do not need is for threads.
fn files_for_threads(connections: usize) -> usize {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, most)| {
        setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
        Ok(most)
    });
    let limit = raised.or_else(|_| getrlimit(Resource::RLIMIT_NOFILE).map(|(soft, _)| soft)).unwrap_or(1_024);
    usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(connections + OTHER_FILES)
}
