//! A device without vmand, by-passing it as the source document's vmanctl does (3.2).

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use vman_core::Error;
use vman_core::command::{
    CodecError, Command, ConsoleAttach, ConsoleChunk, ConsoleRead, ConsoleWrite, EventRecord,
};
use vman_core::device::{CharDevice, EventSource, ManagerDevice};
use vman_core::id::PartitionId;
use vman_core::manager::{DEFAULT_TIMEOUT, ManagerError, PartitionManager, PlainFiles};

use super::{ConsoleLink, DeviceName, EventLines, Target, sim};
use crate::error::Failure;

pub(super) fn open(name: &DeviceName, timeout: Option<Duration>) -> Result<Box<dyn Target>, Failure> {
    let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT);
    match name {
        DeviceName::Sim => sim::open("sim", timeout),
        DeviceName::SharedSim(path) => sim::open(&format!("sim:{}", path.display()), timeout),
        DeviceName::Path(path) => {
            let device =
                CharDevice::open(path).map_err(|source| Failure::Device { path: path.clone(), source })?;
            Ok(Box::new(Direct::new(device, timeout)))
        }
    }
}

/// A device and the rules of the commands.
pub(super) struct Direct<D>(PartitionManager<D>);

impl<D: ManagerDevice> Direct<D> {
    pub(super) fn new(device: D, timeout: Duration) -> Self {
        Self(PartitionManager::new(device).with_timeout(timeout))
    }
}

impl<D: ManagerDevice> Target for Direct<D> {
    fn call(&mut self, command: &Command) -> Result<Box<RawValue>, Error> {
        raw(&self.0.apply(command, &PlainFiles)?)
    }

    fn upload(&mut self, _: &Path, _: &mut dyn FnMut(u64, u64)) -> Result<String, Error> {
        Err(ManagerError::NeedsDaemon("image-put").into())
    }

    fn events(&self) -> Result<Box<dyn EventLines + '_>, Error> {
        Ok(Box::new(DirectEvents(self.0.device().events()?)))
    }

    fn console(&self, attach: &ConsoleAttach) -> Result<Box<dyn ConsoleLink + '_>, Error> {
        let mut console = DirectConsole { manager: &self.0, id: attach.id, next: attach.position };
        let first = console.read(Some(1))?;
        console.next = attach.position.or(Some(first.end));
        Ok(Box::new(console))
    }
}

/// Our replies have string keys only, so writing them does not fail.
fn raw(value: &impl Serialize) -> Result<Box<RawValue>, Error> {
    Ok(to_raw_value(value).map_err(|error| CodecError::Reply(error.to_string()))?)
}

struct DirectEvents<E>(E);

impl<E: EventSource> EventLines for DirectEvents<E> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn try_next(&mut self) -> Result<Option<String>, Error> {
        let event = self.0.next()?;
        event.map(|event| raw(&EventRecord::from(&event)).map(|line| line.get().to_owned())).transpose()
    }
}

struct DirectConsole<'a, D> {
    manager: &'a PartitionManager<D>,
    id: PartitionId,
    next: Option<u64>,
}

impl<D: ManagerDevice> DirectConsole<'_, D> {
    fn read(&self, max: Option<u32>) -> Result<ConsoleChunk, Error> {
        self.manager.console_read(&ConsoleRead { id: self.id, position: self.next, max })
    }
}

impl<D: ManagerDevice> ConsoleLink for DirectConsole<'_, D> {
    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn try_next(&mut self) -> Result<Option<ConsoleChunk>, Error> {
        let chunk = self.read(None)?;
        let length = u64::try_from(chunk.data.len()).unwrap_or(u64::MAX);
        self.next = Some(chunk.position.saturating_add(length));
        Ok(Some(chunk).filter(|chunk| !chunk.data.is_empty()))
    }

    fn write(&mut self, data: &[u8]) -> Result<(), Error> {
        let write = ConsoleWrite { id: self.id, data: data.into() };
        self.manager.apply(&Command::ConsoleWrite(write), &PlainFiles).map(|_| ())
    }
}
