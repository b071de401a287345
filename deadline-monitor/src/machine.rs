//! What this machine admits: the kernel's limits, and the bandwidth that reservations have.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::budget::{Bandwidth, KernelLimits};

/// The part of each CPU that recent kernels keep for SCHED_OTHER (the fair server: 50 ms of 1 s).
const FAIR_SERVER: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// The first kernel that has it.
const FAIR_SERVER_SINCE: (u32, u32) = (6, 12);
/// A tenth of a percent of a CPU: sums of rounded shares, and reservations that changed while they were added up.
const ROUNDING: Bandwidth = Bandwidth::from_units(1 << 10);

/// The kernel's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// CPUs that are online.
    pub cpus: u64,
    /// Bounds of a single reservation.
    pub limits: KernelLimits,
    /// The part of a CPU that real-time tasks may take; `None` if it is not limited (`sched_rt_runtime_us` = -1).
    pub share: Option<Bandwidth>,
    /// The part of each CPU that the kernel reserves for SCHED_OTHER.
    pub fair_server: Bandwidth,
}

/// The kernel's account of given bandwidth, against the sum of all reservations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// They say the same.
    Even,
    /// The kernel counts this much that no thread has.
    Lost(Bandwidth),
    /// Threads have this much that the kernel does not count.
    Forgotten(Bandwidth),
}

impl Machine {
    /// Reads the limits below the procfs at `root`; what cannot be read has the kernel's usual value.
    pub fn read(root: &Path, cpus: u64) -> Machine {
        let number = |name: &str| -> Option<i64> {
            fs::read_to_string(root.join("sys/kernel").join(name)).ok()?.trim().parse().ok()
        };
        let us = |name: &str| number(name).and_then(|us| u64::try_from(us).ok()).map(Duration::from_micros);
        let usual = KernelLimits::default();
        let limits = KernelLimits {
            runtime_min: usual.runtime_min,
            period_min: us("sched_deadline_period_min_us").unwrap_or(usual.period_min),
            period_max: us("sched_deadline_period_max_us").unwrap_or(usual.period_max),
        };
        let share = match (number("sched_rt_runtime_us"), us("sched_rt_period_us")) {
            (Some(runtime), _) if runtime < 0 => None,
            (Some(_), Some(period)) => {
                Some(Bandwidth::of(us("sched_rt_runtime_us").unwrap_or_default(), period))
            }
            _ => Some(Bandwidth::of(Duration::from_millis(950), Duration::from_secs(1))),
        };
        let release = fs::read_to_string(root.join("sys/kernel/osrelease")).unwrap_or_default();
        let has_fair_server = version(&release).is_none_or(|version| version >= FAIR_SERVER_SINCE);
        let fair_server =
            if has_fair_server { Bandwidth::of(FAIR_SERVER.0, FAIR_SERVER.1) } else { Bandwidth::default() };
        Machine { cpus, limits, share, fair_server }
    }

    /// What all reservations together may take: the share of each CPU, less the kernel's own reservation for
    /// SCHED_OTHER.
    pub fn capacity(&self) -> Bandwidth {
        let share = self.share.unwrap_or(Bandwidth::CPU);
        Bandwidth::from_units(share.units().saturating_mul(self.cpus)).saturating_sub(self.fair_servers())
    }

    /// What the kernel reserves for SCHED_OTHER on all CPUs together.
    pub fn fair_servers(&self) -> Bandwidth {
        Bandwidth::from_units(self.fair_server.units().saturating_mul(self.cpus))
    }

    /// What the kernel's `total` says where all threads have `reserved`. Linux 6.12 forgets its own reservations for
    /// SCHED_OTHER when it first rebuilds its account (seen), and is right about all others.
    pub fn account(&self, total: Bandwidth, reserved: Bandwidth) -> Account {
        let whole = reserved.saturating_add(self.fair_servers());
        let (lost, forgotten) = (total.saturating_sub(whole), whole.saturating_sub(total));
        let apart = total.saturating_sub(reserved).max(reserved.saturating_sub(total));
        if apart <= ROUNDING || lost.max(forgotten) <= ROUNDING {
            Account::Even
        } else if lost > forgotten {
            Account::Lost(lost)
        } else {
            Account::Forgotten(forgotten)
        }
    }
}

/// The first two numbers of a kernel's release, such as `6.12.9-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(['.', '-']).map(|number| number.trim().parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// The CPUs that are online; none if that cannot be read.
pub fn online_cpus() -> Vec<u32> {
    cpus(&fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default())
}

/// The CPUs of a list as the kernel writes it, such as `0-3,8`.
pub fn cpus(list: &str) -> Vec<u32> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse::<u32>().ok()?..=last.trim().parse().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

/// The bandwidth that the kernel counts as given, as `sched/debug` of its debugfs tells for the first CPU's root
/// domain; `None` if the text does not tell.
pub fn total_bandwidth(sched_debug: &str) -> Option<Bandwidth> {
    let line = sched_debug.lines().find(|line| line.contains("dl_bw->total_bw"))?;
    line.rsplit_once(':')?.1.trim().parse().ok().map(Bandwidth::from_units)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(runtime: &str) -> Machine {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sys/kernel");
        fs::create_dir_all(&folder).unwrap();
        let values = [("sched_rt_runtime_us", runtime), ("sched_rt_period_us", "1000000")];
        for (name, value) in values.into_iter().chain([("sched_deadline_period_max_us", "2000000")]) {
            fs::write(folder.join(name), value).unwrap();
        }
        Machine::read(root.path(), 2)
    }

    #[test]
    fn two_cpus_admit_180_percent() {
        let machine = machine("950000\n");
        let percent = machine.capacity().units() * 1_000 / Bandwidth::CPU.units();
        assert!((1_799..=1_800).contains(&percent), "{percent}");
        assert_eq!(machine.limits.period_max, Duration::from_secs(2));
        assert_eq!(machine.limits.period_min, Duration::from_micros(100));
    }

    #[test]
    fn the_kernels_account_is_compared_with_all_reservations() {
        let percent =
            |percent: u64| Bandwidth::of(Duration::from_millis(percent), Duration::from_millis(100));
        let machine = Machine::read("/nonexistent".as_ref(), 2);
        let says = |total, reserved| machine.account(percent(total), percent(reserved));
        assert_eq!(
            (says(10, 0), says(70, 60), says(60, 60), says(0, 0)),
            (Account::Even, Account::Even, Account::Even, Account::Even)
        );
        assert!(matches!(says(75, 60), Account::Lost(lost) if lost.units().abs_diff(percent(5).units()) < 4));
        assert!(
            matches!(says(40, 60), Account::Forgotten(gone) if gone.units().abs_diff(percent(30).units()) < 4)
        );
        // Before Linux 6.12 there is no reservation of the kernel's own.
        let old = Machine { fair_server: Bandwidth::default(), ..machine };
        assert!(matches!(old.account(percent(65), percent(60)), Account::Lost(_)));
        assert_eq!(old.capacity(), machine.capacity().saturating_add(machine.fair_servers()));
        let versions = ["6.12.9-amd64\n", "6.1.0-38-cloud-arm64", "7.0-rc1", "next"].map(version);
        assert_eq!(versions, [Some((6, 12)), Some((6, 1)), Some((7, 0)), None]);
    }

    #[test]
    fn lists_of_cpus_are_read() {
        assert_eq!(cpus("0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(cpus("3"), [3]);
        assert_eq!(cpus(""), [0; 0]);
    }

    #[test]
    fn without_a_limit_only_the_fair_server_is_left_out() {
        let machine = machine("-1");
        assert_eq!((machine.share, machine.capacity() > Bandwidth::CPU), (None, true));
    }

    #[test]
    fn the_kernels_account_is_found_in_its_debug_text() {
        let text =
            "dl_rq[0]:\n  .dl_nr_running  : 0\n  .dl_bw->bw   : 996147\n  .dl_bw->total_bw  : 104856\n";
        assert_eq!(total_bandwidth(text), Some(Bandwidth::from_units(104_856)));
        assert_eq!(total_bandwidth("nothing"), None);
    }
}
