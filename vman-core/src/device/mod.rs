//! What a kernel driver or a simulator offers: the seam between the manager and a board.
//!
//! A device is shared by threads and processes, so its methods take `&self`; the driver behind it serialises what
//! must not happen at once and answers [`ErrorKind::Busy`] for a second operation on the same partition.

#[cfg(feature = "device")]
#[allow(unsafe_code, reason = "ioctl")]
mod char;
#[cfg(feature = "device")]
#[allow(unsafe_code, reason = "one getsockopt that no crate wraps")]
pub mod peer;
#[cfg(any(test, feature = "testing"))]
pub mod suite;

use std::os::fd::BorrowedFd;
use std::time::Duration;

use uuid::Uuid;

use crate::abi::smc::{Counter, FaultReason, Version};
use crate::error::ErrorKind;
use crate::id::{ByteSize, CpuId, CpuSet, Mpidr, PartitionId, PhysRange};
use crate::plan::World;
use crate::state::{Condition, Operation, PartitionState};

#[cfg(feature = "device")]
pub use self::char::{CharDevice, CharEvents, CharPartition};

/// A board with partitions: `/dev/vmanager`, or a simulator.
pub trait ManagerDevice: Send + Sync {
    /// One partition: `/dev/vmanX`.
    type Partition: PartitionDevice;
    /// A queue of events of its own.
    type Events: EventSource;

    /// What the board is and what is free.
    ///
    /// # Errors
    /// [`DeviceError`] if the device is gone.
    fn host(&self) -> Result<HostInfo, DeviceError>;

    /// Creates a partition: the driver plans cores, memory and id.
    ///
    /// # Errors
    /// `NoResources`, `AlreadyExists` (name or UUID), `InvalidArgument`, `Unsupported` (secure), `NotFound`
    /// (`shared_with`).
    fn create(&self, request: &CreateRequest) -> Result<PartitionId, DeviceError>;

    /// The partitions that exist, by rising number; the management partition is not among them.
    ///
    /// # Errors
    /// [`DeviceError`] if the device is gone.
    fn list(&self) -> Result<Vec<PartitionInfo>, DeviceError>;

    /// A handle to one partition. It does not keep the partition alive.
    ///
    /// # Errors
    /// `NotFound`.
    fn open(&self, id: PartitionId) -> Result<Self::Partition, DeviceError>;

    /// Makes memory that two READY partitions share: one granule, zeroed, at the same address in both, until either is
    /// destroyed.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument` (a partition with itself, a critical one), `InvalidState`, `Busy`, `NoResources`;
    /// `Unsupported` on a board without links.
    fn link(&self, ends: [PartitionId; 2]) -> Result<LinkInfo, DeviceError> {
        let _ = ends;
        Err(DeviceError::new(ErrorKind::Unsupported, "This board links no partitions"))
    }

    /// The links that exist.
    ///
    /// # Errors
    /// [`DeviceError`] if the device is gone.
    fn links(&self) -> Result<Vec<LinkInfo>, DeviceError> {
        Ok(Vec::new())
    }

    /// A new queue of events, empty at first.
    ///
    /// # Errors
    /// [`DeviceError`] if the device is gone or has too many queues.
    fn events(&self) -> Result<Self::Events, DeviceError>;
}

/// One partition of a [`ManagerDevice`]. Every method answers `NotFound` when the partition is gone.
pub trait PartitionDevice: Send + Sync {
    /// State, resources, name. Never waits for an operation that is under way.
    ///
    /// # Errors
    /// `NotFound`.
    fn info(&self) -> Result<PartitionInfo, DeviceError>;

    /// Keeps a copy of `image`, loads it and starts the partition (READY → DEPLOYED).
    ///
    /// # Errors
    /// `InvalidState`, `Busy`, `InvalidArgument` (a segment outside the partition, overlap), `NoResources`.
    fn deploy(&self, image: &LoadImage<'_>) -> Result<(), DeviceError>;

    /// Shutdown, reboot, suspend, restore or destroy; returns when it is complete.
    ///
    /// # Errors
    /// `InvalidState`, `Busy`, `Timeout` (the state is unchanged), `InvalidArgument` for [`Operation::Deploy`].
    fn control(&self, operation: Operation, timeout: Duration) -> Result<(), DeviceError>;

    /// The console.
    ///
    /// # Errors
    /// `NotFound`.
    fn console(&self, action: ConsoleAction<'_>) -> Result<ConsoleSpan, DeviceError>;

    /// Counters of the firmware; those that the board does not count are missing.
    ///
    /// # Errors
    /// `NotFound`.
    fn stats(&self) -> Result<Vec<(Counter, u64)>, DeviceError>;
}

/// A queue of events. Each queue sees every event after its creation, unless it overflows.
pub trait EventSource: Send {
    /// Becomes readable when [`EventSource::next`] has something.
    fn as_fd(&self) -> BorrowedFd<'_>;

    /// The next event, `None` if there is none now. Never waits.
    ///
    /// # Errors
    /// [`DeviceError`] if the device is gone.
    fn next(&mut self) -> Result<Option<DeviceEvent>, DeviceError>;
}

/// What a board is and what it has left.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HostInfo {
    /// The board, as its device tree's `model` names it.
    pub model: String,
    /// Whether it is simulated.
    pub simulated: bool,
    /// Version of the firmware's vManager service.
    pub firmware: Version,
    /// Every physical CPU, by rising index.
    pub cpus: Vec<CpuInfo>,
    /// Non-secure memory that partitions are made of.
    pub memory: MemoryInfo,
    /// Secure memory that critical partitions are made of; total 0 if the board has none.
    pub secure_memory: MemoryInfo,
    /// Memory of the management partition.
    pub management_memory: ByteSize,
    /// Memory is given in multiples of this.
    pub granule: ByteSize,
    /// The board's own device tree, from which partitions' trees are made.
    pub device_tree: Vec<u8>,
}

/// One physical CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CpuInfo {
    /// Its index.
    pub id: CpuId,
    /// Its affinity.
    pub mpidr: Mpidr,
    /// Who owns it; [`PartitionId::MANAGEMENT`] is the management partition.
    pub owner: PartitionId,
    /// Whether a new partition may get it.
    pub available: bool,
}

/// A pool of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct MemoryInfo {
    /// Bytes in the pool.
    pub total: ByteSize,
    /// Bytes that belong to no partition.
    pub free: ByteSize,
    /// The largest contiguous free range.
    pub largest_free: ByteSize,
}

/// What a new partition shall have.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CreateRequest {
    /// Number of physical CPUs.
    pub cores: u32,
    /// Bytes, a multiple of [`HostInfo::granule`].
    pub memory: ByteSize,
    /// Secure for a critical partition.
    pub world: World,
    /// Partition whose CPUs a critical partition shares.
    pub shared_with: Option<PartitionId>,
    /// At most [`NAME_MAX`] bytes, unique; empty for none.
    pub name: String,
    /// Unique; nil for none.
    pub uuid: Uuid,
}

/// The longest name of a partition in bytes.
pub const NAME_MAX: usize = 63;

/// What is known of one partition.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PartitionInfo {
    /// Its number.
    pub id: PartitionId,
    /// Empty if it has none.
    pub name: String,
    /// Nil if it has none.
    pub uuid: Uuid,
    /// READY, DEPLOYED or SUSPENDED.
    pub state: PartitionState,
    /// Whether it is faulted.
    pub condition: Condition,
    /// Why it is faulted; [`FaultReason::None`] if it is not.
    pub fault: FaultReason,
    /// The operation that is under way.
    pub busy: Option<Operation>,
    /// Secure for a critical partition.
    pub world: World,
    /// Partition whose CPUs it shares.
    pub shared_with: Option<PartitionId>,
    /// Its CPUs.
    pub cpus: CpuSet,
    /// Its memory.
    pub memory: PhysRange,
}

/// Memory that two partitions share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LinkInfo {
    /// The two partitions.
    pub ends: [PartitionId; 2],
    /// Where it lies, in both.
    pub memory: PhysRange,
}

impl LinkInfo {
    /// The partition at the other end, seen from `id`; `None` if `id` is at neither.
    pub fn peer_of(&self, id: PartitionId) -> Option<PartitionId> {
        match self.ends {
            [one, other] if one == id => Some(other),
            [one, other] if other == id => Some(one),
            _ => None,
        }
    }
}

/// What is loaded into a partition, and how it is entered. Offsets count from the start of its memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadImage<'a> {
    /// What is copied where; ranges do not overlap.
    pub segments: Vec<Segment<'a>>,
    /// Offset of the first instruction.
    pub entry: u64,
    /// Offset of the device tree, given to the kernel in `x0`.
    pub device_tree: u64,
}

/// A piece of a [`LoadImage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Offset of its first byte.
    pub offset: u64,
    /// Its bytes.
    pub data: &'a [u8],
}

/// What to do with a console. Positions count every byte that the partition has printed since it was created.
#[derive(Debug, PartialEq, Eq)]
pub enum ConsoleAction<'a> {
    /// Read from `position` into `buffer`.
    Read {
        /// First byte wanted.
        position: u64,
        /// Where it goes.
        buffer: &'a mut [u8],
    },
    /// Type `data`. Boards without console input answer `Unsupported`.
    Write {
        /// What is typed.
        data: &'a [u8],
    },
}

/// What a [`ConsoleAction`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ConsoleSpan {
    /// Position of the first byte that was read: later than asked if the ring has dropped bytes.
    pub position: u64,
    /// Bytes read or taken.
    pub len: usize,
    /// Position behind the last byte that the partition has printed.
    pub end: u64,
}

/// What happened on a board.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeviceEvent {
    /// Rises by one with every event of the board; a gap means that the queue overflowed.
    pub seq: u64,
    /// Nanoseconds of the board's monotonic clock.
    pub timestamp_ns: u64,
    /// The partition.
    pub id: PartitionId,
    /// What happened to it.
    pub change: Change,
}

/// What happened to a partition.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Change {
    /// It was created; it is READY.
    Created,
    /// Its state changed.
    State {
        /// Before.
        from: PartitionState,
        /// Now.
        to: PartitionState,
        /// Who caused it.
        cause: Cause,
    },
    /// It was loaded and started again; it is DEPLOYED as before.
    Rebooted(Cause),
    /// It is faulted.
    Faulted(FaultReason),
    /// It is gone.
    Destroyed,
    /// This queue lost events before this one.
    Overflow {
        /// How many.
        lost: u64,
    },
}

/// Who caused a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Cause {
    /// A command.
    Command,
    /// The partition's operating system.
    Guest,
    /// The firmware.
    Firmware,
}

/// Why a device refused or failed.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct DeviceError {
    /// The kind, never [`ErrorKind::Protocol`].
    pub kind: ErrorKind,
    /// One clause which names the rule that was broken.
    pub text: String,
    /// The system call that failed.
    #[source]
    pub source: Option<std::io::Error>,
}

impl DeviceError {
    /// A refusal.
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), source: None }
    }

    /// There is no such partition.
    pub fn not_found(id: PartitionId) -> Self {
        Self::new(ErrorKind::NotFound, format!("There is no partition {id}"))
    }
}

impl From<std::io::Error> for DeviceError {
    fn from(source: std::io::Error) -> Self {
        let kind = source.raw_os_error().map_or(ErrorKind::Internal, ErrorKind::from_errno);
        Self { kind, text: "System call failed".into(), source: Some(source) }
    }
}
