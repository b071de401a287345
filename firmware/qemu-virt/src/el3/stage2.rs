//! Stage-2 tables: what a partition sees of the machine. Intermediate addresses equal physical addresses; what is not
//! mapped traps to the EL2 layer.

use core::arch::asm;

use aarch64_paging::descriptor::{PhysicalAddress, Stage2Attributes};
use aarch64_paging::paging::{Constraints, MemoryRegion, RootTable, Stage2};
use qemu_virt::memory_map::{
    CONSOLES_BASE, CONSOLES_SIZE, GICD_BASE, GICD_SIZE, GICR_BASE, GICR_STRIDE, MANAGEMENT_BASE,
    MANAGEMENT_SIZE, MAX_CPUS, POOL_BASE, POOL_SIZE, TABLE_SIZE, TABLES_BASE, TABLES_PER_PARTITION,
};
#[cfg(feature = "weaken")]
use qemu_virt::memory_map::{UART_BASE, UART_SIZE};
use qemu_virt::native;
use vman_core::id::{CpuSet, PhysRange};

use crate::tables::PagePool;

/// Device-nGnRE, read and write, never executed.
const DEVICE: Stage2Attributes = Stage2Attributes::VALID
    .union(Stage2Attributes::MEMATTR_DEVICE_nGnRE)
    .union(Stage2Attributes::S2AP_ACCESS_RW)
    .union(Stage2Attributes::ACCESS_FLAG)
    .union(Stage2Attributes::XN);
/// Normal write-back memory, everything allowed.
const MEMORY: Stage2Attributes = Stage2Attributes::VALID
    .union(Stage2Attributes::MEMATTR_NORMAL_OUTER_WB)
    .union(Stage2Attributes::MEMATTR_NORMAL_INNER_WB)
    .union(Stage2Attributes::S2AP_ACCESS_RW)
    .union(Stage2Attributes::SH_INNER)
    .union(Stage2Attributes::ACCESS_FLAG);
const NOTHING: Stage2Attributes = Stage2Attributes::empty();
/// `VTCR_EL2` for these tables: 39-bit addresses, walk from level 1, 4 KiB granules, 40-bit output.
pub(crate) const VTCR: u64 = 1 << 31 | 2 << 16 | 3 << 12 | 1 << 10 | 1 << 8 | 1 << 6 | 25;
const ROOT_LEVEL: usize = 1;

/// The tables of one partition slot. The slot is also the VMID.
#[derive(Debug)]
pub(crate) struct Stage2Tables {
    slot: usize,
    /// First address of the partition's memory and the one behind its last.
    #[cfg(feature = "weaken")]
    own: (u64, u64),
    root: RootTable<Stage2, PagePool>,
}

impl Stage2Tables {
    fn empty(slot: usize) -> Self {
        let base = TABLES_BASE + slot as u64 * u64::from(TABLES_PER_PARTITION) * TABLE_SIZE;
        // SAFETY: the slot's own run of pages (memory map); a slot has one `Stage2Tables` at a time.
        let pool = unsafe { PagePool::new(base, TABLES_PER_PARTITION) };
        Self {
            slot,
            #[cfg(feature = "weaken")]
            own: (MANAGEMENT_BASE, MANAGEMENT_BASE),
            root: RootTable::new(pool, ROOT_LEVEL, Stage2),
        }
    }

    /// The management partition: its memory, the pool, the console rings and every device below
    /// RAM but the interrupt distributor. The EL2 layer's memory is not mapped.
    pub(crate) fn management(cpus: CpuSet) -> Self {
        let mut tables = Self::empty(0);
        tables.map(0, GICD_BASE, DEVICE);
        tables.map(GICD_BASE + GICD_SIZE, GICR_BASE - GICD_BASE - GICD_SIZE, DEVICE);
        let behind_gic = GICR_BASE + MAX_CPUS as u64 * GICR_STRIDE;
        tables.map(behind_gic, MANAGEMENT_BASE - behind_gic, DEVICE);
        tables.map(MANAGEMENT_BASE, MANAGEMENT_SIZE, MEMORY);
        tables.map(POOL_BASE, POOL_SIZE, MEMORY);
        tables.map(CONSOLES_BASE, CONSOLES_SIZE, MEMORY | Stage2Attributes::XN);
        tables.show_redistributors(cpus);
        tables
    }

    /// A partition: its memory and the redistributors of its CPUs. The control page of the last one is left to the EL2
    /// layer, which tells the partition's kernel that there are no more behind it.
    pub(crate) fn partition(slot: usize, memory: PhysRange, cpus: CpuSet) -> Self {
        let mut tables = Self::empty(slot);
        #[cfg(feature = "weaken")]
        {
            tables.own = (memory.base().0, memory.end().0);
        }
        tables.show(memory);
        tables.show_redistributors(cpus);
        if let Some(last) = cpus.iter().last() {
            tables.map(GICR_BASE + last.index() as u64 * GICR_STRIDE, TABLE_SIZE, NOTHING);
        }
        tables
    }

    fn map(&mut self, start: u64, size: u64, flags: Stage2Attributes) {
        let region = MemoryRegion::new(native(start), native(start + size));
        self.root
            .map_range(&region, PhysicalAddress(native(start)), flags, Constraints::empty())
            .expect("the monitor gives memory of this board only");
    }

    /// Maps memory.
    pub(crate) fn show(&mut self, memory: PhysRange) {
        self.map(memory.base().0, memory.size().0, MEMORY);
        barrier();
    }

    /// Maps memory that is no place for code.
    pub(crate) fn share(&mut self, memory: PhysRange) {
        self.map(memory.base().0, memory.size().0, MEMORY | Stage2Attributes::XN);
        barrier();
    }

    /// Unmaps memory, in every TLB of the machine too.
    pub(crate) fn hide(&mut self, memory: PhysRange) {
        self.map(memory.base().0, memory.size().0, NOTHING);
        invalidate();
    }

    /// Maps the redistributors of these CPUs.
    pub(crate) fn show_redistributors(&mut self, cpus: CpuSet) {
        for cpu in cpus.iter() {
            self.map(GICR_BASE + cpu.index() as u64 * GICR_STRIDE, GICR_STRIDE, DEVICE);
        }
        barrier();
    }

    /// Unmaps the redistributors of these CPUs.
    pub(crate) fn hide_redistributors(&mut self, cpus: CpuSet) {
        for cpu in cpus.iter() {
            self.map(GICR_BASE + cpu.index() as u64 * GICR_STRIDE, GICR_STRIDE, NOTHING);
        }
        invalidate();
    }

    /// Positive controls: the partition sees all Non-secure memory and every device but the interrupt controller and its
    /// own console, or just what is its own again.
    #[cfg(feature = "weaken")]
    pub(crate) fn see_everything(&mut self, everything: bool) {
        let behind_gic = GICR_BASE + MAX_CPUS as u64 * GICR_STRIDE;
        let behind_console = UART_BASE + UART_SIZE;
        for (start, end, flags) in [
            (0, GICD_BASE, DEVICE),
            (behind_gic, UART_BASE, DEVICE),
            (behind_console, MANAGEMENT_BASE, DEVICE),
            (MANAGEMENT_BASE, self.own.0, MEMORY),
            (self.own.1, CONSOLES_BASE + CONSOLES_SIZE, MEMORY),
        ] {
            self.map(start, end - start, if everything { flags } else { NOTHING });
        }
        invalidate();
    }

    /// `VTTBR_EL2` for these tables.
    pub(crate) fn vttbr(&self) -> u64 {
        (self.slot as u64) << 48 | self.root.to_physical().0 as u64
    }
}

impl Drop for Stage2Tables {
    /// The pages and the VMID may be used again: nothing of them may stay in a TLB.
    fn drop(&mut self) {
        invalidate();
    }
}

/// New entries are seen by every table walk that begins later.
fn barrier() {
    // SAFETY: a barrier has no effect but order.
    unsafe { asm!("dsb ishst", "isb", options(nostack, preserves_flags)) }
}

/// Drops every EL1&0 translation of every partition on every CPU: more than needed, but only when a partition is made,
/// started, stopped or destroyed.
fn invalidate() {
    // SAFETY: TLB maintenance loses no data; SCR_EL3.NS is set while EL3 serves a call, so the Non-secure regime is meant.
    unsafe {
        asm!("dsb ishst", "tlbi alle1is", "dsb ish", "isb", options(nostack, preserves_flags));
    }
}
