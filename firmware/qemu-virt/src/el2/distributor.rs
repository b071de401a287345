//! The one interrupt distributor of the machine: everybody may read it, and write what concerns interrupts of their own.

use core::sync::atomic::Ordering;

use qemu_virt::gic::{
    FIRST_SPI, GICD_ICFGR, GICD_IGROUPR, GICD_IGRPMODR, GICD_IPRIORITYR, GICD_IROUTER, GICD_IROUTER_END,
    GICD_ISENABLER, GICD_ITARGETSR, GICD_NSACR, distributor,
};
use qemu_virt::memory_map::MAX_CPUS;
use qemu_virt::view::console_of;
use qemu_virt::weaken;

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

#[allow(
    clippy::cast_possible_truncation,
    reason = "the access is as wide as the value that its syndrome gave"
)]
fn write(offset: u64, width: u64, value: u64) {
    let gic = distributor();
    match width {
        1 => gic.write8(offset, value as u8),
        2 => gic.write16(offset, value as u16),
        4 => gic.write32(offset, value as u32),
        _ => gic.write64(offset, value),
    }
}

/// Whether the interrupt is the partition's: those of consoles go with their CPU, the rest is the management partition's.
fn is_own(partition: Partition, intid: u64) -> bool {
    if weaken::is_off(weaken::DISTRIBUTOR) {
        return true;
    }
    match console_of(intid) {
        Some(cpu) => partition.view.cpus.load(Ordering::Relaxed) >> cpu & 1 == 1,
        None => partition.is_management() && (u64::from(FIRST_SPI)..SPI_END).contains(&intid),
    }
}

/// Bits of an access that belong to own interrupts, if the register holds `bits` bits per INTID from `first` on.
fn own_bits(partition: Partition, first: u64, bits: u64, width: u64) -> u64 {
    let fields = 8 * width / bits;
    let field = u64::MAX >> (64 - bits);
    (0..fields)
        .filter(|index| is_own(partition, first + index))
        .fold(0, |mask, index| mask | field << (index * bits))
}

fn store(partition: Partition, access: Access, value: u64) {
    let (offset, width) = (access.address, access.width);
    match offset {
        SETSPI_FIRST..SETSPI_END if is_own(partition, value & 0x3ff) => write(offset, width, value),
        SETSPI_FIRST..SETSPI_END => {}
        0..GICD_IGROUPR if partition.is_management() => write(offset, width, value),
        GICD_IGROUPR..GICD_ISENABLER | GICD_IGRPMODR..GICD_NSACR => {}
        GICD_ISENABLER..GICD_IPRIORITYR => {
            let first = offset % BIT_ARRAY * 8;
            // Each of these acts on the bits that are one.
            write(offset, width, value & own_bits(partition, first, 1, width));
        }
        GICD_IPRIORITYR..GICD_ITARGETSR => {
            merge(access, value, own_bits(partition, offset - GICD_IPRIORITYR, 8, width));
        }
        GICD_ICFGR..GICD_IGRPMODR => {
            merge(access, value, own_bits(partition, (offset - GICD_ICFGR) * 4, 2, width))
        }
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
    if access.width == 8 && own_cpu && is_own(partition, intid) {
        write(access.address, access.width, value);
    }
}
