//! CPU time of a control group: `cpu.stat` of version 2, or `cpuacct.usage` and `cpu.stat` of version 1.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Error;
use crate::cgroup::{Group, Version};

/// What a group had used when it was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupTime {
    /// CPU time of all its tasks, those that have ended included.
    pub executed: Duration,
    /// Time that its quota kept it from running, added up over the CPUs; `None` without a quota's accounts.
    pub throttled: Option<Duration>,
}

/// Reads a group through files that are kept open.
#[derive(Debug)]
pub struct GroupCpu {
    usage: Kept,
    /// Version 1 tells throttling in another file, if its cpu controller is mounted.
    throttling: Option<Kept>,
    version: Version,
}

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    file: File,
}

/// Longer than any `cpu.stat`.
const TEXT_MAX: usize = 1_024;

impl GroupCpu {
    /// Opens the accounts of `group`: version 2 where it knows CPU time, else version 1.
    ///
    /// # Errors
    /// Neither is there, or it cannot be opened.
    pub fn open(group: &Group) -> Result<GroupCpu, Error> {
        let v1 = group.controller("cpuacct").map(|dir| dir.join("cpuacct.usage"));
        if let Some(usage) = v1.filter(|usage| usage.is_file()) {
            let throttling = group.controller("cpu").and_then(|dir| Kept::open(&dir.join("cpu.stat")).ok());
            return Ok(GroupCpu { usage: Kept::open(&usage)?, throttling, version: Version::V1 });
        }
        let stat = group.unified().unwrap_or_else(|| group.path().to_owned()).join("cpu.stat");
        Ok(GroupCpu { usage: Kept::open(&stat)?, throttling: None, version: Version::V2 })
    }

    /// Which version is read.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Reads it.
    ///
    /// # Errors
    /// The group is gone, or says something else than numbers.
    pub fn read(&self) -> Result<GroupTime, Error> {
        let usage = self.usage.text()?;
        match self.version {
            Version::V1 => {
                let executed = usage.trim().parse().map(Duration::from_nanos);
                let throttled = self.throttling.as_ref().map(Kept::text).transpose()?;
                let throttled = throttled.and_then(|text| field(&text, "throttled_time"));
                Ok(GroupTime {
                    executed: executed.map_err(|_| self.usage.wrong(&usage))?,
                    throttled: throttled.map(Duration::from_nanos),
                })
            }
            Version::V2 => Ok(GroupTime {
                executed: field(&usage, "usage_usec")
                    .map(Duration::from_micros)
                    .ok_or_else(|| self.usage.wrong(&usage))?,
                throttled: field(&usage, "throttled_usec").map(Duration::from_micros),
            }),
        }
    }
}

impl Kept {
    fn open(path: &Path) -> Result<Kept, Error> {
        let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Ok(Kept { path: path.to_owned(), file })
    }

    fn text(&self) -> Result<String, Error> {
        let mut buffer = [0; TEXT_MAX];
        let failed = |source: io::Error| Error::Read { path: self.path.clone(), source };
        let length = self.file.read_at(&mut buffer, 0).map_err(failed)?;
        Ok(String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned())
    }

    fn wrong(&self, text: &str) -> Error {
        Error::Format { path: self.path.clone(), text: text.trim_end().to_owned() }
    }
}

/// The number behind `name` in lines of `name number`.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn version_2_tells_both_times_in_microseconds() {
        let root = tempfile::tempdir().unwrap();
        let stat = "usage_usec 1500\nuser_usec 1000\nnr_periods 3\nnr_throttled 1\nthrottled_usec 700\n";
        fs::write(root.path().join("cpu.stat"), stat).unwrap();
        let group = Group::at(root.path());
        let reader = GroupCpu::open(&group).unwrap();
        let time = reader.read().unwrap();
        assert_eq!((time.executed, time.throttled), (us(1_500), Some(us(700))));
        fs::write(root.path().join("cpu.stat"), "usage_usec 1600\n").unwrap();
        assert_eq!(reader.read().unwrap(), GroupTime { executed: us(1_600), throttled: None });
        fs::write(root.path().join("cpu.stat"), "nothing\n").unwrap();
        assert!(reader.read().unwrap_err().to_string().contains("says \"nothing\""));
    }

    #[test]
    fn version_1_tells_both_times_in_nanoseconds_and_in_two_files() {
        let root = tempfile::tempdir().unwrap();
        let group = Group::under(root.path(), &["cpu", "cpuacct"], "pod");
        fs::write(root.path().join("cpuacct/pod/cpuacct.usage"), "1500000\n").unwrap();
        fs::write(
            root.path().join("cpu/pod/cpu.stat"),
            "nr_periods 3\nnr_throttled 1\nthrottled_time 700000\n",
        )
        .unwrap();
        let reader = GroupCpu::open(&group).unwrap();
        assert_eq!(reader.version(), Version::V1);
        assert_eq!(reader.read().unwrap(), GroupTime { executed: us(1_500), throttled: Some(us(700)) });
    }

    #[test]
    fn a_group_without_accounts_is_an_error_that_names_the_file() {
        let root = tempfile::tempdir().unwrap();
        let error = GroupCpu::open(&Group::at(root.path())).unwrap_err().to_string();
        assert!(error.starts_with("Cannot read ") && error.ends_with("cpu.stat"), "{error}");
    }

    fn us(us: u64) -> Duration {
        Duration::from_micros(us)
    }
}
