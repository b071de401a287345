//! A partition's console as vmand carries it.

use std::os::fd::{AsFd, BorrowedFd};

use serde::{Deserialize, Serialize};

use super::lines::Lines;
use crate::command::{CodecError, ConsoleChunk, ErrorReply, base64_bytes, brief};
use crate::error::Error;

/// An attached console. Its descriptor becomes readable when something has come.
#[derive(Debug)]
pub struct Console {
    lines: Lines,
}

#[derive(Serialize)]
struct Input<'a> {
    #[serde(with = "base64_bytes")]
    data: &'a [u8],
}

/// A refusal in the stream: the partition is gone, or input is not possible.
#[derive(Deserialize)]
struct ErrorLine {
    error: ErrorReply,
}

impl Console {
    pub(super) const fn new(lines: Lines) -> Self {
        Self { lines }
    }

    /// Waits for the next piece, at most as long as the client's time-out says.
    ///
    /// # Errors
    /// [`Error::Remote`] when vmand says why there is no more, [`super::ClientError::Closed`] when it just ends,
    /// [`super::ClientError::Timeout`] if nothing came (the stream goes on), others if the connection failed.
    pub fn wait(&mut self) -> Result<ConsoleChunk, Error> {
        chunk(self.lines.next()?)
    }

    /// The next piece if it has come, without waiting; call it until it answers `None` before polling again.
    ///
    /// # Errors
    /// As [`Console::wait`], without the time-out.
    pub fn try_next(&mut self) -> Result<Option<ConsoleChunk>, Error> {
        self.lines.try_next()?.map(chunk).transpose()
    }

    /// Types `data`.
    ///
    /// # Errors
    /// [`super::ClientError`] if the connection failed.
    pub fn send(&mut self, data: &[u8]) -> Result<(), Error> {
        let mut line =
            serde_json::to_vec(&Input { data }).map_err(|error| CodecError::Syntax(error.to_string()))?;
        line.push(b'\n');
        Ok(self.lines.send(&line)?)
    }
}

fn chunk(line: &[u8]) -> Result<ConsoleChunk, Error> {
    serde_json::from_slice(line).map_err(|error| match serde_json::from_slice::<ErrorLine>(line) {
        Ok(refusal) => refusal.error.into(),
        Err(_) => CodecError::Reply(brief(&error)).into(),
    })
}

impl AsFd for Console {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lines.socket().as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::error::ErrorKind;

    fn pair() -> (Console, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Console::new(Lines::new(ours)), theirs)
    }

    #[test]
    fn pieces_come_until_the_reason_of_the_end() {
        let (mut console, mut peer) = pair();
        assert_eq!(console.try_next().unwrap(), None);
        peer.write_all(b"{\"position\":5,\"data\":\"aGk=\",\"end\":7,\"later\":0}\n").unwrap();
        let chunk = console.wait().unwrap();
        assert_eq!((chunk.position, chunk.data.as_slice(), chunk.end), (5, b"hi".as_slice(), 7));
        peer.write_all(b"{\"error\":{\"class\":\"NotFound\",\"desc\":\"gone\"}}\n").unwrap();
        assert_eq!(console.wait().unwrap_err().kind(), ErrorKind::NotFound);
        drop(peer);
        assert_eq!(console.try_next().unwrap_err().kind(), ErrorKind::Disconnected);
    }

    #[test]
    fn half_a_line_is_kept_until_its_rest_comes() {
        let (mut console, mut peer) = pair();
        peer.write_all(b"{\"position\":0,\"data\":\"aG").unwrap();
        assert_eq!(console.try_next().unwrap(), None);
        peer.write_all(b"k=\",\"end\":2}\nrubbish\n").unwrap();
        assert_eq!(console.try_next().unwrap().unwrap().data, b"hi");
        assert_eq!(console.try_next().unwrap_err().kind(), ErrorKind::Protocol);
    }

    #[test]
    fn input_is_one_line_of_base64() {
        let (mut console, peer) = pair();
        console.send(b"ls\n\x03").unwrap();
        let mut line = String::new();
        BufReader::new(peer).read_line(&mut line).unwrap();
        assert_eq!(line, "{\"data\":\"bHMKAw==\"}\n");
    }
}
