//! The vManager service of the firmware: SMC64 fast calls in the OEM owner range (Arm DEN 0028, SMC Calling
//! Convention 1.2), made by the management partition only.
//!
//! A call puts its function identifier into `x0` and up to seven arguments into `x1`..`x7`; the status comes back in
//! `x0` (0, [`PENDING`] or a negative [`SmcError`]) and up to three results in `x1`..`x3`. No call takes long: what
//! needs time answers [`PENDING`] and is called again, or watched by [`FunctionId::PartInfo`].

use crate::error::ErrorKind;
use crate::id::{ByteSize, CPU_SET_WORDS, CpuSet, PartitionId, PhysAddr, PhysRange};
use crate::state::{Condition, Operation, PartitionState};

/// Status of a call that has begun and goes on: call again (destroy) or watch [`FunctionId::PartInfo`].
pub const PENDING: u64 = 1;
/// Version of this interface. The minor number rises with additions, the major with everything else.
pub const ABI_VERSION: Version = Version { major: 1, minor: 0 };
/// UUID of the service, as [`FunctionId::CallUid`] answers it in `x0`..`x3` (32 bits each).
pub const SERVICE_UID: [u32; 4] = [0x7c6d_3f5a, 0x4f0d_9be1, 0x83a2_6c10, 0x5d4e_0b97];

/// A version as `x1` carries it: major number in the upper, minor in the lower 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub struct Version {
    /// Incompatible changes.
    pub major: u16,
    /// Additions.
    pub minor: u16,
}

impl Version {
    /// As one register.
    pub const fn to_register(self) -> u64 {
        (self.major as u64) << 16 | self.minor as u64
    }

    /// From one register, `None` if it holds more than 32 bits.
    pub fn from_register(value: u64) -> Option<Self> {
        let value = u32::try_from(value).ok()?;
        let [major_high, major_low, minor_high, minor_low] = value.to_be_bytes();
        Some(Self {
            major: u16::from_be_bytes([major_high, major_low]),
            minor: u16::from_be_bytes([minor_high, minor_low]),
        })
    }
}

const OEM_SMC64: u32 = 0xC300_0000;

macro_rules! function_ids {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// A function of the vManager service. `id` is a partition number unless said otherwise.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum FunctionId {
            $($(#[$doc])* $name = OEM_SMC64 | $number,)*
        }

        impl FunctionId {
            /// Every function.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The function with this identifier; the upper half of `x0` is ignored, as the convention says.
            pub const fn from_register(x0: u64) -> Option<Self> {
                #[allow(clippy::cast_possible_truncation, reason = "the convention: W0 holds the identifier")]
                match x0 as u32 {
                    $(id if id == Self::$name as u32 => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

function_ids! {
    /// `()` → `x1` = [`Version`], `x2` = number of partition slots.
    Version = 0x01,
    /// `(flags, base, size, cpus[0..4])` → `x1` = id. Flags: [`CreateFlags`]. READY afterwards.
    PartCreate = 0x02,
    /// `(id, entry, x0 of the entered kernel)`. READY → DEPLOYED; the lowest CPU of the partition enters.
    PartStart = 0x03,
    /// `(id)`. DEPLOYED or SUSPENDED → READY as soon as every CPU is proven off; [`PENDING`] until then.
    PartStop = 0x04,
    /// `(id)`. DEPLOYED → SUSPENDED as soon as every CPU is held; [`PENDING`] until then.
    PartSuspend = 0x05,
    /// `(id)`. SUSPENDED → DEPLOYED.
    PartResume = 0x06,
    /// `(id)`. READY → gone; [`PENDING`] while its memory is scrubbed: call again.
    PartDestroy = 0x07,
    /// `(id, page)` → `x1`..`x3` by page: [`InfoPage`].
    PartInfo = 0x08,
    /// `(id)` → `x1` = the lowest existing id above `id`, 0 if there is none.
    PartNext = 0x09,
    /// `(page)` → `x1`..`x3` by page: [`BoardPage`].
    BoardInfo = 0x0a,
    /// `(id)` → `x1` = physical address of the console ring, `x2` = its size in bytes.
    ConsoleInfo = 0x0b,
    /// `()` → `x1` = id, `x2` = [`EventKind`] | detail << 32, `x3` = sequence number; `x1` = 0 if there is none.
    EventGet = 0x0c,
    /// `(id, counter)` → `x1` = value: [`Counter`].
    Stats = 0x0d,
    /// `(cpu)` → `x1` = MPIDR affinity, `x2` = owner's id, `x3` = [`CpuPower`].
    CpuInfo = 0x0e,
    /// `(id)`: input was put into the console ring (`abi::console`); the console's interrupt is raised.
    ConsoleNotify = 0x0f,
    /// General query of the convention: number of calls in `x0`.
    CallCount = 0xff00,
    /// General query of the convention: [`SERVICE_UID`] in `x0`..`x3`.
    CallUid = 0xff01,
    /// General query of the convention: revision, major in `x0`, minor in `x1`.
    CallRevision = 0xff03,
}

bitflags::bitflags! {
    /// First argument of [`FunctionId::PartCreate`]. The upper 32 bits hold the id of the partition whose CPUs are
    /// shared, if [`CreateFlags::SHARED`] is set, else zero.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct CreateFlags: u32 {
        /// A critical partition: secure world, secure memory.
        const SECURE = 1 << 0;
        /// Its CPUs are those of another, non-secure partition, over which it has strict priority.
        const SHARED = 1 << 1;
    }
}

/// Pages of [`FunctionId::PartInfo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum InfoPage {
    /// `x1` = [`Status`], `x2` = base, `x3` = size in bytes.
    Status = 0,
    /// `x1`..`x3` = words 0 to 2 of the CPU set.
    CpusLow = 1,
    /// `x1` = word 3 of the CPU set, `x2` = [`CreateFlags`] as in the call, `x3` = CPUs that are on.
    CpusHigh = 2,
    /// `x1` = [`FaultReason`], `x2` = faulting address, `x3` = program counter.
    Fault = 3,
}

impl InfoPage {
    /// The page with this number.
    pub const fn from_register(page: u64) -> Option<Self> {
        match page {
            0 => Some(Self::Status),
            1 => Some(Self::CpusLow),
            2 => Some(Self::CpusHigh),
            3 => Some(Self::Fault),
            _ => None,
        }
    }
}

/// Pages of [`FunctionId::BoardInfo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum BoardPage {
    /// `x1` = number of CPUs, `x2` = memory granule in bytes, `x3` = boot CPU of the management partition.
    Cpus = 0,
    /// Memory that partitions are made of: `x1` = base, `x2` = size in bytes.
    Memory = 1,
    /// Secure memory that critical partitions are made of: `x1` = base, `x2` = size in bytes (0: none).
    SecureMemory = 2,
    /// Interrupt that is raised when an event waits: `x1` = GIC INTID, 0 if events must be polled.
    EventInterrupt = 3,
}

impl BoardPage {
    /// The page with this number.
    pub const fn from_register(page: u64) -> Option<Self> {
        match page {
            0 => Some(Self::Cpus),
            1 => Some(Self::Memory),
            2 => Some(Self::SecureMemory),
            3 => Some(Self::EventInterrupt),
            _ => None,
        }
    }
}

/// Counters of [`FunctionId::Stats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
#[repr(u64)]
pub enum Counter {
    /// Times the partition was started.
    Starts = 0,
    /// Times it was suspended.
    Suspends = 1,
    /// Times its operating system turned it off or reset it.
    GuestPowerEvents = 2,
    /// SMCs made by its CPUs.
    Smcs = 3,
    /// Accesses to the interrupt distributor that EL2 mediated.
    DistributorTraps = 4,
    /// Software-generated interrupts that EL2 filtered.
    SgiTraps = 5,
    /// Accesses to the virtual console.
    ConsoleTraps = 6,
    /// Accesses outside its memory.
    Stage2Faults = 7,
}

impl Counter {
    /// Every counter.
    pub const ALL: [Self; 8] = [
        Self::Starts,
        Self::Suspends,
        Self::GuestPowerEvents,
        Self::Smcs,
        Self::DistributorTraps,
        Self::SgiTraps,
        Self::ConsoleTraps,
        Self::Stage2Faults,
    ];

    /// The counter with this number.
    pub fn from_register(counter: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|known| *known as u64 == counter)
    }

    /// Name in `query-stats`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starts => "starts",
            Self::Suspends => "suspends",
            Self::GuestPowerEvents => "guest_power_events",
            Self::Smcs => "smcs",
            Self::DistributorTraps => "distributor_traps",
            Self::SgiTraps => "sgi_traps",
            Self::ConsoleTraps => "console_traps",
            Self::Stage2Faults => "stage2_faults",
        }
    }
}

/// Power state of a CPU as the firmware sees it (PSCI `AFFINITY_INFO`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum CpuPower {
    /// Runs its owner's code (or is held by a suspend).
    On = 0,
    /// Parked in the firmware.
    Off = 1,
    /// Told to start, not yet there.
    OnPending = 2,
}

impl CpuPower {
    /// From a register.
    pub const fn from_register(value: u64) -> Option<Self> {
        match value {
            0 => Some(Self::On),
            1 => Some(Self::Off),
            2 => Some(Self::OnPending),
            _ => None,
        }
    }
}

/// Why a partition is faulted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
#[repr(u32)]
pub enum FaultReason {
    /// No fault.
    None = 0,
    /// Access outside the partition's memory, which its operating system did not survive.
    Memory = 1,
    /// An instruction or register that the isolation layer cannot emulate.
    Instruction = 2,
    /// An exception taken to EL3 or EL2 that nobody expects.
    Exception = 3,
    /// A bad entry point or an unusable kernel.
    Entry = 4,
    /// Reported by the partition's operating system itself.
    Guest = 5,
}

impl FaultReason {
    /// From a register; an unknown reason is no reason to fail, so it reads as [`FaultReason::Exception`].
    pub const fn from_register(value: u64) -> Self {
        match value {
            0 => Self::None,
            1 => Self::Memory,
            2 => Self::Instruction,
            4 => Self::Entry,
            5 => Self::Guest,
            _ => Self::Exception,
        }
    }

    /// Name in queries and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Memory => "memory",
            Self::Instruction => "instruction",
            Self::Exception => "exception",
            Self::Entry => "entry",
            Self::Guest => "guest",
        }
    }
}

/// What happened, in [`FunctionId::EventGet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum EventKind {
    /// A stop that was asked for is complete: READY.
    Stopped = 1,
    /// A suspend that was asked for is complete: SUSPENDED.
    Suspended = 2,
    /// The partition's operating system turned it off: READY.
    GuestOff = 3,
    /// The partition's operating system asked for a reset: READY, to be loaded and started again.
    GuestReset = 4,
    /// The partition is faulted; the detail is a [`FaultReason`].
    Faulted = 5,
    /// Events were lost because nobody fetched them; the detail counts them.
    Overflow = 6,
}

impl EventKind {
    /// From the lower half of a register.
    pub const fn from_register(value: u64) -> Option<Self> {
        match value & 0xffff_ffff {
            1 => Some(Self::Stopped),
            2 => Some(Self::Suspended),
            3 => Some(Self::GuestOff),
            4 => Some(Self::GuestReset),
            5 => Some(Self::Faulted),
            6 => Some(Self::Overflow),
            _ => None,
        }
    }
}

/// `x1` of [`InfoPage::Status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The state; it changes when the operation is complete.
    pub state: PartitionState,
    /// Whether it is faulted.
    pub condition: Condition,
    /// The operation that is under way: shutdown, suspend or destroy.
    pub pending: Option<Operation>,
}

impl Status {
    /// Bits 7..0 state (1 READY, 2 DEPLOYED, 3 SUSPENDED), bit 8 faulted, bits 23..16 pending (0 none, 1 shutdown,
    /// 2 suspend, 3 destroy-partition).
    pub const fn to_register(self) -> u64 {
        let state = match self.state {
            PartitionState::Ready => 1,
            PartitionState::Deployed => 2,
            PartitionState::Suspended => 3,
        };
        let condition = match self.condition {
            Condition::Running => 0,
            Condition::Faulted => 1 << 8,
        };
        let pending = match self.pending {
            Some(Operation::Shutdown) => 1 << 16,
            Some(Operation::Suspend) => 2 << 16,
            Some(Operation::Destroy) => 3 << 16,
            None | Some(Operation::Deploy | Operation::Reboot | Operation::Restore) => 0,
        };
        state | condition | pending
    }

    /// The inverse of [`Status::to_register`].
    pub const fn from_register(value: u64) -> Option<Self> {
        let state = match value & 0xff {
            1 => PartitionState::Ready,
            2 => PartitionState::Deployed,
            3 => PartitionState::Suspended,
            _ => return None,
        };
        let condition = if value >> 8 & 1 == 1 { Condition::Faulted } else { Condition::Running };
        let pending = match value >> 16 & 0xff {
            0 => None,
            1 => Some(Operation::Shutdown),
            2 => Some(Operation::Suspend),
            3 => Some(Operation::Destroy),
            _ => return None,
        };
        Some(Self { state, condition, pending })
    }
}

/// Arguments of [`FunctionId::PartCreate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreateArgs {
    /// World and sharing.
    pub flags: CreateFlags,
    /// Whose CPUs are shared, if [`CreateFlags::SHARED`] is set.
    pub shared_with: Option<PartitionId>,
    /// The partition's memory.
    pub memory: PhysRange,
    /// The partition's CPUs.
    pub cpus: CpuSet,
}

impl CreateArgs {
    /// `x1`..`x7`.
    pub fn to_registers(self) -> [u64; 7] {
        let shared = self.shared_with.map_or(0, |id| u64::from(id.0) << 32);
        let [c0, c1, c2, c3] = self.cpus.words();
        let flags = u64::from(self.flags.bits()) | shared;
        [flags, self.memory.base().0, self.memory.size().0, c0, c1, c2, c3]
    }

    /// From `x1`..`x7`; `None` for unknown flags, a range that wraps, or a sharer without its flag.
    pub fn from_registers(registers: [u64; 7]) -> Option<Self> {
        let [flags, base, size, cpus @ ..] = registers;
        let cpus: [u64; CPU_SET_WORDS] = cpus;
        let shared_with = u32::try_from(flags >> 32).ok().filter(|id| *id != 0).map(PartitionId);
        let flags = CreateFlags::from_bits(u32::try_from(flags & 0xffff_ffff).ok()?)?;
        if flags.contains(CreateFlags::SHARED) != shared_with.is_some() {
            return None;
        }
        let memory = PhysRange::new(PhysAddr(base), ByteSize(size))?;
        Some(Self { flags, shared_with, memory, cpus: CpuSet::from_words(cpus) })
    }
}

/// Registers of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SmcCall {
    /// `x0`.
    pub function: u64,
    /// `x1`..`x7`.
    pub args: [u64; 7],
}

impl SmcCall {
    /// A call of the vManager service; missing arguments are zero.
    pub fn new(function: FunctionId, args: &[u64]) -> Self {
        let mut call = Self { function: u64::from(function as u32), args: [0; 7] };
        for (register, value) in call.args.iter_mut().zip(args) {
            *register = *value;
        }
        call
    }
}

/// Registers of an answer: `x0`..`x3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SmcReturn(pub [u64; 4]);

impl SmcReturn {
    /// Success without results.
    pub const SUCCESS: Self = Self([0; 4]);
    /// The operation has begun and goes on.
    pub const PENDING: Self = Self([PENDING, 0, 0, 0]);

    /// Success with results in `x1`..`x3`.
    pub const fn with(results: [u64; 3]) -> Self {
        Self([0, results[0], results[1], results[2]])
    }

    /// Refusal.
    pub const fn refused(error: SmcError) -> Self {
        Self([error.to_register(), 0, 0, 0])
    }

    /// Reads the status.
    ///
    /// # Errors
    /// The [`SmcError`] in `x0`.
    pub const fn outcome(self) -> Result<Completion, SmcError> {
        let [status, a, b, c] = self.0;
        match status {
            0 => Ok(Completion::Done([a, b, c])),
            PENDING => Ok(Completion::Pending),
            raw => Err(SmcError::from_register(raw)),
        }
    }
}

/// A call that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// Complete, with results.
    Done([u64; 3]),
    /// Begun.
    Pending,
}

/// Why the firmware refused a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SmcError {
    /// -1: unknown function (SMC Calling Convention).
    #[error("Firmware does not know the call")]
    NotSupported,
    /// -2: an argument is out of range.
    #[error("Firmware refused an argument")]
    InvalidParameters,
    /// -3: the caller is not the management partition.
    #[error("Firmware takes this call from the management partition only")]
    Denied,
    /// -4: another operation on the partition is under way, or a CPU of the request is on.
    #[error("Firmware is busy with another operation on the partition, or a CPU is still on")]
    Busy,
    /// -5: the partition's state does not allow it.
    #[error("Firmware refused the operation in the partition's state")]
    InvalidState,
    /// -6: no slot left.
    #[error("Firmware has no room for another partition")]
    NoResources,
    /// -7: there is no such partition.
    #[error("Firmware knows no such partition")]
    NotFound,
    /// -8: a CPU or memory of the request belongs to somebody else.
    #[error("Firmware knows another owner of a CPU or of memory in the request")]
    Overlap,
    /// -9: the partition is faulted.
    #[error("Partition is faulted")]
    Faulted,
    /// A code that this version does not know.
    #[error("Firmware answered {0:#x}")]
    Unknown(u64),
}

impl SmcError {
    const fn negative(code: u64) -> u64 {
        code.wrapping_neg()
    }

    /// The value of `x0`.
    pub const fn to_register(self) -> u64 {
        match self {
            Self::NotSupported => Self::negative(1),
            Self::InvalidParameters => Self::negative(2),
            Self::Denied => Self::negative(3),
            Self::Busy => Self::negative(4),
            Self::InvalidState => Self::negative(5),
            Self::NoResources => Self::negative(6),
            Self::NotFound => Self::negative(7),
            Self::Overlap => Self::negative(8),
            Self::Faulted => Self::negative(9),
            Self::Unknown(raw) => raw,
        }
    }

    /// From the value of `x0`.
    pub const fn from_register(raw: u64) -> Self {
        match raw.wrapping_neg() {
            1 => Self::NotSupported,
            2 => Self::InvalidParameters,
            3 => Self::Denied,
            4 => Self::Busy,
            5 => Self::InvalidState,
            6 => Self::NoResources,
            7 => Self::NotFound,
            8 => Self::Overlap,
            9 => Self::Faulted,
            _ => Self::Unknown(raw),
        }
    }

    /// The kind that users see.
    pub const fn kind(self) -> ErrorKind {
        match self {
            Self::NotSupported => ErrorKind::Unsupported,
            Self::InvalidParameters => ErrorKind::InvalidArgument,
            Self::Denied => ErrorKind::PermissionDenied,
            Self::Busy => ErrorKind::Busy,
            Self::InvalidState | Self::Faulted => ErrorKind::InvalidState,
            Self::NoResources | Self::Overlap => ErrorKind::NoResources,
            Self::NotFound => ErrorKind::NotFound,
            Self::Unknown(_) => ErrorKind::Firmware,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_identifiers_are_fast_smc64_calls_of_the_oem_range() {
        for function in FunctionId::ALL {
            let id = *function as u32;
            assert_eq!(id >> 16, 0xC300);
            assert_eq!(FunctionId::from_register(u64::from(id) | 0xdead << 32), Some(*function));
        }
        assert_eq!(FunctionId::from_register(0xC200_0001), None);
    }

    #[test]
    fn errors_survive_the_register_and_unknown_ones_are_kept() {
        for code in 1..=12u64 {
            let raw = code.wrapping_neg();
            assert_eq!(SmcError::from_register(raw).to_register(), raw);
        }
        assert_eq!(SmcError::from_register(99), SmcError::Unknown(99));
    }

    #[test]
    fn status_survives_the_register() {
        for state in PartitionState::ALL {
            for condition in [Condition::Running, Condition::Faulted] {
                let pending =
                    [None, Some(Operation::Shutdown), Some(Operation::Suspend), Some(Operation::Destroy)];
                for pending in pending {
                    let status = Status { state, condition, pending };
                    assert_eq!(Status::from_register(status.to_register()), Some(status));
                }
            }
        }
        assert_eq!(Status::from_register(0), None);
    }

    #[test]
    fn create_arguments_survive_the_registers() {
        let args = CreateArgs {
            flags: CreateFlags::SECURE | CreateFlags::SHARED,
            shared_with: Some(PartitionId(7)),
            memory: PhysRange::new(PhysAddr(0x8000_0000), ByteSize(1 << 30)).unwrap(),
            cpus: CpuSet::from_words([1, 2, 3, 4]),
        };
        assert_eq!(CreateArgs::from_registers(args.to_registers()), Some(args));
        let mut wraps = args.to_registers();
        wraps[1] = u64::MAX;
        assert_eq!(CreateArgs::from_registers(wraps), None);
    }
}
