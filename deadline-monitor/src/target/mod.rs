//! What is monitored: one thread, a process with all its threads, a control group with all its processes, or the
//! virtual CPUs of a machine. Containers, pods and libvirt domains are found by their names.

pub mod container;
mod error;
pub mod pod;
pub mod qmp;
pub mod vm;

pub use error::{Error, FindError};

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::sched::Tid;

/// What is monitored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// One thread.
    Thread(Tid),
    /// All threads of a process; those that come and go are followed.
    Process(u32),
    /// All threads of a control group and the groups below it, such as a container's; its directory, of version 1 or 2.
    Cgroup(PathBuf),
    /// The virtual CPUs of a QEMU process, by the names of its threads; its other threads stay as they are.
    Vcpus(u32),
    /// The virtual CPUs of the QEMU that answers on this QMP socket.
    Qmp(PathBuf),
}

/// The lists of threads of a control group, of version 2 and of version 1.
const THREAD_LISTS: [&str; 2] = ["cgroup.threads", "tasks"];

impl Target {
    /// Its threads now, below the procfs at `root`.
    ///
    /// # Errors
    /// The target is gone or cannot be read.
    pub fn threads(&self, root: &Path) -> Result<Vec<Tid>, Error> {
        match self {
            Target::Thread(tid) if root.join(tid.to_string()).exists() => Ok(vec![*tid]),
            Target::Thread(_) => Err(Error::Gone(self.clone())),
            Target::Process(pid) => self.tasks(&root.join(pid.to_string()).join("task")),
            Target::Cgroup(path) => {
                let mut tids = Vec::new();
                self.members(path, &mut tids)?;
                tids.sort_unstable();
                tids.dedup();
                Ok(tids)
            }
            Target::Vcpus(pid) => {
                let mut tids = self.tasks(&root.join(pid.to_string()).join("task"))?;
                tids.retain(|tid| vm::is_vcpu(root, *tid));
                Ok(tids)
            }
            Target::Qmp(socket) => match qmp::vcpu_threads(socket) {
                Ok(tids) => Ok(tids),
                Err(qmp::Error::Unreachable { .. }) => Err(Error::Gone(self.clone())),
                Err(source) => Err(Error::Qmp { socket: socket.clone(), source }),
            },
        }
    }

    /// The threads of the group at `path` and of those below it.
    fn members(&self, path: &Path, tids: &mut Vec<Tid>) -> Result<(), Error> {
        let list = THREAD_LISTS.iter().map(|name| path.join(name)).find(|list| list.is_file());
        let list = list.ok_or_else(|| Error::Gone(self.clone()))?;
        let text = fs::read_to_string(&list).map_err(|source| self.failed(&list, source))?;
        tids.extend(text.lines().filter_map(|line| line.parse().ok()).map(Tid));
        for entry in fs::read_dir(path).map_err(|source| self.failed(path, source))? {
            let below = entry.map_err(|source| self.failed(path, source))?.path();
            // A group that goes away meanwhile has no threads.
            match below.is_dir().then(|| self.members(&below, tids)) {
                Some(Err(error @ (Error::Read { .. } | Error::Qmp { .. }))) => return Err(error),
                None | Some(Ok(()) | Err(Error::Gone(_))) => {}
            }
        }
        Ok(())
    }

    fn failed(&self, path: &Path, source: io::Error) -> Error {
        match source.raw_os_error() {
            Some(libc::ENOENT | libc::ESRCH | libc::ENODEV) => Error::Gone(self.clone()),
            _ => Error::Read { path: path.to_owned(), source },
        }
    }

    /// Whether it has exactly so many threads, asked without listing them: a directory of procfs has a link for each
    /// and two of its own. False where the file system counts otherwise.
    pub fn has(&self, root: &Path, threads: usize) -> bool {
        let links = match self {
            Target::Thread(_) | Target::Cgroup(_) | Target::Vcpus(_) | Target::Qmp(_) => None,
            Target::Process(pid) => fs::metadata(root.join(pid.to_string()).join("task")).ok(),
        };
        links
            .is_some_and(|directory| u64::try_from(threads).is_ok_and(|count| directory.nlink() == count + 2))
    }

    fn tasks(&self, path: &Path) -> Result<Vec<Tid>, Error> {
        let failed = |source| self.failed(path, source);
        let mut tids = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            tids.extend(name.to_str().and_then(|name| name.parse().ok()).map(Tid));
        }
        tids.sort_unstable();
        Ok(tids)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Thread(tid) => write!(f, "thread {tid}"),
            Target::Process(pid) => write!(f, "process {pid}"),
            Target::Cgroup(path) => write!(f, "control group {}", path.display()),
            Target::Vcpus(pid) => write!(f, "virtual machine of process {pid}"),
            Target::Qmp(socket) => write!(f, "virtual machine at {}", socket.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_threads_of_a_process_are_found() {
        let root = tempfile::tempdir().unwrap();
        for tid in ["7", "12", "9"] {
            fs::create_dir_all(root.path().join("7/task").join(tid)).unwrap();
        }
        assert_eq!(Target::Process(7).threads(root.path()).unwrap(), [Tid(7), Tid(9), Tid(12)]);
        assert_eq!(Target::Thread(Tid(7)).threads(root.path()).unwrap(), [Tid(7)]);
    }

    #[test]
    fn threads_of_this_process_are_counted_without_a_list() {
        let this = Target::Process(std::process::id());
        let agrees =
            |_| this.threads("/proc".as_ref()).is_ok_and(|tids| this.has("/proc".as_ref(), tids.len()));
        // Other tests begin and end threads meanwhile: the two calls must agree sooner or later.
        assert!((0..10_000).any(agrees));
        assert!(!this.has("/proc".as_ref(), 1_000_000));
    }

    #[test]
    fn a_control_group_has_the_threads_of_all_groups_below_it() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("pod");
        fs::create_dir_all(group.join("container")).unwrap();
        let target = Target::Cgroup(group.clone());
        for list in THREAD_LISTS {
            fs::write(group.join(list), "12\n7\n").unwrap();
            fs::write(group.join("container").join(list), "9\n").unwrap();
            assert_eq!(target.threads("/proc".as_ref()).unwrap(), [Tid(7), Tid(9), Tid(12)]);
            fs::remove_file(group.join(list)).unwrap();
        }
        let error = target.threads("/proc".as_ref()).unwrap_err().to_string();
        assert!(error.starts_with("There is no control group ") && error.ends_with("/pod"), "{error}");
    }

    #[test]
    fn what_is_not_there_is_named() {
        let root = tempfile::tempdir().unwrap();
        let error = Target::Process(8).threads(root.path()).unwrap_err();
        assert_eq!(error.to_string(), "There is no process 8");
        assert_eq!(
            Target::Thread(Tid(9)).threads(root.path()).unwrap_err().to_string(),
            "There is no thread 9"
        );
    }
}
