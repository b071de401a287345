//! Power of the whole machine: the secure PL061 GPIO, whose pin 0 powers off and pin 1 resets.

use qemu_virt::memory_map::SECURE_GPIO_BASE;
use qemu_virt::mmio::Mmio;

use crate::mmu;

const GPIODIR: u64 = 0x400;
const PIN_RESET: u32 = 1;
const PIN_POWER_OFF: u32 = 0;

/// Turns the machine off.
pub(crate) fn power_off() {
    pulse(PIN_POWER_OFF);
}

/// Resets the machine; the other CPUs must not take the state of this run for that of the next.
pub(crate) fn reset() {
    mmu::forget_ready();
    pulse(PIN_RESET);
}

fn pulse(pin: u32) {
    // SAFETY: the secure PL061 of the machine, mapped as device memory (mmu.rs).
    let gpio = unsafe { Mmio::new(SECURE_GPIO_BASE, 0x1000) };
    // GPIODATA: the address bits 9..2 select the pins that a write changes.
    let data = 4 << pin;
    gpio.write32(GPIODIR, 1 << PIN_RESET | 1 << PIN_POWER_OFF);
    gpio.write32(data, 0);
    gpio.write32(data, 1 << pin);
}
