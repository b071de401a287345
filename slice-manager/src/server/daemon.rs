//! The server as a process.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::access::{TokenDigest, new_token};
use super::config::{Config, ConfigError};
use super::engine::{self, Backends, StartError};
use super::http::App;
use super::seal::{Seal, SealError};
use super::store::{Store, StoreError};
use crate::api::ComputeType;
use crate::backend::{BackendError, Cgroup, Fake};

/// Requests may take so long to end when the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store.
    #[error("The store {path} cannot be used: {source}")]
    Store {
        /// Its file.
        path: String,
        /// Why.
        source: StoreError,
    },
    /// The key of secrets.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The engine.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Control groups.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A file, or the address.
    #[error("{what}: {source}")]
    Io {
        /// What was done.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
}

/// Runs until SIGTERM or SIGINT. `ready` is told the address.
///
/// # Errors
/// See [`DaemonError`].
pub async fn run(config: &Config, ready: impl FnOnce(std::net::SocketAddr)) -> Result<(), DaemonError> {
    config.check()?;
    let failed = |what: String| move |source| DaemonError::Io { what, source };
    let state = config.state.as_path();
    let mut folder = fs::DirBuilder::new();
    folder
        .recursive(true)
        .mode(0o700)
        .create(state)
        .map_err(failed(format!("Cannot make {}", state.display())))?;
    let operator = match config.open {
        true => None,
        false => {
            let path = state.join("operator.token");
            Some(operator_token(&path).map_err(failed(format!("The operator's token {}", path.display())))?)
        }
    };
    let path = state.join("store.sqlite");
    let store = Store::open(&path)
        .map_err(|source| DaemonError::Store { path: path.display().to_string(), source })?;
    let seal = Seal::open(&state.join("secrets.key"))?;
    let engine = engine::start(store, seal, backends(config)?)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(failed(format!("Cannot listen on {}", config.listen)))?;
    ready(listener.local_addr().map_err(failed("The address".into()))?);
    let (stop, stopping) = watch::channel(false);
    let app =
        App::new(engine.clone(), operator, Duration::from_secs(config.request_timeout_s), stopping.clone());
    tokio::spawn(async move {
        signalled().await;
        stop.send_replace(true);
    });
    let served = axum::serve(listener, app.router()).with_graceful_shutdown(stopped(stopping.clone()));
    let grace = async {
        stopped(stopping).await;
        tokio::time::sleep(GRACE).await;
    };
    let result = tokio::select! {
        served = served => served.map_err(failed("Serving".into())),
        () = grace => Ok(()),
    };
    engine.stop();
    result
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error means that nobody can say stop any more, which is a stop as well.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        }
        // Without handlers the signals end the process by themselves.
        _ => std::future::pending().await,
    }
}

fn backends(config: &Config) -> Result<Backends, BackendError> {
    let mut backends: Backends = vec![(ComputeType::Fake, Box::new(Fake))];
    if let Some(cgroup) = &config.cgroup {
        backends.push((ComputeType::Cgroup, Box::new(Cgroup::open(&cgroup.mount, &cgroup.root)?)));
    }
    Ok(backends)
}

/// The digest of the token in a file that only its owner reads; made if it is not there.
fn operator_token(path: &Path) -> io::Result<TokenDigest> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().len() < 16 => Err(io::Error::other("a token has at least 16 characters")),
        Ok(text) => Ok(TokenDigest::of(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let token = new_token().map_err(io::Error::other)?;
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            writeln!(file, "{token}")?;
            file.sync_all()?;
            Ok(TokenDigest::of(&token))
        }
        Err(error) => Err(error),
    }
}
