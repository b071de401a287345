//! The arm64 boot header, and where a kernel, its device tree and its initial ramdisk are loaded.
//!
//! Follows the Linux kernel's "Booting AArch64 Linux" (`Documentation/arch/arm64/booting.rst`): the 64-byte header in
//! front of every `Image`, placement at `text_offset` from a 2 MiB boundary, a device tree of at most 2 MiB.

mod error;
mod foreign;
mod layout;

pub use error::{ImageError, Part};
pub use foreign::{Compression, Foreign};
pub use layout::{DEVICE_TREE_MAX, Layout, layout};

use crate::id::ByteSize;

/// Length of the header in bytes.
pub const HEADER_LEN: usize = 64;

const MAGIC: [u8; 4] = *b"ARM\x64";
const TEXT_OFFSET: usize = 8;
const IMAGE_SIZE: usize = 16;
const FLAGS: usize = 24;
const MAGIC_OFFSET: usize = 56;

const FLAG_BIG_ENDIAN: u64 = 1 << 0;
const FLAG_PAGE_SIZE_SHIFT: u32 = 1;
const FLAG_ANYWHERE: u64 = 1 << 3;

/// A kernel's text offset is a multiple of this.
const TEXT_OFFSET_GRANULE: u64 = 4 << 10;
/// A kernel's text offset is below this.
const TEXT_OFFSET_LIMIT: u64 = 2 << 20;

/// The page size that a kernel was built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PageSize {
    /// The header does not say.
    Unspecified,
    /// 4 KiB.
    K4,
    /// 16 KiB.
    K16,
    /// 64 KiB.
    K64,
}

/// What a kernel's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelImage {
    /// Distance from a 2 MiB boundary to the image in bytes.
    pub text_offset: u64,
    /// Bytes that the kernel needs from the start of the image: its file and what it clears behind (BSS).
    pub image_size: ByteSize,
    /// The page size that it was built for.
    pub page_size: PageSize,
    /// Whether it may lie anywhere in memory, and not only near its start.
    pub anywhere: bool,
}

impl KernelImage {
    /// Reads the header of the file `file`, which is complete.
    ///
    /// # Errors
    /// [`ImageError`]: what the file is instead of a kernel, or which field is wrong.
    pub fn parse(file: &[u8]) -> Result<Self, ImageError> {
        Self::from_header(file, u64::try_from(file.len()).unwrap_or(u64::MAX))
    }

    /// Reads the header from `head`, the start of a file of `file_len` bytes.
    ///
    /// # Errors
    /// As [`KernelImage::parse`].
    pub fn from_header(head: &[u8], file_len: u64) -> Result<Self, ImageError> {
        match head.first_chunk::<HEADER_LEN>() {
            Some(header) if array(header, MAGIC_OFFSET) == MAGIC => {
                Self::from_fields(header)?.check(file_len)
            }
            other => Err(match (Foreign::recognise(head), other) {
                (Some(foreign), _) => ImageError::Foreign(foreign),
                (None, Some(header)) => ImageError::Magic { found: array(header, MAGIC_OFFSET) },
                (None, None) => ImageError::TooShort { len: ByteSize(file_len) },
            }),
        }
    }

    fn from_fields(header: &[u8; HEADER_LEN]) -> Result<Self, ImageError> {
        let flags = u64::from_le_bytes(array(header, FLAGS));
        if flags & FLAG_BIG_ENDIAN != 0 {
            return Err(ImageError::BigEndian);
        }
        Ok(Self {
            text_offset: u64::from_le_bytes(array(header, TEXT_OFFSET)),
            image_size: ByteSize(u64::from_le_bytes(array(header, IMAGE_SIZE))),
            page_size: page_size(flags),
            anywhere: flags & FLAG_ANYWHERE != 0,
        })
    }

    fn check(self, file_len: u64) -> Result<Self, ImageError> {
        if self.image_size == ByteSize::ZERO {
            return Err(ImageError::NoImageSize);
        }
        if self.image_size.0 < file_len {
            return Err(ImageError::FileTooLong { image_size: self.image_size, len: ByteSize(file_len) });
        }
        if self.text_offset >= TEXT_OFFSET_LIMIT || !self.text_offset.is_multiple_of(TEXT_OFFSET_GRANULE) {
            return Err(ImageError::TextOffset { text_offset: self.text_offset });
        }
        Ok(self)
    }
}

const fn page_size(flags: u64) -> PageSize {
    match flags >> FLAG_PAGE_SIZE_SHIFT & 0b11 {
        1 => PageSize::K4,
        2 => PageSize::K16,
        3 => PageSize::K64,
        _ => PageSize::Unspecified,
    }
}

fn array<const N: usize>(header: &[u8; HEADER_LEN], offset: usize) -> [u8; N] {
    core::array::from_fn(|byte| header[offset + byte])
}

#[cfg(test)]
mod tests;
