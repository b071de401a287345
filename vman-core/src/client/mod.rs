//! A blocking connection to vmand.

mod console;
mod events;
mod lines;
mod upload;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::command::{CodecError, Command, ConsoleAttach, ErrorReply, brief, encode};
use crate::error::{Error, ErrorKind};
use lines::Lines;

pub use console::Console;
pub use events::Events;
pub use upload::IMAGE_PREFIX;

/// Where vmand listens unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/vman/vmand.sock";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens, or the caller may not connect.
    #[error("No connection to vmand at {path}")]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The connection broke.
    #[error("Connection to vmand broke")]
    Io(#[source] io::Error),
    /// vmand closed the connection.
    #[error("vmand closed the connection")]
    Closed,
    /// No answer in time; the connection cannot be used any more, since the answer may still come.
    #[error("vmand did not answer in time")]
    Timeout,
    /// A file of this machine cannot be uploaded.
    #[error("Cannot read {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

impl ClientError {
    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Connect { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                ErrorKind::PermissionDenied
            }
            Self::Connect { .. } | Self::Io(_) | Self::Closed => ErrorKind::Disconnected,
            Self::Timeout => ErrorKind::Timeout,
            Self::File { source, .. } => match source.raw_os_error() {
                Some(errno) => ErrorKind::from_errno(errno),
                None => ErrorKind::InvalidArgument,
            },
        }
    }
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
            Self::Timeout
        } else {
            Self::Io(error)
        }
    }
}

/// A connection: requests are answered in order.
#[derive(Debug)]
pub struct Client {
    lines: Lines,
    next_id: u64,
    request: Vec<u8>,
    broken: bool,
}

#[derive(Serialize)]
struct RequestLine<'a, T> {
    command: &'a str,
    args: &'a T,
    id: u64,
}

/// The time-out is the end of the call.
fn give_up() -> Result<(), ClientError> {
    Err(ClientError::Timeout)
}

#[derive(Deserialize)]
struct ReplyLine<'a> {
    #[serde(borrow, default)]
    r#return: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<ErrorReply>,
    #[serde(default)]
    id: Option<u64>,
}

impl Client {
    /// Connects to the socket at `path`. Without a time-out a call waits as long as vmand works.
    ///
    /// # Errors
    /// [`ClientError::Connect`].
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, ClientError> {
        let path = path.as_ref();
        let socket = UnixStream::connect(path)
            .map_err(|source| ClientError::Connect { path: path.to_owned(), source })?;
        Ok(Self::from_socket(socket))
    }

    /// Uses a connected socket.
    pub const fn from_socket(socket: UnixStream) -> Self {
        Self { lines: Lines::new(socket), next_id: 1, request: Vec::new(), broken: false }
    }

    /// How long a call waits for each piece of its answer, `None` for ever.
    ///
    /// # Errors
    /// [`ClientError::Io`] for a duration of zero.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) -> Result<(), ClientError> {
        self.lines.socket().set_read_timeout(timeout)?;
        self.lines.socket().set_write_timeout(timeout)?;
        Ok(())
    }

    /// Sends `command` and waits for its reply.
    ///
    /// # Errors
    /// [`Error::Remote`] if vmand refuses, [`Error::Client`] if the connection fails, [`Error::Codec`] if the answer
    /// is no reply. After [`ClientError`] the connection is of no use: the answer may still come.
    pub fn call<R: DeserializeOwned>(&mut self, command: &Command) -> Result<R, Error> {
        let id = self.next_id;
        self.next_id += 1;
        let mut request = std::mem::take(&mut self.request);
        request.clear();
        command.encode(&mut request, Some(id));
        let answer = self.exchange(&request, &mut give_up).and_then(|line| read_reply(line, id));
        self.request = request;
        answer
    }

    /// Sends the command of this name with `args` and waits for its reply. Each time that the client's time-out passes
    /// `waiting` is asked: it may go on, or give up, for example because its user pressed a key.
    ///
    /// # Errors
    /// As [`Client::call`], and what `waiting` says; then the connection is of no use.
    pub fn call_patiently<R: DeserializeOwned>(
        &mut self,
        command: &str,
        args: &impl Serialize,
        waiting: &mut dyn FnMut() -> Result<(), ClientError>,
    ) -> Result<R, Error> {
        let id = self.next_id;
        self.next_id += 1;
        let mut request = std::mem::take(&mut self.request);
        request.clear();
        encode(&mut request, &RequestLine { command, args, id });
        let answer = self.exchange(&request, waiting).and_then(|line| read_reply(line, id));
        self.request = request;
        answer
    }

    /// Sends a line as it is, which ends with a newline, and gives the line that comes back without its newline: for
    /// callers who make their own JSON.
    ///
    /// # Errors
    /// As [`Client::call`], without [`Error::Remote`].
    pub fn call_line(&mut self, line: &[u8]) -> Result<&[u8], Error> {
        self.exchange(line, &mut give_up)
    }

    fn exchange(
        &mut self,
        request: &[u8],
        waiting: &mut dyn FnMut() -> Result<(), ClientError>,
    ) -> Result<&[u8], Error> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(ClientError::Closed.into());
        }
        self.lines.send(request)?;
        let length = loop {
            match self.lines.next() {
                Ok(line) => break line.len(),
                Err(Error::Client(ClientError::Timeout)) => waiting()?,
                Err(error) => return Err(error),
            }
        };
        self.broken = false;
        Ok(self.lines.last(length))
    }

    /// Whether the connection stands and nothing has come that was not asked for, without waiting: a connection that
    /// was kept for a while and is not idle any more is of no use.
    pub fn is_idle(&mut self) -> bool {
        matches!(self.lines.try_next(), Ok(None))
    }

    /// Turns the connection into a stream of events.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn subscribe(mut self) -> Result<Events, Error> {
        let _: IgnoredAny = self.call(&Command::SubscribeEvents)?;
        Ok(Events::new(self.lines))
    }

    /// Turns the connection into a partition's console.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn attach(mut self, args: &ConsoleAttach) -> Result<Console, Error> {
        let _: IgnoredAny = self.call(&Command::ConsoleAttach(*args))?;
        Ok(Console::new(self.lines))
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lines.socket().as_fd()
    }
}

fn read_reply<R: DeserializeOwned>(line: &[u8], id: u64) -> Result<R, Error> {
    let bad = |text: String| Error::from(CodecError::Reply(text));
    let reply = serde_json::from_slice::<ReplyLine<'_>>(line).map_err(|error| bad(brief(&error)))?;
    if let Some(echoed) = reply.id.filter(|echoed| *echoed != id) {
        return Err(bad(format!("answer to request {echoed} instead of {id}")));
    }
    match (reply.error, reply.r#return) {
        (Some(error), _) => Err(error.into()),
        (None, Some(value)) => serde_json::from_str(value.get()).map_err(|error| bad(brief(&error))),
        (None, None) => Err(bad("neither return nor error".into())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};

    use super::*;
    use crate::command::VersionRecord;

    /// A peer that reads one line and answers `reply`.
    fn answering(reply: &'static str) -> Client {
        let (ours, theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(&theirs).read_line(&mut line).unwrap();
            (&theirs).write_all(reply.as_bytes()).unwrap();
        });
        Client::from_socket(ours)
    }

    fn version(client: &mut Client) -> Result<VersionRecord, Error> {
        client.call(&Command::QueryVersion)
    }

    #[test]
    fn members_that_nobody_knows_are_ignored() {
        let mut client = answering(concat!(
            r#"{"return":{"protocol":1,"version":"9","firmware":"1.0","paths":"local","simulated":true,"new":1},"#,
            r#""id":1,"later":0}"#,
            "\n"
        ));
        assert_eq!(version(&mut client).unwrap().version, "9");
    }

    #[test]
    fn refusal_keeps_its_kind_and_text() {
        let mut client = answering("{\"error\":{\"class\":\"Busy\",\"desc\":\"d\"}}\n");
        let error = version(&mut client).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Busy, "d"));
    }

    #[test]
    fn half_a_reply_and_a_closed_connection_are_told_apart_from_a_wrong_answer() {
        assert_eq!(version(&mut answering("{\"return\":")).unwrap_err().kind(), ErrorKind::Disconnected);
        assert_eq!(version(&mut answering("{}\n")).unwrap_err().kind(), ErrorKind::Protocol);
        assert_eq!(
            version(&mut answering("{\"return\":{},\"id\":7}\n")).unwrap_err().kind(),
            ErrorKind::Protocol
        );
    }

    #[test]
    fn caller_is_asked_while_it_waits_and_may_give_up() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut client = Client::from_socket(ours);
        client.set_timeout(Some(Duration::from_millis(1))).unwrap();
        let mut asked = 0;
        let mut waiting = || {
            asked += 1;
            if asked < 3 { Ok(()) } else { Err(ClientError::Timeout) }
        };
        let args = serde_json::Map::new();
        let answer = client.call_patiently::<IgnoredAny>("query-host", &args, &mut waiting);
        assert_eq!((answer.unwrap_err().kind(), asked), (ErrorKind::Timeout, 3));
        assert_eq!(version(&mut client).unwrap_err().kind(), ErrorKind::Disconnected);
    }

    #[test]
    fn connection_is_idle_until_something_unasked_for_or_its_end_has_come() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut client = Client::from_socket(ours);
        assert!(client.is_idle() && client.is_idle());
        theirs.write_all(b"{\"return\":{}}\n").unwrap();
        assert!(!client.is_idle());

        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut client = Client::from_socket(ours);
        drop(theirs);
        assert!(!client.is_idle());
    }

    #[test]
    fn reply_that_comes_in_pieces_over_several_time_outs_is_whole() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut client = Client::from_socket(ours);
        client.set_timeout(Some(Duration::from_millis(1))).unwrap();
        let mut pieces = ["{\"return\":", "{\"id\":7}", ",\"id\":1}\n"].into_iter();
        let mut waiting = || match pieces.next() {
            Some(piece) => Ok(theirs.write_all(piece.as_bytes())?),
            None => Err(ClientError::Timeout),
        };
        let args = serde_json::Map::new();
        let reply = client.call_patiently::<crate::command::Created>("create-partition", &args, &mut waiting);
        assert_eq!(reply.unwrap().id.0, 7);
    }

    #[test]
    fn late_answer_never_answers_the_next_request() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut client = Client::from_socket(ours);
        client.set_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_eq!(version(&mut client).unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(version(&mut client).unwrap_err().kind(), ErrorKind::Disconnected);
    }
}
