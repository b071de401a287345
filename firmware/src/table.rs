//! The record of every CPU and every partition.

use vman_core::abi::smc::{CpuPower, FaultReason, Status};
use vman_core::id::{CpuId, CpuSet, PartitionId, PhysAddr, PhysRange};
use vman_core::plan::World;
use vman_core::state::{Condition, Operation, PartitionState};

/// A CPU as one of its partitions sees it. Where a critical partition shares the CPUs of another one, each CPU has
/// two lanes with a power state of their own; everywhere else it has one, and a [`CpuId`] is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// The CPU.
    pub cpu: CpuId,
    /// Whether this is the lane of the critical partition that shares the CPU.
    pub shared: bool,
}

impl Lane {
    /// The lane of the critical partition that shares `cpu`.
    pub const fn sharer_of(cpu: CpuId) -> Self {
        Self { cpu, shared: true }
    }
}

impl From<CpuId> for Lane {
    fn from(cpu: CpuId) -> Self {
        Self { cpu, shared: false }
    }
}

/// What is known of a lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LaneRecord {
    /// Whose it is. A shared lane without a sharer belongs to the management partition, which never uses it.
    pub(crate) owner: PartitionId,
    pub(crate) power: CpuPower,
    /// It was told to hold and waits for a wake. Only a lane that is on can be held.
    pub(crate) held: bool,
    /// It turned itself off and is on its way to be parked.
    pub(crate) leaving: bool,
    /// It caused the fault of its partition and does not run again before a stop.
    pub(crate) faulted: bool,
    /// Where it starts and with what in `x0`, while it is pending.
    pub(crate) entry: PhysAddr,
    pub(crate) context: u64,
}

impl LaneRecord {
    pub(crate) const OFF: Self = Self {
        owner: PartitionId::MANAGEMENT,
        power: CpuPower::Off,
        held: false,
        leaving: false,
        faulted: false,
        entry: PhysAddr(0),
        context: 0,
    };

    /// Whether it executes code of its partition now.
    pub(crate) fn is_running(&self) -> bool {
        self.power == CpuPower::On && !self.held
    }

    /// Whether it is parked with nothing to do.
    pub(crate) fn is_off(&self) -> bool {
        self.power == CpuPower::Off
    }

    /// Makes it start at `entry` as soon as it looks.
    pub(crate) fn prepare(&mut self, entry: PhysAddr, context: u64) {
        self.power = CpuPower::OnPending;
        self.entry = entry;
        self.context = context;
    }

    /// Forgets everything but the owner.
    pub(crate) fn reset(&mut self) {
        *self = Self { owner: self.owner, ..Self::OFF };
    }
}

/// Why a partition stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopCause {
    Command,
    GuestOff,
    GuestReset,
}

/// The operation that is under way on a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Idle,
    Stopping(StopCause),
    Suspending,
    /// Memory is clean up to this offset.
    Destroying(u64),
}

/// Where and why a partition faulted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) reason: FaultReason,
    pub(crate) address: u64,
    pub(crate) program_counter: u64,
}

impl Fault {
    pub(crate) const NONE: Self = Self { reason: FaultReason::None, address: 0, program_counter: 0 };
}

/// Counters that the monitor keeps itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    pub(crate) starts: u64,
    pub(crate) suspends: u64,
    pub(crate) guest_power_events: u64,
    pub(crate) smcs: u64,
}

/// What is known of a partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Partition {
    pub(crate) id: PartitionId,
    pub(crate) world: World,
    pub(crate) shared_with: Option<PartitionId>,
    pub(crate) memory: PhysRange,
    pub(crate) cpus: CpuSet,
    pub(crate) state: PartitionState,
    pub(crate) condition: Condition,
    pub(crate) phase: Phase,
    pub(crate) fault: Fault,
    pub(crate) counters: Counters,
}

impl Partition {
    /// Its CPUs as it sees them.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = Lane> + use<> {
        let shared = self.shared_with.is_some();
        self.cpus.iter().map(move |cpu| Lane { cpu, shared })
    }

    /// What queries tell.
    pub(crate) const fn status(&self) -> Status {
        let pending = match self.phase {
            Phase::Idle => None,
            Phase::Stopping(_) => Some(Operation::Shutdown),
            Phase::Suspending => Some(Operation::Suspend),
            Phase::Destroying(_) => Some(Operation::Destroy),
        };
        Status { state: self.state, condition: self.condition, pending }
    }

    /// Whether its lanes may enter and go on: it is deployed and nothing stops or holds it.
    pub(crate) fn lets_run(&self) -> bool {
        self.state == PartitionState::Deployed && self.phase == Phase::Idle
    }

    /// Whether its lanes shall wait with their context.
    pub(crate) fn holds(&self) -> bool {
        self.phase == Phase::Suspending
            || (self.state == PartitionState::Suspended && self.phase == Phase::Idle)
    }
}

/// Every record. Lookups search; the tables are small and an id is never an index.
#[derive(Debug)]
pub(crate) struct Table<const CPUS: usize, const PARTITIONS: usize> {
    lanes: [LaneRecord; CPUS],
    shared: [LaneRecord; CPUS],
    partitions: [Option<Partition>; PARTITIONS],
}

impl<const CPUS: usize, const PARTITIONS: usize> Table<CPUS, PARTITIONS> {
    pub(crate) const fn new() -> Self {
        Self {
            lanes: [LaneRecord::OFF; CPUS],
            shared: [LaneRecord::OFF; CPUS],
            partitions: [None; PARTITIONS],
        }
    }

    /// Makes `cpu` start at `entry` when it looks first.
    pub(crate) const fn with_boot_cpu(mut self, cpu: CpuId, entry: PhysAddr, context: u64) -> Self {
        if cpu.index() < CPUS {
            self.lanes[cpu.index()] =
                LaneRecord { power: CpuPower::OnPending, entry, context, ..LaneRecord::OFF };
        }
        self
    }

    pub(crate) fn lane(&self, lane: Lane) -> Option<&LaneRecord> {
        if lane.shared { self.shared.get(lane.cpu.index()) } else { self.lanes.get(lane.cpu.index()) }
    }

    pub(crate) fn lane_mut(&mut self, lane: Lane) -> Option<&mut LaneRecord> {
        if lane.shared { self.shared.get_mut(lane.cpu.index()) } else { self.lanes.get_mut(lane.cpu.index()) }
    }

    pub(crate) fn partition(&self, id: PartitionId) -> Option<&Partition> {
        self.iter().find(|partition| partition.id == id)
    }

    pub(crate) fn partition_mut(&mut self, id: PartitionId) -> Option<&mut Partition> {
        self.partitions.iter_mut().flatten().find(|partition| partition.id == id)
    }

    /// The partitions that exist, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.iter().flatten()
    }

    /// Takes a partition in and gives it its lanes. Without room nothing happens.
    pub(crate) fn insert(&mut self, partition: Partition) {
        let Some(slot) = self.partitions.iter_mut().find(|slot| slot.is_none()) else {
            return;
        };
        *slot = Some(partition);
        self.give_lanes(&partition, partition.id);
    }

    /// Forgets a partition; its lanes, which are off, go back to the management partition.
    pub(crate) fn remove(&mut self, partition: &Partition) {
        self.give_lanes(partition, PartitionId::MANAGEMENT);
        for slot in &mut self.partitions {
            if slot.is_some_and(|known| known.id == partition.id) {
                *slot = None;
            }
        }
    }

    /// Whether every lane of `partition` satisfies `predicate`.
    pub(crate) fn all_lanes(&self, partition: &Partition, predicate: impl Fn(&LaneRecord) -> bool) -> bool {
        partition.lanes().filter_map(|lane| self.lane(lane)).all(predicate)
    }

    fn give_lanes(&mut self, partition: &Partition, owner: PartitionId) {
        for lane in partition.lanes() {
            if let Some(record) = self.lane_mut(lane) {
                *record = LaneRecord { owner, ..LaneRecord::OFF };
            }
        }
    }
}
