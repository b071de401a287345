//! Devices that master the bus: a partition that could programme one would reach all memory without any translation.

use payload::exception::attempt;
use payload::line;

use crate::Tally;

/// QEMU's firmware configuration device, whose DMA writes wherever it is told.
const FW_CFG: u64 = 0x0902_0000;
const FW_CFG_DMA: u64 = FW_CFG + 16;
const SELECT_SIGNATURE: u32 = 0;
const CONTROL_READ: u32 = 1 << 1;
const CONTROL_SELECT: u32 = 1 << 3;
const VIRTIO_BASE: u64 = 0x0a00_0000;
const VIRTIO_STRIDE: u64 = 0x200;
const VIRTIO_COUNT: u64 = 32;

/// What the device reads of its job, big-endian.
#[repr(C, align(16))]
struct Job {
    control: u32,
    length: u32,
    address: u64,
}

fn store(address: u64, value: u64) {
    // SAFETY: the access is expected to fault; where it does not, it is the attack that this program is for.
    unsafe { (address as *mut u64).write_volatile(value) }
}

fn load(address: u64) -> u32 {
    // SAFETY: as above.
    unsafe { (address as *const u32).read_volatile() }
}

/// Lets the device write four bytes to `target`; looks for the virtio devices.
pub(crate) fn attack(target: u64) -> Tally {
    let mut job = Job {
        control: (SELECT_SIGNATURE << 16 | CONTROL_SELECT | CONTROL_READ).to_be(),
        length: 4u32.to_be(),
        address: target.to_be(),
    };
    let mut tally = Tally::default();
    let place = &raw mut job;
    let told = attempt(|| store(FW_CFG_DMA, (place as u64).to_be()));
    // SAFETY: the device may have written the job.
    let control = unsafe { (&raw const (*place).control).read_volatile() };
    line(format_args!("H-DMA {told:x?}, device's answer {:#x}", u32::from_be(control)));
    tally.count(told.is_ok() && control == 0);
    for number in 0..VIRTIO_COUNT {
        tally.count(attempt(|| load(VIRTIO_BASE + number * VIRTIO_STRIDE)).is_ok());
    }
    tally
}
