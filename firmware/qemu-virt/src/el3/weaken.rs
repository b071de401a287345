//! Positive controls: a partition's call that turns protections off and on ([`qemu_virt::weaken`]).

use qemu_virt::weaken::{KICK, STAGE_2, WEAKEN, set};
use vman_core::abi::smc::{SmcCall, SmcReturn};
use vman_core::id::CpuSet;

use crate::{cpu, gic, platform};

/// Carries the call out; `None` for every other one.
pub(crate) fn call(call: SmcCall) -> Option<SmcReturn> {
    let [protections, ..] = call.args;
    if call.function != WEAKEN {
        return None;
    }
    set(protections);
    let cpu = cpu::current();
    platform::with(|_, board| board.see_everything(cpu, protections & STAGE_2 != 0));
    if protections & KICK == 0 {
        // Whoever was told by a kick that could be masked is told again.
        CpuSet::first(platform::cpu_count()).iter().for_each(gic::kick);
    }
    Some(SmcReturn::SUCCESS)
}
