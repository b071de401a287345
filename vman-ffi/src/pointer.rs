//! What comes from C as a pointer, checked as far as it can be.

use std::ffi::{CStr, CString, c_char};
use std::mem::MaybeUninit;

use crate::error::Failure;

fn missing(name: &str) -> Failure {
    Failure::argument(name, "must not be NULL")
}

/// A handle.
///
/// # Safety
/// `handle` is NULL or valid for `'a`.
pub(crate) unsafe fn borrow<'a, T>(handle: *const T, name: &str) -> Result<&'a T, Failure> {
    // SAFETY: promised by the caller.
    unsafe { handle.as_ref() }.ok_or_else(|| missing(name))
}

/// A handle that the call changes.
///
/// # Safety
/// `handle` is NULL, or valid for `'a` and used by nobody else meanwhile.
#[cfg(feature = "monitor")]
pub(crate) unsafe fn borrow_mut<'a, T>(handle: *mut T, name: &str) -> Result<&'a mut T, Failure> {
    // SAFETY: promised by the caller.
    unsafe { handle.as_mut() }.ok_or_else(|| missing(name))
}

/// A place for an output.
///
/// # Safety
/// `place` is NULL or valid for a write for `'a`.
pub(crate) unsafe fn out<'a, T>(place: *mut T, name: &str) -> Result<&'a mut MaybeUninit<T>, Failure> {
    // SAFETY: promised by the caller; `MaybeUninit` asks for no valid value.
    unsafe { place.cast::<MaybeUninit<T>>().as_mut() }.ok_or_else(|| missing(name))
}

/// A text.
///
/// # Safety
/// `text` is NULL, or NUL-terminated and unchanged for `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char, name: &str) -> Result<&'a str, Failure> {
    // SAFETY: promised by the caller.
    unsafe { optional_text(text, name) }?.ok_or_else(|| missing(name))
}

/// A text that may be left out.
///
/// # Safety
/// As for [`text`].
pub(crate) unsafe fn optional_text<'a>(text: *const c_char, name: &str) -> Result<Option<&'a str>, Failure> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so NUL-terminated as promised by the caller.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map(Some).map_err(|error| Failure::argument(name, format_args!("is not UTF-8: {error}")))
}

/// An array; one of length 0 may be NULL.
///
/// # Safety
/// `first` is NULL, or aligned and valid for `count` items for `'a`.
pub(crate) unsafe fn items<'a, T>(first: *const T, count: usize, name: &str) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    if first.is_null() {
        return Err(missing(name));
    }
    if count.checked_mul(size_of::<T>()).is_none_or(|bytes| isize::try_from(bytes).is_err()) {
        return Err(Failure::argument(name, "is longer than the address space"));
    }
    // SAFETY: neither NULL nor too long; aligned and valid for `count` items as promised by the caller.
    Ok(unsafe { std::slice::from_raw_parts(first, count) })
}

/// A text that the caller frees with `vman_string_free`.
pub(crate) fn give_text(text: &[u8]) -> Result<*mut c_char, Failure> {
    CString::new(text)
        .map(CString::into_raw)
        .map_err(|_| Failure::new(vman_core::ErrorKind::Protocol, "Peer sent a NUL byte"))
}
