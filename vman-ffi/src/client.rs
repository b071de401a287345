//! A connection to vmand.

use std::ffi::c_char;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};
use vman_core::client::{Client, DEFAULT_SOCKET};
use vman_core::command::{Command, Incoming, MAX_LINE};
use vman_core::{Error, ErrorKind};

use crate::error::{ErrorOut, Failure, vman_error};
use crate::panic::{guard, guard_value};
use crate::pointer::{borrow, give_text, optional_text, out, text};
use crate::status::vman_status;

/// A connection to vmand. Several threads may use it: their calls are carried out one after the other, so a thread
/// that must not wait needs a connection of its own. Only `vman_client_free` needs that nobody else uses it. The
/// descriptor is closed on exec; after fork the child must not use the handle.
#[derive(Debug)]
pub struct vman_client {
    path: PathBuf,
    timeout: Option<Duration>,
    client: Mutex<Client>,
}

impl vman_client {
    fn open(path: PathBuf, timeout: Option<Duration>) -> Result<Self, Error> {
        let client = Mutex::new(connect(&path, timeout)?);
        Ok(Self { path, timeout, client })
    }

    /// Uses the connection alone.
    pub(crate) fn with<R>(&self, call: impl FnOnce(&mut Client) -> Result<R, Error>) -> Result<R, Failure> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(call(&mut client)?)
    }

    /// Sends a command and reads its result.
    pub(crate) fn send<R: DeserializeOwned>(&self, command: &Command) -> Result<R, Failure> {
        self.with(|client| client.call(command))
    }

    /// Sends a command that has no result.
    pub(crate) fn run(&self, command: &Command) -> Result<(), Failure> {
        self.send::<IgnoredAny>(command).map(|_| ())
    }
}

fn connect(path: &PathBuf, timeout: Option<Duration>) -> Result<Client, Error> {
    let mut client = Client::connect(path)?;
    client.set_timeout(timeout)?;
    Ok(client)
}

/// The path of a socket, the default if it is left out.
pub(crate) fn socket_path(path: Option<&str>) -> PathBuf {
    path.unwrap_or(DEFAULT_SOCKET).into()
}

/// Connects to vmand at the socket `path`, NULL for `/run/vman/vmand.sock`. A later call waits at most `timeout_ms`
/// milliseconds for each piece of its answer, 0 for ever: boots and shutdowns take seconds.
///
/// Fails with VMAN_STATUS_DISCONNECTED if nobody listens, VMAN_STATUS_PERMISSION_DENIED if the caller may not connect.
///
/// # Safety
/// `path` is NULL or a NUL-terminated text, `client` a valid place for the handle, `error` NULL or a valid place for
/// a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_client_connect(
    path: *const c_char,
    timeout_ms: u32,
    client: *mut *mut vman_client,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let place = unsafe { out(client, "client") }?;
        // SAFETY: promised by the caller.
        let path = socket_path(unsafe { optional_text(path, "path") }?);
        let timeout = (timeout_ms != 0).then(|| Duration::from_millis(timeout_ms.into()));
        place.write(Box::into_raw(Box::new(vman_client::open(path, timeout)?)));
        Ok(())
    })
}

/// Connects again, after VMAN_STATUS_TIMEOUT, VMAN_STATUS_DISCONNECTED or VMAN_STATUS_PROTOCOL: after these the old
/// connection is of no use, since a late answer may still come. On failure the handle remains as it was.
///
/// # Safety
/// `client` is a handle that is not freed yet, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_client_reconnect(
    client: *const vman_client,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let client = unsafe { borrow(client, "client") }?;
        client.with(|connection| {
            *connection = connect(&client.path, client.timeout)?;
            Ok(())
        })
    })
}

/// Sends one request of the JSON protocol, `{"command": NAME, "args": {...}, "id": any}` without a newline in it, and
/// gives the reply as it came: also a refusal is a reply (see `vman_reply_check`). Free `*reply_json` with
/// `vman_string_free`.
///
/// Fails with VMAN_STATUS_INVALID_ARGUMENT for a text that is no single line, is longer than 1 MiB, or is a command
/// that takes the connection over (subscribe-events, console-attach).
///
/// # Safety
/// `client` is a handle that is not freed yet, `command_json` a NUL-terminated text, `reply_json` a valid place for a
/// pointer, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_client_call(
    client: *const vman_client,
    command_json: *const c_char,
    reply_json: *mut *mut c_char,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let client = unsafe { borrow(client, "client") }?;
        // SAFETY: promised by the caller.
        let line = request_line(unsafe { text(command_json, "command_json") }?)?;
        // SAFETY: promised by the caller.
        let place = unsafe { out(reply_json, "reply_json") }?;
        let reply = client.with(|client| client.call_line(&line).map(<[u8]>::to_vec))?;
        place.write(give_text(&reply)?);
        Ok(())
    })
}

/// One line with its newline.
fn request_line(text: &str) -> Result<Vec<u8>, Failure> {
    const NAME: &str = "command_json";
    let text = text.trim_ascii();
    if text.is_empty() || text.contains('\n') {
        return Err(Failure::argument(NAME, "must be one line that is not empty"));
    }
    if text.len() >= MAX_LINE {
        return Err(Failure::argument(NAME, format_args!("is longer than {MAX_LINE} bytes")));
    }
    if let Ok(Command::SubscribeEvents | Command::ConsoleAttach(_)) = Incoming::parse(text.as_bytes()).command
    {
        return Err(Failure::argument(NAME, "the command needs a connection of its own"));
    }
    Ok([text.as_bytes(), b"\n"].concat())
}

/// Whether the connection stands and nothing has come that was not asked for; never waits. A program that keeps
/// connections for later finds out with this which of them are of no use any more. False for NULL.
///
/// # Safety
/// `client` is NULL or a handle that is not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_client_is_idle(client: *const vman_client) -> bool {
    guard_value(false, || {
        // SAFETY: promised by the caller.
        unsafe { client.as_ref() }
            .is_some_and(|client| client.client.lock().unwrap_or_else(PoisonError::into_inner).is_idle())
    })
}

/// Closes the connection and frees the handle; NULL is fine.
///
/// # Safety
/// `client` is NULL or a handle that is not freed yet and that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_client_free(client: *mut vman_client) {
    guard_value((), || {
        if !client.is_null() {
            // SAFETY: made by `vman_client_connect`; the caller promises that it is not freed yet.
            drop(unsafe { Box::from_raw(client) });
        }
    });
}

/// Frees a text that this library gave; NULL is fine.
///
/// # Safety
/// `text` is NULL or a text that a function of this library gave to be freed here, and that is not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_string_free(text: *mut c_char) {
    guard_value((), || {
        if !text.is_null() {
            // SAFETY: made by `give_text`; the caller promises that it is not freed yet and has its length still.
            drop(unsafe { std::ffi::CString::from_raw(text) });
        }
    });
}

/// A partition that a command can be about.
pub(crate) fn partition_id(id: u32, name: &str) -> Result<vman_core::id::PartitionId, Failure> {
    match vman_core::id::PartitionId(id) {
        id if id.is_management() => {
            Err(Failure::new(ErrorKind::InvalidArgument, format!("Argument {name}: partitions count from 1")))
        }
        id => Ok(id),
    }
}
