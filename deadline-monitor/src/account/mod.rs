//! CPU time of threads and groups, from whatever source of the kernel is cheapest and exact enough.

#[cfg(feature = "bpf")]
pub mod bpf;
pub mod group;
mod ordered;
pub mod perf;
mod schedstat;

pub use group::{GroupCpu, GroupTime};
pub use perf::PerfClock;
pub use schedstat::{SchedStat, is_available, open_files};

use std::io;
use std::path::PathBuf;
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
pub trait CpuAccounting: std::fmt::Debug {
    /// A round of readings begins: a source that reads all threads in one go does so now.
    fn sweep(&mut self) {}

    /// Reads one thread.
    ///
    /// # Errors
    /// The thread is gone, or the source cannot be read.
    fn cpu_time(&mut self, tid: Tid) -> Result<CpuTime, Error>;

    /// Forgets a thread, and frees what was kept for it.
    fn forget(&mut self, tid: Tid);
}

impl<A: CpuAccounting + ?Sized> CpuAccounting for Box<A> {
    fn sweep(&mut self) {
        (**self).sweep();
    }

    fn cpu_time(&mut self, tid: Tid) -> Result<CpuTime, Error> {
        (**self).cpu_time(tid)
    }

    fn forget(&mut self, tid: Tid) {
        (**self).forget(tid);
    }
}

/// Why a CPU time is not known.
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
    /// A clock of a thread cannot be had from the kernel's performance events.
    #[error("The kernel gives no clock for thread {tid}")]
    Clock {
        /// The thread.
        tid: Tid,
        /// Why.
        #[source]
        source: io::Error,
    },
}
