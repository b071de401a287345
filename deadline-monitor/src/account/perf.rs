//! The task clock of the kernel's performance events: exact also for a running thread, but each watched thread pays
//! about a microsecond at every switch, so it is for few threads.
#![allow(unsafe_code, reason = "perf_event_open has no safe wrapper in libc or nix")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Duration;

use super::{CpuAccounting, CpuTime, Error, SchedStat};
use crate::sched::Tid;

/// `PERF_TYPE_SOFTWARE`, `PERF_COUNT_SW_TASK_CLOCK`, `PERF_FLAG_FD_CLOEXEC`.
const SOFTWARE: u32 = 1;
const TASK_CLOCK: u64 = 1;
const CLOSE_ON_EXEC: libc::c_ulong = 8;

/// `struct perf_event_attr` in its first version (`include/uapi/linux/perf_event.h`).
#[repr(C)]
#[derive(Debug, Default)]
struct EventAttr {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_kind: u32,
    config1: u64,
}

const _: () = assert!(size_of::<EventAttr>() == 64);

/// Exact CPU times. The kernel does not tell through this clock how long a thread waited.
#[derive(Debug)]
pub struct PerfClock {
    /// Tells what threads had used before their clock began.
    before: SchedStat,
    clocks: BTreeMap<Tid, Clock>,
}

#[derive(Debug)]
struct Clock {
    file: File,
    base: Duration,
}

impl Default for PerfClock {
    fn default() -> PerfClock {
        PerfClock { before: SchedStat::new("/proc").with_files_at_most(0), clocks: BTreeMap::new() }
    }
}

impl PerfClock {
    /// Whether the kernel gives this process such clocks: tried on the calling thread.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn probe() -> io::Result<()> {
        open(Tid(0)).map(drop)
    }

    fn begin(&mut self, tid: Tid) -> Result<&mut Clock, Error> {
        let base = self.before.cpu_time(tid)?.executed;
        self.before.forget(tid);
        let file = open(tid).map_err(|source| match source.raw_os_error() {
            Some(libc::ESRCH) => Error::Gone(tid),
            _ => Error::Clock { tid, source },
        })?;
        Ok(self.clocks.entry(tid).or_insert(Clock { file, base }))
    }
}

impl CpuAccounting for PerfClock {
    fn cpu_time(&mut self, tid: Tid) -> Result<CpuTime, Error> {
        // An event outlives its thread and then reads the same for ever.
        if !std::path::Path::new("/proc").join(tid.to_string()).exists() {
            return Err(Error::Gone(tid));
        }
        let clock = if self.clocks.contains_key(&tid) { self.clocks.get_mut(&tid) } else { None };
        let clock = match clock {
            Some(clock) => clock,
            None => self.begin(tid)?,
        };
        let mut count = [0; size_of::<u64>()];
        clock.file.read_exact(&mut count).map_err(|source| Error::Clock { tid, source })?;
        let executed = clock.base + Duration::from_nanos(u64::from_ne_bytes(count));
        Ok(CpuTime { executed, waited: None })
    }

    fn forget(&mut self, tid: Tid) {
        self.clocks.remove(&tid);
    }
}

/// The task clock of one thread, on whichever CPU it runs.
fn open(tid: Tid) -> io::Result<File> {
    let size = u32::try_from(size_of::<EventAttr>()).unwrap_or_default();
    let attr = EventAttr { kind: SOFTWARE, size, config: TASK_CLOCK, ..EventAttr::default() };
    let (any_cpu, no_group): (libc::c_int, libc::c_int) = (-1, -1);
    // SAFETY: the kernel reads `size` bytes, which is the size of the structure that is borrowed, and keeps nothing.
    let fd = unsafe {
        libc::syscall(libc::SYS_perf_event_open, &raw const attr, tid.0, any_cpu, no_group, CLOSE_ON_EXEC)
    };
    let fd = libc::c_int::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the call has just made this descriptor, and nobody else knows it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    Ok(File::from(fd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_a_running_thread_is_exact() {
        if let Err(error) = PerfClock::probe() {
            println!("SKIPPED: the_clock_of_a_running_thread_is_exact: perf_event_open: {error}");
            return;
        }
        let tid = Tid(u32::try_from(nix::unistd::gettid().as_raw()).unwrap());
        let own =
            || Duration::from(nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
        let mut clock = PerfClock::default();
        let (begin, own_begin) = (clock.cpu_time(tid).unwrap().executed, own());
        while own() - own_begin < Duration::from_millis(20) {}
        let (end, own_end) = (clock.cpu_time(tid).unwrap().executed, own());
        let difference = (end - begin).abs_diff(own_end - own_begin);
        assert!(difference < Duration::from_millis(1), "{difference:?} apart");
        clock.forget(tid);
        assert!(matches!(clock.cpu_time(Tid(4_194_305)), Err(Error::Gone(_))));
    }
}
