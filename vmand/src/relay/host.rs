//! The side on the host: asks the kernel who connects, tells the board the peer's role, carries the bytes.

use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, copy_bidirectional,
};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt as _, TokioAsyncReadCompatExt as _};
use vman_core::ErrorKind;
use vman_core::command::{ErrorReply, Role, encode_error};
use yamux::{Config, Connection, Mode, Stream};

use super::{Error, greeting, port};
use crate::access::{Access, Gate, Pass, Peer};
use crate::config::Limits;

/// How long to wait before the board is called again.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a peer that is turned away may take to read why.
const LAST_WRITE: Duration = Duration::from_millis(100);
/// How long vmand may take to answer `hello`; an emulated board on a loaded machine is slow.
const HELLO_LIMIT: Duration = Duration::from_secs(20);
/// The most that a reply to `hello` may have.
const HELLO_REPLY: u64 = 64 << 10;
/// Peers that wait for a stream to the board.
const WAITING: usize = 64;

/// What peers ask of the link.
enum Request {
    /// A stream to the board; dropped unanswered while there is no link.
    Open(oneshot::Sender<Stream>),
    /// The board took a stream and says nothing: the link is made anew.
    Renew,
}

/// Accepts peers and serves them, for ever.
pub async fn run(listener: UnixListener, access: Access, port: PathBuf) {
    let (requests, asked) = mpsc::channel(WAITING);
    tokio::spawn(keep_link(port, asked));
    let gate = Gate::new(&Limits::default());
    loop {
        match listener.accept().await {
            Ok((stream, _)) => welcome(stream, access, &gate, requests.clone()),
            Err(error) => {
                tracing::warn!(%error, "A connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn welcome(mut stream: UnixStream, access: Access, gate: &Arc<Gate>, requests: mpsc::Sender<Request>) {
    let admitted = admit(&stream, access, gate);
    tokio::spawn(async move {
        let served = match admitted {
            Ok((peer, _pass)) => serve(&mut stream, &peer, &requests).await,
            Err(rule) => Err(rule),
        };
        if let Err(rule) = served {
            let mut line = Vec::new();
            encode_error(&mut line, &rule, None);
            let _ = tokio::time::timeout(LAST_WRITE, stream.write_all(&line)).await;
        }
    });
}

fn admit(stream: &UnixStream, access: Access, gate: &Arc<Gate>) -> Result<(Peer, Pass), ErrorReply> {
    let unknown = |error: io::Error| {
        ErrorReply::new(ErrorKind::Internal, format!("Peer's credentials cannot be read: {error}"))
    };
    let peer = access.peer(stream).map_err(unknown)?;
    let pass = gate.admit(&peer).map_err(|rule| ErrorReply::new(ErrorKind::NoResources, rule))?;
    Ok((peer, pass))
}

/// Serves a peer to its end; an error is what it has to be told.
async fn serve(
    stream: &mut UnixStream,
    peer: &Peer,
    requests: &mpsc::Sender<Request>,
) -> Result<(), ErrorReply> {
    let away = |text: &str| ErrorReply::new(ErrorKind::Disconnected, text);
    let (ask, answer) = oneshot::channel();
    requests.send(Request::Open(ask)).await.map_err(|_| away("The relay stops"))?;
    let board = answer.await.map_err(|_| away("The board does not answer: it is off, or still boots"))?;
    let mut board = board.compat();
    match tokio::time::timeout(HELLO_LIMIT, hello(&mut board, peer.role)).await {
        Ok(greeted) => {
            greeted.map_err(|error| away(&format!("vmand on the board does not answer: {error}")))?
        }
        Err(_) => {
            // Without the link there is nothing to renew.
            let _ = requests.send(Request::Renew).await;
            return Err(away("The board does not answer in time"));
        }
    }
    if let Err(error) = copy_bidirectional(stream, &mut board).await {
        tracing::debug!(uid = peer.uid, %error, "A connection broke");
    }
    Ok(())
}

/// States the peer's role and waits until vmand has taken it.
async fn hello(board: &mut Compat<Stream>, role: Role) -> io::Result<()> {
    let mut line = serde_json::json!({ "command": "hello", "args": { "role": role } }).to_string();
    line.push('\n');
    board.write_all(line.as_bytes()).await?;
    board.flush().await?;
    let mut reply = Vec::new();
    while reply.last() != Some(&b'\n') {
        if reply.len() as u64 >= HELLO_REPLY {
            return Err(io::Error::other("Its reply has no end"));
        }
        reply.push(board.read_u8().await?);
    }
    let reply: serde_json::Value = serde_json::from_slice(&reply).map_err(io::Error::other)?;
    match reply.get("return") {
        Some(_) => Ok(()),
        None => Err(io::Error::other(format!("It refuses the relay: {reply}"))),
    }
}

/// Links to the board, again and again; whoever asks for a stream meanwhile is turned away.
async fn keep_link(port: PathBuf, mut asked: mpsc::Receiver<Request>) {
    loop {
        let linked = turning_away(&mut asked, link(&port)).await;
        let ended = match linked {
            Ok(port) => drive(port, &mut asked).await,
            Err(error) => error,
        };
        if matches!(ended, Error::Stopping) {
            return;
        }
        tracing::debug!(error = %crate::error::chain(&ended), "No link");
        turning_away(&mut asked, tokio::time::sleep(PAUSE)).await;
    }
}

async fn link(path: &Path) -> Result<BufReader<UnixStream>, Error> {
    let mut port = BufReader::new(port::open(path).await?);
    greeting::call(&mut port).await?;
    tracing::info!("Linked to the board");
    Ok(port)
}

async fn turning_away<T>(asked: &mut mpsc::Receiver<Request>, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            Some(request) = asked.recv() => drop(request),
        }
    }
}

/// Gives streams to those who ask, until the link ends.
async fn drive(port: impl AsyncRead + AsyncWrite + Unpin, asked: &mut mpsc::Receiver<Request>) -> Error {
    let mut connection = Connection::new(port.compat(), Config::default(), Mode::Client);
    let mut waiting: Option<oneshot::Sender<Stream>> = None;
    poll_fn(|cx| {
        loop {
            if waiting.is_none()
                && let Poll::Ready(request) = asked.poll_recv(cx)
            {
                match request {
                    Some(Request::Open(peer)) => waiting = Some(peer),
                    Some(Request::Renew) => return Poll::Ready(Error::Silent),
                    None => return Poll::Ready(Error::Stopping),
                }
            }
            if let Some(request) = waiting.take() {
                match connection.poll_new_outbound(cx) {
                    // A peer that has gone meanwhile needs none.
                    Poll::Ready(Ok(stream)) => drop(request.send(stream)),
                    Poll::Ready(Err(error)) => return Poll::Ready(error.into()),
                    Poll::Pending => waiting = Some(request),
                }
                if waiting.is_none() {
                    continue;
                }
            }
            match connection.poll_next_inbound(cx) {
                // The board opens no streams.
                Poll::Ready(Some(Ok(stream))) => drop(stream),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(error.into()),
                Poll::Ready(None) => {
                    return Poll::Ready(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}
