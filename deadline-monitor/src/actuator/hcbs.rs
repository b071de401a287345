//! Reservations of whole groups (hierarchical constant bandwidth server), for kernels that have them: none of the
//! mainline does. `cpu.rt.max` is the file of the patches of 2026 ("runtime period" in microseconds); those before, and
//! the source document's kernel, have `cpu.rt_multi_runtime_us` or `cpu.rt_runtime_us` and `cpu.rt_period_us`.

use std::time::Duration;

use super::file::BudgetFile;
use super::{Error, GroupActuator};
use crate::cgroup::Group;

/// The file of the patches of 2026.
pub(super) const RT_MAX: &str = "cpu.rt.max";

/// Reserves a budget for the real-time tasks of a group.
#[derive(Debug)]
pub struct Hcbs {
    max: BudgetFile,
    period_us: u128,
}

impl Hcbs {
    /// Remembers the group's reservation.
    ///
    /// # Errors
    /// The kernel has no reservations of groups.
    pub fn open(group: &Group, period: Duration) -> Result<Hcbs, Error> {
        let directory = group.unified().unwrap_or_else(|| group.path().to_owned());
        Ok(Hcbs { max: BudgetFile::open(&directory.join(RT_MAX))?, period_us: period.as_micros() })
    }
}

impl GroupActuator for Hcbs {
    fn set(&mut self, runtime: Duration) -> Result<(), Error> {
        self.max.write(&format!("{} {}", runtime.as_micros(), self.period_us))
    }

    fn restore(&mut self) -> Result<(), Error> {
        self.max.restore()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_groups_reservation_is_written_and_restored() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join(RT_MAX);
        fs::write(&file, "0 1000000\n").unwrap();
        let mut hcbs = Hcbs::open(&Group::at(root.path()), Duration::from_millis(100)).unwrap();
        hcbs.set(Duration::from_millis(12)).unwrap();
        assert!(fs::read_to_string(&file).unwrap().starts_with("12000 100000"));
        hcbs.restore().unwrap();
        assert!(fs::read_to_string(&file).unwrap().starts_with("0 1000000"));
    }

    #[test]
    fn a_kernel_without_it_is_told_by_the_missing_file() {
        let root = tempfile::tempdir().unwrap();
        let error = Hcbs::open(&Group::at(root.path()), Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().ends_with("cpu.rt.max"), "{error}");
    }
}
