//! [`CharEvents`]: the queue of events of an open `/dev/vmanager`.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc;

use super::odd;
use crate::abi::ioctl::{Event, EventKind, state};
use crate::abi::smc::FaultReason;
use crate::device::{Cause, Change, DeviceError, DeviceEvent, EventSource};
use crate::id::PartitionId;

/// Bytes fetched at a time.
const BUFFER: usize = 32 * size_of::<Event>();

/// Events of the whole board.
#[derive(Debug)]
pub struct CharEvents {
    file: File,
    buffer: Vec<u8>,
    used: usize,
}

impl CharEvents {
    pub(super) fn open(path: &Path) -> Result<Self, DeviceError> {
        let file =
            File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(|source| {
                let text = format!("{} cannot be opened", path.display());
                DeviceError { text, ..DeviceError::from(source) }
            })?;
        Ok(Self { file, buffer: Vec::new(), used: 0 })
    }

    fn refill(&mut self) -> Result<(), DeviceError> {
        self.buffer.resize(BUFFER, 0);
        self.used = 0;
        let read = match self.file.read(&mut self.buffer) {
            Ok(read) => read,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => 0,
            Err(error) => {
                self.buffer.clear();
                return Err(DeviceError { text: "Events cannot be read".into(), ..DeviceError::from(error) });
            }
        };
        self.buffer.truncate(read);
        Ok(())
    }
}

impl EventSource for CharEvents {
    /// Events are fetched several at once: call [`EventSource::next`] until it answers `None` before waiting here.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    fn next(&mut self) -> Result<Option<DeviceEvent>, DeviceError> {
        if self.used == self.buffer.len() {
            self.refill()?;
        }
        let rest = &self.buffer[self.used..];
        if rest.is_empty() {
            return Ok(None);
        }
        let Some((event, size)) = Event::parse(rest) else {
            let length = u64::try_from(rest.len()).unwrap_or(u64::MAX);
            self.used = self.buffer.len();
            return Err(odd("a broken event record among the last bytes, of which there were", length));
        };
        self.used += size;
        device_event(&event).map(Some)
    }
}

fn device_event(event: &Event) -> Result<DeviceEvent, DeviceError> {
    let kind =
        EventKind::from_number(event.kind).ok_or_else(|| odd("an event of kind", event.kind.into()))?;
    let state = |number: u32| state::from_number(number.into()).ok_or_else(|| odd("state", number.into()));
    let change = match kind {
        EventKind::Created => Change::Created,
        EventKind::State => {
            Change::State { from: state(event.from)?, to: state(event.to)?, cause: cause(event.cause)? }
        }
        EventKind::Rebooted => Change::Rebooted(cause(event.cause)?),
        EventKind::Faulted => Change::Faulted(FaultReason::from_register(event.detail)),
        EventKind::Destroyed => Change::Destroyed,
        EventKind::Overflow => Change::Overflow { lost: event.detail },
    };
    Ok(DeviceEvent { seq: event.seq, timestamp_ns: event.timestamp_ns, id: PartitionId(event.id), change })
}

fn cause(number: u32) -> Result<Cause, DeviceError> {
    match number {
        0 => Ok(Cause::Command),
        1 => Ok(Cause::Guest),
        2 => Ok(Cause::Firmware),
        other => Err(odd("an event with cause", other.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::PartitionState;

    #[test]
    fn state_change_keeps_its_cause() {
        let event = Event { kind: 2, seq: 9, id: 3, cause: 1, from: 2, to: 1, ..Event::default() };
        let expected =
            Change::State { from: PartitionState::Deployed, to: PartitionState::Ready, cause: Cause::Guest };
        let event = device_event(&event).unwrap();
        assert_eq!((event.seq, event.id, event.change), (9, PartitionId(3), expected));
    }

    #[test]
    fn event_that_nobody_knows_is_an_error() {
        assert!(device_event(&Event { kind: 77, ..Event::default() }).is_err());
        assert!(device_event(&Event { kind: 3, cause: 9, ..Event::default() }).is_err());
        assert!(device_event(&Event { kind: 2, from: 1, to: 0, ..Event::default() }).is_err());
    }
}
