//! What the board's suite tells the hostile payload to do, in a block where a kernel's device tree would be (`x0`). The
//! suite includes this file.

/// Begins a block of orders.
pub const MAGIC: u64 = 0x6f72_6465_7273_2e31;

/// What the payload does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Task {
    /// Victim: beats, counts the interrupts that reach it, and tells the longest gap between two looks at the clock.
    /// `args`: 0, 0, 1 to sleep instead.
    Listen = 1,
    /// Reads, writes and executes every foreign range. `args`: the target, a neighbour's memory, 1 to try the target only.
    Memory = 2,
    /// As [`Task::Memory`], with its own MMU on and translations that lead beyond the machine's memory.
    MappedMemory = 3,
    /// Stores to every register of the distributor. `args`: an interrupt of somebody else, 0, 1 to try that only.
    Distributor = 4,
    /// Loads and stores of every register of foreign redistributors. `args`: a foreign CPU, 0, 1 to try that only.
    Redistributors = 5,
    /// Sends every SGI to every other CPU by affinity and by broadcast. `args`: a victim's CPU, 0, 1 for one SGI to it.
    Sgis = 6,
    /// `CPU_ON` of every other CPU. `args`: entry, context id.
    CpuOn = 7,
    /// Forged calls of the vManager service with random arguments. `args`: how many, a partition to suspend.
    Forge = 8,
    /// Floods of SMC, HVC and ERET. `args`: milliseconds of each.
    Flood = 9,
    /// Masks everything and loops for ever. `args`: milliseconds after which it lets go, 0 for never.
    Loop = 10,
    /// Prints for ever.
    Console = 11,
    /// Programs a device that masters the bus. `args`: a word of foreign memory.
    Dma = 12,
    /// Registers of higher levels. `args`: 0, 0, 1 for the chip maker's.
    Registers = 13,
    /// Turns itself off at once (behind the `weaken` order).
    Nothing = 14,
    /// Tells what traps and calls cost. `args`: a deployed partition, 0, 0, CPUs that are off (bits), free memory.
    Measure = 15,
}

impl Task {
    /// Every task.
    pub const ALL: [Self; 15] = [
        Self::Listen,
        Self::Memory,
        Self::MappedMemory,
        Self::Distributor,
        Self::Redistributors,
        Self::Sgis,
        Self::CpuOn,
        Self::Forge,
        Self::Flood,
        Self::Loop,
        Self::Console,
        Self::Dma,
        Self::Registers,
        Self::Nothing,
        Self::Measure,
    ];

    /// The task with this number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|task| *task as u64 == number)
    }
}

/// The block.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Orders {
    /// [`MAGIC`].
    pub magic: u64,
    /// A [`Task`].
    pub task: u64,
    /// Protections that are turned off first (`weaken.rs` of the firmware), if the firmware was built for that.
    pub weaken: u64,
    /// By task.
    pub args: [u64; 5],
}
