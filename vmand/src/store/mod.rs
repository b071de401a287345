//! Uploaded images: bounded, named by their SHA-256, whole or not there at all.
//!
//! A piece is appended to `DIRECTORY/partial-DIGEST` and hashed as it comes. When the last piece has come and the
//! digest fits, the file is synced and renamed to `DIRECTORY/sha256-DIGEST`. What a killed vmand leaves behind is
//! partial files, which the next one removes.

mod error;
#[cfg(test)]
mod tests;
mod upload;

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vman_core::command::{Image, ImagePut, Images};
use vman_core::id::ByteSize;
use vman_core::manager::{FileError, MAX_CHUNK, open_options, read_regular};

pub use error::StoreError;

use crate::config;
use crate::digest::Digest;
use upload::{Append, Upload};

const WHOLE: &str = "sha256-";
const PARTIAL: &str = "partial-";

type Uploads = HashMap<Digest, Arc<Upload>>;

/// A directory of images.
#[derive(Debug)]
pub struct ImageStore {
    directory: PathBuf,
    max_image: ByteSize,
    capacity: ByteSize,
    upload_timeout: Duration,
    uploads: Mutex<Uploads>,
    /// Held as long as the store is open: two daemons would remove each other's uploads.
    _lock: File,
}

impl ImageStore {
    /// Opens or makes the store in `directory` and removes what unfinished uploads have left.
    ///
    /// # Errors
    /// If the directory cannot be made, or another process has the store open.
    pub fn open(directory: &Path, limits: &config::Images) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o750).create(directory)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(directory.join(".lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::ResourceBusy, "another daemon has it open")
            }
            TryLockError::Error(error) => error,
        })?;
        let store = Self {
            directory: directory.into(),
            max_image: config::saturating_mib(limits.max_image_mib),
            capacity: config::saturating_mib(limits.max_total_mib),
            upload_timeout: limits.upload_timeout(),
            uploads: Mutex::default(),
            _lock: lock,
        };
        store.remove_partial()?;
        Ok(store)
    }

    fn remove_partial(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(PARTIAL.as_bytes()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Takes a piece of an image. Bytes that have come already are skipped, so a piece may be sent again.
    ///
    /// # Errors
    /// [`StoreError`]; after [`StoreError::Mismatch`] and [`StoreError::Io`] the upload has to begin again.
    pub fn put(&self, piece: &ImagePut) -> Result<Image, StoreError> {
        let digest = Digest::parse(&piece.digest).ok_or(StoreError::Digest)?;
        let end = self.check(piece)?;
        let image = |size, received| Ok(Image { digest: digest.to_string(), size, received });
        if let Some(size) = self.size_of(&digest) {
            return image(size, size);
        }
        let upload = self.upload(&digest, piece)?;
        match upload.append(piece, end) {
            Append::Partial(received) => image(upload.size, received),
            Append::Complete(actual) => {
                self.finish(&digest, actual)?;
                image(upload.size, upload.size)
            }
            Append::Closed => Err(StoreError::Raced),
            Append::Refused(error) => Err(error),
            Append::Failed(source) => {
                self.forget(&digest);
                Err(StoreError::Io { path: self.partial(&digest), source })
            }
        }
    }

    /// The rules that do not depend on what has come; gives the end of the piece.
    fn check(&self, piece: &ImagePut) -> Result<u64, StoreError> {
        let length = piece.data.len();
        match u32::try_from(length) {
            Ok(0) => return Err(StoreError::NoData),
            Ok(length) if length <= MAX_CHUNK => {}
            _ => return Err(StoreError::Chunk(length)),
        }
        let size = ByteSize(piece.size);
        if size == ByteSize::ZERO {
            return Err(StoreError::Empty);
        }
        if size > self.max_image {
            return Err(StoreError::TooLarge { size, limit: self.max_image });
        }
        let end = u64::try_from(length).ok().and_then(|length| piece.offset.checked_add(length));
        match end {
            Some(end) if end <= piece.size => Ok(end),
            _ => Err(StoreError::Beyond { end: end.unwrap_or(u64::MAX), size: piece.size }),
        }
    }

    /// The upload that a piece belongs to; a piece at 0 begins one if there is room.
    fn upload(&self, digest: &Digest, piece: &ImagePut) -> Result<Arc<Upload>, StoreError> {
        let mut uploads = self.uploads();
        if let Some(upload) = uploads.get(digest) {
            return Ok(Arc::clone(upload));
        }
        if piece.offset != 0 {
            return Err(StoreError::Offset { offset: piece.offset, received: 0 });
        }
        self.drop_stale(&mut uploads);
        self.check_room(&uploads, ByteSize(piece.size))?;
        let path = self.partial(digest);
        let file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o640)
            .open(&path)
            .map_err(|source| StoreError::Io { path, source })?;
        let upload = Arc::new(Upload::new(file, piece.size));
        uploads.insert(*digest, Arc::clone(&upload));
        Ok(upload)
    }

    fn drop_stale(&self, uploads: &mut Uploads) {
        uploads.retain(|digest, upload| {
            let stale = upload.close_if_stale(self.upload_timeout);
            if stale {
                self.remove(&self.partial(digest));
            }
            !stale
        });
    }

    /// Unfinished uploads count with the size that they will have.
    fn check_room(&self, uploads: &Uploads, size: ByteSize) -> Result<(), StoreError> {
        let promised = uploads.values().map(|upload| upload.size);
        let stored = self.whole().into_iter().map(|image| image.size);
        let used = ByteSize(promised.chain(stored).fold(0, u64::saturating_add));
        match used.0.checked_add(size.0) {
            Some(total) if total <= self.capacity.0 => Ok(()),
            _ => Err(StoreError::Full { used, capacity: self.capacity, size }),
        }
    }

    /// The upload's file is complete and synced: gives it its name. Until the name stands, the upload keeps others
    /// with the same digest away.
    fn finish(&self, expected: &Digest, actual: Digest) -> Result<(), StoreError> {
        let partial = self.partial(expected);
        if actual != *expected {
            self.forget(expected);
            return Err(StoreError::Mismatch { expected: *expected, actual });
        }
        let moved =
            fs::rename(&partial, self.file(expected)).and_then(|()| File::open(&self.directory)?.sync_all());
        self.uploads().remove(expected);
        moved.map_err(|source| StoreError::Io { path: partial, source })
    }

    /// The file goes first: a new upload of the same digest makes its own.
    fn forget(&self, digest: &Digest) {
        let mut uploads = self.uploads();
        self.remove(&self.partial(digest));
        uploads.remove(digest);
    }

    /// The store goes on if a file cannot be removed: it is counted, and the next start removes it.
    fn remove(&self, path: &Path) {
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!(path = %path.display(), %error, "File of the image store cannot be removed");
        }
    }

    /// The complete images, sorted by digest.
    pub fn list(&self) -> Images {
        let images = self.whole();
        let used = images.iter().map(|image| image.size).sum();
        Images { images, capacity: self.capacity.0, used }
    }

    /// Removes an image. A deployment that has opened it reads it to its end.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Io`].
    pub fn delete(&self, digest: &str) -> Result<(), StoreError> {
        let digest = Digest::parse(digest).ok_or(StoreError::Digest)?;
        let path = self.file(&digest);
        fs::remove_file(&path).map_err(|source| match is_missing(&source) {
            true => StoreError::NotFound(digest),
            false => StoreError::Io { path, source },
        })
    }

    /// Reads a complete image and checks its digest again.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn read(&self, digest: &str, limit: ByteSize) -> Result<Vec<u8>, FileError> {
        let wanted =
            Digest::parse(digest).ok_or_else(|| FileError::NoImage(vman_core::manager::shortened(digest)))?;
        let path = self.file(&wanted);
        let file = open_options().open(&path).map_err(|source| match is_missing(&source) {
            true => FileError::NoImage(wanted.to_string()),
            false => FileError::Io { path: path.clone(), source },
        })?;
        let data = read_regular(file, &path, limit)?;
        if Digest::of(&data) != wanted {
            return Err(FileError::Image {
                digest: wanted.to_string(),
                rule: "is damaged: its bytes have another digest",
            });
        }
        Ok(data)
    }

    fn whole(&self) -> Vec<Image> {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let mut images: Vec<_> = entries
            .filter_map(|entry| {
                let digest = Digest::parse(entry.file_name().to_str()?.strip_prefix(WHOLE)?)?;
                let size = entry.metadata().ok()?.len();
                Some(Image { digest: digest.to_string(), size, received: size })
            })
            .collect();
        images.sort_by(|a, b| a.digest.cmp(&b.digest));
        images
    }

    fn size_of(&self, digest: &Digest) -> Option<u64> {
        fs::metadata(self.file(digest)).ok().map(|metadata| metadata.len())
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        self.directory.join(format!("{WHOLE}{digest}"))
    }

    fn partial(&self, digest: &Digest) -> PathBuf {
        self.directory.join(format!("{PARTIAL}{digest}"))
    }

    fn uploads(&self) -> MutexGuard<'_, Uploads> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}
