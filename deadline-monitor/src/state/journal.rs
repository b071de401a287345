//! The state file: lines with a checksum each, appended one by one and now and then written anew as a whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::identity::boot_id;
use super::record::{Record, Saved, SavedAttr, SavedThread, VERSION};
use crate::sched::{SchedAttr, Tid, start_time};

/// Lines beyond those needed before the file is written anew.
const SLACK: usize = 4_096;
/// Nobody writes a larger one; 10,000 threads take two MiB.
const MAX_BYTES: u64 = 64 << 20;

/// A state file that this process alone writes.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    saved: Saved,
    boot: String,
    procfs: PathBuf,
    lines: usize,
    /// Held for as long as this lives.
    _lock: File,
}

/// What was found when a state file was opened.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Whether the machine was started anew since: then no thread of the file exists any more.
    pub rebooted: bool,
    /// The file that was found was broken: where it is now, and why. What could be read of it is in the journal.
    pub set_aside: Option<SetAside>,
}

/// A broken state file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another one is at work.
    #[error("{} is in use by another deadline-monitor{}", path.display(), by(*pid))]
    InUse {
        /// The state file.
        path: PathBuf,
        /// The process, if it left its id.
        pid: Option<u32>,
    },
    /// The file cannot be read or written.
    #[error("Cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

fn by(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

impl Journal {
    /// Opens the state file at `path`, makes it if there is none, and locks it for this process. A file that is broken
    /// is set aside; what can be read of it is kept. `procfs` tells the boot and the threads.
    ///
    /// # Errors
    /// Another process has it, or it cannot be read or written.
    pub fn open(path: &Path, procfs: &Path) -> Result<(Journal, Loaded), Error> {
        let failed = |action| move |source| Error::Io { action, path: path.into(), source };
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(failed("make the directory of"))?;
        }
        let lock = lock(path)?;
        let boot = boot_id(procfs);
        let read = read(path).map_err(failed("read"))?;
        let mut loaded = Loaded::default();
        if let Some(reason) = read.broken {
            loaded.set_aside = Some(set_aside(path, reason).map_err(failed("set aside"))?);
        }
        loaded.rebooted = read.boot.is_some_and(|then| then != boot);
        let mut saved = read.saved;
        if loaded.rebooted {
            saved.threads.clear();
        }
        let file = write_anew(path, &saved, &boot).map_err(failed("write"))?;
        let lines = saved.lines();
        let (path, procfs) = (path.to_owned(), procfs.to_owned());
        Ok((Journal { path, file, saved, boot, procfs, lines, _lock: lock }, loaded))
    }

    /// What the file says now.
    pub fn saved(&self) -> &Saved {
        &self.saved
    }

    /// Lets the file go as the end of a process does.
    #[cfg(test)]
    pub(crate) fn unlock_as_if_killed(&self) {
        self._lock.unlock().expect("the lock is held");
    }

    /// The threads' procfs.
    pub fn procfs(&self) -> &Path {
        &self.procfs
    }

    /// The thread's record, if it is still the same thread.
    pub fn thread(&self, tid: Tid) -> Option<SavedThread> {
        let saved = self.saved.threads.get(&tid.0)?;
        (start_time(&self.procfs, tid) == Some(saved.start)).then_some(*saved)
    }

    /// Writes down how a thread is scheduled that is about to get a reservation.
    ///
    /// # Errors
    /// It cannot be written; the thread must be left alone.
    pub fn adopted(&mut self, tid: Tid, start: u64, before: SchedAttr) -> Result<(), Error> {
        let before = SavedAttr::from(before.restorable());
        self.append(Record::Adopted { tid: tid.0, start, before })
    }

    /// Strikes a thread out that was given back or has ended; nothing if it is not there.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn released(&mut self, tid: Tid) -> Result<(), Error> {
        if !self.saved.threads.contains_key(&tid.0) {
            return Ok(());
        }
        self.append(Record::Released { tid: tid.0 })
    }

    /// Writes down something of the owner's, in place of what has the same kind and id.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&mut self, kind: &str, id: &str, value: Value) -> Result<(), Error> {
        self.append(Record::Put { kind: kind.into(), id: id.into(), value })
    }

    /// Strikes something of the owner's out; nothing if it is not there.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn remove(&mut self, kind: &str, id: &str) -> Result<(), Error> {
        if !self.saved.items.contains_key(&(kind.into(), id.into())) {
            return Ok(());
        }
        self.append(Record::Removed { kind: kind.into(), id: id.into() })
    }

    /// One `write` for one line: a process that is killed leaves all of it, or a torn last line. The page cache
    /// outlives the process, and a machine that stops has no threads left to restore: nothing waits for the disk.
    fn append(&mut self, record: Record) -> Result<(), Error> {
        let failed = |source| Error::Io { action: "write", path: self.path.clone(), source };
        let line = line(&record).map_err(failed)?;
        let length = self.file.metadata().map_err(failed)?.len();
        if let Err(source) = self.file.write_all(&line) {
            // Half a line in the middle would break the file for the lines behind it.
            let _ = self.file.set_len(length);
            return Err(failed(source));
        }
        self.saved.apply(record);
        self.lines += 1;
        if self.lines > 2 * self.saved.lines() + SLACK {
            self.compact();
        }
        Ok(())
    }

    /// Writes the file anew, without threads that have ended. If that fails the longer file stays as good as it was.
    fn compact(&mut self) {
        let procfs = &self.procfs;
        let lives = |tid: &u32, thread: &mut SavedThread| start_time(procfs, Tid(*tid)) == Some(thread.start);
        self.saved.threads.retain(lives);
        if let Ok(file) = write_anew(&self.path, &self.saved, &self.boot) {
            self.file = file;
        }
        self.lines = self.saved.lines();
    }
}

/// `CHECKSUM JSON`, with the checksum (CRC-32) of the JSON text in hexadecimal.
fn line(record: &Record) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(record)?;
    let mut line = format!("{:08x} ", crc32fast::hash(&json)).into_bytes();
    line.extend_from_slice(&json);
    line.push(b'\n');
    Ok(line)
}

fn parse(line: &[u8]) -> Result<Record, String> {
    let (sum, json) = line.split_at_checked(9).ok_or("is too short")?;
    let sum = std::str::from_utf8(sum).ok().and_then(|sum| u32::from_str_radix(sum.trim_end(), 16).ok());
    if sum != Some(crc32fast::hash(json)) {
        return Err("has a wrong checksum".to_owned());
    }
    serde_json::from_slice(json).map_err(|error| format!("is no record: {error}"))
}

/// What was read, as far as it could be.
#[derive(Debug, Default)]
struct Reading {
    saved: Saved,
    boot: Option<String>,
    broken: Option<String>,
}

fn read(path: &Path) -> io::Result<Reading> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Reading::default()),
        Err(error) => return Err(error),
        Ok(file) => file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?,
    };
    Ok(understand(&bytes))
}

fn understand(bytes: &[u8]) -> Reading {
    let mut reading = Reading::default();
    let mut complain = |number: usize, what: &str| {
        reading.broken.get_or_insert_with(|| format!("line {} {what}", number + 1));
    };
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        complain(0, "and those behind it are too long for a state file");
        return reading;
    }
    // Behind the last newline there is nothing, or a line that a killed process did not finish.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let lines = bytes.get(..whole).unwrap_or_default().split_terminator_newline();
    for (number, text) in lines.enumerate() {
        match parse(text) {
            Ok(Record::Begin { version, .. }) if version != VERSION => {
                let what = format!("is of version {version}, this program knows version {VERSION}");
                complain(number, &what);
                return reading;
            }
            Ok(Record::Begin { boot, .. }) => reading.boot = Some(boot),
            Ok(record) => reading.saved.apply(record),
            Err(what) => complain(number, &what),
        }
    }
    if reading.boot.is_none() && !bytes.is_empty() {
        complain(0, "does not begin a state file");
        // Without the boot nobody knows whether the threads are the same.
        reading.saved = Saved::default();
    }
    reading
}

trait Lines {
    fn split_terminator_newline(&self) -> impl Iterator<Item = &[u8]>;
}

impl Lines for [u8] {
    fn split_terminator_newline(&self) -> impl Iterator<Item = &[u8]> {
        self.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
    }
}

/// Written beside it, then put in its place: at every moment there is a whole file.
fn write_anew(path: &Path, saved: &Saved, boot: &str) -> io::Result<File> {
    let beside = with_suffix(path, ".new");
    let mut text = Vec::new();
    for record in saved.records(boot) {
        text.extend(line(&record)?);
    }
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    if let Some(parent) = path.parent() {
        // The name is as good without; a directory that cannot be synced is no reason to stop.
        let _ = File::open(parent).and_then(|directory| directory.sync_all());
    }
    OpenOptions::new().append(true).open(path)
}

fn set_aside(path: &Path, reason: String) -> io::Result<SetAside> {
    let free = (1..).map(|number: u32| with_suffix(path, &format!(".broken-{number}")));
    let aside =
        free.into_iter().find(|aside| !aside.exists()).unwrap_or_else(|| with_suffix(path, ".broken"));
    fs::rename(path, &aside)?;
    Ok(SetAside { path: aside, reason })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn lock(path: &Path) -> Result<File, Error> {
    let lock_path = with_suffix(path, ".lock");
    let failed = |source| Error::Io { action: "lock", path: lock_path.clone(), source };
    let mut options = OpenOptions::new();
    let mut file = options
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(&lock_path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = file.read_to_string(&mut text);
            return Err(Error::InUse { path: path.into(), pid: text.trim().parse().ok() });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    // Only for the message above; the lock is what counts.
    let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
    Ok(file)
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
