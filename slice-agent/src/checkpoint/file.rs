//! Checkpoints on disk.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{Checkpoint, CheckpointError};

impl Checkpoint {
    /// No checkpoint of ours comes near.
    const LIMIT_BYTES: u64 = 1 << 30;

    /// Writes the file at `path`: completely, or not at all with the old one left as it was.
    ///
    /// # Errors
    /// It cannot be written, for instance because the disk is full.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        write_whole(path, &self.to_bytes()?)
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, or is no checkpoint.
    pub fn load(path: &Path) -> Result<Checkpoint, CheckpointError> {
        let failed = |source| CheckpointError::Io { action: "read", path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        if bytes > Checkpoint::LIMIT_BYTES {
            return Err(CheckpointError::TooLarge { bytes, limit: Checkpoint::LIMIT_BYTES });
        }
        let mut content = Vec::new();
        file.take(Checkpoint::LIMIT_BYTES).read_to_end(&mut content).map_err(failed)?;
        Checkpoint::from_bytes(&content)
    }
}

/// Puts `bytes` at `path`: they are written beside it, forced to the disk and moved there, so that at any moment either
/// the old file or the new one is there, and whole.
///
/// # Errors
/// It cannot be written; the old file stays.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let beside = beside(path);
    let result = place(&beside, path, bytes);
    if result.is_err() {
        let _ = fs::remove_file(&beside);
    }
    result.map_err(|source| CheckpointError::Io { action: "write", path: path.to_owned(), source })
}

fn place(beside: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(beside, path)?;
    // The new name is on the disk only when its folder is.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}
