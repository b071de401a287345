//! Registers and instructions of higher exception levels, and of the chip maker.

use core::arch::asm;

use payload::exception::attempt;
use payload::line;

use crate::Tally;

macro_rules! attempts {
    ($($name:literal => $instruction:literal),* $(,)?) => {
        [$({
            let carry_out: fn() = || {
                // SAFETY: expected to be undefined; where it is not, it is the attack that this program is for.
                unsafe { asm!($instruction, inout(reg) 0u64 => _, options(nostack)) }
            };
            ($name, carry_out)
        }),*]
    };
}

/// What belongs to higher exception levels: none of it may be carried out.
pub(crate) fn architecture() -> Tally {
    carry_out(&attempts! {
        "HCR_EL2" => "mrs {0}, S3_4_C1_C1_0",
        "HCR_EL2 write" => "msr S3_4_C1_C1_0, {0}",
        "SCTLR_EL2" => "mrs {0}, S3_4_C1_C0_0",
        "VTTBR_EL2 write" => "msr S3_4_C2_C1_0, {0}",
        "VTCR_EL2 write" => "msr S3_4_C2_C1_2, {0}",
        "VBAR_EL2 write" => "msr S3_4_C12_C0_0, {0}",
        "TPIDR_EL2 write" => "msr S3_4_C13_C0_2, {0}",
        "VMPIDR_EL2 write" => "msr S3_4_C0_C0_5, {0}",
        "CNTHCTL_EL2 write" => "msr S3_4_C14_C1_0, {0}",
        "CNTVOFF_EL2 write" => "msr S3_4_C14_C0_3, {0}",
        "MDCR_EL2 write" => "msr S3_4_C1_C1_1, {0}",
        "ICH_HCR_EL2 write" => "msr S3_4_C12_C11_0, {0}",
        "ICC_SRE_EL2 write" => "msr S3_4_C12_C9_5, {0}",
        "SCR_EL3" => "mrs {0}, S3_6_C1_C1_0",
        "SCR_EL3 write" => "msr S3_6_C1_C1_0, {0}",
        "VBAR_EL3 write" => "msr S3_6_C12_C0_0, {0}",
        "SCTLR_EL3 write" => "msr S3_6_C1_C0_0, {0}",
        "MDCR_EL3 write" => "msr S3_6_C1_C3_1, {0}",
        "ICC_CTLR_EL3 write" => "msr S3_6_C12_C12_4, {0}",
        "ICC_IGRPEN1_EL3 write" => "msr S3_6_C12_C12_7, {0}",
        "CNTPS_CTL_EL1 write" => "msr S3_7_C14_C2_1, {0}",
        "TLBI ALLE1" => "sys #4, c8, c7, #4, {0}",
        "TLBI ALLE2" => "sys #4, c8, c7, #0, {0}",
        "TLBI ALLE3" => "sys #6, c8, c7, #0, {0}",
        "AT S12E1R" => "sys #4, c7, c8, #4, {0}",
    })
}

/// What the chip maker added, as far as Cortex-A57 has it: it may change what other CPUs see.
pub(crate) fn chip_maker() -> Tally {
    carry_out(&attempts! {
        "CPUACTLR_EL1" => "mrs {0}, S3_1_C15_C2_0",
        "CPUACTLR_EL1 write" => "msr S3_1_C15_C2_0, {0}",
        "CPUECTLR_EL1 write" => "msr S3_1_C15_C2_1, {0}",
        "L2CTLR_EL1 write" => "msr S3_1_C11_C0_2, {0}",
    })
}

fn carry_out(attempts: &[(&str, fn())]) -> Tally {
    let mut tally = Tally::default();
    for (name, access) in attempts {
        let through = attempt(*access).is_ok();
        if through {
            line(format_args!("H-THROUGH {name}"));
        }
        tally.count(through);
    }
    tally
}
