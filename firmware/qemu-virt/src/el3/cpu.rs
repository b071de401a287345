//! One CPU: who it is, how it enters an operating system through EL2's set-up, and how it is scrubbed on the way back.

use core::arch::asm;

use arm_sysregs::el0::accessors as el0;
use arm_sysregs::el0::registers::{CntpCtlEl0, CntvCtlEl0, TpidrEl0, TpidrroEl0};
use arm_sysregs::el1::accessors as el1;
use arm_sysregs::el1::registers::{
    IccIgrpen1El1, IccSreEl1, SctlrEl1, TpidrEl1, Ttbr0El1, Ttbr1El1, VbarEl1,
};
use arm_sysregs::el2::accessors as el2;
use arm_sysregs::el2::registers::{
    CnthctlEl2, CntvoffEl2, HcrEl2, IchHcrEl2, MdcrEl2, SpEl2, TpidrEl2, VbarEl2, VmpidrEl2, VpidrEl2,
    VtcrEl2, VttbrEl2,
};
use firmware::Boot;
use qemu_virt::memory_map::{EL2_BASE, EL2_STACK_SIZE, EL2_STACKS_BASE};
use vman_core::id::{CpuId, Mpidr};

use crate::platform::SlotEntry;
use crate::{features, gic, mmu, stage2};

unsafe extern "C" {
    /// Drops this CPU's stack and goes to `parked` (entry.S).
    fn abandon_to_parking() -> !;
    /// Drops this CPU's stack and enters `entry` with `x0` = `argument` (entry.S).
    fn enter_lower(entry: u64, argument: u64, spsr: u64) -> !;
}

/// EL1 with its own stack pointer, all interrupts masked.
const SPSR_EL1H_MASKED: u64 = 0x3c5;
/// RES1 bits of `SCTLR_EL1`: MMU and caches off, as the boot protocol of an operating system wants them.
const SCTLR_EL1_RESET: u64 = 0x30d0_0800;
/// EL1 uses the physical timer and counter itself.
const CNTHCTL_EL1_ALLOWED: u64 = 3;

/// The CPU with this affinity: on this board Aff0 is the index and the rest is zero.
pub(crate) fn from_mpidr(mpidr: Mpidr) -> Option<CpuId> {
    u16::try_from(mpidr.0).ok().map(CpuId).filter(|cpu| cpu.index() < crate::platform::cpu_count())
}

/// This CPU.
pub(crate) fn current() -> CpuId {
    CpuId(u16::from(el1::read_mpidr_el1().aff0()))
}

/// Whether this is the CPU that sets the machine up.
pub(crate) fn is_boot_cpu() -> bool {
    current().index() == 0
}

/// Sleeps until an interrupt is pending, masked or not.
pub(crate) fn wait_for_interrupt() {
    // SAFETY: waits only.
    unsafe { asm!("dsb sy", "wfi", options(nostack, preserves_flags)) }
}

/// Order of all memory and device accesses, and of the registers behind them.
pub(crate) fn barrier() {
    // SAFETY: a barrier has no effect but order.
    unsafe { asm!("dsb sy", "isb", options(nostack, preserves_flags)) }
}

/// Enters a partition's kernel at EL1.
pub(crate) fn enter(boot: Boot, slot: SlotEntry) -> ! {
    features::open();
    mmu::prepare_el2();
    prepare_isolation(slot);
    prepare_el1();
    barrier();
    // SAFETY: EL2 and EL1 are set up; whatever the kernel at `entry` does, stage 2 confines it.
    unsafe { enter_lower(boot.entry.0, boot.context, SPSR_EL1H_MASKED) }
}

/// The EL2 layer's registers: its vectors, stack and slot, stage 2, and the traps.
fn prepare_isolation(slot: SlotEntry) {
    // RW: EL1 is AArch64. VM: stage 2. FMO without IMO: writes of ICC_SGI1R_EL1 trap to EL2, while interrupts still go
    // straight to EL1 (physical FIQ never do: EL3 takes them). TIDCP: the chip maker's registers, which may change what
    // other CPUs see, are undefined for a partition.
    let hcr = HcrEl2::RW | HcrEl2::VM | HcrEl2::FMO | HcrEl2::TIDCP | features::hcr();
    let stack = EL2_STACKS_BASE + (current().index() as u64 + 1) * EL2_STACK_SIZE;
    // SAFETY: EL2 and EL1 do not run now; the values describe memory that the memory map gives the EL2 layer.
    unsafe {
        el2::write_hcr_el2(hcr);
        el2::write_vtcr_el2(VtcrEl2::from_bits_retain(stage2::VTCR));
        el2::write_vttbr_el2(VttbrEl2::from_bits_retain(slot.vttbr));
        el2::write_vbar_el2(VbarEl2::from_bits_retain(EL2_BASE));
        el2::write_tpidr_el2(TpidrEl2::from_bits_retain(slot.index as u64));
        el2::write_sp_el2(SpEl2::from_bits_retain(stack));
        el2::write_ich_hcr_el2(IchHcrEl2::empty());
    }
    el2::write_cnthctl_el2(CnthctlEl2::from_bits_retain(CNTHCTL_EL1_ALLOWED));
    el2::write_cntvoff_el2(CntvoffEl2::empty());
    el2::write_hstr_el2(0);
    el2::write_mdcr_el2(MdcrEl2::from_bits_retain(u64::from(el0::read_pmcr_el0().n())));
    el2::write_vpidr_el2(VpidrEl2::from_bits_retain(el1::read_midr_el1().bits()));
    el2::write_vmpidr_el2(VmpidrEl2::from_bits_retain(el1::read_mpidr_el1().bits()));
    flush_local_translations();
}

/// Walks of this CPU begin anew: its VMID may have belonged to somebody else.
fn flush_local_translations() {
    // SAFETY: TLB and instruction-cache maintenance loses no data.
    unsafe { asm!("isb", "tlbi vmalls12e1", "ic iallu", "dsb sy", "isb", options(nostack, preserves_flags)) }
}

/// EL1 as out of reset, with nothing of the last kernel in it.
fn prepare_el1() {
    // SAFETY: EL1 does not run now.
    unsafe {
        el1::write_sctlr_el1(SctlrEl1::from_bits_retain(SCTLR_EL1_RESET));
        el1::write_icc_sre_el1(IccSreEl1::from_bits_retain(7));
        el1::write_vbar_el1(VbarEl1::from_bits_retain(0));
        el1::write_ttbr0_el1(Ttbr0El1::from_bits_retain(0));
        el1::write_ttbr1_el1(Ttbr1El1::from_bits_retain(0));
        el1::write_tpidr_el1(TpidrEl1::from_bits_retain(0));
        el0::write_tpidr_el0(TpidrEl0::from_bits_retain(0));
        el0::write_tpidrro_el0(TpidrroEl0::from_bits_retain(0));
    }
}

/// Takes the CPU out of its partition: no timer, no interrupt that is enabled, pending or active stays behind, or the
/// next kernel on it would get none (active priorities mask all others).
pub(crate) fn scrub() {
    el0::write_cntv_ctl_el0(CntvCtlEl0::empty());
    el0::write_cntp_ctl_el0(CntpCtlEl0::empty());
    gic::end_active_interrupts(current().index());
    el1::write_icc_igrpen1_el1(IccIgrpen1El1::empty());
    barrier();
    gic::scrub_redistributor(current().index());
    barrier();
}

/// Parks for good: forgets what this CPU was doing.
pub(crate) fn park() -> ! {
    // SAFETY: nothing on the stack is needed again; no lock is held (callers leave `platform::with` first).
    unsafe { abandon_to_parking() }
}
