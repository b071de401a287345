//! The secure side of the GICv3: groups, the kick, and what is left of a partition on a redistributor.

use arm_sysregs::el1::accessors as el1;
use arm_sysregs::el1::registers::{
    IccAp1r0El1, IccEoir0El1, IccEoir1El1, IccIgrpen0El1, IccPmrEl1, IccSgi0rEl1, IccSgi1rEl1,
};
use arm_sysregs::el2::accessors::write_icc_sre_el2;
use arm_sysregs::el2::registers::IccSreEl2;
use arm_sysregs::el3::accessors::{write_icc_sre_el3, write_scr_el3};
use arm_sysregs::el3::registers::IccSreEl3;
use qemu_virt::gic::{
    CTLR_ARE_NS, CTLR_ARE_S, CTLR_ENABLE_GRP0, CTLR_ENABLE_GRP1NS, CTLR_ENABLE_GRP1S, CTLR_RWP, FIRST_SPI,
    GICD_CTLR, GICD_ICACTIVER, GICD_ICENABLER, GICD_ICPENDR, GICD_IGROUPR, GICD_IGRPMODR, GICD_IPRIORITYR,
    GICD_IROUTER, GICD_ISACTIVER, GICD_ISENABLER, GICD_TYPER, GICR_SGI_FRAME, GICR_TYPER, GICR_WAKER,
    KICK_SGI, TYPER_LAST, WAKER_CHILDREN_ASLEEP, WAKER_PROCESSOR_SLEEP, bit, distributor, redistributor,
};
use qemu_virt::memory_map::MAX_CPUS;
use qemu_virt::view::console_interrupt;
use vman_core::id::CpuId;

use crate::{cpu, features};

/// System-register access on, no bypass, lower levels too.
const SRE_ALL: u64 = 0xf;
/// INTIDs from here on mean that nothing is pending.
const FIRST_SPECIAL_INTID: u64 = 1020;
/// Lowest priority: masks nothing.
const PRIORITY_MASK_NONE: u64 = 0xff;
/// `ICC_RPR_EL1` while nothing is active.
const PRIORITY_IDLE: u64 = 0xff;
/// At most this many interrupts can be active on one CPU, one above the other.
const PRIORITY_LEVELS: u32 = 128;
/// Priorities of the Non-secure state begin here: masks all of them, lets the kick through.
const PRIORITY_MASK_NON_SECURE: u64 = 0x80;
/// SGIs 0 to 7 and all PPIs but the secure timer's are the operating systems'; 8 to 15 stay secure.
const NON_SECURE_PRIVATE: u32 = 0xffff_00ff & !(1 << SECURE_TIMER);
/// PPI of the secure physical timer: Secure Group 1.
const SECURE_TIMER: u32 = 29;
/// Below the kick, above everything of the Non-secure state.
const SECURE_TIMER_PRIORITY: u8 = 0x40;
/// What an acknowledge of Group 0 at EL3 answers if an interrupt of Secure Group 1 comes first.
const SECURE_GROUP_1: u64 = 1020;
/// SGI of the maskable kick.
const MASKABLE_SGI: u32 = 6;
/// Highest priority.
const KICK_PRIORITY: u8 = 0;

/// Number of CPUs: redistributors in a row until the last.
pub(crate) fn count_cpus() -> usize {
    let is_last = |cpu: &usize| redistributor(*cpu).read64(GICR_TYPER) & TYPER_LAST != 0;
    (0..MAX_CPUS).find(is_last).map_or(MAX_CPUS, |last| last + 1)
}

/// Affinity routing in both states, every shared interrupt in Non-secure Group 1.
pub(crate) fn init_distributor() {
    let gic = distributor();
    let words = u64::from(gic.read32(GICD_TYPER) & 0x1f) + 1;
    write_control(0);
    write_control(CTLR_ARE_S | CTLR_ARE_NS);
    for word in 1..words {
        gic.write32(GICD_IGROUPR + word * 4, u32::MAX);
        gic.write32(GICD_IGRPMODR + word * 4, 0);
    }
    write_control(CTLR_ARE_S | CTLR_ARE_NS | CTLR_ENABLE_GRP0 | CTLR_ENABLE_GRP1NS | CTLR_ENABLE_GRP1S);
}

fn write_control(value: u32) {
    distributor().write32(GICD_CTLR, value);
    while distributor().read32(GICD_CTLR) & CTLR_RWP != 0 {}
}

/// Wakes this CPU's redistributor and lets the kick through to EL3.
pub(crate) fn init_cpu(index: usize) {
    let gic = redistributor(index);
    gic.write32(GICR_WAKER, gic.read32(GICR_WAKER) & !WAKER_PROCESSOR_SLEEP);
    while gic.read32(GICR_WAKER) & WAKER_CHILDREN_ASLEEP != 0 {}
    gic.write32(GICR_SGI_FRAME + GICD_IGROUPR, NON_SECURE_PRIVATE);
    gic.write32(GICR_SGI_FRAME + GICD_IGRPMODR, 1 << SECURE_TIMER);
    gic.write8(GICR_SGI_FRAME + GICD_IPRIORITYR + u64::from(SECURE_TIMER), SECURE_TIMER_PRIORITY);
    gic.write8(GICR_SGI_FRAME + GICD_IPRIORITYR + u64::from(KICK_SGI), KICK_PRIORITY);
    gic.write32(GICR_SGI_FRAME + GICD_ISENABLER, 1 << KICK_SGI);
    // SAFETY: lower levels do not run yet; SRE goes from 0 to 1 only.
    unsafe {
        write_scr_el3(features::scr());
        write_icc_sre_el3(IccSreEl3::from_bits_retain(SRE_ALL));
        cpu::barrier();
        write_icc_sre_el2(IccSreEl2::from_bits_retain(SRE_ALL));
    }
    el1::write_icc_pmr_el1(IccPmrEl1::from_bits_retain(PRIORITY_MASK_NONE));
    el1::write_icc_igrpen0_el1(IccIgrpen0El1::from_bits_retain(1));
    cpu::barrier();
}

/// Sends the kick: a secure SGI that no operating system can mask.
pub(crate) fn kick(cpu: CpuId) {
    cpu::barrier();
    let intid = u64::from(KICK_SGI) << 24;
    el1::write_icc_sgi0r_el1(IccSgi0rEl1::from_bits_retain(intid | 1 << cpu.index()));
    cpu::barrier();
}

/// The kick of weakened firmware: an SGI of the Non-secure group, which an operating system can mask.
pub(crate) fn kick_maskable(cpu: CpuId) {
    cpu::barrier();
    let intid = u64::from(MASKABLE_SGI) << 24;
    el1::write_icc_sgi1r_el1(IccSgi1rEl1::from_bits_retain(intid | 1 << cpu.index()));
    cpu::barrier();
}

/// Acknowledges every kick that is pending here.
pub(crate) fn take_kicks() {
    loop {
        let intid = el1::read_icc_iar0_el1().bits();
        if intid >= FIRST_SPECIAL_INTID {
            return;
        }
        el1::write_icc_eoir0_el1(IccEoir0El1::from_bits_retain(intid));
        cpu::barrier();
    }
}

/// Sleeps until the next kick; interrupts of the operating system do not wake this CPU meanwhile.
pub(crate) fn wait_for_kick() {
    el1::write_icc_pmr_el1(IccPmrEl1::from_bits_retain(PRIORITY_MASK_NON_SECURE));
    cpu::wait_for_interrupt();
    take_kicks();
    el1::write_icc_pmr_el1(IccPmrEl1::from_bits_retain(PRIORITY_MASK_NONE));
    cpu::barrier();
}

/// Whether the secure world of this CPU has an interrupt to take.
pub(crate) fn is_secure_interrupt_pending() -> bool {
    el1::read_icc_hppir0_el1().bits() & 0xff_ffff == SECURE_GROUP_1
}

/// Forgets what the last user of the secure timer left.
pub(crate) fn scrub_secure_timer(index: usize) {
    let gic = redistributor(index);
    for array in [GICD_ICENABLER, GICD_ICPENDR, GICD_ICACTIVER] {
        gic.write32(GICR_SGI_FRAME + array, 1 << SECURE_TIMER);
    }
}

/// Ends every interrupt that an operating system was handling on this CPU: as long as one is active, no other of its
/// priority or below is signalled. The active-priorities register says so at once; an implementation that ignores
/// writes of it (QEMU does, for the Non-secure group) is told by ends of interrupt.
pub(crate) fn end_active_interrupts(index: usize) {
    // SAFETY: the operating system that was handling the interrupts does not run again on this CPU.
    unsafe { el1::write_icc_ap1r0_el1(IccAp1r0El1::from_bits_retain(0)) }
    cpu::barrier();
    for _ in 0..PRIORITY_LEVELS {
        if el1::read_icc_rpr_el1().bits() & PRIORITY_IDLE == PRIORITY_IDLE {
            return;
        }
        el1::write_icc_eoir1_el1(IccEoir1El1::from_bits_retain(active_interrupt(index)));
        cpu::barrier();
    }
}

/// An interrupt that is active here: a private one, or else the console's, the only shared one of a partition.
fn active_interrupt(index: usize) -> u64 {
    let private = redistributor(index).read32(GICR_SGI_FRAME + GICD_ISACTIVER) & !(1 << KICK_SGI);
    match private {
        0 => u64::from(console_interrupt(u16::try_from(index).unwrap_or(0))),
        private => u64::from(private.trailing_zeros()),
    }
}

/// Disables and forgets all interrupts of this CPU that an operating system used.
pub(crate) fn scrub_redistributor(index: usize) {
    let gic = redistributor(index);
    for array in [GICD_ICENABLER, GICD_ICPENDR, GICD_ICACTIVER] {
        gic.write32(GICR_SGI_FRAME + array, !(1 << KICK_SGI | 1 << SECURE_TIMER));
    }
}

/// Gives the shared interrupt to `cpu`, disabled and not pending.
pub(crate) fn route(intid: u32, cpu: CpuId) {
    assert!(intid >= FIRST_SPI);
    silence(intid);
    distributor().write64(GICD_IROUTER + u64::from(intid) * 8, cpu.index() as u64);
}

/// Disables and forgets a shared interrupt.
pub(crate) fn silence(intid: u32) {
    for array in [GICD_ICENABLER, GICD_ICPENDR, GICD_ICACTIVER] {
        let (offset, bit) = bit(array, intid);
        distributor().write32(offset, bit);
    }
}
