//! Lines from and to a socket.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use super::ClientError;
use crate::command::{CodecError, MAX_LINE};
use crate::error::Error;

const CHUNK: usize = 16 << 10;

/// A socket read line by line. What has come of a line is kept when its rest is late.
#[derive(Debug)]
pub(super) struct Lines {
    socket: UnixStream,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were handed out.
    consumed: usize,
}

impl Lines {
    pub(super) const fn new(socket: UnixStream) -> Self {
        Self { socket, buffer: Vec::new(), consumed: 0 }
    }

    pub(super) const fn socket(&self) -> &UnixStream {
        &self.socket
    }

    pub(super) fn send(&mut self, line: &[u8]) -> Result<(), ClientError> {
        Ok(self.socket.write_all(line)?)
    }

    /// The next line without its newline. After [`ClientError::Timeout`] it can be asked for again.
    pub(super) fn next(&mut self) -> Result<&[u8], Error> {
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
        let mut searched = 0;
        loop {
            if let Some(length) = self.buffer[searched..].iter().position(|byte| *byte == b'\n') {
                let end = searched + length;
                self.consumed = end + 1;
                return Ok(&self.buffer[..end]);
            }
            searched = self.buffer.len();
            if searched >= MAX_LINE {
                return Err(CodecError::TooLong.into());
            }
            self.fill()?;
        }
    }

    /// The line of `length` bytes that [`Lines::next`] has just given.
    pub(super) fn last(&self, length: usize) -> &[u8] {
        &self.buffer[..length]
    }

    /// The next line if it has come, without waiting.
    pub(super) fn try_next(&mut self) -> Result<Option<&[u8]>, Error> {
        self.socket.set_nonblocking(true).map_err(ClientError::from)?;
        let line = self.next().map(<[u8]>::len);
        self.socket.set_nonblocking(false).map_err(ClientError::from)?;
        match line {
            Err(Error::Client(ClientError::Timeout)) => Ok(None),
            line => Ok(Some(&self.buffer[..line?])),
        }
    }

    fn fill(&mut self) -> Result<(), ClientError> {
        let filled = self.buffer.len();
        self.buffer.resize(filled + CHUNK, 0);
        let read = self.socket.read(&mut self.buffer[filled..]);
        self.buffer.truncate(filled + read.as_ref().copied().unwrap_or(0));
        match read {
            Ok(0) => Err(ClientError::Closed),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
