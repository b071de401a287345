//! The daemon: listens, lets peers in, stops in order.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use vman_core::ErrorKind;
use vman_core::command::{ErrorReply, encode_error};
use vman_core::device::ManagerDevice;

use crate::Error;
use crate::access::{Access, Pass, Peer};
use crate::config::{Config, Images};
use crate::listener::{Socket, handed_over};
use crate::session::{Origin, Session};
use crate::shared::Shared;
use crate::store::ImageStore;

/// The relay's socket is for root alone.
const RELAY_MODE: u32 = 0o600;
/// After an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A daemon that listens.
#[derive(Debug)]
pub struct Server<D> {
    shared: Arc<Shared<D>>,
    main: UnixListener,
    relay: Option<UnixListener>,
    stop_timeout: Duration,
    /// Removed when the server is dropped.
    _sockets: Vec<Socket>,
}

impl<D: ManagerDevice + 'static> Server<D>
where
    D::Partition: 'static,
    D::Events: 'static,
{
    /// Opens the sockets and the image store. `queries_wait`: the device is another process, so that even a query
    /// may wait for it. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`Error`].
    pub fn bind(config: &Config, device: D, queries_wait: bool) -> Result<Self, Error> {
        let access = Access::new(&config.group);
        let mut sockets = Vec::new();
        let main = match handed_over()? {
            Some(listener) => listener,
            None => keep(&mut sockets, Socket::listen(&config.socket, config.socket_mode, access.group())?),
        };
        let relay = match &config.relay_socket {
            Some(path) => Some(register(keep(&mut sockets, Socket::listen(path, RELAY_MODE, None)?))?),
            None => None,
        };
        let shared = Shared::new(config, device, access, open_store(&config.images)?, queries_wait);
        let stop_timeout = config.limits.stop_timeout();
        Ok(Self { shared, main: register(main)?, relay, stop_timeout, _sockets: sockets })
    }

    /// Serves until `stop` is ready; then commands that run may finish within the configured time.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let (stopping, stopped) = watch::channel(false);
        let (alive, mut all_gone) = mpsc::channel::<()>(1);
        tokio::pin!(stop);
        loop {
            let (accepted, origin) = tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = self.main.accept() => (accepted, Origin::Local),
                accepted = accept(self.relay.as_ref()) => (accepted, Origin::Relay),
            };
            match accepted {
                Ok((stream, _)) => self.welcome(stream, origin, &stopped, &alive),
                Err(error) => {
                    tracing::warn!(%error, "A connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        tracing::info!("Stopping");
        drop(alive);
        stopping.send_replace(true);
        if tokio::time::timeout(self.stop_timeout, all_gone.recv()).await.is_err() {
            tracing::warn!("Commands still run after {:?}: leaving them", self.stop_timeout);
        }
    }

    fn welcome(
        &self,
        stream: UnixStream,
        origin: Origin,
        stopped: &watch::Receiver<bool>,
        alive: &mpsc::Sender<()>,
    ) {
        let alive = alive.clone();
        match self.admit(&stream) {
            Ok((peer, pass)) => {
                let session =
                    Session::new(Arc::clone(&self.shared), stream, peer, origin, pass, stopped.clone());
                tokio::spawn(async move {
                    session.run().await;
                    drop(alive);
                });
            }
            Err(rule) => turn_away(stream, &rule),
        }
    }

    fn admit(&self, stream: &UnixStream) -> Result<(Peer, Pass), ErrorReply> {
        let unknown = |error: io::Error| {
            ErrorReply::new(ErrorKind::Internal, format!("Peer's credentials cannot be read: {error}"))
        };
        let peer = self.shared.access.peer(stream).map_err(unknown)?;
        let full = |rule| ErrorReply::new(ErrorKind::NoResources, rule);
        let pass = self.shared.gate.admit(&peer).map_err(full)?;
        Ok((peer, pass))
    }
}

/// A fresh socket takes one line without waiting.
fn turn_away(mut stream: UnixStream, rule: &ErrorReply) {
    tracing::debug!("Turned away: {}", rule.desc);
    let mut line = Vec::new();
    encode_error(&mut line, rule, None);
    tokio::spawn(async move {
        let _ = tokio::time::timeout(ACCEPT_PAUSE, stream.write_all(&line)).await;
    });
}

fn keep<L>(sockets: &mut Vec<Socket>, (listener, socket): (L, Socket)) -> L {
    sockets.push(socket);
    listener
}

async fn accept(listener: Option<&UnixListener>) -> io::Result<(UnixStream, tokio::net::unix::SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

fn register(listener: std::os::unix::net::UnixListener) -> Result<UnixListener, Error> {
    let failed = |source| Error::System { action: "Registering the socket", source };
    listener.set_nonblocking(true).map_err(failed)?;
    UnixListener::from_std(listener).map_err(failed)
}

/// A directory that was asked for must work; the default one may be missing, for example without root.
fn open_store(images: &Images) -> Result<Option<ImageStore>, Error> {
    let path = images.directory.clone().unwrap_or_else(|| Images::DEFAULT_DIRECTORY.into());
    match ImageStore::open(&path, images) {
        Ok(store) => Ok(Some(store)),
        Err(source) if images.directory.is_some() => Err(Error::Store { path, source }),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "No image store: uploads will be refused");
            Ok(None)
        }
    }
}
