//! All reservations of the machine, this daemon's and everybody else's.

use std::fs;
use std::path::Path;

use crate::budget::{Bandwidth, ReservationParams};
use crate::machine::total_bandwidth;
use crate::sched::{DeadlineScheduler, LinuxScheduler};
use crate::target::Target;

/// What the machine's reservations were a moment ago. Taking it reads all of procfs, so the sampler does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Every thread's that has one and is visible.
    pub reservations: Vec<ReservationParams>,
    /// The kernel's own account, if its debugfs can be read; it also knows bandwidth that was lost.
    pub total: Option<Bandwidth>,
}

/// The kernel's account, where debugfs is mounted usually.
const SCHED_DEBUG: &str = "/sys/kernel/debug/sched/debug";

impl Survey {
    /// Looks at every thread below the procfs at `root`.
    pub fn take(root: &Path) -> Survey {
        let mut reservations = Vec::new();
        let numbered = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
        for pid in fs::read_dir(root).into_iter().flatten().flatten().filter_map(numbered) {
            // A process that ends meanwhile has no threads.
            for tid in Target::Process(pid).threads(root).unwrap_or_default() {
                reservations.extend(LinuxScheduler.attributes(tid).ok().and_then(|attr| attr.params()));
            }
        }
        let total = fs::read_to_string(SCHED_DEBUG).ok().and_then(|text| total_bandwidth(&text));
        Survey { reservations, total }
    }

    /// The sum of all.
    pub fn reserved(&self) -> Bandwidth {
        let shares = self.reservations.iter().map(ReservationParams::bandwidth);
        shares.fold(Bandwidth::default(), Bandwidth::saturating_add)
    }
}
