//! The kernel driver's interface, as `kernel-driver/include/uapi/vmanager.h` has it: arguments of the ioctls of
//! `/dev/vmanager` and `/dev/vmanX`, and the records that reading them answers.
//!
//! The header is where the meaning of every field is written down. Every argument starts with a [`Header`]; the driver
//! takes longer and shorter arguments than its own, so structures grow at their end and the size is no part of an
//! ioctl number. `tests/abi` compares sizes, offsets and numbers with the header.

/// Type of the ioctl numbers.
pub const MAGIC: u8 = 0xBE;
/// Version of the interface: major number in the upper, minor in the lower 16 bits.
pub const ABI_VERSION: u32 = 0x0001_0000;
/// Bytes of a name with the zero byte at its end.
pub const NAME_SIZE: usize = 64;
/// Counters that [`Stats`] has room for.
pub const COUNTERS: usize = 16;
/// Most segments of a [`Deploy`].
pub const SEGMENTS_MAX: u32 = 64;
/// Words of a CPU set.
pub const CPU_WORDS: usize = 4;

/// An ioctl; [`Command::request`] is the number for the system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Command {
    /// `/dev/vmanager`: [`Version`].
    GetVersion = 0x00,
    /// `/dev/vmanager`: [`Host`].
    Host = 0x01,
    /// `/dev/vmanager`: [`CpuInfo`].
    CpuInfo = 0x02,
    /// `/dev/vmanager`: [`Create`].
    Create = 0x03,
    /// `/dev/vmanager`: [`List`].
    List = 0x04,
    /// Both: [`Info`].
    Info = 0x05,
    /// `/dev/vmanX`: [`Deploy`].
    Deploy = 0x10,
    /// `/dev/vmanX`: [`Control`].
    Shutdown = 0x11,
    /// `/dev/vmanX`: [`Control`].
    Reboot = 0x12,
    /// `/dev/vmanX`: [`Control`].
    Suspend = 0x13,
    /// `/dev/vmanX`: [`Control`].
    Restore = 0x14,
    /// `/dev/vmanX`: [`Control`].
    Destroy = 0x15,
    /// `/dev/vmanX`: [`Console`].
    ConsoleRead = 0x16,
    /// `/dev/vmanX`: [`Console`].
    ConsoleWrite = 0x17,
    /// `/dev/vmanX`: [`Stats`].
    Stats = 0x18,
}

impl Command {
    /// Every ioctl.
    pub const ALL: [Self; 15] = [
        Self::GetVersion,
        Self::Host,
        Self::CpuInfo,
        Self::Create,
        Self::List,
        Self::Info,
        Self::Deploy,
        Self::Shutdown,
        Self::Reboot,
        Self::Suspend,
        Self::Restore,
        Self::Destroy,
        Self::ConsoleRead,
        Self::ConsoleWrite,
        Self::Stats,
    ];

    /// The ioctl number (`_IO` of the kernel: type and number, no size).
    pub const fn request(self) -> u32 {
        (MAGIC as u32) << 8 | self as u32
    }

    /// Its name, as error messages have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GetVersion => "VMANAGER_GET_VERSION",
            Self::Host => "VMANAGER_HOST",
            Self::CpuInfo => "VMANAGER_CPU_INFO",
            Self::Create => "VMANAGER_CREATE",
            Self::List => "VMANAGER_LIST",
            Self::Info => "VMANAGER_INFO",
            Self::Deploy => "VMANAGER_DEPLOY",
            Self::Shutdown => "VMANAGER_SHUTDOWN",
            Self::Reboot => "VMANAGER_REBOOT",
            Self::Suspend => "VMANAGER_SUSPEND",
            Self::Restore => "VMANAGER_RESTORE",
            Self::Destroy => "VMANAGER_DESTROY",
            Self::ConsoleRead => "VMANAGER_CONSOLE_READ",
            Self::ConsoleWrite => "VMANAGER_CONSOLE_WRITE",
            Self::Stats => "VMANAGER_STATS",
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// Why a call failed, in [`Header::reason`]; the two words of [`Header::detail`] in brackets.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Reason {
            $($(#[$doc])* $name = $number,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The reason with this number; a newer driver may know more.
            pub const fn from_number(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

reasons! {
    /// None is given: errno says it all.
    None = 0,
    /// (given, least): size of the argument.
    Size = 1,
    /// (given, known): flags.
    Flags = 2,
    /// A reserved field or the unknown tail is not zero.
    Reserved = 3,
    /// (id): there is no such partition.
    NoPartition = 4,
    /// (state, operation): the state table refuses it.
    State = 5,
    /// (state, operation): it is faulted.
    Faulted = 6,
    /// (operation under way, operation asked).
    Busy = 7,
    /// (timeout in ms, state).
    Timeout = 8,
    /// (`x0` of the firmware, function identifier).
    Firmware = 9,
    /// No cores asked.
    NoCores = 10,
    /// (wanted, free).
    Cores = 11,
    /// (wanted bytes, granule).
    Granule = 12,
    /// (wanted bytes, largest free range).
    Memory = 13,
    /// (wanted bytes, largest free range).
    SecureMemory = 14,
    /// (partitions, most).
    Slots = 15,
    /// (position): a control character, or no end.
    Name = 16,
    /// (owner).
    NameTaken = 17,
    /// (owner).
    UuidTaken = 18,
    /// (given).
    World = 19,
    /// The board takes no critical partition.
    NoSecureWorld = 20,
    /// (id): this partition's CPUs cannot be shared like that.
    Shared = 21,
    /// (id): the partition whose CPUs should be shared does not exist.
    SharedGone = 22,
    /// (cpu, errno): Linux does not let the CPU go.
    Cpu = 23,
    /// (given, most).
    Segments = 24,
    /// (segment, bytes of the partition).
    SegmentRange = 25,
    /// (segment, other segment).
    SegmentOverlap = 26,
    /// (offset): entry not 4-byte aligned or in no segment.
    Entry = 27,
    /// (offset): device tree not 8-byte aligned or in no segment.
    DeviceTree = 28,
    /// (bytes, most): what the driver can keep.
    ImageSize = 29,
    /// (id): deployed before the driver was loaded.
    NoImage = 30,
    /// (id): secure memory cannot be written from Linux.
    SecureLoad = 31,
    /// (id): no console.
    NoConsole = 32,
    /// (given, CPUs of the board).
    CpuIndex = 33,
    /// (id): nobody reads the console of a READY partition.
    NotRunning = 34,
}

/// Start of every argument.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Header {
    /// In: bytes of the argument.
    pub size: u32,
    /// In: none is defined.
    pub flags: u32,
    /// Out: [`Reason`].
    pub reason: u32,
    /// Zero.
    pub reserved: u32,
    /// Out: what the reason says of them.
    pub detail: [u64; 2],
}

/// An argument: a `repr(C)` structure that starts with a [`Header`].
pub trait Argument: Default {
    /// Its header.
    fn header_mut(&mut self) -> &mut Header;

    /// All zero but for the size.
    fn new() -> Self {
        let mut argument = Self::default();
        // No argument comes near 4 GiB: the driver takes one page at most.
        argument.header_mut().size = u32::try_from(size_of::<Self>()).unwrap_or(0);
        argument
    }
}

macro_rules! arguments {
    ($($(#[$doc:meta])* pub struct $name:ident { $($(#[$field_doc:meta])* pub $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
            #[repr(C)]
            pub struct $name {
                /// Start.
                pub header: Header,
                $($(#[$field_doc])* pub $field: $type,)*
            }

            impl Argument for $name {
                fn header_mut(&mut self) -> &mut Header {
                    &mut self.header
                }
            }
        )*
    };
}

/// Memory that partitions are made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Pool {
    /// First address.
    pub base: u64,
    /// Bytes.
    pub total: u64,
    /// Bytes that belong to no partition.
    pub free: u64,
    /// Bytes of the largest contiguous free range.
    pub largest: u64,
}

/// Text that ends with a zero byte; `Default` for 64 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Name(pub [u8; NAME_SIZE]);

impl Default for Name {
    fn default() -> Self {
        Self([0; NAME_SIZE])
    }
}

impl Name {
    /// `None` if it does not fit with its zero byte, or contains one.
    pub fn new(text: &str) -> Option<Self> {
        let mut name = Self::default();
        if text.len() >= NAME_SIZE || text.as_bytes().contains(&0) {
            return None;
        }
        for (to, from) in name.0.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        Some(name)
    }

    /// Up to the zero byte.
    pub fn bytes(&self) -> &[u8] {
        self.0.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

arguments! {
    /// Argument of [`Command::GetVersion`].
    pub struct Version {
        /// Out: [`ABI_VERSION`] of the driver.
        pub abi: u32,
        /// Out: version of the firmware's service.
        pub firmware: u32,
        /// Out: most partitions at one time.
        pub slots: u32,
        /// Zero.
        pub reserved: u32,
    }

    /// Argument of [`Command::Host`].
    pub struct Host {
        /// Out: CPUs of the board.
        pub cpus: u32,
        /// Out: the management partition's first CPU.
        pub boot_cpu: u32,
        /// Out: unit of memory in bytes.
        pub granule: u64,
        /// Out: bytes of RAM of the management partition.
        pub management_memory: u64,
        /// Out: non-secure pool.
        pub memory: Pool,
        /// Out: secure pool.
        pub secure_memory: Pool,
    }

    /// Argument of [`Command::CpuInfo`].
    pub struct CpuInfo {
        /// In: index.
        pub cpu: u32,
        /// Out: partition.
        pub owner: u32,
        /// Out: affinity.
        pub mpidr: u64,
        /// Out: `CpuPower`.
        pub power: u32,
        /// Out: 1 if a new partition may get it.
        pub available: u32,
    }

    /// Argument of [`Command::Create`].
    pub struct Create {
        /// In: number of CPUs.
        pub cores: u32,
        /// In: 0 non-secure, 1 secure.
        pub world: u32,
        /// In: bytes.
        pub memory: u64,
        /// In: partition whose CPUs are shared, 0 for none.
        pub shared_with: u32,
        /// Out: number.
        pub id: u32,
        /// In: zero for none.
        pub uuid: [u8; 16],
        /// In: empty for none.
        pub name: Name,
    }

    /// Argument of [`Command::List`].
    pub struct List {
        /// In: address of an array of `u32`.
        pub ids: u64,
        /// In: numbers that fit.
        pub capacity: u32,
        /// Out: partitions that exist.
        pub count: u32,
    }

    /// Argument of [`Command::Info`].
    pub struct Info {
        /// In, out: partition.
        pub id: u32,
        /// Out: 1 READY, 2 DEPLOYED, 3 SUSPENDED.
        pub state: u32,
        /// Out: 1 if faulted.
        pub condition: u32,
        /// Out: `FaultReason`.
        pub fault: u32,
        /// Out: operation under way.
        pub busy: u32,
        /// Out: 1 if secure.
        pub world: u32,
        /// Out: partition whose CPUs are shared.
        pub shared_with: u32,
        /// Out: 1 if a reboot is possible.
        pub has_image: u32,
        /// Out: one bit per CPU.
        pub cpus: [u64; CPU_WORDS],
        /// Out: first address.
        pub base: u64,
        /// Out: bytes.
        pub memory: u64,
        /// Out: address of the access that faulted.
        pub fault_address: u64,
        /// Out: program counter of the fault.
        pub fault_pc: u64,
        /// Out: bytes of the kept copy.
        pub image_bytes: u64,
        /// Out: zero for none.
        pub uuid: [u8; 16],
        /// Out: empty for none.
        pub name: Name,
    }

    /// Argument of [`Command::Deploy`].
    pub struct Deploy {
        /// In: address of an array of [`Segment`].
        pub segments: u64,
        /// In: 1 to [`SEGMENTS_MAX`].
        pub segment_count: u32,
        /// Zero.
        pub reserved: u32,
        /// In: offset of the first instruction.
        pub entry: u64,
        /// In: offset of the device tree.
        pub device_tree: u64,
    }

    /// Argument of the operations without data.
    pub struct Control {
        /// In: how long to wait.
        pub timeout_ms: u32,
        /// Zero.
        pub reserved: u32,
    }

    /// Argument of [`Command::ConsoleRead`] and [`Command::ConsoleWrite`].
    pub struct Console {
        /// In, out: first byte wanted, first byte read.
        pub position: u64,
        /// In: address of the buffer.
        pub buffer: u64,
        /// In, out: its bytes, bytes read or taken.
        pub length: u32,
        /// Zero.
        pub reserved: u32,
        /// Out: position behind the last byte printed.
        pub end: u64,
    }

    /// Argument of [`Command::Stats`].
    pub struct Stats {
        /// Out: one bit per counter that is counted.
        pub valid: u64,
        /// Out: by counter.
        pub values: [u64; COUNTERS],
    }
}

/// A piece of what is deployed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Segment {
    /// Offset in the partition.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// Address of the bytes.
    pub data: u64,
}

/// Kinds of [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum EventKind {
    /// Created, READY.
    Created = 1,
    /// State changed.
    State = 2,
    /// Loaded and started again.
    Rebooted = 3,
    /// Faulted.
    Faulted = 4,
    /// Gone.
    Destroyed = 5,
    /// This queue lost events.
    Overflow = 6,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Created, Self::State, Self::Rebooted, Self::Faulted, Self::Destroyed, Self::Overflow];

    /// The kind with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == number)
    }
}

/// A record that reading a device answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Event {
    /// Bytes of this record.
    pub size: u32,
    /// [`EventKind`].
    pub kind: u32,
    /// Rises by one with every event of the board.
    pub seq: u64,
    /// `CLOCK_MONOTONIC`.
    pub timestamp_ns: u64,
    /// Partition.
    pub id: u32,
    /// 0 command, 1 guest, 2 firmware.
    pub cause: u32,
    /// State before.
    pub from: u32,
    /// State now.
    pub to: u32,
    /// Reason of a fault, number of lost events.
    pub detail: u64,
}

impl Event {
    /// The first record of `bytes` and how many bytes it takes; `None` if there is none, or a broken one.
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let double = |at: usize| Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let event = Self {
            size: word(0)?,
            kind: word(4)?,
            seq: double(8)?,
            timestamp_ns: double(16)?,
            id: word(24)?,
            cause: word(28)?,
            from: word(32)?,
            to: word(36)?,
            detail: double(40)?,
        };
        let size = usize::try_from(event.size).ok()?;
        (size >= size_of::<Self>() && size <= bytes.len()).then_some((event, size))
    }
}

/// How the driver numbers operations.
pub mod operation {
    use crate::state::Operation;

    /// The number of `operation`.
    pub const fn number(operation: Operation) -> u32 {
        match operation {
            Operation::Deploy => 1,
            Operation::Shutdown => 2,
            Operation::Reboot => 3,
            Operation::Suspend => 4,
            Operation::Restore => 5,
            Operation::Destroy => 6,
        }
    }

    /// The operation with this number; `None` also for 0, no operation.
    pub fn from_number(operation: u64) -> Option<Operation> {
        Operation::ALL.into_iter().find(|known| u64::from(number(*known)) == operation)
    }
}

/// How the driver numbers states.
pub mod state {
    use crate::state::PartitionState;

    /// The number of `state`.
    pub const fn number(state: PartitionState) -> u32 {
        match state {
            PartitionState::Ready => 1,
            PartitionState::Deployed => 2,
            PartitionState::Suspended => 3,
        }
    }

    /// The state with this number.
    pub fn from_number(state: u64) -> Option<PartitionState> {
        PartitionState::ALL.into_iter().find(|known| u64::from(number(*known)) == state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_room_for_their_end() {
        let longest = "x".repeat(NAME_SIZE - 1);
        assert_eq!(Name::new(&longest).map(|name| name.bytes().len()), Some(63));
        assert_eq!(Name::new(&format!("{longest}x")), None);
        assert_eq!(Name::new("a\0b"), None);
        assert_eq!(Name::default().bytes(), b"");
    }

    #[test]
    fn records_are_read_one_after_the_other() {
        let mut bytes = [0u8; 100];
        bytes[0] = 52;
        bytes[4] = 5;
        bytes[24] = 7;
        let (event, size) = Event::parse(&bytes).unwrap();
        assert_eq!((event.id, event.kind, size), (7, 5, 52));
        assert_eq!(Event::parse(&bytes[size..]), None, "size 0 is broken");
        assert_eq!(Event::parse(&bytes[..51]), None, "cut off");
    }

    #[test]
    fn numbers_are_found_again() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_number(*reason as u32), Some(*reason));
        }
        assert_eq!(Reason::from_number(9999), None);
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_number(kind as u32), Some(kind));
        }
    }
}
