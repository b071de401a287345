//! Queues of events, one per reader.

use std::collections::VecDeque;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::eventfd::{EfdFlags, EventFd};
use vman_core::device::{Change, DeviceError, DeviceEvent, EventSource};
use vman_core::error::ErrorKind;

/// A queue and the descriptor that tells that it has something.
#[derive(Debug)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    ready: EventFd,
}

#[derive(Debug)]
struct Inner {
    events: VecDeque<DeviceEvent>,
    capacity: usize,
    /// The last event that was lost; its change counts the lost ones.
    lost: Option<DeviceEvent>,
    gone: bool,
}

impl Queue {
    /// An empty queue that keeps `capacity` events.
    pub(super) fn new(capacity: usize) -> Result<Self, DeviceError> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let ready = EventFd::from_value_and_flags(0, flags).map_err(std::io::Error::from)?;
        let inner = Inner { events: VecDeque::new(), capacity, lost: None, gone: false };
        Ok(Self { inner: Mutex::new(inner), ready })
    }

    /// Appends an event; a full queue forgets its oldest one.
    pub(super) fn push(&self, event: DeviceEvent) {
        let mut inner = self.lock();
        if inner.events.len() >= inner.capacity {
            inner.lose_oldest();
        }
        inner.events.push_back(event);
        self.signal();
    }

    /// The device is gone: readers are woken and told.
    pub(super) fn close(&self) {
        self.lock().gone = true;
        self.signal();
    }

    fn next(&self) -> Result<Option<DeviceEvent>, DeviceError> {
        let mut inner = self.lock();
        if inner.gone {
            return Err(gone());
        }
        let event = inner.lost.take().or_else(|| inner.events.pop_front());
        if inner.events.is_empty() && inner.lost.is_none() {
            // Reading sets the count to zero; there may be nothing to read, which is as good.
            let _ = self.ready.read();
        }
        Ok(event)
    }

    /// Makes the descriptor readable. Its count cannot overflow: it is reset whenever the queue is empty.
    fn signal(&self) {
        let _ = self.ready.write(1);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn lose_oldest(&mut self) {
        let before = match self.lost.take().map(|event| event.change) {
            Some(Change::Overflow { lost }) => lost,
            _ => 0,
        };
        if let Some(oldest) = self.events.pop_front() {
            self.lost = Some(DeviceEvent { change: Change::Overflow { lost: before + 1 }, ..oldest });
        }
    }
}

/// The device is gone.
pub(super) fn gone() -> DeviceError {
    DeviceError::new(ErrorKind::Disconnected, "The simulated board is gone")
}

/// A reader's queue: [`EventSource`] of a simulated board in this process.
#[derive(Debug)]
pub struct SimEvents {
    pub(super) queue: Arc<Queue>,
    /// Keeps the board's clock going.
    pub(super) _handle: Arc<super::Handle>,
}

impl EventSource for SimEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.ready.as_fd()
    }

    fn next(&mut self) -> Result<Option<DeviceEvent>, DeviceError> {
        self.queue.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use vman_core::id::PartitionId;

    fn event(seq: u64) -> DeviceEvent {
        DeviceEvent { seq, timestamp_ns: seq, id: PartitionId(1), change: Change::Created }
    }

    fn is_readable(queue: &Queue) -> bool {
        let mut fds = [PollFd::new(queue.ready.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).unwrap() == 1
    }

    #[test]
    fn descriptor_is_readable_exactly_while_something_waits() {
        let queue = Queue::new(4).unwrap();
        assert!(!is_readable(&queue));
        queue.push(event(1));
        queue.push(event(2));
        assert!(is_readable(&queue));
        assert_eq!(queue.next().unwrap(), Some(event(1)));
        assert!(is_readable(&queue));
        assert_eq!(queue.next().unwrap(), Some(event(2)));
        assert!(!is_readable(&queue));
        assert_eq!(queue.next().unwrap(), None);
    }

    #[test]
    fn slow_reader_loses_the_oldest_events_and_is_told_how_many() {
        let queue = Queue::new(2).unwrap();
        (1..=5).for_each(|seq| queue.push(event(seq)));
        let lost = queue.next().unwrap().unwrap();
        assert_eq!((lost.seq, lost.change), (3, Change::Overflow { lost: 3 }));
        assert_eq!(queue.next().unwrap().map(|event| event.seq), Some(4));
        assert_eq!(queue.next().unwrap().map(|event| event.seq), Some(5));
        assert_eq!(queue.next().unwrap(), None);
    }

    #[test]
    fn reader_is_woken_when_the_device_goes() {
        let queue = Queue::new(2).unwrap();
        queue.close();
        assert!(is_readable(&queue));
        assert_eq!(queue.next().unwrap_err().kind, ErrorKind::Disconnected);
    }
}
