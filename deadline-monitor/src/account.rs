//! CPU time of threads, read from procfs through files that are kept open (0.7 us a reading instead of 5).

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sched::Tid;

/// What a thread had used when it was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// CPU time used since the thread began.
    pub executed: Duration,
    /// Time that it was runnable but did not run, throttling included; `None` if the source does not tell.
    pub waited: Option<Duration>,
}

/// Who tells the CPU time of threads.
pub trait CpuAccounting {
    /// Reads one thread.
    ///
    /// # Errors
    /// The thread is gone, or the source cannot be read.
    fn cpu_time(&mut self, tid: Tid) -> Result<CpuTime, Error>;

    /// Forgets a thread, and frees what was kept for it.
    fn forget(&mut self, tid: Tid);
}

/// Why a thread's CPU time is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The thread has ended.
    #[error("Thread {0} has ended")]
    Gone(Tid),
    /// The file cannot be read.
    #[error("Cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file does not say what it should.
    #[error("{} says \"{text}\" instead of three numbers", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it says.
        text: String,
    },
}

/// Reads `TID/schedstat` below a procfs. The numbers of a running thread are at most a tick old.
#[derive(Debug)]
pub struct SchedStat {
    root: PathBuf,
    files: BTreeMap<Tid, File>,
    /// How many files are kept at most; the others are opened for each reading.
    most: usize,
    /// Readings that had to open their file.
    opened: u64,
}

/// Three numbers of 20 digits and what separates them.
const LINE_MAX: usize = 64;

impl Default for SchedStat {
    fn default() -> SchedStat {
        SchedStat::new("/proc")
    }
}

impl SchedStat {
    /// Reads below `root`.
    pub fn new(root: impl Into<PathBuf>) -> SchedStat {
        SchedStat { root: root.into(), files: BTreeMap::new(), most: usize::MAX, opened: 0 }
    }

    /// Keeps at most so many files. Threads beyond that are read all the same, at 5 us a reading instead of 0.7.
    #[must_use]
    pub fn with_files_at_most(mut self, most: usize) -> SchedStat {
        self.most = most;
        self
    }

    /// How many files are kept now.
    pub fn kept(&self) -> usize {
        self.files.len()
    }

    /// How many readings had to open their file so far, the first one of each thread included.
    pub fn opened(&self) -> u64 {
        self.opened
    }

    fn path(&self, tid: Tid) -> PathBuf {
        self.root.join(tid.to_string()).join("schedstat")
    }

    /// A kept file fails with ESRCH once its thread is gone, even when its id was given to another.
    fn read(&mut self, tid: Tid, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(file) = self.files.get(&tid) {
            return file.read_at(buffer, 0);
        }
        let file = File::open(self.path(tid))?;
        self.opened += 1;
        let length = file.read_at(buffer, 0)?;
        if self.files.len() < self.most {
            self.files.insert(tid, file);
        }
        Ok(length)
    }
}

impl CpuAccounting for SchedStat {
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
        self.files.remove(&tid);
    }
}

/// `executed waited slices`, in nanoseconds.
fn parse(text: &[u8]) -> Option<CpuTime> {
    let mut numbers = std::str::from_utf8(text).ok()?.split_ascii_whitespace().map(str::parse);
    let executed = Duration::from_nanos(numbers.next()?.ok()?);
    let waited = Duration::from_nanos(numbers.next()?.ok()?);
    numbers.next()?.ok().map(|_slices: u64| CpuTime { executed, waited: Some(waited) })
}

/// Whether the kernel keeps `schedstat` for threads (`CONFIG_SCHED_INFO`).
pub fn is_available(root: &Path) -> bool {
    root.join("self/schedstat").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn with(text: &str) -> (tempfile::TempDir, SchedStat) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("7")).unwrap();
        fs::write(root.path().join("7/schedstat"), text).unwrap();
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
        assert!(matches!(reader.cpu_time(Tid(8)), Err(Error::Gone(Tid(8)))));
        let error = reader.cpu_time(Tid(7)).unwrap_err().to_string();
        assert!(error.ends_with("schedstat says \"12 many\" instead of three numbers"), "{error}");
    }

    #[test]
    fn this_machines_own_threads_are_read() {
        let mut reader = SchedStat::default();
        let time = reader.cpu_time(Tid(std::process::id())).unwrap();
        assert!(time.executed > Duration::ZERO);
        reader.forget(Tid(std::process::id()));
        assert!(reader.files.is_empty());
    }
}
