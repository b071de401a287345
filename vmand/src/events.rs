//! `subscribe-events`: a connection that carries events.
//!
//! Each subscriber has a queue of its own in the device. One that does not read fills its socket, then its queue, and
//! finds an `events-lost` mark when it reads again; nobody else notices.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use vman_core::command::{
    ErrorReply, EventData, EventRecord, Reply, encode_error, encode_push, encode_return,
};
use vman_core::device::{DeviceError, EventSource, ManagerDevice};
use vman_core::{Error, ErrorKind};

use crate::lines::Line;
use crate::session::{Session, WRITE};

/// A queue, and what tells that it has something.
struct Queue<E> {
    events: E,
    readiness: AsyncFd<OwnedFd>,
}

impl<E: EventSource> Queue<E> {
    /// Registers a duplicate of the queue's descriptor, which stays open as long as the registration.
    fn new(events: E) -> io::Result<Self> {
        let descriptor = events.as_fd().try_clone_to_owned()?;
        #[allow(deprecated, reason = "an OwnedFd keeps the promise that the newer, unsafe function asks for")]
        let readiness = AsyncFd::with_interest(descriptor, Interest::READABLE)?;
        Ok(Self { events, readiness })
    }
}

enum Wake {
    Event,
    Line,
    End,
    Stop,
}

impl<D: ManagerDevice + 'static> Session<D>
where
    D::Events: 'static,
{
    /// Answers the subscription, then sends events until the peer, the device or vmand ends.
    pub(crate) async fn stream_events(&mut self, id: Option<Box<RawValue>>) -> io::Result<()> {
        let queue = match self.open_queue().await? {
            Ok(events) => Queue::new(events)?,
            Err(error) => {
                encode_error(&mut self.output, &reply(error), id.as_deref());
                return self.flush().await;
            }
        };
        encode_return(&mut self.output, &Reply::Done {}, id.as_deref());
        self.forward(queue).await
    }

    async fn open_queue(&self) -> io::Result<Result<D::Events, DeviceError>> {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || shared.manager.device().events()).await.map_err(io::Error::other)
    }

    async fn forward(&mut self, mut queue: Queue<D::Events>) -> io::Result<()> {
        let mut last = (0, 0);
        loop {
            if let Err(error) = self.drain(&mut queue.events, &mut last).await? {
                encode_error(&mut self.output, &reply(error), None);
                return self.flush().await;
            }
            match self.wait(&mut queue).await? {
                Wake::Event => {}
                Wake::Line if self.refuse_lines() => {}
                Wake::Line => return self.flush().await,
                Wake::End => return Ok(()),
                Wake::Stop => {
                    let (seq, timestamp_ns) = last;
                    encode_push(
                        &mut self.output,
                        &EventRecord { event: EventData::DaemonStopping {}, timestamp_ns, seq },
                    );
                    return self.flush().await;
                }
            }
        }
    }

    /// Sends every event that waits.
    async fn drain(
        &mut self,
        events: &mut D::Events,
        last: &mut (u64, u64),
    ) -> io::Result<Result<(), DeviceError>> {
        loop {
            match events.next() {
                Ok(Some(event)) => {
                    *last = (event.seq, event.timestamp_ns);
                    encode_push(&mut self.output, &EventRecord::from(&event));
                }
                Ok(None) => return self.flush().await.map(Ok),
                Err(error) => return Ok(Err(error)),
            }
            if self.output.len() >= WRITE {
                self.flush().await?;
            }
        }
    }

    async fn wait(&mut self, queue: &mut Queue<D::Events>) -> io::Result<Wake> {
        let stop = self.stop.clone();
        tokio::select! {
            biased;
            ready = queue.readiness.readable() => {
                ready?.clear_ready();
                Ok(Wake::Event)
            }
            more = self.receive() => Ok(match more? {
                true => Wake::Line,
                false if *stop.borrow() => Wake::Stop,
                false => Wake::End,
            }),
        }
    }

    /// Answers what comes on a connection that carries events; false if it has to be closed.
    fn refuse_lines(&mut self) -> bool {
        loop {
            match self.input.next_line() {
                Line::Partial => return true,
                Line::Complete(_) => {
                    let rule = "This connection carries events; commands need another one";
                    encode_error(&mut self.output, &ErrorReply::new(ErrorKind::Protocol, rule), None);
                }
                Line::TooLong => {
                    self.refuse_long_line();
                    return false;
                }
            }
        }
    }
}

fn reply(error: DeviceError) -> ErrorReply {
    ErrorReply::from(&Error::from(error))
}
