//! From a connection to requests.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::gate::{Gate, Place};
use super::peer::Admins;
use crate::serve::config::Limits;
use crate::serve::http::Origin;

/// A client has so long for the head of a request, also between two of them.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// A client has so long for the TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest head of a request.
const HEAD_BYTES: usize = 32 << 10;
/// After a failed accept, for instance for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// What all connections share.
#[derive(Debug, Clone)]
pub(in crate::serve) struct Connections {
    router: Router,
    gate: Arc<Gate>,
    stopping: watch::Receiver<bool>,
    /// Dropped with the last connection.
    _alive: mpsc::Sender<()>,
}

impl Connections {
    /// The second part ends when all connections have.
    pub(in crate::serve) fn new(
        router: Router,
        limits: &Limits,
        stopping: watch::Receiver<bool>,
    ) -> (Connections, mpsc::Receiver<()>) {
        let (alive, all_gone) = mpsc::channel(1);
        (Connections { router, gate: Gate::new(limits), stopping, _alive: alive }, all_gone)
    }

    /// Serves one connection to its end.
    async fn serve<T: AsyncRead + AsyncWrite + Unpin>(mut self, stream: T, origin: Origin, place: Place) {
        let router = self.router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(origin);
            router.clone().oneshot(request)
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped(&mut self.stopping) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "A connection ended early");
        }
        drop(place);
    }
}

/// Waits until the daemon stops.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that it has stopped already.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Takes connections from the Unix socket for ever.
pub(in crate::serve) async fn accept_unix(listener: UnixListener, admins: Admins, connections: Connections) {
    loop {
        let Some(stream) = taken(listener.accept().await).await else { continue };
        let owner = match admins.owner(&stream) {
            Ok(owner) => owner,
            Err(error) => {
                tracing::warn!(%error, "A peer's credentials cannot be read");
                continue;
            }
        };
        let Some(place) = connections.gate.enter((!owner.privileged).then_some(owner.uid)) else {
            tracing::warn!(uid = owner.uid, "Too many connections");
            continue;
        };
        tokio::spawn(connections.clone().serve(stream, Origin::Local(owner), place));
    }
}

/// Takes connections from a TCP address for ever.
pub(in crate::serve) async fn accept_tcp(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    connections: Connections,
) {
    let loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    loop {
        let Some(stream) = taken(listener.accept().await).await else { continue };
        let Some(place) = connections.gate.enter(None) else {
            tracing::warn!("Too many connections");
            continue;
        };
        let (connections, origin) = (connections.clone(), Origin::Network { loopback });
        match tls.clone() {
            None => drop(tokio::spawn(connections.serve(stream, origin, place))),
            Some(tls) => drop(tokio::spawn(async move {
                match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
                    Ok(Ok(stream)) => connections.serve(stream, origin, place).await,
                    Ok(Err(error)) => tracing::debug!(%error, "A TLS handshake failed"),
                    Err(_) => tracing::debug!("A TLS handshake took too long"),
                }
            })),
        }
    }
}

async fn taken<T, A>(accepted: io::Result<(T, A)>) -> Option<T> {
    match accepted {
        Ok((stream, _)) => Some(stream),
        Err(error) => {
            tracing::warn!(%error, "A connection cannot be accepted");
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}
