//! The choice of CPUs.

use super::{Inventory, PlanError, ResourceRequest};
use crate::id::{CpuId, CpuSet, MAX_CPUS};

/// Every `u8` is a cluster number, so that no number can be out of range.
const CLUSTERS: usize = 1 << u8::BITS;

pub(super) fn choose(inventory: &Inventory<'_>, request: &ResourceRequest) -> Result<CpuSet, PlanError> {
    match request.shared {
        Some(shared) => choose_shared(inventory, shared, request.cores),
        None => choose_exclusive(inventory, request.cores),
    }
}

fn choose_shared(inventory: &Inventory<'_>, shared: CpuSet, cores: u32) -> Result<CpuSet, PlanError> {
    if let Some(cpu) = shared.intersection(&inventory.management).lowest() {
        return Err(PlanError::SharedWithManagement { cpu });
    }
    match count(cores, shared) {
        Ok(wanted) => Ok(shared.iter().take(wanted).collect()),
        Err(shared) => Err(PlanError::NotEnoughSharedCores { wanted: cores, shared }),
    }
}

fn choose_exclusive(inventory: &Inventory<'_>, cores: u32) -> Result<CpuSet, PlanError> {
    let available = inventory.available();
    let wanted = count(cores, available).map_err(|free| PlanError::NotEnoughCores { wanted: cores, free })?;
    let mut tally = Tally::new(inventory.clusters, available);
    let mut chosen = CpuSet::EMPTY;
    while chosen.len() < wanted {
        let (cluster, taken) = tally.take(wanted - chosen.len());
        let members = available.iter().filter(|cpu| cluster_of(inventory.clusters, *cpu) == cluster);
        for cpu in members.take(taken) {
            chosen.insert(cpu);
        }
    }
    Ok(chosen)
}

/// `cores` as a count of members of `set`, or how many there are if that is too few.
fn count(cores: u32, set: CpuSet) -> Result<usize, u32> {
    let size = set.len();
    match usize::try_from(cores) {
        Ok(wanted) if wanted <= size => Ok(wanted),
        _ => Err(u32::try_from(size).unwrap_or(u32::MAX)),
    }
}

fn cluster_of(clusters: &[u8], cpu: CpuId) -> u8 {
    clusters.get(cpu.index()).copied().unwrap_or(0)
}

/// How many CPUs of each cluster can be given.
struct Tally([u16; CLUSTERS]);

impl Tally {
    fn new(clusters: &[u8], available: CpuSet) -> Self {
        const { assert!(MAX_CPUS <= u16::MAX as usize) };
        let mut counts = [0; CLUSTERS];
        for cpu in available.iter() {
            counts[usize::from(cluster_of(clusters, cpu))] += 1;
        }
        Self(counts)
    }

    /// The cluster that gives CPUs next, and how many: all that are wanted, or all it has.
    fn take(&mut self, wanted: usize) -> (u8, usize) {
        let counts = || (0..=u8::MAX).zip(self.0.iter().map(|count| usize::from(*count)));
        let fitting = counts().filter(|(_, count)| *count >= wanted).min_by_key(|(_, count)| *count);
        let largest = || counts().rev().max_by_key(|(_, count)| *count);
        let (cluster, count) = fitting.or_else(largest).unwrap_or((0, 0));
        self.0[usize::from(cluster)] = 0;
        (cluster, count.min(wanted))
    }
}
