//! Software-generated interrupts: a partition reaches its own CPUs and no others.

use core::sync::atomic::Ordering;

use arm_sysregs::el1::accessors::{read_mpidr_el1, write_icc_sgi1r_el1};
use arm_sysregs::el1::registers::IccSgi1rEl1;
use arm_sysregs::el2::registers::EsrEl2;
use qemu_virt::weaken;
use vman_core::abi::smc::Counter;

use crate::{Frame, Partition};

/// `ISS` of a trapped system register: everything but the transfer register.
const ISS_REGISTER: u64 = 0x3f_fc1f;
/// MSR of `ICC_SGI1R_EL1` (3, 0, c12, c11, 5), `ICC_ASGI1R_EL1` (…, 6) and `ICC_SGI0R_EL1` (…, 7).
const WRITE_SGI1R: u64 = 0x3a_3016;
const WRITE_ASGI1R: u64 = 0x3c_3016;
const WRITE_SGI0R: u64 = 0x3e_3016;
const ISS_RT_SHIFT: u32 = 5;

/// Fields of `ICC_SGI1R_EL1`.
const TARGET_LIST: u64 = 0xffff;
const INTID: u64 = 0xf << 24;
const ALL_BUT_SELF: u64 = 1 << 40;
/// Aff1, Aff2, Aff3 and the range selector; all zero for the CPUs of this board.
const FAR_TARGETS: u64 = 0xff << 16 | 0xff << 32 | 0xf << 44 | 0xff << 48;

/// Whether the trapped instruction sends an SGI.
pub(crate) fn is_sgi_write(syndrome: EsrEl2) -> bool {
    matches!(syndrome.bits() & ISS_REGISTER, WRITE_SGI1R | WRITE_ASGI1R | WRITE_SGI0R)
}

/// CPUs of `own` that the value addresses.
fn targets(value: u64, own: u64, sender: u64) -> u64 {
    if value & ALL_BUT_SELF != 0 {
        own & !sender
    } else if value & FAR_TARGETS != 0 {
        0
    } else {
        value & TARGET_LIST & own
    }
}

/// Sends the SGI to those of its targets that belong to the partition. Secure groups do not exist for a partition.
pub(crate) fn forward(partition: Partition, frame: &Frame, syndrome: EsrEl2) {
    partition.view.count(Counter::SgiTraps);
    if syndrome.bits() & ISS_REGISTER != WRITE_SGI1R {
        return;
    }
    let register = usize::try_from(syndrome.bits() >> ISS_RT_SHIFT & 31).unwrap_or(31);
    let value = frame.register(register);
    let sender = 1 << read_mpidr_el1().aff0();
    let reachable =
        if weaken::is_off(weaken::SGIS) { u64::MAX } else { partition.view.cpus.load(Ordering::Relaxed) };
    let targets = targets(value, reachable, sender) & TARGET_LIST;
    if targets != 0 {
        barrier();
        write_icc_sgi1r_el1(IccSgi1rEl1::from_bits_retain(value & INTID | targets));
    }
}

/// What the sender stored before is seen by the receiver.
fn barrier() {
    // SAFETY: a barrier has no effect but order.
    unsafe { core::arch::asm!("dsb sy", options(nostack, preserves_flags)) }
}
