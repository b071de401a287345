//! `schedstat` of procfs, read through files that are kept open (0.7 us a reading instead of 5).

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ordered::Ordered;
use super::{CpuAccounting, CpuTime, Error};
use crate::sched::{Tid, start_time};

/// Reads `TID/schedstat` below a procfs. The numbers of a running thread are at most a tick old.
///
/// One file is kept open for each thread, as long as the process may open that many. The threads beyond are read by
/// opening their file each time, which costs seven times as much: slower, but nothing is lost.
#[derive(Debug)]
pub struct SchedStat {
    root: PathBuf,
    sources: Ordered<Source>,
    /// How many files may be kept.
    most: usize,
    kept: usize,
    /// Readings that had to open their file.
    opened: u64,
}

#[derive(Debug)]
enum Source {
    /// Fails with ESRCH once its thread is gone, even when the id was given to another.
    Kept(File),
    /// Opened each time; the start time tells whether it is still the same thread.
    Opened { start: Option<u64> },
}

/// Three numbers of 20 digits and what separates them.
const LINE_MAX: usize = 64;
/// Files that are left to the rest of the process.
const FILES_LEFT: usize = 128;

impl Default for SchedStat {
    /// Reads `/proc`, within the limit of open files that is in force now.
    fn default() -> SchedStat {
        let most = open_files().unwrap_or(usize::MAX).saturating_sub(FILES_LEFT);
        SchedStat { most, ..SchedStat::new("/proc") }
    }
}

impl SchedStat {
    /// Reads below `root` and keeps every file.
    pub fn new(root: impl Into<PathBuf>) -> SchedStat {
        SchedStat { root: root.into(), sources: Ordered::new(), most: usize::MAX, kept: 0, opened: 0 }
    }

    /// Keeps at most so many files. Threads beyond that are read all the same, at 5 us a reading instead of 0.7.
    #[must_use]
    pub fn with_files_at_most(mut self, most: usize) -> SchedStat {
        self.most = most;
        self
    }

    /// How many files are kept now.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// How many readings had to open their file so far, the first one of each thread included.
    pub fn opened(&self) -> u64 {
        self.opened
    }

    /// How many threads are read the slow way, because no more files may be kept.
    pub fn degraded(&self) -> usize {
        self.sources.len() - self.kept
    }

    fn path(&self, tid: Tid) -> PathBuf {
        self.root.join(tid.to_string()).join("schedstat")
    }

    fn read(&mut self, tid: Tid, buffer: &mut [u8]) -> io::Result<usize> {
        match self.sources.get(tid) {
            Some(Source::Kept(file)) => file.read_at(buffer, 0),
            Some(&Source::Opened { start }) => self.reopened(tid, start, buffer),
            None => self.first(tid, buffer),
        }
    }

    fn first(&mut self, tid: Tid, buffer: &mut [u8]) -> io::Result<usize> {
        let file = File::open(self.path(tid))?;
        self.opened += 1;
        let length = file.read_at(buffer, 0)?;
        let source = if self.kept < self.most {
            self.kept += 1;
            Source::Kept(file)
        } else {
            Source::Opened { start: start_time(&self.root, tid) }
        };
        self.sources.insert(tid, source);
        Ok(length)
    }

    fn reopened(&mut self, tid: Tid, start: Option<u64>, buffer: &mut [u8]) -> io::Result<usize> {
        let length = File::open(self.path(tid))?.read_at(buffer, 0)?;
        self.opened += 1;
        if start_time(&self.root, tid) == start {
            Ok(length)
        } else {
            Err(io::Error::from_raw_os_error(libc::ESRCH))
        }
    }
}

impl CpuAccounting for SchedStat {
    fn sweep(&mut self) {
        self.sources.rewind();
    }

    fn cpu_time(&mut self, tid: Tid) -> Result<CpuTime, Error> {
        let mut buffer = [0; LINE_MAX];
        let length = self.read(tid, &mut buffer).map_err(|source| match source.raw_os_error() {
            Some(libc::ESRCH | libc::ENOENT) => Error::Gone(tid),
            _ => Error::Read { path: self.path(tid), source },
        })?;
        let text = buffer.get(..length).unwrap_or_default();
        parse(text).ok_or_else(|| Error::Format {
            path: self.path(tid),
            text: String::from_utf8_lossy(text).trim_end().to_owned(),
        })
    }

    fn forget(&mut self, tid: Tid) {
        let source = self.sources.remove(tid);
        self.kept -= usize::from(matches!(source, Some(Source::Kept(_))));
    }
}

/// `executed waited slices`, in nanoseconds.
fn parse(text: &[u8]) -> Option<CpuTime> {
    let mut numbers = text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b' ').map(number);
    let executed = Duration::from_nanos(numbers.next()??);
    let waited = Duration::from_nanos(numbers.next()??);
    let _slices = numbers.next()??;
    numbers.next().is_none().then_some(CpuTime { executed, waited: Some(waited) })
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { number.checked_mul(10)?.checked_add(u64::from(digit)) }
    })
}

/// Whether the kernel keeps `schedstat` for threads (`CONFIG_SCHED_INFO`).
pub fn is_available(root: &Path) -> bool {
    root.join("self/schedstat").is_file()
}

/// How many files this process may open; `None` if that cannot be read or is not limited.
pub fn open_files() -> Option<usize> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> (tempfile::TempDir, SchedStat) {
        let root = tempfile::tempdir().unwrap();
        for tid in ["7", "8", "9"] {
            fs::create_dir(root.path().join(tid)).unwrap();
            fs::write(root.path().join(tid).join("schedstat"), text).unwrap();
        }
        let reader = SchedStat::new(root.path());
        (root, reader)
    }

    #[test]
    fn both_times_are_read_each_time_anew_from_the_same_file() {
        let (root, mut reader) = with("1000 2000 3\n");
        let time = reader.cpu_time(Tid(7)).unwrap();
        assert_eq!(time.executed, Duration::from_micros(1));
        assert_eq!(time.waited, Some(Duration::from_micros(2)));
        fs::write(root.path().join("7/schedstat"), "18446744073709551615 0 18446744073709551615\n").unwrap();
        assert_eq!(reader.cpu_time(Tid(7)).unwrap().executed, Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn a_thread_that_is_gone_and_a_broken_file_are_told_apart() {
        let (_root, mut reader) = with("12 many\n");
        assert!(matches!(reader.cpu_time(Tid(6)), Err(Error::Gone(Tid(6)))));
        let error = reader.cpu_time(Tid(7)).unwrap_err().to_string();
        assert!(error.ends_with("schedstat says \"12 many\" instead of three numbers"), "{error}");
        for broken in ["", "1 2", "1 2 3 4", "1 2 99999999999999999999", "-1 2 3"] {
            assert_eq!(parse(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn beyond_the_files_that_may_be_kept_threads_are_still_read() {
        let (root, reader) = with("5 0 0\n");
        let mut reader = reader.with_files_at_most(1);
        for tid in [7, 8, 9] {
            let stat = format!("{tid} (x) S{}\n", " 4".repeat(25));
            fs::write(root.path().join(tid.to_string()).join("stat"), stat).unwrap();
            assert_eq!(reader.cpu_time(Tid(tid)).unwrap().executed, Duration::from_nanos(5));
        }
        assert_eq!(reader.degraded(), 2);
        fs::write(root.path().join("9/schedstat"), "6 0 0\n").unwrap();
        assert_eq!(reader.cpu_time(Tid(9)).unwrap().executed, Duration::from_nanos(6));
        // Another thread with the same id began later.
        fs::write(root.path().join("9/stat"), format!("9 (y) S{}\n", " 5".repeat(25))).unwrap();
        assert!(matches!(reader.cpu_time(Tid(9)), Err(Error::Gone(Tid(9)))));
        reader.forget(Tid(7));
        assert_eq!((reader.degraded(), reader.kept), (2, 0));
    }

    #[test]
    fn this_machines_own_threads_are_read() {
        let mut reader = SchedStat::default();
        let time = reader.cpu_time(Tid(std::process::id())).unwrap();
        assert!(time.executed > Duration::ZERO);
        reader.forget(Tid(std::process::id()));
        assert!(reader.sources.len() == 0 && open_files().is_none_or(|files| files > 3));
    }
}
