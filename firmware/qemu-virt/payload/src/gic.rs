//! The interrupt interface of this CPU, and its own redistributor.

use core::arch::asm;

use qemu_virt::gic::{GICD_ISENABLER, GICR_SGI_FRAME, redistributor};

/// Lets interrupts of Group 1 above the priority `mask` through; `intids` is a set of SGIs and PPIs to enable.
pub fn enable(cpu: usize, intids: u32, mask: u64) {
    // SAFETY: the CPU interface of this CPU.
    unsafe {
        asm!(
            "msr S3_0_C12_C12_5, {sre}", "isb",
            "msr S3_0_C4_C6_0, {mask}",
            "msr S3_0_C12_C12_7, {on}", "isb",
            sre = in(reg) 7u64, mask = in(reg) mask, on = in(reg) 1u64, options(nostack)
        );
    }
    redistributor(cpu).write32(GICR_SGI_FRAME + GICD_ISENABLER, intids);
}

/// Takes the interrupt that is pending.
pub fn acknowledge() -> u64 {
    let intid;
    // SAFETY: the CPU interface of this CPU.
    unsafe { asm!("mrs {}, S3_0_C12_C12_0", out(reg) intid, options(nostack)) }
    intid
}

/// Ends it.
pub fn end(intid: u64) {
    // SAFETY: the CPU interface of this CPU.
    unsafe { asm!("msr S3_0_C12_C12_1, {}", "isb", in(reg) intid, options(nostack)) }
}

/// Writes `ICC_SGI1R_EL1`.
pub fn send(value: u64) {
    // SAFETY: sends an interrupt; no memory of this program is touched.
    unsafe { asm!("dsb sy", "msr S3_0_C12_C11_5, {}", "isb", in(reg) value, options(nostack)) }
}
