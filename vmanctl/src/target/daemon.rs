//! vmand as a target.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::value::RawValue;
use vman_core::Error;
use vman_core::client::{Client, ClientError, Console, Events};
use vman_core::command::{Command, ConsoleAttach, ConsoleChunk};

use super::{ConsoleLink, EventLines, Target};

/// A connection to vmand; streams get connections of their own.
pub(super) struct Daemon {
    client: Client,
    socket: PathBuf,
    timeout: Duration,
}

impl Daemon {
    pub(super) fn connect(socket: &Path, timeout: Duration) -> Result<Self, ClientError> {
        Ok(Self { client: connect(socket, timeout)?, socket: socket.into(), timeout })
    }
}

fn connect(socket: &Path, timeout: Duration) -> Result<Client, ClientError> {
    let mut client = Client::connect(socket)?;
    client.set_timeout(Some(timeout))?;
    Ok(client)
}

impl Target for Daemon {
    fn call(&mut self, command: &Command) -> Result<Box<RawValue>, Error> {
        self.client.call(command)
    }

    fn upload(&mut self, path: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<String, Error> {
        self.client.upload_with(path, progress)
    }

    fn events(&self) -> Result<Box<dyn EventLines + '_>, Error> {
        Ok(Box::new(connect(&self.socket, self.timeout)?.subscribe()?))
    }

    fn console(&self, attach: &ConsoleAttach) -> Result<Box<dyn ConsoleLink + '_>, Error> {
        Ok(Box::new(connect(&self.socket, self.timeout)?.attach(attach)?))
    }
}

impl EventLines for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        AsFd::as_fd(self)
    }

    fn try_next(&mut self) -> Result<Option<String>, Error> {
        Ok(self.try_next_line()?.map(|line| String::from_utf8_lossy(line).into_owned()))
    }
}

impl ConsoleLink for Console {
    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(AsFd::as_fd(self))
    }

    fn try_next(&mut self) -> Result<Option<ConsoleChunk>, Error> {
        Self::try_next(self)
    }

    fn write(&mut self, data: &[u8]) -> Result<(), Error> {
        self.send(data)
    }
}
