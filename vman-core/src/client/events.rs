//! Events as vmand pushes them.

use std::borrow::Cow;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use serde::Deserialize;

use super::{ClientError, lines::Lines};
use crate::command::{CodecError, EventData, EventRecord, brief};
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

    /// Waits for the next event, at most as long as the client's time-out says. Events of a newer daemon that this
    /// version does not know are skipped.
    ///
    /// # Errors
    /// [`ClientError::Timeout`] if none came (the stream goes on), others if the connection failed.
    pub fn wait(&mut self) -> Result<EventRecord, Error> {
        loop {
            if let Some(event) = known(self.lines.next()?)? {
                return Ok(event);
            }
        }
    }

    /// As [`Events::try_next`], but the event's line as it came, without the newline, also if this version does not
    /// know the event.
    ///
    /// # Errors
    /// As [`Events::try_next`].
    pub fn try_next_line(&mut self) -> Result<Option<&[u8]>, Error> {
        self.lines.try_next()
    }

    /// How long [`Events::wait`] waits, `None` for ever.
    ///
    /// # Errors
    /// [`ClientError::Io`] for a duration of zero.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) -> Result<(), ClientError> {
        Ok(self.lines.socket().set_read_timeout(timeout)?)
    }

    /// The next event if it has come, without waiting. Readiness of the descriptor can be used up by an event that is
    /// already buffered, so call this until it answers `None` before polling again.
    ///
    /// # Errors
    /// As [`Events::wait`], without the time-out.
    pub fn try_next(&mut self) -> Result<Option<EventRecord>, Error> {
        while let Some(line) = self.lines.try_next()? {
            if let Some(event) = known(line)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}

/// The event, `None` if this version does not know it.
fn known(line: &[u8]) -> Result<Option<EventRecord>, Error> {
    match serde_json::from_slice(line) {
        Ok(event) => Ok(Some(event)),
        Err(_) if is_unknown(line) => Ok(None),
        Err(error) => Err(CodecError::Reply(brief(&error)).into()),
    }
}

/// Whether the line is an event of a name that this version does not know.
fn is_unknown(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        event: Cow<'a, str>,
    }
    serde_json::from_slice(line).is_ok_and(|Named { event }| !EventData::NAMES.contains(&&*event))
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lines.socket().as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn unknown_events_are_skipped_and_broken_ones_are_not() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs
            .write_all(
                concat!(
                    "{\"event\":\"moon-rise\",\"data\":{\"id\":1},\"timestamp_ns\":1,\"seq\":1}\n",
                    "{\"event\":\"partition-created\",\"data\":{\"id\":1},\"timestamp_ns\":1,\"seq\":2}\n",
                    "{\"event\":\"partition-created\",\"data\":{},\"timestamp_ns\":1,\"seq\":3}\n",
                )
                .as_bytes(),
            )
            .unwrap();
        let mut events = Events::new(Lines::new(ours));
        assert_eq!(events.try_next().unwrap().map(|event| event.seq), Some(2));
        assert_eq!(events.try_next().unwrap_err().kind(), ErrorKind::Protocol);
        assert_eq!(events.try_next().unwrap(), None);
    }
}
