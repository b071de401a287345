//! The quota of the fair scheduler: `cpu.max` of version 2, `cpu.cfs_quota_us` and `cpu.cfs_period_us` of version 1.

use std::path::Path;
use std::time::Duration;

use super::file::BudgetFile;
use super::{Error, GroupActuator};
use crate::cgroup::{Group, Version};

/// What the kernel takes as a period (`kernel/sched/core.c`, min_cfs_quota_period and max_cfs_quota_period) and at
/// least as a quota.
const PERIOD_MIN: Duration = Duration::from_millis(1);
const PERIOD_MAX: Duration = Duration::from_secs(1);
const QUOTA_MIN: Duration = Duration::from_millis(1);

/// Limits a group to a budget in each period.
///
/// It limits and does not guarantee: others may delay the group, and real-time tasks of the group escape it.
#[derive(Debug)]
pub struct Quota {
    files: Files,
    period_us: u128,
}

#[derive(Debug)]
enum Files {
    V2(BudgetFile),
    V1 { quota: BudgetFile, period: BudgetFile },
}

impl Quota {
    /// Remembers the group's quota.
    ///
    /// # Errors
    /// The group has no quota files, for instance because its cpu controller is not enabled.
    pub fn open(group: &Group, period: Duration) -> Result<Quota, Error> {
        let period_us = period.clamp(PERIOD_MIN, PERIOD_MAX).as_micros();
        let v2 = group.unified().map(|directory| directory.join("cpu.max")).filter(|file| file.is_file());
        if let Some(file) = v2 {
            return Ok(Quota { files: Files::V2(BudgetFile::open(&file)?), period_us });
        }
        let directory = group.controller("cpu").unwrap_or_else(|| group.path().to_owned());
        let open = |name: &str| BudgetFile::open(&directory.join(name));
        let files = Files::V1 { quota: open("cpu.cfs_quota_us")?, period: open("cpu.cfs_period_us")? };
        Ok(Quota { files, period_us })
    }

    /// Which version's files are written.
    pub fn version(&self) -> Version {
        match self.files {
            Files::V2(_) => Version::V2,
            Files::V1 { .. } => Version::V1,
        }
    }

    /// Whether this process may write the files: each is written with what it says already.
    ///
    /// # Errors
    /// What is in the way.
    pub fn probe(group: &Path, hierarchies: &crate::cgroup::Hierarchies) -> Result<(), Error> {
        match Quota::open(&hierarchies.group(group), PERIOD_MAX)?.files {
            Files::V2(max) => max.restore(),
            Files::V1 { quota, .. } => quota.restore(),
        }
    }
}

impl GroupActuator for Quota {
    fn set(&mut self, runtime: Duration) -> Result<(), Error> {
        let (quota_us, period_us) = (runtime.max(QUOTA_MIN).as_micros(), self.period_us);
        match &self.files {
            Files::V2(max) => max.write(&format!("{quota_us} {period_us}")),
            Files::V1 { quota, period } => {
                if period.before() != period_us.to_string() {
                    period.write(&period_us.to_string())?;
                }
                quota.write(&quota_us.to_string())
            }
        }
    }

    fn restore(&mut self) -> Result<(), Error> {
        match &self.files {
            Files::V2(max) => max.restore(),
            // A quota that a group above does not allow for the old period would be refused: first without limit.
            Files::V1 { quota, period } => {
                quota.write("-1")?;
                period.restore()?;
                quota.restore()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const PERIOD: Duration = Duration::from_millis(100);

    #[test]
    fn a_budget_of_version_2_is_written_with_its_period_and_restored() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("cpu.max");
        fs::write(&file, "max 100000\n").unwrap();
        let mut quota = Quota::open(&Group::at(root.path()), PERIOD).unwrap();
        quota.set(Duration::from_micros(23_400)).unwrap();
        assert!(fs::read_to_string(&file).unwrap().starts_with("23400 100000"));
        quota.set(Duration::from_micros(10)).unwrap();
        assert!(fs::read_to_string(&file).unwrap().starts_with("1000 100000"));
        quota.restore().unwrap();
        assert!(fs::read_to_string(&file).unwrap().starts_with("max 100000"));
    }

    #[test]
    fn a_budget_of_version_1_is_in_two_files() {
        let root = tempfile::tempdir().unwrap();
        let group = Group::under(root.path(), &["cpu"], "g");
        let (quota_file, period_file) =
            (root.path().join("cpu/g/cpu.cfs_quota_us"), root.path().join("cpu/g/cpu.cfs_period_us"));
        fs::write(&quota_file, "-1\n").unwrap();
        fs::write(&period_file, "100000\n").unwrap();
        let mut quota = Quota::open(&group, Duration::from_millis(40)).unwrap();
        assert_eq!(quota.version(), Version::V1);
        quota.set(Duration::from_millis(12)).unwrap();
        assert!(fs::read_to_string(&quota_file).unwrap().starts_with("12000"));
        assert!(fs::read_to_string(&period_file).unwrap().starts_with("40000"));
        quota.restore().unwrap();
        assert!(fs::read_to_string(&quota_file).unwrap().starts_with("-1"));
        assert!(fs::read_to_string(&period_file).unwrap().starts_with("100000"));
    }

    #[test]
    fn a_group_without_the_controller_and_one_that_is_gone_are_named() {
        let root = tempfile::tempdir().unwrap();
        let error = Quota::open(&Group::at(root.path()), PERIOD).unwrap_err().to_string();
        assert!(error.starts_with("Cannot read") && error.ends_with("cpu.cfs_quota_us"), "{error}");
        fs::write(root.path().join("cpu.max"), "max 100000\n").unwrap();
        let mut quota = Quota::open(&Group::at(root.path()), PERIOD).unwrap();
        fs::remove_file(root.path().join("cpu.max")).unwrap();
        assert!(matches!(quota.set(PERIOD), Err(Error::Gone { .. })));
    }
}
