//! What queries ask for: pages, counters, and the power of a CPU.

/// Pages of [`super::FunctionId::PartInfo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum InfoPage {
    /// `x1` = [`super::Status`], `x2` = base, `x3` = size in bytes.
    Status = 0,
    /// `x1`..`x3` = words 0 to 2 of the CPU set.
    CpusLow = 1,
    /// `x1` = word 3 of the CPU set, `x2` = [`super::CreateFlags`] as in the call, `x3` = CPUs that are on.
    CpusHigh = 2,
    /// `x1` = [`super::FaultReason`], `x2` = faulting address, `x3` = program counter.
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

/// Pages of [`super::FunctionId::BoardInfo`].
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

/// Counters of [`super::FunctionId::Stats`].
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
