//! A board with partitions, for tests of output.

use vman_core::command::{CpuRecord, Fault, HostRecord, MemoryRecord, PartitionRecord};
use vman_core::id::{CpuId, PartitionId};
use vman_core::state::{Condition, Operation, PartitionState};

use super::Look;

pub(crate) const PLAIN: Look = Look { color: false, width: 80 };
pub(crate) const COLORED: Look = Look { color: true, width: 80 };

fn partition(
    id: u32,
    name: &str,
    state: PartitionState,
    cores: &[u16],
    mib: u64,
    base: u64,
) -> PartitionRecord {
    PartitionRecord {
        id: PartitionId(id),
        name: Some(name.into()).filter(|name: &String| !name.is_empty()),
        uuid: None,
        state,
        condition: Condition::Running,
        fault: None,
        busy: None,
        secure: false,
        shared_with: None,
        cores: cores.iter().copied().map(CpuId).collect(),
        memsize_mib: mib,
        memory_base: base,
    }
}

/// Three partitions, one of them busy and one faulted.
pub(crate) fn partitions() -> Vec<PartitionRecord> {
    let mut web = partition(1, "web", PartitionState::Deployed, &[2, 3], 1024, 0x8000_0000);
    web.uuid = "6f1b0000-0000-4000-8000-000000000001".parse().ok();
    let mut broken = partition(2, "", PartitionState::Deployed, &[4], 512, 0xc000_0000);
    broken.condition = Condition::Faulted;
    broken.fault = Some(Fault { reason: "memory".into() });
    let mut third = partition(12, "db", PartitionState::Suspended, &[5, 7], 512, 0x1_0000_0000);
    third.busy = Some(Operation::Restore);
    vec![web, broken, third]
}

/// Their board: 8 cores, 4 GiB.
pub(crate) fn host() -> HostRecord {
    let owners =
        [(0, false), (0, false), (1, false), (1, false), (2, false), (12, false), (0, true), (12, false)];
    let cpus = (0u16..).zip(owners).map(|(id, (owner, free))| CpuRecord {
        id: CpuId(id),
        mpidr: id.into(),
        partition: PartitionId(owner),
        free,
    });
    HostRecord {
        arch: "aarch64".into(),
        model: "linux,dummy-virt".into(),
        simulated: true,
        cores_total: 8,
        cores_free: 1,
        cores_management: 2,
        memory: MemoryRecord { total_mib: 4096, free_mib: 2048, largest_free_mib: 1536 },
        secure_memory: MemoryRecord { total_mib: 0, free_mib: 0, largest_free_mib: 0 },
        memory_management_mib: 512,
        memory_granule_mib: 2,
        cpus: cpus.collect(),
    }
}
