//! Images: kernels, device trees, RAM disks.

use std::ffi::c_char;

use vman_core::command::{Command, ImageDelete};

use crate::client::vman_client;
use crate::error::{ErrorOut, vman_error};
use crate::panic::guard;
use crate::pointer::{borrow, give_text, out, text};
use crate::status::vman_status;

/// Brings a regular file of the caller's machine into vmand's store, unless it is there already, and gives the
/// reference that a deploy takes: "image:sha256:HEX". Free `*reference` with `vman_string_free`. A deploy uploads by
/// itself where vmand cannot read the caller's files; this is for doing it ahead.
///
/// Fails with VMAN_STATUS_NOT_FOUND (no such file), VMAN_STATUS_INVALID_ARGUMENT (no regular file),
/// VMAN_STATUS_NO_RESOURCES (the store is full).
///
/// # Safety
/// `client` is a handle that is not freed yet, `path` a NUL-terminated text, `reference` a valid place for a pointer,
/// `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_image_upload(
    client: *const vman_client,
    path: *const c_char,
    reference: *mut *mut c_char,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let client = unsafe { borrow(client, "client") }?;
        // SAFETY: promised by the caller.
        let path = unsafe { text(path, "path") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { out(reference, "reference") }?;
        let reference = client.with(|client| client.upload(path))?;
        place.write(give_text(reference.as_bytes())?);
        Ok(())
    })
}

/// Removes an image from vmand's store; `digest` is 64 hexadecimal digits.
///
/// Fails with VMAN_STATUS_NOT_FOUND.
///
/// # Safety
/// `client` is a handle that is not freed yet, `digest` a NUL-terminated text, `error` NULL or a valid place for a
/// pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_image_delete(
    client: *const vman_client,
    digest: *const c_char,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let client = unsafe { borrow(client, "client") }?;
        // SAFETY: promised by the caller.
        let digest = unsafe { text(digest, "digest") }?.to_owned();
        client.run(&Command::ImageDelete(ImageDelete { digest }))
    })
}
