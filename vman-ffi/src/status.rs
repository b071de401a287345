//! What a call answers.

use std::ffi::{CStr, c_char};

use vman_core::ErrorKind;

use crate::error::{ErrorOut, Failure, vman_error};
use crate::panic::{guard, guard_value};
use crate::pointer::{out, text};

/// What a call answers: the kind of error, the same as the class of a JSON reply. Numbers are never used again for
/// something else; newer libraries may answer numbers that are not listed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum vman_status {
    /// It is done.
    Ok = 0,
    /// An argument breaks a rule that does not depend on any state.
    InvalidArgument = 1,
    /// No such partition, image or file.
    NotFound = 2,
    /// The partition's state does not allow it.
    InvalidState = 3,
    /// Not enough cores, memory, slots or space.
    NoResources = 4,
    /// Another operation on the partition is under way.
    Busy = 5,
    /// The caller may not do this.
    PermissionDenied = 6,
    /// Unknown command, or a feature that this board does not have.
    Unsupported = 7,
    /// It did not happen in time; the state is unchanged.
    Timeout = 8,
    /// The connection or the device is gone.
    Disconnected = 9,
    /// The peer does not speak the protocol.
    Protocol = 10,
    /// The firmware answered a code that nobody knows.
    Firmware = 11,
    /// A defect of ours or a failing system call.
    Internal = 12,
    /// The name or UUID is taken.
    AlreadyExists = 13,
    /// A defect of this library; the handle remains valid.
    Panic = 100,
}

impl From<ErrorKind> for vman_status {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidArgument => Self::InvalidArgument,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::InvalidState => Self::InvalidState,
            ErrorKind::NoResources => Self::NoResources,
            ErrorKind::Busy => Self::Busy,
            ErrorKind::PermissionDenied => Self::PermissionDenied,
            ErrorKind::Unsupported => Self::Unsupported,
            ErrorKind::Timeout => Self::Timeout,
            ErrorKind::Disconnected => Self::Disconnected,
            ErrorKind::Protocol => Self::Protocol,
            ErrorKind::Firmware => Self::Firmware,
            ErrorKind::Internal => Self::Internal,
            ErrorKind::AlreadyExists => Self::AlreadyExists,
        }
    }
}

/// Name and description of every status.
const TEXTS: [(vman_status, &CStr, &CStr); 15] = [
    (vman_status::Ok, c"Ok", c"Done"),
    (vman_status::InvalidArgument, c"InvalidArgument", c"Invalid argument"),
    (vman_status::NotFound, c"NotFound", c"Not found"),
    (vman_status::InvalidState, c"InvalidState", c"Not possible in the partition's state"),
    (vman_status::NoResources, c"NoResources", c"Not enough resources"),
    (vman_status::Busy, c"Busy", c"Another operation is under way"),
    (vman_status::PermissionDenied, c"PermissionDenied", c"Permission denied"),
    (vman_status::Unsupported, c"Unsupported", c"Not supported"),
    (vman_status::Timeout, c"Timeout", c"Timed out"),
    (vman_status::Disconnected, c"Disconnected", c"Disconnected"),
    (vman_status::Protocol, c"Protocol", c"Protocol error"),
    (vman_status::Firmware, c"Firmware", c"Firmware error"),
    (vman_status::Internal, c"Internal", c"Internal error"),
    (vman_status::AlreadyExists, c"AlreadyExists", c"Already exists"),
    (vman_status::Panic, c"Panic", c"Defect in libvman"),
];

fn texts(status: i32) -> Option<(&'static CStr, &'static CStr)> {
    TEXTS.iter().find(|(known, ..)| *known as i32 == status).map(|(_, name, text)| (*name, *text))
}

/// Name of a status, the same as the class of a JSON reply ("InvalidState"); NULL for an unknown number. The text is
/// constant.
#[unsafe(no_mangle)]
pub extern "C" fn vman_status_name(status: i32) -> *const c_char {
    guard_value(std::ptr::null(), || texts(status).map_or(std::ptr::null(), |(name, _)| name.as_ptr()))
}

/// One clause for people ("Not possible in the partition's state"); NULL for an unknown number. The text is constant.
#[unsafe(no_mangle)]
pub extern "C" fn vman_status_describe(status: i32) -> *const c_char {
    guard_value(std::ptr::null(), || texts(status).map_or(std::ptr::null(), |(_, text)| text.as_ptr()))
}

/// Whether the same call may succeed later without any change: busy, timed out, disconnected.
#[unsafe(no_mangle)]
pub extern "C" fn vman_status_is_temporary(status: i32) -> bool {
    guard_value(false, || {
        ErrorKind::ALL.iter().any(|kind| vman_status::from(*kind) as i32 == status && kind.is_temporary())
    })
}

/// The status for the `class` of a JSON error reply; a class that this library does not know is
/// VMAN_STATUS_INTERNAL, as vmand's newer classes are.
///
/// # Safety
/// `class` is a NUL-terminated text, `status` a valid place for the answer, `error` NULL or a valid place for a
/// pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_status_from_class(
    class: *const c_char,
    status: *mut vman_status,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let class = unsafe { text(class, "class") }?;
        // SAFETY: promised by the caller.
        let status = unsafe { out(status, "status") }?;
        status.write(ErrorKind::from_name(class).unwrap_or(ErrorKind::Internal).into());
        Ok::<(), Failure>(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_number_name_and_text() {
        for kind in ErrorKind::ALL {
            let status = vman_status::from(*kind) as i32;
            assert_eq!(status, *kind as i32);
            let (name, text) = texts(status).unwrap();
            assert_eq!(name.to_str().unwrap(), kind.name());
            assert_eq!(text.to_str().unwrap(), kind.describe());
            assert_eq!(vman_status_is_temporary(status), kind.is_temporary());
        }
    }
}
