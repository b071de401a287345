//! What a command goes to: vmand, or a device without it.

mod choice;
mod daemon;
mod device;
mod sim;

use std::os::fd::BorrowedFd;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use vman_core::Error;
use vman_core::command::{CodecError, Command, ConsoleAttach, ConsoleChunk};

pub use choice::{DEFAULT_DEVICE, DeviceName, choose};

/// Something that carries out commands.
pub trait Target {
    /// The `return` object of a command, verbatim.
    ///
    /// # Errors
    /// Whatever refuses the command or keeps the answer from coming.
    fn call(&mut self, command: &Command) -> Result<Box<RawValue>, Error>;

    /// Brings a file into vmand's store and gives the reference that `deploy` takes; tells `progress` the bytes sent
    /// and the size.
    ///
    /// # Errors
    /// As [`Target::call`], and if the file cannot be read.
    fn upload(&mut self, path: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<String, Error>;

    /// Events from now on.
    ///
    /// # Errors
    /// As [`Target::call`].
    fn events(&self) -> Result<Box<dyn EventLines + '_>, Error>;

    /// A partition's console.
    ///
    /// # Errors
    /// As [`Target::call`].
    fn console(&self, attach: &ConsoleAttach) -> Result<Box<dyn ConsoleLink + '_>, Error>;
}

impl dyn Target + '_ {
    /// The result of a query.
    ///
    /// # Errors
    /// As [`Target::call`]; [`CodecError::Reply`] if the answer has not the form of this query's.
    pub fn query<R: DeserializeOwned>(&mut self, command: &Command) -> Result<R, Error> {
        read(&self.call(command)?)
    }
}

/// Reads a `return` object.
///
/// # Errors
/// [`CodecError::Reply`].
pub fn read<R: DeserializeOwned>(reply: &RawValue) -> Result<R, Error> {
    Ok(serde_json::from_str(reply.get()).map_err(|error| CodecError::Reply(error.to_string()))?)
}

/// A stream of events.
pub trait EventLines {
    /// Becomes readable when something has come.
    fn as_fd(&self) -> BorrowedFd<'_>;

    /// The JSON object of the next event, `None` if there is none now. Never waits.
    ///
    /// # Errors
    /// If the stream broke.
    fn try_next(&mut self) -> Result<Option<String>, Error>;
}

/// An attached console.
pub trait ConsoleLink {
    /// Becomes readable when something has come; `None` if it must be asked.
    fn as_fd(&self) -> Option<BorrowedFd<'_>>;

    /// The next piece, `None` if there is none now. Never waits.
    ///
    /// # Errors
    /// `NotFound` when the partition is gone, `Disconnected` when the peer is; what was typed in vain is refused here
    /// too, with other kinds.
    fn try_next(&mut self) -> Result<Option<ConsoleChunk>, Error>;

    /// Types `data`.
    ///
    /// # Errors
    /// As [`ConsoleLink::try_next`].
    fn write(&mut self, data: &[u8]) -> Result<(), Error>;
}
