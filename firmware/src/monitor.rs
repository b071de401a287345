//! The monitor: one record of every CPU and partition, and the entries into it. See [`Monitor`].

use vman_core::abi::smc::{FaultReason, SmcCall, SmcReturn};
use vman_core::id::{ByteSize, CpuId, CpuSet, PartitionId, PhysAddr, PhysRange};
use vman_core::plan::World;

use crate::platform::Platform;

/// What a board is made of, told once at boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Board {
    /// Every CPU.
    pub cpus: CpuSet,
    /// The CPU that starts the management partition.
    pub boot_cpu: CpuId,
    /// Memory that partitions are made of.
    pub memory: PhysRange,
    /// Secure memory that critical partitions are made of; empty if there is none.
    pub secure_memory: PhysRange,
    /// Memory is given in multiples of this.
    pub granule: ByteSize,
    /// GIC INTID that tells the management partition of events; 0 if it must poll.
    pub event_interrupt: u32,
}

/// What a CPU does after an SMC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Returns to the caller with these registers.
    Return(SmcReturn),
    /// Waits for an interrupt at most briefly, then returns with these registers (PSCI standby).
    Standby(SmcReturn),
    /// Leaves its partition: is scrubbed, parks, and calls [`Monitor::on_off`].
    Park,
}

/// What a CPU does after it was forced into the firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kick {
    /// Goes on where it was.
    Resume,
    /// Keeps its context, waits for a wake, and asks again.
    Hold,
    /// Loses its context: is scrubbed, parks, and calls [`Monitor::on_off`].
    Park,
}

/// How a parked CPU starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boot {
    /// Whose CPU it is.
    pub partition: PartitionId,
    /// World that it enters.
    pub world: World,
    /// First instruction.
    pub entry: PhysAddr,
    /// `x0` (device tree of the first CPU, context id of the others).
    pub context: u64,
}

/// The state of the machine. `CPUS` and `PARTITIONS` bound the tables; nothing is allocated. The callers hold one
/// lock around every call.
#[derive(Debug)]
pub struct Monitor<const CPUS: usize, const PARTITIONS: usize> {
    board: Board,
}

impl<const CPUS: usize, const PARTITIONS: usize> Monitor<CPUS, PARTITIONS> {
    /// A board on which only the management partition exists; its boot CPU starts at `entry` with `x0` = `context`.
    pub const fn new(board: Board, _entry: PhysAddr, _context: u64) -> Self {
        Self { board }
    }

    /// An SMC from `cpu` at EL1 or EL2: PSCI, SMCCC queries and the vManager service.
    pub fn on_smc(&mut self, _cpu: CpuId, _call: SmcCall, _platform: &mut impl Platform) -> Outcome {
        let _ = self.board;
        Outcome::Return(SmcReturn::SUCCESS)
    }

    /// `cpu` was forced into the firmware by [`crate::platform::Cores::kick`], or woken while it is held.
    pub fn on_kick(&mut self, _cpu: CpuId, _platform: &mut impl Platform) -> Kick {
        Kick::Resume
    }

    /// `cpu` has parked: nothing of its partition's context is left in it.
    pub fn on_off(&mut self, _cpu: CpuId, _platform: &mut impl Platform) {}

    /// `cpu` is parked and was woken, or has just been reset: does it start?
    pub fn on_parked(&mut self, _cpu: CpuId) -> Option<Boot> {
        None
    }

    /// The isolation layer saw a fault of `cpu` that its operating system cannot go on from.
    pub fn on_fault(
        &mut self,
        _cpu: CpuId,
        _reason: FaultReason,
        _address: u64,
        _program_counter: u64,
        _platform: &mut impl Platform,
    ) {
    }
}
