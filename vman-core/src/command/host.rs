//! What a board is made of and what is free, as replies tell it.

use serde::{Deserialize, Serialize};

use crate::device::{CpuInfo, HostInfo, MemoryInfo};
use crate::id::{CpuId, PartitionId};

/// `query-host`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecord {
    /// Always `aarch64`: the partitions' architecture, not that of the machine that asks.
    pub arch: String,
    /// The board, as its device tree's `model` names it.
    pub model: String,
    /// Whether the board is simulated.
    pub simulated: bool,
    /// Number of physical cores.
    pub cores_total: u32,
    /// Cores that a new partition may get.
    pub cores_free: u32,
    /// Cores of the management partition that are never given away.
    pub cores_management: u32,
    /// Non-secure memory for partitions.
    pub memory: MemoryRecord,
    /// Secure memory for critical partitions; total 0 if there is none.
    pub secure_memory: MemoryRecord,
    /// Memory of the management partition in MiB.
    pub memory_management_mib: u64,
    /// Memory is given in multiples of this, in MiB.
    pub memory_granule_mib: u64,
    /// Every core.
    pub cpus: Vec<CpuRecord>,
}

/// A pool of memory in MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryRecord {
    /// Size of the pool.
    pub total_mib: u64,
    /// What belongs to no partition.
    pub free_mib: u64,
    /// Largest contiguous free range.
    pub largest_free_mib: u64,
}

/// One physical core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuRecord {
    /// Its index.
    pub id: CpuId,
    /// Its affinity (MPIDR_EL1).
    pub mpidr: u64,
    /// Its owner, 0 for the management partition.
    pub partition: PartitionId,
    /// Whether a new partition may get it.
    pub free: bool,
}

impl From<&HostInfo> for HostRecord {
    fn from(host: &HostInfo) -> Self {
        let count = |wanted: fn(&CpuInfo) -> bool| {
            u32::try_from(host.cpus.iter().filter(|cpu| wanted(cpu)).count()).unwrap_or(u32::MAX)
        };
        Self {
            arch: "aarch64".into(),
            model: host.model.clone(),
            simulated: host.simulated,
            cores_total: count(|_| true),
            cores_free: count(|cpu| cpu.available),
            cores_management: count(|cpu| cpu.owner.is_management() && !cpu.available),
            memory: host.memory.into(),
            secure_memory: host.secure_memory.into(),
            memory_management_mib: host.management_memory.mib(),
            memory_granule_mib: host.granule.mib(),
            cpus: host.cpus.iter().map(CpuRecord::from).collect(),
        }
    }
}

impl From<&CpuInfo> for CpuRecord {
    fn from(cpu: &CpuInfo) -> Self {
        Self { id: cpu.id, mpidr: cpu.mpidr.0, partition: cpu.owner, free: cpu.available }
    }
}

impl From<MemoryInfo> for MemoryRecord {
    fn from(memory: MemoryInfo) -> Self {
        Self {
            total_mib: memory.total.mib(),
            free_mib: memory.free.mib(),
            largest_free_mib: memory.largest_free.mib(),
        }
    }
}
