//! A file of a control group that holds a budget.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Error;

/// A file that is written, and written back.
#[derive(Debug)]
pub(super) struct BudgetFile {
    path: PathBuf,
    before: String,
}

impl BudgetFile {
    /// Remembers what the file says now.
    pub(super) fn open(path: &Path) -> Result<BudgetFile, Error> {
        let before =
            fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Ok(BudgetFile { path: path.to_owned(), before: before.trim().to_owned() })
    }

    /// What it said at first.
    pub(super) fn before(&self) -> &str {
        &self.before
    }

    pub(super) fn restore(&self) -> Result<(), Error> {
        self.write(&self.before)
    }

    /// Control files take a value in one write.
    pub(super) fn write(&self, value: &str) -> Result<(), Error> {
        let written = OpenOptions::new()
            .write(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(value.as_bytes()));
        written.map_err(|source| match source.raw_os_error() {
            Some(libc::ENOENT | libc::ENODEV) => Error::Gone { path: self.path.clone() },
            _ => Error::Refused {
                path: self.path.clone(),
                value: value.to_owned(),
                rule: rule(&source),
                source,
            },
        })
    }
}

fn rule(source: &io::Error) -> &'static str {
    match source.raw_os_error() {
        Some(libc::EINVAL) => "a group above has less, or the period is not between 1 ms and 1 s",
        Some(libc::EBUSY) => "no bandwidth is left for this group",
        Some(libc::EACCES | libc::EPERM) => {
            "this user may not write it; be root, or have the group delegated"
        }
        Some(libc::EROFS) => "the hierarchy is mounted read-only, as in a container",
        _ => "the kernel refuses",
    }
}
