//! Why a kernel cannot be loaded.

use core::fmt;

use super::{Foreign, HEADER_LEN};
use crate::error::ErrorKind;
use crate::id::ByteSize;

/// What is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The kernel with its BSS.
    Kernel,
    /// The device tree.
    DeviceTree,
    /// The initial ramdisk.
    Initrd,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "Kernel",
            Self::DeviceTree => "Device tree",
            Self::Initrd => "Initial ramdisk",
        })
    }
}

/// Why a kernel cannot be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The file has no room for a header.
    #[error("Kernel of {len} is shorter than its header of {HEADER_LEN} bytes")]
    TooShort {
        /// Length of the file.
        len: ByteSize,
    },
    /// The file is something else.
    #[error("Kernel is {0}")]
    Foreign(Foreign),
    /// The header does not say that this is an arm64 kernel.
    #[error("Kernel has no arm64 boot header: bytes {found:02x?} instead of \"ARM\\x64\" at offset 56")]
    Magic {
        /// What stands in its place.
        found: [u8; 4],
    },
    /// The kernel is built for big-endian CPUs.
    #[error("Kernel is big-endian; partitions start little-endian kernels only")]
    BigEndian,
    /// The kernel is older than Linux 3.17.
    #[error("Kernel does not say how much memory it needs (image_size is 0: older than Linux 3.17)")]
    NoImageSize,
    /// The file is longer than what the header says.
    #[error("Kernel file of {len} is longer than the {image_size} of its header (image_size)")]
    FileTooLong {
        /// What the header says.
        image_size: ByteSize,
        /// Length of the file.
        len: ByteSize,
    },
    /// The offset is no multiple of 4 KiB below 2 MiB.
    #[error("Kernel has a text_offset of {text_offset:#x}; a multiple of 4 KiB below 2 MiB is needed")]
    TextOffset {
        /// What the header says.
        text_offset: u64,
    },
    /// A device tree is empty or longer than the kernel maps.
    #[error("Device tree of {len} is not between 1 byte and 2 MiB")]
    DeviceTreeLength {
        /// Its length.
        len: ByteSize,
    },
    /// The partition's memory does not begin where a kernel can lie.
    #[error("Partition's memory at {base:#x} does not begin at a multiple of 2 MiB")]
    Unaligned {
        /// Its base.
        base: u64,
    },
    /// It does not fit.
    #[error("{part} of {size} needs memory up to {needs}, the partition has {has}")]
    TooLarge {
        /// What does not fit.
        part: Part,
        /// Its size.
        size: ByteSize,
        /// Where it would end, from the start of the partition's memory.
        needs: ByteSize,
        /// The partition's memory.
        has: ByteSize,
    },
    /// It would lie farther from the kernel than arm64 Linux reaches.
    #[error("Initial ramdisk of {size} does not end within 32 GiB of the kernel")]
    TooFar {
        /// Its size.
        size: ByteSize,
    },
}

impl ImageError {
    /// What kind of error it is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::TooLarge { .. } => ErrorKind::NoResources,
            Self::TooShort { .. }
            | Self::Foreign(_)
            | Self::Magic { .. }
            | Self::BigEndian
            | Self::NoImageSize
            | Self::FileTooLong { .. }
            | Self::TextOffset { .. }
            | Self::DeviceTreeLength { .. }
            | Self::Unaligned { .. }
            | Self::TooFar { .. } => ErrorKind::InvalidArgument,
        }
    }
}
