//! One monitor for each thread, also of several programs: a lock on the byte of a shared file that stands for the thread.
//!
//! Two monitors that set one thread's budget would undo each other's work, and the last one would restore the
//! reservation of the first one: nobody would end it. The kernel lets go of a program's locks when it ends, however it
//! ends.

#![allow(
    unsafe_code,
    reason = "record locks have no safe wrapper in what this crate uses without its program"
)]

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::OnceLock;

use super::{DeadlineScheduler, Error, Rule, SchedAttr, Tid};
use crate::budget::ReservationParams;

/// The file of all monitors of a machine.
const CLAIMS: &str = "/run/deadline-monitor/threads";

/// A scheduler for threads that no other program monitors.
///
/// A program that may not write the file of claims (it is root's, or the daemon's user's) does without.
#[derive(Debug)]
pub struct Claiming<S> {
    scheduler: S,
    claimed: BTreeSet<Tid>,
}

impl<S> Claiming<S> {
    /// Claims each thread before `scheduler` reserves it, and until it is released.
    pub fn new(scheduler: S) -> Claiming<S> {
        Claiming { scheduler, claimed: BTreeSet::new() }
    }

    fn drop_claim(&mut self, tid: Tid) {
        if self.claimed.remove(&tid)
            && let Some(file) = claims()
        {
            // What cannot be unlocked is unlocked when this program ends.
            let _ = set(file, libc::F_UNLCK, tid);
        }
    }
}

impl<S: DeadlineScheduler> DeadlineScheduler for Claiming<S> {
    fn attributes(&mut self, tid: Tid) -> Result<SchedAttr, Error> {
        self.scheduler.attributes(tid)
    }

    fn reservation(&mut self, tid: Tid) -> Option<ReservationParams> {
        self.scheduler.reservation(tid)
    }

    fn reserve(&mut self, tid: Tid, params: &ReservationParams, reclaim: bool) -> Result<(), Error> {
        let is_new = !self.claimed.contains(&tid);
        if is_new {
            claims().map_or(Ok(()), |file| claim(file, tid))?;
            self.claimed.insert(tid);
        }
        let reserved = self.scheduler.reserve(tid, params, reclaim);
        if is_new && reserved.is_err() {
            self.drop_claim(tid);
        }
        reserved
    }

    fn release(&mut self, tid: Tid, before: &SchedAttr) -> Result<(), Error> {
        let released = self.scheduler.release(tid, before);
        self.drop_claim(tid);
        released
    }

    fn forget(&mut self, tid: Tid) {
        self.scheduler.forget(tid);
        self.drop_claim(tid);
    }
}

/// The file, opened once: a program loses its locks on a file when it closes it anywhere.
fn claims() -> Option<&'static File> {
    static FILE: OnceLock<Option<File>> = OnceLock::new();
    FILE.get_or_init(|| open(Path::new(CLAIMS)).ok()).as_ref()
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Locks the thread's byte, or tells whose it is.
fn claim(file: &File, tid: Tid) -> Result<(), Error> {
    match set(file, libc::F_WRLCK, tid) {
        Err(source) if matches!(source.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
            let rule = Rule::Monitored(holder(file, tid).unwrap_or_default());
            Err(Error { tid, rule, source })
        }
        // Locks that do not work here are no reason to monitor nothing.
        Ok(()) | Err(_) => Ok(()),
    }
}

fn lock(kind: libc::c_int, tid: Tid) -> Option<libc::flock> {
    // SAFETY: all fields are integers, for which zero is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::c_short::try_from(kind).ok()?;
    lock.l_whence = libc::c_short::try_from(libc::SEEK_SET).ok()?;
    (lock.l_start, lock.l_len) = (libc::off_t::from(tid.0), 1);
    Some(lock)
}

fn set(file: &File, kind: libc::c_int, tid: Tid) -> io::Result<()> {
    let lock = lock(kind, tid).ok_or(io::ErrorKind::InvalidInput)?;
    // SAFETY: F_SETLK reads a flock, which lives until the call returns.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The process that has the thread's byte.
fn holder(file: &File, tid: Tid) -> Option<u32> {
    let mut lock = lock(libc::F_WRLCK, tid)?;
    // SAFETY: F_GETLK reads and writes a flock, which lives until the call returns.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &raw mut lock) };
    let is_held = result == 0 && i32::from(lock.l_type) != libc::F_UNLCK;
    u32::try_from(lock.l_pid).ok().filter(|_| is_held)
}
