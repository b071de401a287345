//! Consoles of partitions.

use vman_core::command::{Command, ConsoleChunk, ConsoleRead, ConsoleWrite};

use crate::client::{partition_id, vman_client};
use crate::error::{ErrorOut, Failure, vman_error};
use crate::panic::guard;
use crate::pointer::{borrow, items};
use crate::sized::{extensible, sized_out};
use crate::status::vman_status;

/// The most bytes that one call reads or writes.
pub const VMAN_CONSOLE_MAX: usize = 512 * 1024;

/// Which bytes of a console were read. Set `size` to sizeof.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_console_span {
    /// sizeof(vman_console_span).
    pub size: u32,
    /// Number of bytes that were read.
    pub length: u32,
    /// Position of the first one: later than asked if older bytes were dropped. Read on at position + length.
    pub position: u64,
    /// Position behind the last byte that the partition has printed.
    pub end: u64,
}
extensible!(vman_console_span, 24, { size: u32, length: u32, position: u64, end: u64 });

/// Reads what a partition printed, from `position` on, counted over everything that it ever printed; 0 gives the
/// oldest bytes that are kept. At most `capacity` bytes (and at most VMAN_CONSOLE_MAX) go to `buffer`; there may be
/// none. Never waits for the partition.
///
/// Fails with VMAN_STATUS_NOT_FOUND, VMAN_STATUS_INVALID_ARGUMENT (capacity 0).
///
/// # Safety
/// `client` is a handle that is not freed yet, `buffer` valid for `capacity` bytes, `span` a structure with its size,
/// `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_console_read(
    client: *const vman_client,
    id: u32,
    position: u64,
    buffer: *mut u8,
    capacity: usize,
    span: *mut vman_console_span,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let client = unsafe { borrow(client, "client") }?;
        if buffer.is_null() || capacity == 0 {
            return Err(Failure::argument("buffer", "must not be NULL, nor capacity 0"));
        }
        // SAFETY: promised by the caller.
        let place = unsafe { sized_out(span, "span") }?;
        let id = partition_id(id, "id")?;
        let chunk = read(client, id, position, capacity.min(VMAN_CONSOLE_MAX))?;
        // SAFETY: `chunk` is not longer than `capacity` (see `read`), for which `buffer` is valid; it is memory of
        // our own.
        unsafe { buffer.copy_from_nonoverlapping(chunk.data.as_ptr(), chunk.data.len()) };
        let length = u32::try_from(chunk.data.len()).unwrap_or(u32::MAX);
        place.write(vman_console_span { size: 0, length, position: chunk.position, end: chunk.end });
        Ok(())
    })
}

/// At most `max` bytes.
fn read(
    client: &vman_client,
    id: vman_core::id::PartitionId,
    position: u64,
    max: usize,
) -> Result<ConsoleChunk, Failure> {
    let wanted = u32::try_from(max).unwrap_or(u32::MAX);
    let command = Command::ConsoleRead(ConsoleRead { id, position: Some(position), max: Some(wanted) });
    let chunk: ConsoleChunk = client.send(&command)?;
    if chunk.data.len() > max {
        let text = format!("Peer sent {} bytes of console instead of at most {max}", chunk.data.len());
        return Err(Failure::new(vman_core::ErrorKind::Protocol, text));
    }
    Ok(chunk)
}

/// Types `length` bytes into a partition's console, at most VMAN_CONSOLE_MAX.
///
/// Fails with VMAN_STATUS_NOT_FOUND, VMAN_STATUS_BUSY (the partition does not read its console).
///
/// # Safety
/// `client` is a handle that is not freed yet, `data` valid for `length` bytes, `error` NULL or a valid place for a
/// pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_console_write(
    client: *const vman_client,
    id: u32,
    data: *const u8,
    length: usize,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let client = unsafe { borrow(client, "client") }?;
        // SAFETY: promised by the caller.
        let data = unsafe { items(data, length, "data") }?;
        if length > VMAN_CONSOLE_MAX {
            return Err(Failure::argument("length", format_args!("is more than {VMAN_CONSOLE_MAX}")));
        }
        client.run(&Command::ConsoleWrite(ConsoleWrite { id: partition_id(id, "id")?, data: data.to_vec() }))
    })
}
