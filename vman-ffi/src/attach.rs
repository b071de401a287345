//! An attached console behind a descriptor for poll(2).

use std::ffi::{c_char, c_int};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use vman_core::Error;
use vman_core::client::{Client, Console};
use vman_core::command::{ConsoleAttach, ConsoleChunk};

use crate::client::{partition_id, socket_path};
use crate::console::{VMAN_CONSOLE_MAX, vman_console_span};
use crate::error::{ErrorOut, Failure, vman_error};
use crate::panic::{guard, guard_value};
use crate::pointer::{borrow, items, optional_text, out};
use crate::sized::sized_out;
use crate::status::vman_status;

/// As a position: what the partition prints from now on.
pub const VMAN_CONSOLE_NOW: u64 = u64::MAX;

/// A partition's console as it is printed, on a connection of its own. Several threads may use it. Only
/// `vman_console_free` needs that nobody else uses it. The descriptor is closed on exec; after fork the child must not
/// use the handle.
#[derive(Debug)]
pub struct vman_console {
    fd: c_int,
    stream: Mutex<Stream>,
}

#[derive(Debug)]
struct Stream {
    console: Console,
    /// What did not fit into the last buffer.
    rest: Option<ConsoleChunk>,
}

impl Stream {
    /// At most `capacity` bytes of what has come.
    fn take(&mut self, capacity: usize) -> Result<Option<ConsoleChunk>, Error> {
        let Some(mut chunk) =
            self.rest.take().map_or_else(|| self.console.try_next(), |rest| Ok(Some(rest)))?
        else {
            return Ok(None);
        };
        if chunk.data.len() > capacity {
            let data = chunk.data.split_off(capacity);
            let position = chunk.position.saturating_add(u64::try_from(capacity).unwrap_or(u64::MAX));
            self.rest = Some(ConsoleChunk { position, data, end: chunk.end });
        }
        Ok(Some(chunk))
    }
}

/// Attaches to a partition's console at the socket `path`, NULL for `/run/vman/vmand.sock`. What the partition
/// printed from `position` on follows, counted over everything that it ever printed; VMAN_CONSOLE_NOW begins with
/// what comes next. Waits at most `timeout_ms` milliseconds for vmand, 0 for ever. Any number of programs may attach
/// to one console.
///
/// Fails with VMAN_STATUS_NOT_FOUND, VMAN_STATUS_PERMISSION_DENIED.
///
/// # Safety
/// `path` is NULL or a NUL-terminated text, `console` a valid place for the handle, `error` NULL or a valid place for
/// a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_console_attach(
    path: *const c_char,
    id: u32,
    position: u64,
    timeout_ms: u32,
    console: *mut *mut vman_console,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let place = unsafe { out(console, "console") }?;
        // SAFETY: promised by the caller.
        let path = socket_path(unsafe { optional_text(path, "path") }?);
        let args = ConsoleAttach {
            id: partition_id(id, "id")?,
            position: (position != VMAN_CONSOLE_NOW).then_some(position),
        };
        let mut client = Client::connect(&path).map_err(Error::from)?;
        let timeout = (timeout_ms != 0).then(|| Duration::from_millis(timeout_ms.into()));
        client.set_timeout(timeout).map_err(Error::from)?;
        let console = client.attach(&args)?;
        let fd = console.as_fd().as_raw_fd();
        place.write(Box::into_raw(Box::new(vman_console {
            fd,
            stream: Mutex::new(Stream { console, rest: None }),
        })));
        Ok(())
    })
}

/// The console's descriptor, for poll(2) with POLLIN; only poll it. -1 for NULL. It is valid until
/// `vman_console_free`.
///
/// # Safety
/// `console` is NULL or a handle that is not freed yet.
#[unsafe(no_mangle)]
pub const unsafe extern "C" fn vman_console_fd(console: *const vman_console) -> c_int {
    // SAFETY: promised by the caller.
    match unsafe { console.as_ref() } {
        Some(console) => console.fd,
        None => -1,
    }
}

/// What has come, at most `capacity` bytes to `buffer`; `length` of `*span` is 0 if nothing has. Never waits. One
/// wake-up of the descriptor may stand for much, so call this until it gives nothing before polling again.
///
/// Fails with VMAN_STATUS_NOT_FOUND when the partition is gone, VMAN_STATUS_DISCONNECTED when vmand is, and with what
/// vmand says about input that could not be typed; after the latter the console goes on.
///
/// # Safety
/// `console` is a handle that is not freed yet, `buffer` valid for `capacity` bytes, `span` a structure with its size,
/// `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_console_next(
    console: *const vman_console,
    buffer: *mut u8,
    capacity: usize,
    span: *mut vman_console_span,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let console = unsafe { borrow(console, "console") }?;
        if buffer.is_null() || capacity == 0 {
            return Err(Failure::argument("buffer", "must not be NULL, nor capacity 0"));
        }
        // SAFETY: promised by the caller.
        let place = unsafe { sized_out(span, "span") }?;
        let capacity = capacity.min(VMAN_CONSOLE_MAX);
        let chunk = console.stream.lock().unwrap_or_else(PoisonError::into_inner).take(capacity)?;
        let Some(chunk) = chunk else {
            place.write(vman_console_span { size: 0, length: 0, position: 0, end: 0 });
            return Ok(());
        };
        // SAFETY: `chunk` is not longer than `capacity` (see `Stream::take`), for which `buffer` is valid; it is
        // memory of our own.
        unsafe { buffer.copy_from_nonoverlapping(chunk.data.as_ptr(), chunk.data.len()) };
        let length = u32::try_from(chunk.data.len()).unwrap_or(u32::MAX);
        place.write(vman_console_span { size: 0, length, position: chunk.position, end: chunk.end });
        Ok(())
    })
}

/// Types `length` bytes, at most VMAN_CONSOLE_MAX. Whether the partition took them is told by `vman_console_next`.
///
/// Fails with VMAN_STATUS_DISCONNECTED.
///
/// # Safety
/// `console` is a handle that is not freed yet, `data` valid for `length` bytes, `error` NULL or a valid place for a
/// pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_console_send(
    console: *const vman_console,
    data: *const u8,
    length: usize,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let console = unsafe { borrow(console, "console") }?;
        // SAFETY: promised by the caller.
        let data = unsafe { items(data, length, "data") }?;
        if length > VMAN_CONSOLE_MAX {
            return Err(Failure::argument("length", format_args!("is more than {VMAN_CONSOLE_MAX}")));
        }
        Ok(console.stream.lock().unwrap_or_else(PoisonError::into_inner).console.send(data)?)
    })
}

/// Detaches and frees the handle; NULL is fine.
///
/// # Safety
/// `console` is NULL or a handle that is not freed yet and that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_console_free(console: *mut vman_console) {
    guard_value((), || {
        if !console.is_null() {
            // SAFETY: made by `vman_console_attach`; the caller promises that it is not freed yet.
            drop(unsafe { Box::from_raw(console) });
        }
    });
}
