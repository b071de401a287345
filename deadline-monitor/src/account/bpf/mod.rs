//! One BPF program that reads the CPU time of all threads in one go: a tenth of what reading their files costs.
//!
//! Linux from 6.2 on, with type information of its own (BTF), for callers with CAP_BPF and CAP_PERFMON. The program is
//! a few dozen instructions, written here; where the fields of the kernel's structures are it learns from the running
//! kernel. Nothing is compiled, and nothing but the kernel is needed.

mod btf;
mod program;
mod system;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use super::ordered::Ordered;
use super::{CpuAccounting, CpuTime, Error as AccountError, SchedStat};
use crate::sched::{Tid, start_time};
use btf::Layout;
use program::{CHUNK, Chunk};

/// The namespaces that a machine starts with, by the kernel's own fixed numbers (`include/linux/proc_ns.h`).
const FIRST_NAMESPACES: [(&str, &str); 2] = [("pid", "pid:[4026531836]"), ("time", "time:[4026531834]")];
/// The kernel's nanoseconds in one clock tick of procfs.
const TICK_NS: u64 = 10_000_000;

/// Why the kernel does not sweep for us.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Ids and times inside a namespace are not the kernel's.
    #[error("No BPF sweep inside a {0} namespace: the kernel counts by its first one")]
    Namespace(&'static str),
    /// The kernel has no type information.
    #[error("No BPF sweep: this kernel does not describe its types (CONFIG_DEBUG_INFO_BTF): {0}")]
    NoTypes(String),
    /// The type information lacks something.
    #[error("No BPF sweep: this kernel has no {0} (Linux 6.2 or newer is needed)")]
    Missing(&'static str),
    /// The kernel refuses.
    #[error(
        "No BPF sweep: the kernel refuses to {action} ({reason}); it needs CAP_BPF and CAP_PERFMON, or root, and no lockdown"
    )]
    Refused {
        /// What was asked for.
        action: &'static str,
        /// What the kernel said.
        reason: String,
    },
}

/// Reads threads by a BPF program, as many as the kernel has.
#[derive(Debug)]
pub struct Sweep {
    layout: Layout,
    chunks: Vec<Chunk>,
    slots: Ordered<Slot>,
    free: Vec<usize>,
    /// Tells what a thread had used before its first sweep.
    first: SchedStat,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    number: usize,
    /// When the thread began, in clock ticks: another one may get its id.
    start: u64,
    /// What it had used before its first sweep.
    first: Option<CpuTime>,
}

impl Sweep {
    /// Asks the kernel for a sweep, and tries one.
    ///
    /// # Errors
    /// The kernel does not allow it, or is too old.
    pub fn new() -> Result<Sweep, Error> {
        for (kind, first) in FIRST_NAMESPACES {
            let own = fs::read_link(Path::new("/proc/self/ns").join(kind));
            // A kernel without this kind of namespace has only the first.
            if own.is_ok_and(|own| own != Path::new(first)) {
                return Err(Error::Namespace(kind));
            }
        }
        let layout = layout()?;
        let chunks = vec![Chunk::new(&layout)?];
        let first = SchedStat::new("/proc").with_files_at_most(0);
        Ok(Sweep { layout, chunks, slots: Ordered::new(), free: Vec::new(), first })
    }

    /// A free slot; more are made when all are taken.
    fn slot(&mut self) -> Result<usize, Error> {
        if let Some(number) = self.free.pop() {
            return Ok(number);
        }
        let number = self.slots.len();
        if number == self.chunks.len() * CHUNK {
            self.chunks.push(Chunk::new(&self.layout)?);
        }
        Ok(number)
    }

    fn begin(&mut self, tid: Tid) -> Result<CpuTime, AccountError> {
        let time = self.first.cpu_time(tid)?;
        self.first.forget(tid);
        let start = start_time(Path::new("/proc"), tid).ok_or(AccountError::Gone(tid))?;
        let number =
            self.slot().map_err(|error| AccountError::Clock { tid, source: io::Error::other(error) })?;
        if let Some(chunk) = self.chunks.get_mut(number / CHUNK) {
            chunk.put(number % CHUNK, tid);
        }
        self.slots.insert(tid, Slot { number, start, first: Some(time) });
        Ok(time)
    }
}

/// Found once: the running kernel does not change.
fn layout() -> Result<Layout, Error> {
    static LAYOUT: OnceLock<Result<Layout, Error>> = OnceLock::new();
    LAYOUT.get_or_init(Layout::read).clone()
}

impl CpuAccounting for Sweep {
    fn sweep(&mut self) {
        self.slots.rewind();
        // A program that was loaded runs; if not, the readings stay as they were, which is no use of CPU time.
        self.chunks.iter_mut().for_each(|chunk| drop(chunk.run()));
    }

    fn cpu_time(&mut self, tid: Tid) -> Result<CpuTime, AccountError> {
        let Some(&slot) = self.slots.get(tid) else { return self.begin(tid) };
        let chunk = self.chunks.get(slot.number / CHUNK).ok_or(AccountError::Gone(tid))?;
        let read = chunk.get(slot.number % CHUNK);
        match (read.swept, slot.first) {
            (false, Some(first)) => Ok(first),
            (true, _) if read.start_ns / TICK_NS == slot.start => Ok(CpuTime {
                executed: Duration::from_nanos(read.executed_ns),
                waited: Some(Duration::from_nanos(read.waited_ns)),
            }),
            _ => Err(AccountError::Gone(tid)),
        }
    }

    fn forget(&mut self, tid: Tid) {
        let Some(slot) = self.slots.remove(tid) else { return };
        if let Some(chunk) = self.chunks.get_mut(slot.number / CHUNK) {
            chunk.clear(slot.number % CHUNK);
        }
        self.free.push(slot.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier};
    use std::thread;

    fn sweep(name: &str) -> Option<Sweep> {
        let sweep = Sweep::new();
        sweep.map_err(|error| println!("SKIPPED: {name}: {error}")).ok()
    }

    #[test]
    fn a_sweep_reads_what_the_files_tell() {
        let Some(mut sweep) = sweep("a_sweep_reads_what_the_files_tell") else { return };
        let gate = Arc::new(Barrier::new(41));
        let wait = |gate: Arc<Barrier>| move || gate.wait();
        let threads: Vec<_> = (0..40).map(|_| thread::spawn(wait(gate.clone()))).collect();
        let own = crate::target::Target::Process(std::process::id());
        let (mut files, mut same) = (SchedStat::default(), 0);
        let tids = own.threads("/proc".as_ref()).unwrap();
        for _ in 0..3 {
            sweep.sweep();
            for tid in &tids {
                let (swept, read) = (sweep.cpu_time(*tid), files.cpu_time(*tid));
                // Threads of other tests run, or end, between the two.
                same += usize::from(swept.is_ok_and(|swept| read.is_ok_and(|read| swept == read)));
            }
        }
        assert!(same >= 3 * 35, "{same} of {}", 3 * tids.len());
        gate.wait();
        threads.into_iter().for_each(|thread| drop(thread.join()));
        sweep.sweep();
        let gone = tids.iter().filter(|tid| sweep.cpu_time(**tid).is_err()).count();
        assert!(gone >= 35, "{gone} have ended");
    }

    #[test]
    fn slots_are_used_again_and_more_than_a_chunk_is_read() {
        let Some(mut sweep) = sweep("slots_are_used_again_and_more_than_a_chunk_is_read") else { return };
        let own = Tid(std::process::id());
        for _ in 0..3 {
            sweep.cpu_time(own).unwrap();
            sweep.sweep();
            assert!(sweep.cpu_time(own).unwrap().executed > Duration::ZERO);
            sweep.forget(own);
        }
        assert_eq!((sweep.slots.len(), sweep.free.len(), sweep.chunks.len()), (0, 1, 1));
    }
}
