//! Compute chunks as control groups of this machine, version 1 or 2, whichever is mounted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{BackendError, ComputeBackend};
use crate::api::{Compute, ComputeChunk, Cpus, Id, Size};
use crate::compose::{Quota, Usage};

/// The kernel's period of quotas, in microseconds.
const PERIOD_US: u64 = 100_000;
/// The kernel's least quota, in microseconds.
const LEAST_US: u64 = 1_000;

/// Makes a group per chunk below one group of ours. Programs are put into the groups by whoever runs them.
#[derive(Debug)]
pub struct Cgroup {
    cpu: PathBuf,
    memory: PathBuf,
    is_unified: bool,
}

impl Cgroup {
    /// Groups below `root` (a path like `aivirt/slices`) of the hierarchy that is mounted at `mount`, usually
    /// `/sys/fs/cgroup`.
    ///
    /// # Errors
    /// No hierarchy with a cpu controller is there, or the group cannot be made.
    pub fn open(mount: &Path, root: &str) -> Result<Self, BackendError> {
        let is_unified = mount.join("cgroup.controllers").exists();
        let tree = |controller: &str| match is_unified {
            true => mount.join(root),
            false => mount.join(controller).join(root),
        };
        let cgroup = Self { cpu: tree("cpu"), memory: tree("memory"), is_unified };
        for group in [&cgroup.cpu, &cgroup.memory] {
            fs::create_dir_all(group).map_err(|error| unavailable(group, &error))?;
        }
        if is_unified {
            let mut group = mount.to_path_buf();
            for name in Path::new(root).components() {
                write(&group.join("cgroup.subtree_control"), "+cpu +memory")?;
                group.push(name);
            }
            write(&group.join("cgroup.subtree_control"), "+cpu +memory")?;
        }
        Ok(cgroup)
    }

    /// The group of a chunk, in the hierarchy of the cpu controller.
    pub fn group(&self, chunk: &Id) -> PathBuf {
        self.cpu.join(chunk.as_str())
    }

    fn set_cpus(&self, chunk: &Id, cpus: Cpus) -> Result<(), BackendError> {
        let quota_us = (u64::from(cpus.millicores()) * PERIOD_US / 1_000).max(LEAST_US);
        let group = self.group(chunk);
        if self.is_unified {
            return write(&group.join("cpu.max"), &format!("{quota_us} {PERIOD_US}"));
        }
        write(&group.join("cpu.cfs_period_us"), &PERIOD_US.to_string())?;
        write(&group.join("cpu.cfs_quota_us"), &quota_us.to_string())
    }

    fn set_ram(&self, chunk: &Id, ram: Size) -> Result<(), BackendError> {
        let file = if self.is_unified { "memory.max" } else { "memory.limit_in_bytes" };
        let bytes = ram.megabytes().saturating_mul(1 << 20);
        let text = if bytes == 0 { unlimited(self.is_unified).to_owned() } else { bytes.to_string() };
        write(&self.memory.join(chunk.as_str()).join(file), &text)
    }
}

/// Memory of a chunk that asks for none is not limited.
const fn unlimited(is_unified: bool) -> &'static str {
    if is_unified { "max" } else { "-1" }
}

impl ComputeBackend for Cgroup {
    fn reserve(&mut self, _: &Compute, chunk: &ComputeChunk) -> Result<(), BackendError> {
        for group in [self.group(&chunk.id), self.memory.join(chunk.id.as_str())] {
            match fs::create_dir(&group) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(unavailable(&group, &error));
                }
                _ => {}
            }
        }
        let made = self
            .set_cpus(&chunk.id, chunk.requirements.cpus.required)
            .and_then(|()| self.set_ram(&chunk.id, chunk.requirements.ram.required));
        // Nothing is left of a group that is not as it was asked for.
        made.inspect_err(|_| {
            drop(remove(&self.group(&chunk.id)).and(remove(&self.memory.join(chunk.id.as_str()))))
        })
    }

    fn resize(&mut self, _: &Compute, chunk: &Id, quota: Quota) -> Result<(), BackendError> {
        if !self.group(chunk).exists() {
            return Err(BackendError::Unknown { chunk: chunk.clone() });
        }
        match quota {
            Quota::Cpus(cpus) => self.set_cpus(chunk, cpus),
            Quota::Ram(ram) => self.set_ram(chunk, ram),
            // Control groups limit no storage; the chunk's quota is a promise in the book.
            Quota::Storage(_) => Ok(()),
        }
    }

    fn release(&mut self, _: &Compute, chunk: &Id) -> Result<(), BackendError> {
        remove(&self.group(chunk))?;
        remove(&self.memory.join(chunk.as_str()))
    }

    /// CPU time is given up at any moment; memory is what the group has charged.
    fn usage(&mut self, _: &Compute, chunk: &Id) -> Result<Usage, BackendError> {
        let file = if self.is_unified { "memory.current" } else { "memory.usage_in_bytes" };
        let path = self.memory.join(chunk.as_str()).join(file);
        let text = fs::read_to_string(&path).map_err(|error| unavailable(&path, &error))?;
        let bytes: u64 = text.trim().parse().unwrap_or_default();
        let ram = Size::new(bytes.div_ceil(1 << 20), crate::api::SizeUnit::MB).unwrap_or_default();
        Ok(Usage { ram, ..Usage::default() })
    }
}

fn write(path: &Path, text: &str) -> Result<(), BackendError> {
    fs::write(path, text).map_err(|error| match error.raw_os_error() {
        Some(code) if code == nix::errno::Errno::EBUSY as i32 || code == nix::errno::Errno::EINVAL as i32 => {
            BackendError::Refused { reason: format!("{}: {error}", path.display()) }
        }
        _ => unavailable(path, &error),
    })
}

fn remove(group: &Path) -> Result<(), BackendError> {
    match fs::remove_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Err(BackendError::Refused {
            reason: format!("programs run in the control group {}", group.display()),
        }),
        Err(error) => Err(unavailable(group, &error)),
        Ok(()) => Ok(()),
    }
}

fn unavailable(path: &Path, error: &io::Error) -> BackendError {
    BackendError::Unavailable { reason: format!("{}: {error}", path.display()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk() -> ComputeChunk {
        let json = r#"{"id": "c", "name": "c", "user_id": "u", "compute_id": "e",
            "requirements": {"cpus": {"required": 1.5}, "ram": {"required": 64, "units": "MB"}}}"#;
        serde_json::from_str(json).unwrap()
    }

    fn compute() -> Compute {
        let json = r#"{"name": "e", "user_id": "u", "compute_type": "cgroup",
            "compute_data": {"quota": {"cpus": {"total": 8}, "ram": {"total": 1}}}}"#;
        serde_json::from_str(json).unwrap()
    }

    /// The files of version 2 in a folder: what is written where, without a kernel that obeys.
    #[test]
    fn version_2_is_told_through_its_own_files() {
        let mount = tempfile::tempdir().unwrap();
        fs::write(mount.path().join("cgroup.controllers"), "cpu memory").unwrap();
        let mut cgroup = Cgroup::open(mount.path(), "a/b").unwrap();
        for group in ["", "a", "a/b"] {
            let control = fs::read_to_string(mount.path().join(group).join("cgroup.subtree_control"));
            assert_eq!(control.unwrap(), "+cpu +memory", "{group:?}");
        }
        cgroup.reserve(&compute(), &chunk()).unwrap();
        let read = |file: &str| fs::read_to_string(mount.path().join("a/b/c").join(file)).unwrap();
        assert_eq!((read("cpu.max"), read("memory.max")), ("150000 100000".into(), "67108864".into()));
        cgroup.resize(&compute(), &Id::new("c"), Quota::Cpus(Cpus::from_millicores(1))).unwrap();
        cgroup.resize(&compute(), &Id::new("c"), Quota::Ram(Size::default())).unwrap();
        assert_eq!((read("cpu.max"), read("memory.max")), ("1000 100000".into(), "max".into()));
        fs::write(mount.path().join("a/b/c/memory.current"), "1048577\n").unwrap();
        let usage = cgroup.usage(&compute(), &Id::new("c")).unwrap();
        assert_eq!(usage.ram.megabytes(), 2);
        let gone = cgroup.resize(&compute(), &Id::new("x"), Quota::Storage(Size::default()));
        assert!(matches!(gone, Err(BackendError::Unknown { .. })));
    }
}
