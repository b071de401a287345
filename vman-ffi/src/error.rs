//! The error object: status and text of a refusal.

use std::ffi::{CString, c_char};
use std::marker::PhantomData;

use vman_core::command::ErrorReply;
use vman_core::{Error, ErrorKind};

use crate::panic::guard_value;
use crate::status::vman_status;

/// Why a call failed. It does not change and may be read by several threads.
#[derive(Debug)]
pub struct vman_error {
    status: vman_status,
    message: CString,
}

/// Why a body failed.
#[derive(Debug)]
pub(crate) struct Failure {
    status: vman_status,
    text: String,
}

impl Failure {
    /// An argument of the call is wrong.
    pub(crate) fn argument(name: &str, rule: impl std::fmt::Display) -> Self {
        Self { status: vman_status::InvalidArgument, text: format!("Argument {name}: {rule}") }
    }

    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { status: kind.into(), text: text.into() }
    }

    pub(crate) fn panic(report: String) -> Self {
        Self { status: vman_status::Panic, text: report }
    }
}

impl From<Error> for Failure {
    /// The text holds the whole chain of causes.
    fn from(error: Error) -> Self {
        Self { status: error.kind().into(), text: ErrorReply::from(&error).desc }
    }
}

/// The caller's place for an error object, or none.
#[derive(Debug)]
pub(crate) struct ErrorOut<'a> {
    place: *mut *mut vman_error,
    lifetime: PhantomData<&'a mut vman_error>,
}

impl ErrorOut<'_> {
    /// # Safety
    /// `place` is NULL, or valid for a write for as long as this lives.
    pub(crate) const unsafe fn new(place: *mut *mut vman_error) -> Self {
        Self { place, lifetime: PhantomData }
    }

    /// Stores the failure and gives its status.
    pub(crate) fn set(self, failure: Failure) -> vman_status {
        let Failure { status, text } = failure;
        if !self.place.is_null() {
            let message = CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default();
            let object = Box::into_raw(Box::new(vman_error { status, message }));
            // SAFETY: not NULL, so valid for a write as promised to `new`.
            unsafe { self.place.write(object) };
        }
        status
    }
}

/// One clause for people which names the rule that was broken, and its causes. NUL-terminated UTF-8, valid until
/// `vman_error_free`. NULL for NULL.
///
/// # Safety
/// `error` is NULL or an error object that is not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_error_message(error: *const vman_error) -> *const c_char {
    // SAFETY: promised by the caller.
    match unsafe { error.as_ref() } {
        Some(error) => error.message.as_ptr(),
        None => std::ptr::null(),
    }
}

/// The status that the failed call gave; VMAN_STATUS_OK for NULL.
///
/// # Safety
/// `error` is NULL or an error object that is not freed yet.
#[unsafe(no_mangle)]
pub const unsafe extern "C" fn vman_error_status(error: *const vman_error) -> vman_status {
    // SAFETY: promised by the caller.
    match unsafe { error.as_ref() } {
        Some(error) => error.status,
        None => vman_status::Ok,
    }
}

/// Frees an error object; NULL is fine.
///
/// # Safety
/// `error` is NULL or an error object that is not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_error_free(error: *mut vman_error) {
    guard_value((), || {
        if !error.is_null() {
            // SAFETY: made by `Box::into_raw` in `ErrorOut::set`; the caller promises that it is not freed yet.
            drop(unsafe { Box::from_raw(error) });
        }
    });
}
