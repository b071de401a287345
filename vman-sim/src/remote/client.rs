//! A board in another process.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use vman_core::abi::smc::Counter;
use vman_core::device::{
    ConsoleAction, ConsoleSpan, CreateRequest, DeviceError, DeviceEvent, EventSource, HostInfo, LinkInfo,
    LoadImage, ManagerDevice, PartitionDevice, PartitionInfo,
};
use vman_core::error::ErrorKind;
use vman_core::id::PartitionId;
use vman_core::state::Operation;

use super::{Answer, Request, frame};

/// Connections that are kept for later calls.
const IDLE_MAX: usize = 8;

/// A simulated board in another process. Calls of several threads go over connections of their own, so that a slow
/// one delays no other.
#[derive(Debug, Clone)]
pub struct SimClient {
    link: Arc<Link>,
}

#[derive(Debug)]
struct Link {
    path: PathBuf,
    idle: Mutex<Vec<UnixStream>>,
}

impl SimClient {
    /// Connects to the board at `path`.
    ///
    /// # Errors
    /// `Disconnected` if nobody listens there.
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, DeviceError> {
        let link = Link { path: path.as_ref().into(), idle: Mutex::new(Vec::new()) };
        link.ask(&Request::Host, &[])?;
        Ok(Self { link: Arc::new(link) })
    }
}

impl ManagerDevice for SimClient {
    type Partition = SimClientPartition;
    type Events = SimClientEvents;

    fn host(&self) -> Result<HostInfo, DeviceError> {
        match self.link.ask(&Request::Host, &[])? {
            (Answer::Host(host), _) => Ok(*host),
            (other, _) => Err(unexpected(&other)),
        }
    }

    fn create(&self, request: &CreateRequest) -> Result<PartitionId, DeviceError> {
        match self.link.ask(&Request::Create(request.clone()), &[])? {
            (Answer::Id(id), _) => Ok(id),
            (other, _) => Err(unexpected(&other)),
        }
    }

    fn list(&self) -> Result<Vec<PartitionInfo>, DeviceError> {
        match self.link.ask(&Request::List, &[])? {
            (Answer::List(partitions), _) => Ok(partitions),
            (other, _) => Err(unexpected(&other)),
        }
    }

    fn open(&self, id: PartitionId) -> Result<SimClientPartition, DeviceError> {
        let partition = SimClientPartition { link: Arc::clone(&self.link), id };
        partition.info()?;
        Ok(partition)
    }

    fn link(&self, ends: [PartitionId; 2]) -> Result<LinkInfo, DeviceError> {
        match self.link.ask(&Request::Link(ends), &[])? {
            (Answer::Link(link), _) => Ok(link),
            (other, _) => Err(unexpected(&other)),
        }
    }

    fn links(&self) -> Result<Vec<LinkInfo>, DeviceError> {
        match self.link.ask(&Request::Links, &[])? {
            (Answer::Links(links), _) => Ok(links),
            (other, _) => Err(unexpected(&other)),
        }
    }

    fn events(&self) -> Result<SimClientEvents, DeviceError> {
        let stream = self.link.connect()?;
        match self.link.exchange(&stream, &Request::Events, &[])? {
            (Answer::Done, _) => {}
            (other, _) => return Err(unexpected(&other)),
        }
        stream.set_nonblocking(true)?;
        Ok(SimClientEvents { stream, partial: frame::Partial::default() })
    }
}

/// A handle to a partition of a [`SimClient`].
#[derive(Debug, Clone)]
pub struct SimClientPartition {
    link: Arc<Link>,
    id: PartitionId,
}

impl PartitionDevice for SimClientPartition {
    fn info(&self) -> Result<PartitionInfo, DeviceError> {
        match self.link.ask(&Request::Info(self.id), &[])? {
            (Answer::Info(info), _) => Ok(*info),
            (other, _) => Err(unexpected(&other)),
        }
    }

    fn deploy(&self, image: &LoadImage<'_>) -> Result<(), DeviceError> {
        let request = Request::Deploy {
            id: self.id,
            segments: image.segments.iter().map(|segment| (segment.offset, segment.data.len())).collect(),
            entry: image.entry,
            device_tree: image.device_tree,
        };
        let payload: Vec<&[u8]> = image.segments.iter().map(|segment| segment.data).collect();
        self.done(&request, &payload)
    }

    fn control(&self, operation: Operation, timeout: Duration) -> Result<(), DeviceError> {
        self.done(&Request::Control { id: self.id, operation, timeout }, &[])
    }

    fn console(&self, action: ConsoleAction<'_>) -> Result<ConsoleSpan, DeviceError> {
        let (request, typed, buffer): (_, &[u8], &mut [u8]) = match action {
            ConsoleAction::Read { position, buffer } => {
                (Request::ConsoleRead { id: self.id, position, len: buffer.len() }, &[], buffer)
            }
            ConsoleAction::Write { data } => (Request::ConsoleWrite { id: self.id }, data, &mut []),
        };
        match self.link.ask(&request, &[typed])? {
            (Answer::Console(span), bytes) => {
                for (target, byte) in buffer.iter_mut().zip(bytes) {
                    *target = byte;
                }
                Ok(span)
            }
            (other, _) => Err(unexpected(&other)),
        }
    }

    fn stats(&self) -> Result<Vec<(Counter, u64)>, DeviceError> {
        match self.link.ask(&Request::Stats(self.id), &[])? {
            (Answer::Stats(stats), _) => Ok(stats),
            (other, _) => Err(unexpected(&other)),
        }
    }
}

impl SimClientPartition {
    fn done(&self, request: &Request, payload: &[&[u8]]) -> Result<(), DeviceError> {
        match self.link.ask(request, payload)? {
            (Answer::Done, _) => Ok(()),
            (other, _) => Err(unexpected(&other)),
        }
    }
}

/// A queue of events of a [`SimClient`].
#[derive(Debug)]
pub struct SimClientEvents {
    stream: UnixStream,
    partial: frame::Partial,
}

impl EventSource for SimClientEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    fn next(&mut self) -> Result<Option<DeviceEvent>, DeviceError> {
        match self.partial.advance::<Answer>(&mut self.stream).map_err(|error| lost(&error))? {
            Some((answer, _)) => match answer.into_result()? {
                Answer::Event(event) => Ok(Some(event)),
                other => Err(unexpected(&other)),
            },
            None => Ok(None),
        }
    }
}

impl Link {
    /// Asks over an idle connection, or a new one.
    fn ask(&self, request: &Request, payload: &[&[u8]]) -> Result<(Answer, Vec<u8>), DeviceError> {
        let stream = match self.lock().pop() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        let answered = self.exchange(&stream, request, payload);
        let connected = !matches!(&answered, Err(error) if error.kind == ErrorKind::Disconnected);
        let mut idle = self.lock();
        if !connected {
            idle.clear();
        } else if idle.len() < IDLE_MAX {
            idle.push(stream);
        }
        answered
    }

    fn exchange(
        &self,
        mut stream: &UnixStream,
        request: &Request,
        payload: &[&[u8]],
    ) -> Result<(Answer, Vec<u8>), DeviceError> {
        let answered =
            frame::write(&mut stream, request, payload).and_then(|()| frame::read::<Answer>(&mut stream));
        match answered {
            Ok(Some((answer, bytes))) => Ok((answer.into_result()?, bytes)),
            Ok(None) => Err(lost(&io::ErrorKind::UnexpectedEof.into())),
            Err(error) => Err(lost(&error)),
        }
    }

    fn connect(&self) -> Result<UnixStream, DeviceError> {
        UnixStream::connect(&self.path).map_err(|source| DeviceError {
            kind: ErrorKind::Disconnected,
            text: format!("No simulated board listens at {}", self.path.display()),
            source: Some(source),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<UnixStream>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The board's process is gone, or is no board.
fn lost(error: &io::Error) -> DeviceError {
    DeviceError::new(ErrorKind::Disconnected, format!("Connection to the simulated board is lost: {error}"))
}

fn unexpected(answer: &Answer) -> DeviceError {
    DeviceError::new(ErrorKind::Internal, format!("Simulated board answered something else: {answer:?}"))
}
