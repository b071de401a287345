//! Events as they happen, behind a descriptor for poll(2).

use std::ffi::{c_char, c_int};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::{Mutex, PoisonError};

use vman_core::Error;
use vman_core::client::{Client, Events};
use vman_core::command::{EventData, EventRecord};

use crate::client::socket_path;
use crate::error::{ErrorOut, vman_error};
use crate::panic::{guard, guard_value};
use crate::pointer::{borrow, optional_text, out};
use crate::query::fixed;
use crate::sized::{extensible, sized_out};
use crate::state::{vman_cause, vman_state};
use crate::status::vman_status;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum vman_event_kind {
    /// Nothing: no event has come.
    None = 0,
    /// A partition was created.
    Created = 1,
    /// A partition's state changed: `from`, `to`, `cause`.
    State = 2,
    /// A partition was loaded and started again: `cause`.
    Rebooted = 3,
    /// A partition is faulted: `reason`.
    Faulted = 4,
    /// A partition is gone.
    Destroyed = 5,
    /// This stream was read too slowly: `lost` events are missing. Ask vmand for the truth.
    Lost = 6,
    /// vmand stops, and with it this stream.
    Stopping = 7,
}

/// One event. Set `size` to sizeof.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_event {
    /// sizeof(vman_event).
    pub size: u32,
    /// What happened.
    pub kind: vman_event_kind,
    /// The partition, or 0.
    pub id: u32,
    /// State before.
    pub from: vman_state,
    /// State now.
    pub to: vman_state,
    /// Who caused it.
    pub cause: vman_cause,
    /// Number of lost events.
    pub lost: u64,
    /// Nanoseconds of the board's monotonic clock.
    pub timestamp_ns: u64,
    /// Rises by one with every event of the board.
    pub seq: u64,
    /// Why the partition is faulted, else empty.
    pub reason: [c_char; 32],
}
extensible!(vman_event, 80, {
    size: u32, kind: vman_event_kind, id: u32, from: vman_state, to: vman_state, cause: vman_cause,
    lost: u64, timestamp_ns: u64, seq: u64, reason: [c_char; 32],
});

impl vman_event {
    const NONE: Self = Self {
        size: 0,
        kind: vman_event_kind::None,
        id: 0,
        from: vman_state::None,
        to: vman_state::None,
        cause: vman_cause::None,
        lost: 0,
        timestamp_ns: 0,
        seq: 0,
        reason: [0; 32],
    };
}

impl From<&EventRecord> for vman_event {
    fn from(record: &EventRecord) -> Self {
        let event = Self { timestamp_ns: record.timestamp_ns, seq: record.seq, ..Self::NONE };
        match &record.event {
            EventData::PartitionCreated { id } => Self { kind: vman_event_kind::Created, id: id.0, ..event },
            EventData::PartitionState { id, from, to, cause } => Self {
                kind: vman_event_kind::State,
                id: id.0,
                from: (*from).into(),
                to: (*to).into(),
                cause: (*cause).into(),
                ..event
            },
            EventData::PartitionRebooted { id, cause } => {
                Self { kind: vman_event_kind::Rebooted, id: id.0, cause: (*cause).into(), ..event }
            }
            EventData::PartitionFaulted { id, reason } => {
                Self { kind: vman_event_kind::Faulted, id: id.0, reason: fixed(reason), ..event }
            }
            EventData::PartitionDestroyed { id } => {
                Self { kind: vman_event_kind::Destroyed, id: id.0, ..event }
            }
            EventData::EventsLost { lost } => Self { kind: vman_event_kind::Lost, lost: *lost, ..event },
            EventData::DaemonStopping {} => Self { kind: vman_event_kind::Stopping, ..event },
        }
    }
}

/// A stream of events. Several threads may use it, each event goes to one of them. Only `vman_events_free` needs that
/// nobody else uses it. The descriptor is closed on exec; after fork the child must not use the handle.
#[derive(Debug)]
pub struct vman_events {
    fd: c_int,
    events: Mutex<Events>,
}

/// Opens a stream on a connection of its own to the socket `path`, NULL for `/run/vman/vmand.sock`: every event from
/// now on. Waits at most `timeout_ms` milliseconds for vmand's answer, 0 for ever.
///
/// # Safety
/// `path` is NULL or a NUL-terminated text, `events` a valid place for the handle, `error` NULL or a valid place for
/// a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_events_open(
    path: *const c_char,
    timeout_ms: u32,
    events: *mut *mut vman_events,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let place = unsafe { out(events, "events") }?;
        // SAFETY: promised by the caller.
        let path = socket_path(unsafe { optional_text(path, "path") }?);
        let events = subscribe(&path, timeout_ms)?;
        let fd = events.as_fd().as_raw_fd();
        place.write(Box::into_raw(Box::new(vman_events { fd, events: Mutex::new(events) })));
        Ok(())
    })
}

fn subscribe(path: &std::path::Path, timeout_ms: u32) -> Result<Events, Error> {
    let mut client = Client::connect(path)?;
    client.set_timeout((timeout_ms != 0).then(|| std::time::Duration::from_millis(timeout_ms.into())))?;
    client.subscribe()
}

/// The stream's descriptor, for poll(2) with POLLIN; only poll it. -1 for NULL. It is valid until `vman_events_free`.
///
/// # Safety
/// `events` is NULL or a handle that is not freed yet.
#[unsafe(no_mangle)]
pub const unsafe extern "C" fn vman_events_fd(events: *const vman_events) -> c_int {
    // SAFETY: promised by the caller.
    match unsafe { events.as_ref() } {
        Some(events) => events.fd,
        None => -1,
    }
}

/// The next event, or VMAN_EVENT_KIND_NONE if none has come: never waits. One wake-up of the descriptor may stand for
/// several events, so call this until it gives none before polling again.
///
/// Fails with VMAN_STATUS_DISCONNECTED when vmand is gone: free the stream, open another, and ask for the truth.
///
/// # Safety
/// `events` is a handle that is not freed yet, `event` a structure with its size, `error` NULL or a valid place for a
/// pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_events_next(
    events: *const vman_events,
    event: *mut vman_event,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let events = unsafe { borrow(events, "events") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { sized_out(event, "event") }?;
        let record = events.events.lock().unwrap_or_else(PoisonError::into_inner).try_next()?;
        place.write(record.as_ref().map_or(vman_event::NONE, vman_event::from));
        Ok(())
    })
}

/// Closes the stream and frees the handle; NULL is fine.
///
/// # Safety
/// `events` is NULL or a handle that is not freed yet and that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_events_free(events: *mut vman_events) {
    guard_value((), || {
        if !events.is_null() {
            // SAFETY: made by `vman_events_open`; the caller promises that it is not freed yet.
            drop(unsafe { Box::from_raw(events) });
        }
    });
}
