//! The program as a client of the daemon.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use deadline_monitor::serve::api::Problem;
use deadline_monitor::serve::config::DEFAULT_SOCKET;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::Result;

/// Where the daemon is, and how its answers are shown.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DaemonArgs {
    /// The daemon's socket; by default $DEADLINE_MONITOR_SOCKET, or the usual one.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Print JSON, as the daemon answers it.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Names the daemon's socket in the environment.
const SOCKET_VARIABLE: &str = "DEADLINE_MONITOR_SOCKET";
/// The daemon answers within this.
const TIMEOUT: Duration = Duration::from_secs(30);

impl DaemonArgs {
    fn named(&self) -> Option<PathBuf> {
        self.socket.clone().or_else(|| env::var_os(SOCKET_VARIABLE).map(PathBuf::from))
    }

    /// The daemon, which must be there.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.named().unwrap_or_else(|| DEFAULT_SOCKET.into()))
    }

    /// The daemon if one was named, or if the usual one is there.
    pub(crate) fn client_if_any(&self) -> Option<Client> {
        let usual = Path::new(DEFAULT_SOCKET);
        let there = || std::os::unix::net::UnixStream::connect(usual).is_ok().then(|| usual.to_owned());
        self.named().or_else(there).map(|path| Client::new(&path))
    }
}

/// A way to the daemon; each request has a connection of its own.
#[derive(Debug)]
pub(crate) struct Client {
    socket: PathBuf,
}

/// The daemon cannot be asked, or refuses.
#[derive(Debug, thiserror::Error)]
enum ClientError {
    #[error("No daemon answers at {}; start one with `deadline-monitor serve`", path.display())]
    Connect {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{0}")]
    Refused(String),
    #[error("The daemon does not answer within {TIMEOUT:?}")]
    Timeout,
    #[error("The daemon's answer cannot be understood")]
    Answer(#[source] Box<dyn Error>),
}

impl Client {
    pub(crate) fn new(socket: &Path) -> Client {
        Client { socket: socket.into() }
    }

    /// Asks for something.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.answered(Method::GET, path, Vec::new())
    }

    /// Sends something and reads the answer.
    pub(crate) fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        self.answered(method, path, serde_json::to_vec(body)?)
    }

    /// Deletes something.
    pub(crate) fn delete(&self, path: &str) -> Result<()> {
        self.exchange(Method::DELETE, path, Vec::new()).map(drop)
    }

    fn answered<T: DeserializeOwned>(&self, method: Method, path: &str, body: Vec<u8>) -> Result<T> {
        let bytes = self.exchange(method, path, body)?;
        Ok(serde_json::from_slice(&bytes).map_err(|error| ClientError::Answer(error.into()))?)
    }

    fn exchange(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Bytes> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let exchanged = tokio::time::timeout(TIMEOUT, self.over_socket(method, path, body)).await;
            exchanged.map_err(|_| ClientError::Timeout)?
        })
    }

    async fn over_socket(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Bytes> {
        let failed = |source| ClientError::Connect { path: self.socket.clone(), source };
        let stream = UnixStream::connect(&self.socket).await.map_err(failed)?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let bytes = answer.into_body().collect().await?.to_bytes();
        if status.is_success() {
            return Ok(bytes);
        }
        let problem = serde_json::from_slice::<Problem>(&bytes);
        Err(ClientError::Refused(problem.map_or_else(|_| status.to_string(), |problem| problem.detail))
            .into())
    }
}
