//! Whether a target is still the one that was named.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::sched::{Tid, start_time};

/// `PIDFD_THREAD`: the id is a thread's, which need not lead its process (Linux 6.9).
const PIDFD_THREAD: PidfdFlags = PidfdFlags::from_bits_retain(libc::O_EXCL.cast_unsigned());

/// A thread, known by more than its id, which the kernel gives to others once the thread has ended.
#[derive(Debug)]
pub(super) struct Identity {
    tid: Tid,
    start: u64,
    /// Tells the thread's end, whoever has its id by then. None where files are scarce or the kernel is older.
    pidfd: Option<OwnedFd>,
}

impl Identity {
    /// The thread that has the id now; `None` if there is none.
    pub(super) fn of(procfs: &Path, tid: Tid, with_pidfd: bool) -> Option<Identity> {
        let before = start_time(procfs, tid)?;
        // The ids of another procfs are not this machine's.
        let pidfd = if with_pidfd && procfs == Path::new("/proc") { open(tid) } else { None };
        // The same before and after: the descriptor is this thread's.
        let start = start_time(procfs, tid)?;
        Some(Identity { tid, start, pidfd: pidfd.filter(|_| start == before) })
    }

    pub(super) fn start(&self) -> u64 {
        self.start
    }

    pub(super) fn has_pidfd(&self) -> bool {
        self.pidfd.is_some()
    }

    /// Whether the thread lives.
    pub(super) fn lives(&self, procfs: &Path) -> bool {
        match self.pidfd.as_ref().and_then(has_ended) {
            Some(ended) => !ended,
            None => start_time(procfs, self.tid) == Some(self.start),
        }
    }
}

fn open(tid: Tid) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(tid.0).ok()?)?;
    // Without PIDFD_THREAD only leaders of processes have one.
    pidfd_open(pid, PIDFD_THREAD).or_else(|_| pidfd_open(pid, PidfdFlags::empty())).ok()
}

/// A pidfd can be read once its thread has ended.
fn has_ended(pidfd: &OwnedFd) -> Option<bool> {
    let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::default())).ok().map(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_thread_that_has_ended_is_noticed_with_and_without_a_pidfd() {
        for with_pidfd in [true, false] {
            let mut child = Command::new("sleep").arg("100").spawn().unwrap();
            let identity = Identity::of("/proc".as_ref(), Tid(child.id()), with_pidfd).unwrap();
            assert_eq!(identity.has_pidfd(), with_pidfd);
            assert!(identity.lives("/proc".as_ref()));
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(!identity.lives("/proc".as_ref()));
            assert!(Identity::of("/proc".as_ref(), Tid(child.id()), with_pidfd).is_none());
        }
    }

    #[test]
    fn threads_that_do_not_lead_a_process_have_pidfds_too() {
        let (tell, told) = std::sync::mpsc::channel();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            tell.send(nix::unistd::gettid().as_raw()).unwrap();
            let _ = stopped.recv();
        });
        let tid = Tid(told.recv().unwrap().cast_unsigned());
        let identity = Identity::of("/proc".as_ref(), tid, true).unwrap();
        if !identity.has_pidfd() {
            println!(
                "SKIPPED: threads_that_do_not_lead_a_process_have_pidfds_too: this kernel has no PIDFD_THREAD"
            );
        }
        assert!(identity.lives("/proc".as_ref()));
        drop(stop);
        thread.join().unwrap();
        assert!(!identity.lives("/proc".as_ref()));
    }
}
