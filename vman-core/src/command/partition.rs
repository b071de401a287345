//! Partitions, as replies tell of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::abi::smc::FaultReason;
use crate::device::PartitionInfo;
use crate::id::{ByteSize, CpuId, PartitionId};
use crate::plan::World;
use crate::state::{Condition, Operation, PartitionState};

/// `create-partition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The new partition.
    pub id: PartitionId,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionRecord {
    /// Its number.
    pub id: PartitionId,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
    /// READY, DEPLOYED or SUSPENDED.
    pub state: PartitionState,
    /// Running or faulted.
    pub condition: Condition,
    /// Why it is faulted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// The operation that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy: Option<Operation>,
    /// Whether it is critical.
    pub secure: bool,
    /// Partition whose cores it shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_with: Option<PartitionId>,
    /// Its physical cores.
    pub cores: Vec<CpuId>,
    /// Its memory in MiB.
    pub memsize_mib: u64,
    /// First physical address of its memory.
    pub memory_base: u64,
}

/// Why a partition is faulted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// [`FaultReason::name`].
    pub reason: String,
}

/// `query-partitions`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Partitions {
    /// By rising number.
    pub partitions: Vec<PartitionRecord>,
}

/// `query-stats`: counters by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// The partition.
    pub id: PartitionId,
    /// [`crate::abi::smc::Counter::name`] and value.
    pub counters: BTreeMap<String, u64>,
}

impl From<&PartitionInfo> for PartitionRecord {
    fn from(info: &PartitionInfo) -> Self {
        Self {
            id: info.id,
            name: Some(info.name.clone()).filter(|name| !name.is_empty()),
            uuid: Some(info.uuid).filter(|uuid| !uuid.is_nil()),
            state: info.state,
            condition: info.condition,
            fault: (info.fault != FaultReason::None).then(|| Fault { reason: info.fault.name().into() }),
            busy: info.busy,
            secure: info.world == World::Secure,
            shared_with: info.shared_with,
            cores: info.cpus.iter().collect(),
            memsize_mib: info.memory.size().mib(),
            memory_base: info.memory.base().0,
        }
    }
}

impl PartitionRecord {
    /// The partition's memory in bytes, `None` beyond 64 bits.
    pub const fn memory(&self) -> Option<ByteSize> {
        ByteSize::from_mib(self.memsize_mib)
    }
}
