//! Instructions that Rust has no words for.

use core::arch::asm;

/// This CPU's number (Aff0).
pub fn number() -> usize {
    let mpidr: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, mpidr_el1", out(reg) mpidr, options(nomem, nostack)) }
    (mpidr & 0xff) as usize
}

/// The counter, in ticks.
pub fn now() -> u64 {
    let ticks;
    // SAFETY: reads a register.
    unsafe { asm!("isb", "mrs {}, cntpct_el0", out(reg) ticks, options(nostack)) }
    ticks
}

/// Counts executed instructions at all exception levels from now on; QEMU does so with `-icount` only. Those of EL3 are
/// counted if it lets itself be.
pub fn count_instructions() {
    const INST_RETIRED: u64 = 0x08;
    const AT_EL2_TOO: u64 = 1 << 27;
    // SAFETY: performance monitors change nothing else.
    unsafe {
        asm!("msr pmevtyper0_el0, {event}", "msr pmcntenset_el0, {on}", "msr pmcr_el0, {on}", "isb",
            event = in(reg) INST_RETIRED | AT_EL2_TOO, on = in(reg) 1u64, options(nostack));
    }
}

/// What [`count_instructions`] has counted; it wraps.
pub fn instructions() -> u32 {
    let count: u64;
    // SAFETY: reads a register.
    unsafe { asm!("isb", "mrs {}, pmevcntr0_el0", out(reg) count, options(nostack)) }
    (count & 0xffff_ffff) as u32
}

/// Ticks per second.
pub fn ticks_per_second() -> u64 {
    let frequency;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, cntfrq_el0", out(reg) frequency, options(nomem, nostack)) }
    frequency
}

/// Ticks as nanoseconds.
pub fn nanoseconds(ticks: u64) -> u64 {
    u64::try_from(u128::from(ticks) * 1_000_000_000 / u128::from(ticks_per_second())).unwrap_or(u64::MAX)
}

/// Ticks of so many milliseconds.
pub fn milliseconds(count: u64) -> u64 {
    ticks_per_second() / 1000 * count
}

/// Takes interrupts from now on.
pub fn unmask() {
    // SAFETY: the vectors are set up by start.S.
    unsafe { asm!("msr daifclr, #2", "isb", options(nostack)) }
}

/// Takes no interrupts from now on.
pub fn mask() {
    // SAFETY: masks only.
    unsafe { asm!("msr daifset, #0xf", options(nostack)) }
}

/// Sleeps until an interrupt is pending.
pub fn wait() {
    // SAFETY: waits only.
    unsafe { asm!("dsb sy", "wfi", options(nostack)) }
}

/// An SMC: `x0` to `x3` of the answer.
pub fn smc(function: u64, args: [u64; 7]) -> [u64; 4] {
    let [mut x0, mut x1, mut x2, mut x3] = [function, args[0], args[1], args[2]];
    // SAFETY: the firmware changes no memory of this program, and no register but those of the calling convention.
    unsafe {
        asm!("smc #0", inout("x0") x0, inout("x1") x1, inout("x2") x2, inout("x3") x3,
            inout("x4") args[3] => _, inout("x5") args[4] => _, inout("x6") args[5] => _, inout("x7") args[6] => _,
            clobber_abi("C"), options(nostack));
    }
    [x0, x1, x2, x3]
}

/// An HVC.
pub fn hvc(function: u64) -> u64 {
    let mut x0 = function;
    // SAFETY: as `smc`.
    unsafe { asm!("hvc #0", inout("x0") x0, clobber_abi("C"), options(nostack)) }
    x0
}

/// Turns this system off (PSCI `SYSTEM_OFF`).
pub fn power_off() -> ! {
    smc(0x8400_0008, [0; 7]);
    loop {
        wait();
    }
}
