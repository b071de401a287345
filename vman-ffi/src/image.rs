//! Images: kernels, device trees, RAM disks.

use std::ffi::c_char;

use vman_core::command::{Command, ImageDelete};
use vman_core::image::{ImageError, KernelImage, PageSize};

use crate::client::vman_client;
use crate::error::{ErrorOut, Failure, vman_error};
use crate::panic::guard;
use crate::pointer::{borrow, give_text, items, out, text};
use crate::sized::{extensible, sized_out};
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

/// What a kernel's header says. Set `size` to sizeof.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_kernel {
    /// sizeof(vman_kernel).
    pub size: u32,
    /// Page size that it was built for in KiB (4, 16, 64), 0 if the header does not say.
    pub page_size_kib: u32,
    /// Distance from a 2 MiB boundary to the image in bytes.
    pub text_offset: u64,
    /// Bytes that the kernel needs from the start of the image: its file and what it clears behind.
    pub image_size: u64,
    /// 1 if it may lie anywhere in memory, and not only near its start.
    pub anywhere: u32,
    /// 0.
    pub reserved: u32,
}
extensible!(vman_kernel, 32, {
    size: u32, page_size_kib: u32, text_offset: u64, image_size: u64, anywhere: u32, reserved: u32,
});

impl From<&KernelImage> for vman_kernel {
    fn from(image: &KernelImage) -> Self {
        Self {
            size: 0,
            page_size_kib: match image.page_size {
                PageSize::Unspecified => 0,
                PageSize::K4 => 4,
                PageSize::K16 => 16,
                PageSize::K64 => 64,
            },
            text_offset: image.text_offset,
            image_size: image.image_size.0,
            anywhere: image.anywhere.into(),
            reserved: 0,
        }
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        Self::new(error.kind(), error.to_string())
    }
}

/// Reads the header of an arm64 kernel from `head`, the first `length` bytes of a file of `file_length` bytes; 64
/// bytes are enough, more help to tell what else a file is. Nothing is sent: the same check as vmand's.
///
/// Fails with VMAN_STATUS_INVALID_ARGUMENT; the text names what the file is instead (a compressed kernel, an ELF
/// file, a kernel of another architecture) or the field that is wrong.
///
/// # Safety
/// `head` is valid for `length` bytes, `kernel` a structure with its size, `error` NULL or a valid place for a
/// pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_image_check(
    head: *const u8,
    length: usize,
    file_length: u64,
    kernel: *mut vman_kernel,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let head = unsafe { items(head, length, "head") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { sized_out(kernel, "kernel") }?;
        place.write(vman_kernel::from(&KernelImage::from_header(head, file_length)?));
        Ok(())
    })
}
