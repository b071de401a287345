//! Registers of the GICv3 (Arm IHI 0069) that the firmware uses, by the names of that specification.

use crate::memory_map::{GICD_BASE, GICD_SIZE, GICR_BASE, GICR_STRIDE, MAX_CPUS};
use crate::mmio::Mmio;

/// Distributor control.
pub const GICD_CTLR: u64 = 0x0;
/// `ITLinesNumber` in bits 4..0: highest INTID / 32.
pub const GICD_TYPER: u64 = 0x4;
/// One bit per INTID: group 1.
pub const GICD_IGROUPR: u64 = 0x80;
/// One bit per INTID: enable.
pub const GICD_ISENABLER: u64 = 0x100;
/// One bit per INTID: disable.
pub const GICD_ICENABLER: u64 = 0x180;
/// One bit per INTID: make pending.
pub const GICD_ISPENDR: u64 = 0x200;
/// One bit per INTID: no longer pending.
pub const GICD_ICPENDR: u64 = 0x280;
/// One bit per INTID: active.
pub const GICD_ISACTIVER: u64 = 0x300;
/// One bit per INTID: no longer active.
pub const GICD_ICACTIVER: u64 = 0x380;
/// One byte per INTID: priority.
pub const GICD_IPRIORITYR: u64 = 0x400;
/// One byte per INTID in the time before affinity routing; ends the priorities.
pub const GICD_ITARGETSR: u64 = 0x800;
/// Two bits per INTID: edge or level.
pub const GICD_ICFGR: u64 = 0xc00;
/// One bit per INTID: with `GICD_IGROUPR` the group.
pub const GICD_IGRPMODR: u64 = 0xd00;
/// Ends `GICD_ICFGR`.
pub const GICD_NSACR: u64 = 0xe00;
/// Eight bytes per INTID: affinity that it is routed to.
pub const GICD_IROUTER: u64 = 0x6000;
/// Ends `GICD_IROUTER`.
pub const GICD_IROUTER_END: u64 = 0x8000;
/// `GICD_CTLR`: Group 0 enabled.
pub const CTLR_ENABLE_GRP0: u32 = 1 << 0;
/// `GICD_CTLR`: Non-secure Group 1 enabled.
pub const CTLR_ENABLE_GRP1NS: u32 = 1 << 1;
/// `GICD_CTLR`: Secure Group 1 enabled.
pub const CTLR_ENABLE_GRP1S: u32 = 1 << 2;
/// `GICD_CTLR`: affinity routing of the Secure state.
pub const CTLR_ARE_S: u32 = 1 << 4;
/// `GICD_CTLR`: affinity routing of the Non-secure state.
pub const CTLR_ARE_NS: u32 = 1 << 5;
/// `GICD_CTLR`: a write is still on its way.
pub const CTLR_RWP: u32 = 1 << 31;

/// Redistributor: sleep and wake.
pub const GICR_WAKER: u64 = 0x14;
/// `GICR_WAKER`: asleep.
pub const WAKER_PROCESSOR_SLEEP: u32 = 1 << 1;
/// `GICR_WAKER`: all interfaces to the CPU are quiet.
pub const WAKER_CHILDREN_ASLEEP: u32 = 1 << 2;
/// Redistributor identification and type, 64 bits.
pub const GICR_TYPER: u64 = 0x8;
/// `GICR_TYPER`: the last redistributor of the row.
pub const TYPER_LAST: u64 = 1 << 4;
/// The redistributor's frame of SGIs and PPIs, behind the control frame.
pub const GICR_SGI_FRAME: u64 = 0x1_0000;
/// Identification registers at the end of each frame.
pub const GIC_IDREGS: u64 = 0xffd0;

/// First INTID of the shared peripheral interrupts.
pub const FIRST_SPI: u32 = 32;
/// The secure SGI that forces a CPU into EL3.
pub const KICK_SGI: u32 = 15;

/// The distributor.
pub fn distributor() -> Mmio {
    // SAFETY: the memory map's distributor; EL3 and EL2 both map it as device memory.
    unsafe { Mmio::new(GICD_BASE, GICD_SIZE) }
}

/// The redistributor of the CPU with this index.
pub fn redistributor(cpu: usize) -> Mmio {
    assert!(cpu < MAX_CPUS);
    // SAFETY: the memory map's redistributor of that CPU; EL3 and EL2 both map it as device memory.
    unsafe { Mmio::new(GICR_BASE + cpu as u64 * GICR_STRIDE, GICR_STRIDE) }
}

/// Offset of the word that holds bit `intid` of a register array with one bit per INTID, and the bit.
pub const fn bit(array: u64, intid: u32) -> (u64, u32) {
    (array + (intid / 32) as u64 * 4, 1 << (intid % 32))
}

/// Makes the shared interrupt `intid` pending.
pub fn pend(intid: u32) {
    let (offset, bit) = bit(GICD_ISPENDR, intid);
    distributor().write32(offset, bit);
}
