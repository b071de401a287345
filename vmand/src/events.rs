//! `subscribe-events`: a connection that carries events.
//!
//! Each subscriber has a queue of its own in the device. One that does not read fills its socket, then its queue, and
//! finds an `events-lost` mark when it reads again; nobody else notices.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd, RawFd};

use serde_json::value::RawValue;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use vman_core::command::{ErrorReply, EventData, EventRecord, Reply, encode_error, encode_push, encode_return};
use vman_core::device::{DeviceError, EventSource, ManagerDevice};
use vman_core::{Error, ErrorKind};

use crate::lines::Line;
use crate::session::{Session, WRITE};

struct Queue<E>(E);

impl<E: EventSource> AsRawFd for Queue<E> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
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
        let queue = match self.shared.manager.device().events() {
            Ok(queue) => AsyncFd::with_interest(Queue(queue), Interest::READABLE)?,
            Err(error) => {
                encode_error(&mut self.output, &reply(error), id.as_deref());
                return self.flush().await;
            }
        };
        encode_return(&mut self.output, &Reply::Done {}, id.as_deref());
        self.forward(queue).await
    }

    async fn forward(&mut self, mut queue: AsyncFd<Queue<D::Events>>) -> io::Result<()> {
        let mut last = (0, 0);
        loop {
            if let Err(error) = self.drain(&mut queue.get_mut().0, &mut last).await? {
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
                    encode_push(&mut self.output, &EventRecord { event: EventData::DaemonStopping {}, timestamp_ns, seq });
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

    async fn wait(&mut self, queue: &mut AsyncFd<Queue<D::Events>>) -> io::Result<Wake> {
        let stop = self.stop.clone();
        tokio::select! {
            biased;
            ready = queue.readable() => {
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
