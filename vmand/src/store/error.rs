//! Why the image store refuses or fails.

use std::io;
use std::path::PathBuf;

use vman_core::ErrorKind;
use vman_core::id::ByteSize;
use vman_core::manager::MAX_CHUNK;

use crate::digest::Digest;

/// Why the store refuses or fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The argument is no digest.
    #[error("Argument digest must be the SHA-256 of the image, 64 hexadecimal digits")]
    Digest,
    /// An image of no bytes.
    #[error("Argument size must be at least 1")]
    Empty,
    /// A piece that is too long.
    #[error("Argument data has {0} bytes, more than {MAX_CHUNK}")]
    Chunk(usize),
    /// A piece without bytes.
    #[error("Argument data is empty")]
    NoData,
    /// An image that is too large.
    #[error("Image of {size} is larger than {limit}, the limit (images.max_image_mib)")]
    TooLarge {
        /// Its size.
        size: ByteSize,
        /// The limit.
        limit: ByteSize,
    },
    /// Pieces of one image disagree about its size.
    #[error("Argument size is {size}, but the upload began with {begun}")]
    Size {
        /// What this piece says.
        size: u64,
        /// What the first piece said.
        begun: u64,
    },
    /// A piece does not join the bytes that have come.
    #[error("Argument offset is {offset}, but {received} bytes have come: send the piece at {received}")]
    Offset {
        /// What this piece says.
        offset: u64,
        /// What is there.
        received: u64,
    },
    /// A piece reaches beyond the image.
    #[error("Piece ends at byte {end}, beyond the image's size of {size}")]
    Beyond {
        /// Where it ends.
        end: u64,
        /// The size.
        size: u64,
    },
    /// The store is full.
    #[error("Image store has {used} of {capacity} in use and no room for {size}: delete images first")]
    Full {
        /// In use.
        used: ByteSize,
        /// The limit.
        capacity: ByteSize,
        /// The image's size.
        size: ByteSize,
    },
    /// The bytes are not those that the digest names.
    #[error("Image has digest {actual}, not {expected}: it was dropped")]
    Mismatch {
        /// As announced.
        expected: Digest,
        /// As computed.
        actual: Digest,
    },
    /// Somebody else finished, dropped or replaced the upload at the same moment.
    #[error("Upload was finished or dropped at the same moment: send its pieces again")]
    Raced,
    /// There is no such image.
    #[error("There is no image {0} in the store")]
    NotFound(Digest),
    /// The file system failed.
    #[error("Image store failed at {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl StoreError {
    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Digest
            | Self::Empty
            | Self::Chunk(_)
            | Self::NoData
            | Self::TooLarge { .. }
            | Self::Size { .. }
            | Self::Offset { .. }
            | Self::Beyond { .. }
            | Self::Mismatch { .. } => ErrorKind::InvalidArgument,
            Self::Raced => ErrorKind::Busy,
            Self::Full { .. } => ErrorKind::NoResources,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Io { source, .. } => {
                source.raw_os_error().map_or(ErrorKind::Internal, ErrorKind::from_errno)
            }
        }
    }
}
