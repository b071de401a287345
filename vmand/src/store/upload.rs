//! An image on its way into the store.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use vman_core::command::ImagePut;

use super::StoreError;
use crate::digest::Digest;

/// An image of which some bytes have come. One lock each: uploads do not wait for one another.
#[derive(Debug)]
pub(super) struct Upload {
    /// Bytes of the whole image.
    pub(super) size: u64,
    progress: Mutex<Progress>,
}

/// What has come. It is closed when the image is complete or given up; late pieces must not touch its file then.
#[derive(Debug)]
pub(super) struct Progress {
    file: File,
    hash: Sha256,
    received: u64,
    last: Instant,
    closed: bool,
}

/// How a piece fares.
#[derive(Debug)]
pub(super) enum Append {
    /// More is to come.
    Partial(u64),
    /// All bytes are in the file, synced; their digest.
    Complete(Digest),
    /// The upload was closed meanwhile.
    Closed,
    /// The piece breaks a rule; the upload goes on.
    Refused(StoreError),
    /// The file system failed; the upload is closed.
    Failed(io::Error),
}

impl Upload {
    pub(super) fn new(file: File, size: u64) -> Self {
        let progress =
            Progress { file, hash: Sha256::new(), received: 0, last: Instant::now(), closed: false };
        Self { size, progress: Mutex::new(progress) }
    }

    /// Appends the bytes of a piece that have not come yet; `end` is where the piece ends.
    pub(super) fn append(&self, piece: &ImagePut, end: u64) -> Append {
        let mut progress = self.progress();
        if progress.closed {
            return Append::Closed;
        }
        if piece.size != self.size {
            return Append::Refused(StoreError::Size { size: piece.size, begun: self.size });
        }
        if piece.offset > progress.received {
            return Append::Refused(StoreError::Offset { offset: piece.offset, received: progress.received });
        }
        match progress.take(piece, end).and_then(|()| progress.completed(self.size)) {
            Ok(Some(digest)) => Append::Complete(digest),
            Ok(None) => Append::Partial(progress.received),
            Err(error) => {
                progress.closed = true;
                Append::Failed(error)
            }
        }
    }

    /// Closes the upload if nobody has continued it for `timeout`. A piece that is being written counts as fresh.
    pub(super) fn close_if_stale(&self, timeout: Duration) -> bool {
        let Ok(mut progress) = self.progress.try_lock() else { return false };
        progress.closed |= progress.last.elapsed() >= timeout;
        progress.closed
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn take(&mut self, piece: &ImagePut, end: u64) -> io::Result<()> {
        self.last = Instant::now();
        let known = usize::try_from(self.received - piece.offset).unwrap_or(usize::MAX);
        let Some(fresh) = piece.data.get(known..) else { return Ok(()) };
        self.file.write_all(fresh)?;
        self.hash.update(fresh);
        self.received = end.max(self.received);
        Ok(())
    }

    fn completed(&mut self, size: u64) -> io::Result<Option<Digest>> {
        if self.received < size {
            return Ok(None);
        }
        self.closed = true;
        self.file.sync_all()?;
        Ok(Some(Digest::from(self.hash.clone())))
    }
}
