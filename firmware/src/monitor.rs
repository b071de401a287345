//! The monitor: one record of every CPU and partition, and the entries into it. See [`Monitor`].

use vman_core::abi::smc::{CpuPower, FaultReason, FunctionId, LINKS_MAX, SmcCall, SmcError, SmcReturn};
use vman_core::id::{ByteSize, CpuId, CpuSet, PartitionId, PhysAddr, PhysRange};
use vman_core::plan::World;

use crate::events::Events;
use crate::link::Links;
use crate::platform::Platform;
use crate::table::{Fault, Lane, Phase, Table};

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
///
/// The entries take a CPU; a board that lets critical partitions share CPUs ([`Monitor::with_secure`]) names the
/// [`Lane`] that was running instead.
#[derive(Debug)]
pub struct Monitor<const CPUS: usize, const PARTITIONS: usize> {
    pub(crate) board: Board,
    pub(crate) table: Table<CPUS, PARTITIONS>,
    pub(crate) events: Events,
    pub(crate) links: Links,
    /// Number of the partition that was created last; numbers are never used again.
    pub(crate) last_id: u32,
    /// How many partitions may exist at once.
    pub(crate) slots: usize,
    /// How many critical partitions may exist at once.
    pub(crate) secure_limit: usize,
    /// Whether critical partitions may share CPUs.
    pub(crate) sharing: bool,
}

impl<const CPUS: usize, const PARTITIONS: usize> Monitor<CPUS, PARTITIONS> {
    /// A board on which only the management partition exists; its boot CPU starts at `entry` with `x0` = `context`.
    /// It takes one critical partition at a time (S-EL1 alone does not isolate two from each other) and does not
    /// share CPUs.
    pub const fn new(board: Board, entry: PhysAddr, context: u64) -> Self {
        Self {
            board,
            table: Table::new().with_boot_cpu(board.boot_cpu, entry, context),
            events: Events::new(),
            links: [None; LINKS_MAX],
            last_id: 0,
            slots: PARTITIONS,
            secure_limit: 1,
            sharing: false,
        }
    }

    /// Takes up to `limit` critical partitions at once; with `sharing`, the platform schedules the two [`Lane`]s of
    /// a shared CPU, the critical one first.
    #[must_use]
    pub const fn with_secure(mut self, limit: usize, sharing: bool) -> Self {
        self.secure_limit = limit;
        self.sharing = sharing;
        self
    }

    /// Takes fewer partitions at once than the table has room for.
    #[must_use]
    pub const fn with_slots(mut self, slots: usize) -> Self {
        if slots < PARTITIONS {
            self.slots = slots;
        }
        self
    }

    /// An SMC from `cpu` at EL1 or EL2: PSCI, SMCCC queries and the vManager service.
    pub fn on_smc(&mut self, cpu: impl Into<Lane>, call: SmcCall, platform: &mut impl Platform) -> Outcome {
        let lane = cpu.into();
        let Some(record) = self.lane(lane) else {
            return Outcome::Return(SmcReturn::refused(SmcError::Denied));
        };
        let (owner, power) = (record.owner, record.power);
        if power != CpuPower::On || !self.count_smc(owner) {
            return Outcome::Park;
        }
        match FunctionId::from_register(call.function) {
            Some(_) if !owner.is_management() => Outcome::Return(SmcReturn::refused(SmcError::Denied)),
            Some(function) => Outcome::Return(self.service(function, call.args, platform)),
            None => self.power_call(lane, owner, call, platform),
        }
    }

    /// `cpu` was forced into the firmware by [`crate::platform::Cores::kick`], was woken while it is held, or has
    /// just reported a fault.
    pub fn on_kick(&mut self, cpu: impl Into<Lane>, platform: &mut impl Platform) -> Kick {
        let lane = cpu.into();
        let Some(record) = self.lane(lane) else { return Kick::Park };
        let (owner, faulted) = (record.owner, record.faulted);
        if record.power != CpuPower::On {
            return Kick::Park;
        }
        let Some(partition) = self.table.partition(owner) else {
            return Kick::Resume;
        };
        let hold = partition.holds() || (faulted && partition.lets_run());
        if !hold && !partition.lets_run() {
            return Kick::Park;
        }
        if let Some(record) = self.table.lane_mut(lane) {
            record.held = hold;
        }
        if !hold {
            return Kick::Resume;
        }
        self.settle(owner, platform);
        Kick::Hold
    }

    /// `cpu` has parked: nothing of its partition's context is left in it.
    pub fn on_off(&mut self, cpu: impl Into<Lane>, platform: &mut impl Platform) {
        let lane = cpu.into();
        let Some(record) = self.lane_mut(lane).filter(|record| record.power == CpuPower::On) else {
            return;
        };
        let owner = record.owner;
        record.reset();
        self.settle(owner, platform);
    }

    /// `cpu` is parked and was woken, or has just been reset: does it start?
    pub fn on_parked(&mut self, cpu: impl Into<Lane>) -> Option<Boot> {
        let lane = cpu.into();
        let record = *self.lane(lane).filter(|record| record.power == CpuPower::OnPending)?;
        let world = match self.table.partition(record.owner) {
            Some(partition) => partition.lets_run().then_some(partition.world)?,
            None => World::NonSecure,
        };
        self.table.lane_mut(lane)?.power = CpuPower::On;
        Some(Boot { partition: record.owner, world, entry: record.entry, context: record.context })
    }

    /// The isolation layer saw a fault of `cpu` that its operating system cannot go on from. The partition is
    /// faulted from now on; the CPU asks [`Monitor::on_kick`] next, which holds it. A fault of the management
    /// partition changes nothing here: it is the platform's to report.
    pub fn on_fault(
        &mut self,
        cpu: impl Into<Lane>,
        reason: FaultReason,
        address: u64,
        program_counter: u64,
        platform: &mut impl Platform,
    ) {
        let lane = cpu.into();
        let Some(owner) = self.lane(lane).filter(|record| record.is_running()).map(|record| record.owner)
        else {
            return;
        };
        self.fault(owner, lane, Fault { reason, address, program_counter }, platform);
    }

    /// The record of a lane that this board has.
    fn lane(&self, lane: Lane) -> Option<&crate::table::LaneRecord> {
        self.table.lane(lane).filter(|_| self.board.cpus.contains(lane.cpu))
    }

    fn lane_mut(&mut self, lane: Lane) -> Option<&mut crate::table::LaneRecord> {
        let known = self.board.cpus.contains(lane.cpu);
        self.table.lane_mut(lane).filter(|_| known)
    }

    /// Counts an SMC of a partition. Returns whether the caller may go on: not if its partition is being stopped.
    fn count_smc(&mut self, owner: PartitionId) -> bool {
        let Some(partition) = self.table.partition_mut(owner) else { return true };
        partition.counters.smcs = partition.counters.smcs.saturating_add(1);
        !matches!(partition.phase, Phase::Stopping(_))
    }
}
