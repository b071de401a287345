//! What happens to partitions.

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

/// What happened, in [`super::FunctionId::EventGet`].
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
