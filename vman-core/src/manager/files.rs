//! Where kernels, device trees and initrds come from.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::client::IMAGE_PREFIX;
use crate::error::ErrorKind;
use crate::id::ByteSize;

/// Gives the manager the bytes behind a file argument of `deploy`: vmand looks into its image store and checks what
/// the peer may read, vmanctl without vmand opens plain paths.
pub trait FileSource {
    /// The whole file. `reference` is a path or [`IMAGE_PREFIX`] and a digest; a file above `limit` is refused.
    ///
    /// # Errors
    /// [`FileError`].
    fn read(&self, reference: &str, limit: ByteSize) -> Result<Vec<u8>, FileError>;
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be opened or read.
    #[error("File {} cannot be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a directory, a FIFO, a device.
    #[error("{} is no regular file", .0.display())]
    NotRegular(PathBuf),
    /// It is too large for its purpose.
    #[error("File {} has {size}, more than the {limit} that are possible here", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: ByteSize,
        /// The most that was asked for.
        limit: ByteSize,
    },
    /// It changed while it was read.
    #[error("File {} became shorter while it was read", .0.display())]
    Shrank(PathBuf),
    /// The argument itself breaks a rule.
    #[error("File argument {reference:?} {rule}")]
    Reference {
        /// The argument, shortened.
        reference: String,
        /// The rule.
        rule: &'static str,
    },
    /// A rule of access forbids it.
    #[error("File {reference:?} {rule}")]
    Forbidden {
        /// The argument, shortened.
        reference: String,
        /// The rule.
        rule: String,
    },
    /// There is no such image.
    #[error("There is no image {0} in the store")]
    NoImage(String),
    /// The image store failed.
    #[error("Image {digest} {rule}")]
    Image {
        /// Its digest.
        digest: String,
        /// What is wrong.
        rule: &'static str,
    },
}

impl FileError {
    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { source, .. } => io_kind(source),
            Self::NotRegular(_) | Self::TooLarge { .. } | Self::Reference { .. } => {
                ErrorKind::InvalidArgument
            }
            Self::Forbidden { .. } => ErrorKind::PermissionDenied,
            Self::NoImage(_) => ErrorKind::NotFound,
            Self::Shrank(_) | Self::Image { .. } => ErrorKind::Internal,
        }
    }
}

/// A path that cannot be a file is the caller's mistake, not the system's.
fn io_kind(error: &io::Error) -> ErrorKind {
    match error.raw_os_error() {
        Some(libc::ENOTDIR | libc::EISDIR | libc::ENAMETOOLONG | libc::ELOOP) => ErrorKind::InvalidArgument,
        Some(errno) => ErrorKind::from_errno(errno),
        None if error.kind() == io::ErrorKind::NotFound => ErrorKind::NotFound,
        None => ErrorKind::Internal,
    }
}

/// The rules that hold for every reference that is a path: not empty, no NUL byte, no `..`.
///
/// # Errors
/// [`FileError::Reference`] names the rule.
pub fn check_path(reference: &str) -> Result<&Path, FileError> {
    let refused = |rule| Err(FileError::Reference { reference: shortened(reference), rule });
    if reference.is_empty() {
        return refused("is empty");
    }
    if reference.contains('\0') {
        return refused("contains a NUL byte");
    }
    let path = Path::new(reference);
    if path.components().any(|part| part == std::path::Component::ParentDir) {
        return refused("contains `..`");
    }
    Ok(path)
}

/// A reference as it may stand in a message.
pub fn shortened(reference: &str) -> String {
    const KEPT: usize = 128;
    match reference.char_indices().nth(KEPT) {
        Some((end, _)) => format!("{}...", &reference[..end]),
        None => reference.into(),
    }
}

/// Reads all of an open file that must be a regular one.
///
/// # Errors
/// [`FileError::NotRegular`], [`FileError::TooLarge`], [`FileError::Shrank`], [`FileError::Io`].
pub fn read_regular(file: File, path: &Path, limit: ByteSize) -> Result<Vec<u8>, FileError> {
    let failed = |source| FileError::Io { path: path.into(), source };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(FileError::NotRegular(path.into()));
    }
    let size = ByteSize(metadata.len());
    let Some(length) = usize::try_from(size.0).ok().filter(|_| size <= limit) else {
        return Err(FileError::TooLarge { path: path.into(), size, limit });
    };
    let mut data = Vec::with_capacity(length);
    file.take(size.0).read_to_end(&mut data).map_err(failed)?;
    if data.len() != length {
        return Err(FileError::Shrank(path.into()));
    }
    Ok(data)
}

/// Options that never wait: a FIFO without a writer opens at once and is then found to be no regular file.
pub fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    options
}

/// Plain paths of the caller's own file system, opened with the caller's own rights.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainFiles;

impl FileSource for PlainFiles {
    fn read(&self, reference: &str, limit: ByteSize) -> Result<Vec<u8>, FileError> {
        if reference.starts_with(IMAGE_PREFIX) {
            return Err(FileError::Reference {
                reference: shortened(reference),
                rule: "names an uploaded image, which only vmand has",
            });
        }
        if reference.is_empty() || reference.contains('\0') {
            check_path(reference)?;
        }
        let path = Path::new(reference);
        let file = open_options().open(path).map_err(|source| FileError::Io { path: path.into(), source })?;
        read_regular(file, path, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path, limit: u64) -> FileError {
        PlainFiles.read(path.to_str().unwrap(), ByteSize(limit)).unwrap_err()
    }

    #[test]
    fn only_regular_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let error = refusal(directory.path(), 1 << 20);
        assert!(error.to_string().ends_with("is no regular file"), "{error}");
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        let error = refusal(Path::new("/dev/null"), 1 << 20);
        assert!(error.to_string().ends_with("is no regular file"), "{error}");
    }

    #[test]
    fn fifo_without_a_writer_is_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(refusal(&path, 1 << 20), FileError::NotRegular(_)));
    }

    #[test]
    fn file_above_the_limit_is_refused_with_both_sizes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kernel");
        std::fs::write(&path, [0; 4097]).unwrap();
        let error = refusal(&path, 4096);
        assert!(error.to_string().contains("has 4097 B, more than the 4 KiB"), "{error}");
        assert_eq!(PlainFiles.read(path.to_str().unwrap(), ByteSize(4097)).unwrap().len(), 4097);
    }

    #[test]
    fn missing_file_is_not_found() {
        assert_eq!(refusal(Path::new("/nonexistent"), 1).kind(), ErrorKind::NotFound);
        assert_eq!(refusal(Path::new("/dev/null/x"), 1).kind(), ErrorKind::InvalidArgument);
        assert_eq!(refusal(Path::new(&"x".repeat(5000)), 1).kind(), ErrorKind::InvalidArgument);
    }

    #[test]
    fn broken_references_name_their_rule() {
        let rule = |reference: &str| check_path(reference).unwrap_err().to_string();
        assert!(rule("").ends_with("is empty"));
        assert!(rule("a\0b").ends_with("contains a NUL byte"));
        assert!(rule("/boot/../etc/shadow").ends_with("contains `..`"));
        assert!(check_path("/boot/vmlinuz..old").is_ok());
        assert!(rule(&format!("../{}", "x".repeat(1 << 20))).len() < 300);
    }
}
