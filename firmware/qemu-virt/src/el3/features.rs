//! Optional features of the CPU: whatever the ID registers tell a kernel must not trap to EL3 or EL2 when it is used.

use arm_sysregs::el1::accessors::{
    read_id_aa64isar1_el1, read_id_aa64isar2_el1, read_id_aa64mmfr0_el1, read_id_aa64mmfr1_el1,
    read_id_aa64mmfr3_el1, read_id_aa64pfr0_el1, read_id_aa64pfr1_el1,
};
use arm_sysregs::el2::accessors as el2;
use arm_sysregs::el2::registers::{CptrEl2, HcrEl2, HcrxEl2, HfgitrEl2, HfgrtrEl2, HfgwtrEl2};
use arm_sysregs::el3::accessors as el3;
use arm_sysregs::el3::registers::{CptrEl3, MdcrEl3, ScrEl3, ZcrEl3};
use arm_sysregs::read_write_sysreg;

use crate::cpu;

read_write_sysreg!(zcr_el2: s3_4_c1_c2_0, u64, safe_read);
read_write_sysreg!(hdfgrtr_el2: s3_4_c3_c1_4, u64, safe_read);
read_write_sysreg!(hdfgwtr_el2: s3_4_c3_c1_5, u64, safe_read);

/// The longest vectors that the CPU has.
const ZCR_ALL: u64 = 0xf;
/// `CPTR_EL2` with all its RES1 bits and no trap of floating point.
const CPTR_EL2_RES1: u64 = 0x33ff;
const CPTR_EL2_TZ: u64 = 1 << 8;
const CPTR_EL2_TSM: u64 = 1 << 12;
/// `HCR_EL2.ATA`: EL1 may use allocation tags.
const HCR_ATA: u64 = 1 << 56;
/// FEAT_ECV in `ID_AA64MMFR0_EL1`, FEAT_FGT likewise.
const PRESENT: u8 = 1;

fn has_pointer_authentication() -> bool {
    let (isar1, isar2) = (read_id_aa64isar1_el1(), read_id_aa64isar2_el1());
    isar1.apa() | isar1.api() | isar1.gpa() | isar1.gpi() | isar2.apa3() | isar2.gpa3() != 0
}

/// `SCR_EL3` while a Non-secure partition runs, and while EL3 serves it.
pub(crate) fn scr() -> ScrEl3 {
    let (mmfr0, mmfr1, pfr1) = (read_id_aa64mmfr0_el1(), read_id_aa64mmfr1_el1(), read_id_aa64pfr1_el1());
    let always = ScrEl3::RES1 | ScrEl3::NS | ScrEl3::FIQ | ScrEl3::HCE | ScrEl3::RW;
    let optional = [
        (has_pointer_authentication(), ScrEl3::APK | ScrEl3::API),
        (pfr1.is_feat_mte2_present(), ScrEl3::ATA),
        (mmfr0.fgt() >= PRESENT, ScrEl3::FGTEN),
        (mmfr0.ecv() >= PRESENT, ScrEl3::ECVEN),
        (mmfr1.hcx() >= PRESENT, ScrEl3::HXEN),
        (pfr1.is_feat_sme_present(), ScrEl3::ENTP2),
        (read_id_aa64mmfr3_el1().is_feat_tcr2_present(), ScrEl3::TCR2EN),
    ];
    optional.into_iter().filter(|(present, _)| *present).fold(always, |scr, (_, bit)| scr | bit)
}

/// What the features ask of `HCR_EL2`.
pub(crate) fn hcr() -> HcrEl2 {
    let authentication =
        if has_pointer_authentication() { HcrEl2::APK | HcrEl2::API } else { HcrEl2::empty() };
    let tags = if read_id_aa64pfr1_el1().is_feat_mte2_present() { HCR_ATA } else { 0 };
    authentication | HcrEl2::from_bits_retain(tags)
}

/// Opens every feature on this CPU for EL2 and below.
pub(crate) fn open() {
    let sve = read_id_aa64pfr0_el1().is_feat_sve_present();
    let sme = read_id_aa64pfr1_el1().is_feat_sme_present();
    let trapped =
        if sve { CptrEl3::EZ } else { CptrEl3::empty() } | if sme { CptrEl3::ESM } else { CptrEl3::empty() };
    let opened = if sve { CPTR_EL2_TZ } else { 0 } | if sme { CPTR_EL2_TSM } else { 0 };
    // SAFETY: lower levels do not run now; EL3 itself uses neither floating point nor vectors.
    unsafe {
        el3::write_scr_el3(scr());
        el3::write_cptr_el3(trapped);
        el2::write_cptr_el2(CptrEl2::from_bits_retain(CPTR_EL2_RES1 & !opened));
    }
    // Weakened firmware lets a partition count its instructions (SPME).
    let counted = if cfg!(feature = "weaken") { 1 << 17 } else { 0 };
    el3::write_mdcr_el3(MdcrEl3::from_bits_retain(counted));
    cpu::barrier();
    if sve {
        open_vectors();
    }
    clear_fine_grained_traps();
}

fn open_vectors() {
    // SAFETY: the CPU has SVE, and EL3 has just opened it.
    unsafe {
        el3::write_zcr_el3(ZcrEl3::from_bits_retain(ZCR_ALL));
        write_zcr_el2(ZCR_ALL);
    }
}

fn clear_fine_grained_traps() {
    if read_id_aa64mmfr1_el1().hcx() >= PRESENT {
        // SAFETY: the register exists; zero enables nothing new.
        unsafe { el2::write_hcrx_el2(HcrxEl2::empty()) }
    }
    if read_id_aa64mmfr0_el1().fgt() >= PRESENT {
        // SAFETY: the registers exist; zero traps nothing.
        unsafe {
            el2::write_hfgrtr_el2(HfgrtrEl2::empty());
            el2::write_hfgwtr_el2(HfgwtrEl2::empty());
            el2::write_hfgitr_el2(HfgitrEl2::empty());
            write_hdfgrtr_el2(0);
            write_hdfgwtr_el2(0);
        }
    }
}
