//! Events as vmand pushes them.

use std::os::fd::{AsFd, BorrowedFd};

use super::{ClientError, lines::Lines};
use crate::command::{CodecError, EventRecord};
use crate::error::Error;

/// A stream of events. Its descriptor becomes readable when something has come.
#[derive(Debug)]
pub struct Events {
    lines: Lines,
}

impl Events {
    pub(super) const fn new(lines: Lines) -> Self {
        Self { lines }
    }

    /// Waits for the next event, at most as long as the client's time-out says.
    ///
    /// # Errors
    /// [`ClientError::Timeout`] if none came (the stream goes on), others if the connection failed.
    pub fn wait(&mut self) -> Result<EventRecord, Error> {
        let line = self.lines.next()?;
        Ok(serde_json::from_slice(line).map_err(|error| CodecError::Reply(error.to_string()))?)
    }

    /// The next event if it has come, without waiting. Readiness of the descriptor can be used up by an event that is
    /// already buffered, so call this until it answers `None` before polling again.
    ///
    /// # Errors
    /// As [`Events::wait`], without the time-out.
    pub fn try_next(&mut self) -> Result<Option<EventRecord>, Error> {
        self.lines.socket().set_nonblocking(true).map_err(ClientError::from)?;
        let event = self.wait();
        self.lines.socket().set_nonblocking(false).map_err(ClientError::from)?;
        match event {
            Err(Error::Client(ClientError::Timeout)) => Ok(None),
            event => event.map(Some),
        }
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lines.socket().as_fd()
    }
}
