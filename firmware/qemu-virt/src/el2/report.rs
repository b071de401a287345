//! Telling EL3 that the partition cannot go on.

use core::arch::asm;

use qemu_virt::service;
use vman_core::abi::smc::FaultReason;

/// Reports the fault; this CPU waits for EL3 to take it away.
pub(crate) fn fault(reason: FaultReason, address: u64, program_counter: u64) -> ! {
    // SAFETY: a call of EL3 that changes no memory of ours and clobbers what the convention lets it.
    unsafe {
        asm!(
            "smc #0",
            "1: wfi",
            "b 1b",
            in("x0") service::EL2_FAULT,
            in("x1") u64::from(reason as u32),
            in("x2") address,
            in("x3") program_counter,
            options(noreturn, nostack)
        );
    }
}
