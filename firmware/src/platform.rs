//! What the logic asks of the machine below it.

use vman_core::abi::smc::Counter;
use vman_core::id::{CpuId, CpuSet, Mpidr, PartitionId, PhysAddr, PhysRange};
use vman_core::plan::World;

/// The CPUs.
pub trait Cores {
    /// The index of the CPU with this affinity.
    fn cpu(&self, mpidr: Mpidr) -> Option<CpuId>;
    /// The affinity of a CPU.
    fn mpidr(&self, cpu: CpuId) -> Option<Mpidr>;
    /// Makes a parked CPU look at [`crate::Monitor::on_parked`].
    fn wake(&mut self, cpu: CpuId);
    /// Forces a running CPU into the firmware, where it calls [`crate::Monitor::on_kick`]; no guest can mask it.
    fn kick(&mut self, cpu: CpuId);
    /// [`Cores::wake`] for the critical partition that shares `cpu` ([`crate::Lane::sharer_of`]). Called only if
    /// the monitor was built with sharing.
    fn wake_sharer(&mut self, cpu: CpuId) {
        self.wake(cpu);
    }
    /// [`Cores::kick`] for the critical partition that shares `cpu`.
    fn kick_sharer(&mut self, cpu: CpuId) {
        self.kick(cpu);
    }
}

/// The memory and what isolates it.
pub trait Memory {
    /// Takes `memory` away from the management partition and makes a partition of it and `cpus` (stage-2 tables).
    fn assign(&mut self, partition: PartitionId, world: World, memory: PhysRange, cpus: CpuSet);
    /// Lets the management partition read and write `memory` to load a kernel (READY).
    fn open(&mut self, partition: PartitionId, memory: PhysRange);
    /// Hides `memory` from the management partition before the partition starts (DEPLOYED, SUSPENDED).
    fn close(&mut self, partition: PartitionId, memory: PhysRange);
    /// Copies `from`, which must be memory of the management partition, to `to`, a critical partition's; both have the
    /// same size, at most [`vman_core::abi::smc::LOAD_MAX`]. Returns `false`, and copies nothing, if `from` is something else.
    fn copy(&mut self, from: PhysRange, to: PhysRange) -> bool {
        let _ = (from, to);
        false
    }
    /// Fills a piece of at most [`Memory::SCRUB_STEP`] bytes with zeros.
    fn scrub(&mut self, piece: PhysRange);
    /// Gives `memory`, scrubbed, back to the management partition and forgets the partition's tables.
    fn release(&mut self, partition: PartitionId, memory: PhysRange);
    /// Takes `memory`, which is not zeroed yet, away from the management partition and maps it into both partitions, to
    /// be read and written, never executed.
    fn join(&mut self, ends: [PartitionId; 2], memory: PhysRange);
    /// Unmaps `memory` from those of both partitions that exist, on every CPU. It may be unmapped already.
    fn part(&mut self, ends: [PartitionId; 2], memory: PhysRange);
    /// Gives `memory`, which was joined, parted and scrubbed, back to the management partition.
    fn give_back(&mut self, memory: PhysRange);
    /// Address and size in bytes of the partition's console ring.
    fn console(&self, partition: PartitionId) -> Option<(PhysAddr, u64)>;
    /// Input was put into the partition's console ring: raises the console's interrupt, if the board has one.
    fn notify_console(&mut self, partition: PartitionId) {
        let _ = partition;
    }
    /// A counter that the layer below keeps (traps to EL2).
    fn counter(&self, partition: PartitionId, counter: Counter) -> Option<u64>;

    /// Largest piece for one [`Memory::scrub`] in bytes: bounds the time of one call.
    const SCRUB_STEP: u64 = 2 << 20;
}

/// The machine as a whole.
pub trait Machine {
    /// Turns the machine off; the caller parks its CPU afterwards.
    fn system_off(&mut self);
    /// Resets the machine; the caller parks its CPU afterwards.
    fn system_reset(&mut self);
    /// Raises the management partition's event interrupt.
    fn notify(&mut self);
}

/// Everything together.
pub trait Platform: Cores + Memory + Machine {}

impl<T: Cores + Memory + Machine> Platform for T {}
