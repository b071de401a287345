//! The one interrupt distributor of the machine: everybody may read it, and write what concerns interrupts of their own.

use core::sync::atomic::Ordering;

use qemu_virt::gic::{
    FIRST_SPI, GICD_ICFGR, GICD_IGROUPR, GICD_IGRPMODR, GICD_IPRIORITYR, GICD_IROUTER, GICD_IROUTER_END,
    GICD_ISENABLER, GICD_ITARGETSR, GICD_NSACR, distributor,
};
use qemu_virt::memory_map::{CONSOLE_SPI, MAX_CPUS, MAX_PARTITIONS};

use crate::Partition;
use crate::abort::Access;

/// Bytes of one array with a bit per INTID.
const BIT_ARRAY: u64 = 0x80;
/// Message-based interrupts: a store of an INTID makes it pending.
const SETSPI_FIRST: u64 = 0x40;
const SETSPI_END: u64 = 0x60;
/// Highest INTID of an SPI and one.
const SPI_END: u64 = 1020;

/// Carries the access out as far as the partition may.
pub(crate) fn access(partition: Partition, access: Access) -> u64 {
    match access.store {
        None => read(access.address, access.width),
        Some(value) => {
            store(partition, access, value);
            0
        }
    }
}

fn read(offset: u64, width: u64) -> u64 {
    let gic = distributor();
    match width {
        1 => u64::from(gic.read8(offset)),
        2 => u64::from(gic.read16(offset)),
        4 => u64::from(gic.read32(offset)),
        _ => gic.read64(offset),
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the access is as wide as the value that its syndrome gave")]
fn write(offset: u64, width: u64, value: u64) {
    let gic = distributor();
    match width {
        1 => gic.write8(offset, value as u8),
        2 => gic.write16(offset, value as u16),
        4 => gic.write32(offset, value as u32),
        _ => gic.write64(offset, value),
    }
}

/// Whose interrupt it is: every slot has its console's, the management partition the rest.
fn owner(intid: u64) -> Option<usize> {
    const CONSOLES: u64 = (FIRST_SPI + CONSOLE_SPI) as u64;
    match intid {
        0..32 | SPI_END.. => None,
        _ if (CONSOLES + 1..CONSOLES + MAX_PARTITIONS as u64).contains(&intid) => {
            usize::try_from(intid - CONSOLES).ok()
        }
        _ => Some(0),
    }
}

/// Bits of an access that belong to interrupts of the slot, if the register holds `bits` bits per INTID from `first` on.
fn own_bits(slot: usize, first: u64, bits: u64, width: u64) -> u64 {
    let fields = 8 * width / bits;
    let field = u64::MAX >> (64 - bits);
    (0..fields).filter(|index| owner(first + index) == Some(slot)).fold(0, |mask, index| mask | field << (index * bits))
}

fn store(partition: Partition, access: Access, value: u64) {
    let (offset, width) = (access.address, access.width);
    let slot = partition.slot;
    match offset {
        SETSPI_FIRST..SETSPI_END if owner(value & 0x3ff) == Some(slot) => write(offset, width, value),
        SETSPI_FIRST..SETSPI_END => {}
        0..GICD_IGROUPR if partition.is_management() => write(offset, width, value),
        GICD_IGROUPR..GICD_ISENABLER | GICD_IGRPMODR..GICD_NSACR => {}
        GICD_ISENABLER..GICD_IPRIORITYR => {
            let first = offset % BIT_ARRAY * 8;
            // Each of these acts on the bits that are one.
            write(offset, width, value & own_bits(slot, first, 1, width));
        }
        GICD_IPRIORITYR..GICD_ITARGETSR => {
            merge(access, value, own_bits(slot, offset - GICD_IPRIORITYR, 8, width));
        }
        GICD_ICFGR..GICD_IGRPMODR => merge(access, value, own_bits(slot, (offset - GICD_ICFGR) * 4, 2, width)),
        GICD_IROUTER..GICD_IROUTER_END => route(partition, access, value),
        _ => {}
    }
}

/// Stores the bits of `mask` and leaves the others as they are.
fn merge(access: Access, value: u64, mask: u64) {
    if mask != 0 {
        let others = read(access.address, access.width) & !mask;
        write(access.address, access.width, others | value & mask);
    }
}

/// Routes an own interrupt to an own CPU (whole registers only; there is no routing to any CPU).
fn route(partition: Partition, access: Access, value: u64) {
    let intid = (access.address - GICD_IROUTER) / 8;
    let own_cpu = value < MAX_CPUS as u64 && partition.view.cpus.load(Ordering::Relaxed) >> value & 1 == 1;
    if access.width == 8 && own_cpu && owner(intid) == Some(partition.slot) {
        write(access.address, access.width, value);
    }
}
