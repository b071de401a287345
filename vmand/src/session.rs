//! One connection: requests are answered in order, and many may wait in the pipe.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::UnixStream;
use tokio::sync::watch;
use vman_core::ErrorKind;
use vman_core::command::{
    CodecError, Command, ConsoleAttach, ErrorReply, Incoming, Paths, Reply, Role, encode_error, encode_return,
};
use vman_core::device::ManagerDevice;

use crate::access::{Pass, Peer, may};
use crate::audit::Entry;
use crate::lines::{Line, Lines};
use crate::shared::{Caller, Shared};

/// Replies are written together, but not more than this at a time.
pub(crate) const WRITE: usize = 64 << 10;
/// How long a peer may take to read its last reply when vmand stops.
const LAST_WRITE: Duration = Duration::from_millis(500);
/// The most that is read at once.
const READ: usize = 16 << 10;
/// After so many requests in a row a connection lets the others have a turn.
const TURN: u32 = 128;

/// How a peer came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Over the socket for everybody; the kernel says who it is.
    Local,
    /// Over the relay's socket; the relay says who it is.
    Relay,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Session<D> {
    pub(crate) shared: Arc<Shared<D>>,
    pub(crate) stream: UnixStream,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) input: Lines,
    pub(crate) output: Vec<u8>,
    peer: Peer,
    pub(crate) caller: Caller,
    origin: Origin,
    /// None until a relay has said hello.
    role: Option<Role>,
    denial_logged: bool,
    _pass: Pass,
}

/// What a line leads to.
enum Step {
    /// Its reply is in the output.
    Answered,
    /// It has to be carried out aside.
    Aside(Command, Option<Box<RawValue>>),
    /// The connection turns into a stream of events.
    Events(Option<Box<RawValue>>),
    /// The connection turns into a console.
    Console(ConsoleAttach, Option<Box<RawValue>>),
}

impl<D: ManagerDevice + 'static> Session<D>
where
    D::Events: 'static,
{
    pub(crate) fn new(
        shared: Arc<Shared<D>>,
        stream: UnixStream,
        peer: Peer,
        origin: Origin,
        pass: Pass,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let caller = match origin {
            Origin::Local => Caller { root: !peer.confined, paths: Paths::Local },
            Origin::Relay => Caller { root: false, paths: Paths::Remote },
        };
        let role = (origin == Origin::Local).then_some(peer.role);
        Self {
            shared,
            stream,
            stop,
            input: Lines::default(),
            output: Vec::new(),
            caller,
            peer,
            origin,
            role,
            denial_logged: false,
            _pass: pass,
        }
    }

    /// Serves the connection until the peer closes it or vmand stops.
    pub(crate) async fn run(mut self) {
        let (uid, pid) = (self.peer.uid, self.peer.pid);
        tracing::debug!(uid, pid, "Connected");
        match self.serve().await {
            Ok(()) => tracing::debug!(uid, pid, "Disconnected"),
            Err(error) => tracing::debug!(uid, pid, %error, "Connection broke"),
        }
    }

    async fn serve(&mut self) -> io::Result<()> {
        while self.receive().await? {
            if !self.answer_all().await? {
                break;
            }
            self.flush().await?;
        }
        self.flush().await
    }

    /// Waits for bytes; false at the end of the stream or of vmand.
    pub(crate) async fn receive(&mut self) -> io::Result<bool> {
        self.input.rest();
        tokio::select! {
            biased;
            _ = self.stop.wait_for(|stop| *stop) => Ok(false),
            count = poll_fn(|context| read(&mut self.stream, &mut self.input, context)) => Ok(count? > 0),
        }
    }

    /// Answers every complete line; false if the connection is to be closed.
    async fn answer_all(&mut self) -> io::Result<bool> {
        let mut turn = 0;
        loop {
            match self.step() {
                None => return Ok(true),
                Some(Err(TooLong)) => {
                    self.refuse_long_line();
                    return Ok(false);
                }
                Some(Ok(Step::Answered)) => {}
                Some(Ok(Step::Aside(command, id))) => self.answer_aside(command, id).await?,
                Some(Ok(Step::Events(id))) => return self.stream_events(id).await.map(|()| false),
                Some(Ok(Step::Console(args, id))) => {
                    return self.stream_console(args, id).await.map(|()| false);
                }
            }
            turn += 1;
            if turn == TURN || self.output.len() >= WRITE {
                turn = 0;
                self.flush().await?;
                tokio::task::yield_now().await;
            }
            if *self.stop.borrow() {
                return Ok(false);
            }
        }
    }

    /// Reads the next line and answers it at once if that needs no waiting.
    fn step(&mut self) -> Option<Result<Step, TooLong>> {
        let incoming = match self.input.next_line() {
            Line::Partial => return None,
            Line::TooLong => return Some(Err(TooLong)),
            Line::Complete(line) => Incoming::parse(line),
        };
        let id = incoming.id;
        let owned = || id.map(ToOwned::to_owned);
        let allowed = incoming
            .command
            .map_err(|error| refusal(&error))
            .and_then(|command| check_role(self.role, &command).map(|()| command));
        let outcome = match allowed {
            Ok(Command::SubscribeEvents) => return Some(Ok(Step::Events(owned()))),
            Ok(Command::ConsoleAttach(args)) => return Some(Ok(Step::Console(args, owned()))),
            Ok(Command::Hello(hello)) => match self.origin {
                Origin::Relay => {
                    self.role = Some(hello.role);
                    Ok(Reply::Done {})
                }
                Origin::Local => Err(denied("hello is taken from a relay on relay_socket only")),
            },
            Ok(command) if self.shared.may_wait(&command) => {
                return Some(Ok(Step::Aside(command, owned())));
            }
            Ok(command) => self.shared.execute(&command, self.caller),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(reply) => encode_return(&mut self.output, &reply, id),
            Err(error) => {
                if error.kind() == ErrorKind::PermissionDenied && !self.denial_logged {
                    self.denial_logged = true;
                    tracing::warn!(uid = self.peer.uid, pid = self.peer.pid, "{}", error.desc);
                }
                encode_error(&mut self.output, &error, id);
            }
        }
        Some(Ok(Step::Answered))
    }

    /// Earlier replies go out first: they are not to wait for this command.
    async fn answer_aside(&mut self, command: Command, id: Option<Box<RawValue>>) -> io::Result<()> {
        self.flush().await?;
        let caller = self.caller;
        let (entry, started) = (Entry::of(&command), Instant::now());
        let outcome = self.shared.execute_aside(command, caller).await;
        self.log(&entry, started.elapsed(), outcome.as_ref().err());
        match outcome {
            Ok(reply) => encode_return(&mut self.output, &reply, id.as_deref()),
            Err(error) => encode_error(&mut self.output, &error, id.as_deref()),
        }
        Ok(())
    }

    fn log(&self, entry: &Entry, duration: Duration, refused: Option<&ErrorReply>) {
        let (uid, pid, command, partition) = (self.peer.uid, self.peer.pid, entry.command, entry.partition);
        let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        match (refused, entry.changes) {
            (None, true) => tracing::info!(uid, pid, command, partition, duration_us, "Done"),
            (None, false) => tracing::debug!(uid, pid, command, partition, duration_us, "Done"),
            (Some(error), _) => {
                let class = &error.class;
                tracing::info!(uid, pid, command, partition, duration_us, class, "Refused: {}", error.desc);
            }
        }
    }

    pub(crate) fn refuse_long_line(&mut self) {
        encode_error(&mut self.output, &refusal(&CodecError::TooLong), None);
    }

    /// Writes what is in the output. A peer that does not read is waited for, but not for long when vmand stops.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let overdue = async {
            let _ = self.stop.wait_for(|stop| *stop).await;
            tokio::time::sleep(LAST_WRITE).await;
        };
        tokio::select! {
            biased;
            written = self.stream.write_all(&self.output) => written?,
            () = overdue => return Err(io::ErrorKind::TimedOut.into()),
        }
        self.output = Vec::new();
        Ok(())
    }
}

struct TooLong;

/// Reads through a buffer on the stack: a connection that is silent holds none.
fn read(stream: &mut UnixStream, input: &mut Lines, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut space = [const { MaybeUninit::uninit() }; READ];
    let mut buffer = ReadBuf::uninit(&mut space);
    ready!(Pin::new(stream).poll_read(context, &mut buffer))?;
    input.append(buffer.filled());
    Poll::Ready(Ok(buffer.filled().len()))
}

fn check_role(role: Option<Role>, command: &Command) -> Result<(), ErrorReply> {
    match role {
        None if matches!(command, Command::Hello(_)) => Ok(()),
        None => Err(denied("A relay has to say hello first")),
        Some(role) if may(role, command) => Ok(()),
        Some(_) => {
            let name = command.name();
            Err(denied(format!("{name} is for root and the daemon's group; you may only query")))
        }
    }
}

fn denied(rule: impl Into<String>) -> ErrorReply {
    ErrorReply::new(ErrorKind::PermissionDenied, rule)
}

fn refusal(error: &CodecError) -> ErrorReply {
    ErrorReply::new(error.kind(), error.to_string())
}
