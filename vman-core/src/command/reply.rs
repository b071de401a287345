//! Replies and events. They gain members with time; readers ignore what they do not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::base64_bytes;
use crate::abi::smc::FaultReason;
use crate::device::{Cause, CpuInfo, DeviceEvent, HostInfo, MemoryInfo, PartitionInfo};
use crate::error::{Error, ErrorKind};
use crate::id::{ByteSize, CpuId, PartitionId};
use crate::plan::World;
use crate::state::{Condition, Operation, PartitionState};

/// The `return` of a command.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// Commands without a result: `{}`.
    Done {},
    /// `create-partition`.
    Created(Created),
    /// `query-version`.
    Version(VersionRecord),
    /// `query-host`.
    Host(Box<HostRecord>),
    /// `query-partitions`.
    Partitions(Partitions),
    /// `query-partition`.
    Partition(Box<PartitionRecord>),
    /// `query-stats`.
    Stats(Stats),
    /// `image-put`, when the image is complete or another piece is awaited.
    Image(Image),
    /// `image-list`.
    Images(Images),
    /// `console-read`.
    Console(ConsoleChunk),
}

/// `create-partition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The new partition.
    pub id: PartitionId,
}

/// `query-version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRecord {
    /// Version of this protocol: 1.
    pub protocol: u32,
    /// Version of the daemon.
    pub version: String,
    /// Version of the firmware's vManager service, `major.minor`.
    pub firmware: String,
    /// Whether paths in `deploy` mean files of the client's machine.
    pub paths: Paths,
    /// Whether the board is simulated.
    pub simulated: bool,
}

/// Whose files the paths in `deploy` name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Paths {
    /// The client's: it runs on the daemon's machine.
    Local,
    /// The daemon's alone: clients upload with `image-put`.
    Remote,
}

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

impl Default for PartitionId {
    fn default() -> Self {
        Self::MANAGEMENT
    }
}

/// An image in the store, or on its way into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// SHA-256, 64 hexadecimal digits.
    pub digest: String,
    /// Bytes of the whole image.
    pub size: u64,
    /// Bytes that have come; equal to `size` when it is complete.
    pub received: u64,
}

/// `image-list`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Images {
    /// Complete images.
    pub images: Vec<Image>,
    /// Bytes that the store may hold.
    pub capacity: u64,
    /// Bytes that it holds.
    pub used: u64,
}

/// A piece of a console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleChunk {
    /// Position of the first byte; later than asked if older bytes were dropped.
    pub position: u64,
    /// The bytes.
    #[serde(with = "base64_bytes")]
    pub data: Vec<u8>,
    /// Position behind the last byte that the partition has printed.
    pub end: u64,
}

/// The `error` of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{desc}")]
pub struct ErrorReply {
    /// [`ErrorKind::name`].
    pub class: String,
    /// For people.
    pub desc: String,
}

impl ErrorReply {
    /// A refusal of this kind.
    pub fn new(kind: ErrorKind, desc: impl Into<String>) -> Self {
        Self { class: kind.name().into(), desc: desc.into() }
    }

    /// The kind; a class that this version does not know is [`ErrorKind::Internal`].
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::from_name(&self.class).unwrap_or(ErrorKind::Internal)
    }
}

impl From<&Error> for ErrorReply {
    /// The whole chain of causes in one text.
    fn from(error: &Error) -> Self {
        let mut desc = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            desc.push_str(": ");
            desc.push_str(&error.to_string());
            cause = error.source();
        }
        Self::new(error.kind(), desc)
    }
}

/// A pushed event: `{"event": NAME, "data": {...}, "timestamp_ns": n, "seq": n}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// What happened.
    #[serde(flatten)]
    pub event: EventData,
    /// Nanoseconds of the board's monotonic clock.
    pub timestamp_ns: u64,
    /// Rises by one with every event of the board.
    pub seq: u64,
}

/// Name and data of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "kebab-case")]
pub enum EventData {
    /// A partition was created.
    PartitionCreated {
        /// The partition.
        id: PartitionId,
    },
    /// A partition's state changed.
    PartitionState {
        /// The partition.
        id: PartitionId,
        /// State before.
        from: PartitionState,
        /// State now.
        to: PartitionState,
        /// Who caused it.
        cause: Cause,
    },
    /// A partition was loaded and started again.
    PartitionRebooted {
        /// The partition.
        id: PartitionId,
        /// Who caused it.
        cause: Cause,
    },
    /// A partition is faulted.
    PartitionFaulted {
        /// The partition.
        id: PartitionId,
        /// [`FaultReason::name`].
        reason: String,
    },
    /// A partition is gone.
    PartitionDestroyed {
        /// The partition.
        id: PartitionId,
    },
    /// This subscriber was too slow and lost events.
    EventsLost {
        /// How many.
        lost: u64,
    },
    /// The daemon stops, and with it this stream; `seq` and `timestamp_ns` are those of the last event.
    DaemonStopping {},
}

impl EventData {
    /// Every event's name.
    pub const NAMES: [&str; 7] = [
        "partition-created",
        "partition-state",
        "partition-rebooted",
        "partition-faulted",
        "partition-destroyed",
        "events-lost",
        "daemon-stopping",
    ];

    /// The event's name, one of [`EventData::NAMES`].
    pub const fn name(&self) -> &'static str {
        let [created, state, rebooted, faulted, destroyed, lost, stopping] = Self::NAMES;
        match self {
            Self::PartitionCreated { .. } => created,
            Self::PartitionState { .. } => state,
            Self::PartitionRebooted { .. } => rebooted,
            Self::PartitionFaulted { .. } => faulted,
            Self::PartitionDestroyed { .. } => destroyed,
            Self::EventsLost { .. } => lost,
            Self::DaemonStopping {} => stopping,
        }
    }
}

impl From<&DeviceEvent> for EventRecord {
    fn from(event: &DeviceEvent) -> Self {
        use crate::device::Change;
        let id = event.id;
        let data = match event.change {
            Change::Created => EventData::PartitionCreated { id },
            Change::State { from, to, cause } => EventData::PartitionState { id, from, to, cause },
            Change::Rebooted(cause) => EventData::PartitionRebooted { id, cause },
            Change::Faulted(reason) => EventData::PartitionFaulted { id, reason: reason.name().into() },
            Change::Destroyed => EventData::PartitionDestroyed { id },
            Change::Overflow { lost } => EventData::EventsLost { lost },
        };
        Self { event: data, timestamp_ns: event.timestamp_ns, seq: event.seq }
    }
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

impl PartitionRecord {
    /// The partition's memory in bytes, `None` beyond 64 bits.
    pub const fn memory(&self) -> Option<ByteSize> {
        ByteSize::from_mib(self.memsize_mib)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_has_the_members_of_the_protocol() {
        let record = EventRecord {
            event: EventData::PartitionState {
                id: PartitionId(2),
                from: PartitionState::Ready,
                to: PartitionState::Deployed,
                cause: Cause::Command,
            },
            timestamp_ns: 5,
            seq: 9,
        };
        let text = serde_json::to_string(&record).unwrap();
        let expected = concat!(
            r#"{"event":"partition-state","data":{"id":2,"from":"READY","to":"DEPLOYED","cause":"command"},"#,
            r#""timestamp_ns":5,"seq":9}"#
        );
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<EventRecord>(&text).unwrap(), record);
    }

    #[test]
    fn reply_without_result_is_an_empty_object() {
        assert_eq!(serde_json::to_string(&Reply::Done {}).unwrap(), "{}");
    }
}
