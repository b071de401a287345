//! EL3 firmware of QEMU's `virt` board: the vManager Unit and the Power Management Unit of `vman-firmware` on real
//! registers. Every CPU starts here, parks here, and comes back here for every SMC and every kick.
#![no_std]
#![no_main]

mod cpu;
mod exception;
mod features;
mod gic;
mod log;
mod machine;
mod memory;
mod mmu;
mod platform;
mod secure;
mod stage2;
mod tables;
#[cfg(feature = "weaken")]
mod weaken;

use core::arch::global_asm;
use core::panic::PanicInfo;

use firmware::Boot;
use vman_core::id::CpuId;
use vman_core::plan::World;

use crate::platform::SlotEntry;

global_asm!(include_str!("entry.S"));

/// First Rust code with MMU and caches on, on every CPU.
// SAFETY: the only function of this name; called by entry.S with a stack of its own.
#[unsafe(no_mangle)]
extern "C" fn el3_main() -> ! {
    if cpu::is_boot_cpu() {
        log::line(format_args!(
            "vManager firmware {}: {} CPUs",
            env!("CARGO_PKG_VERSION"),
            platform::cpu_count()
        ));
        gic::init_distributor();
        platform::init();
    } else {
        platform::wait_until_ready();
    }
    gic::init_cpu(cpu::current().index());
    parked()
}

/// What a CPU does that belongs to nobody or is off: it waits until the monitor has a start for it.
// SAFETY: the only function of this name; jumped to by entry.S with an empty stack of its own.
#[unsafe(no_mangle)]
extern "C" fn parked() -> ! {
    let cpu = cpu::current();
    loop {
        if let Some((boot, slot)) = platform::with(|monitor, board| {
            let boot: Boot = monitor.on_parked(cpu)?;
            Some((boot, board.slot(boot.partition)?))
        }) {
            start(cpu, boot, slot);
        }
        if !secure::serve() {
            gic::wait_for_kick();
        }
    }
}

/// Enters a Non-secure partition, or makes the context of a critical one.
fn start(cpu: CpuId, boot: Boot, slot: SlotEntry) {
    if boot.world == World::Secure {
        return secure::prepare(cpu.into(), boot, slot.index);
    }
    if secure::is_present() {
        // Whoever shares the CPU goes first: the entered partition is left at once, and `exception` serves it.
        gic::kick(cpu);
    }
    cpu::enter(boot, slot)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    log::line(format_args!("EL3 panic on CPU {}: {info}", cpu::current()));
    loop {
        cpu::wait_for_interrupt();
    }
}
