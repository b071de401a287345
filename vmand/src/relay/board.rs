//! The side in the management partition: one connection to vmand for each that the host opens.

use std::future::poll_fn;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, BufReader, copy_bidirectional};
use tokio::net::UnixStream;
use tokio_util::compat::{FuturesAsyncReadCompatExt as _, TokioAsyncReadCompatExt as _};
use yamux::{Config, Connection, Mode, Stream};

use super::{Error, greeting, port};

/// How long to wait before the port is opened again.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves hosts one after another, for ever. A port without a host reads as ended.
pub async fn run(port: &Path, vmand: &Path) {
    loop {
        let ended = match port::open(port).await {
            Ok(port) => serve_on(&mut BufReader::new(port), vmand).await,
            Err(error) => error,
        };
        tracing::debug!(error = %crate::error::chain(&ended), "No link");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Serves on one port until it breaks. Sides that lost each other greet again: a device cannot be opened twice.
async fn serve_on(port: &mut (impl AsyncRead + AsyncWrite + Unpin), vmand: &Path) -> Error {
    loop {
        match serve(port, vmand).await {
            Ok(()) | Err(Error::Lost(yamux::ConnectionError::Decode(_))) => tracing::debug!("Greeting again"),
            Err(error) => return error,
        }
    }
}

/// Serves one host until the link ends.
///
/// # Errors
/// Why it ended.
async fn serve(port: &mut (impl AsyncRead + AsyncWrite + Unpin), vmand: &Path) -> Result<(), Error> {
    greeting::answer(port).await?;
    tracing::info!("Linked to the host");
    let mut connection = Connection::new(port.compat(), Config::default(), Mode::Server);
    while let Some(stream) = poll_fn(|cx| connection.poll_next_inbound(cx)).await {
        let stream = stream?;
        let vmand = vmand.to_owned();
        tokio::spawn(async move {
            if let Err(error) = carry(stream, &vmand).await {
                tracing::debug!(%error, "A connection broke");
            }
        });
    }
    Ok(())
}

async fn carry(stream: Stream, vmand: &Path) -> std::io::Result<()> {
    let mut peer = UnixStream::connect(vmand).await?;
    copy_bidirectional(&mut stream.compat(), &mut peer).await.map(drop)
}
