//! A hostile operating system: does what its orders say ([`payload::orders`]) and tells how many of its attempts went
//! through. Every attempt that the isolation stops is one that faults, is refused, or changes nothing.
#![no_std]
#![no_main]

mod calls;
mod dma;
mod interrupts;
mod listen;
mod measure;
mod memory;
mod registers;
mod translation;

use payload::orders::{MAGIC, Orders, Task};
use payload::{cpu, line, print_with};
use qemu_virt::memory_map::{UART_BASE, UART_SIZE};
use qemu_virt::mmio::Mmio;
use qemu_virt::weaken::WEAKEN;

/// What became of a series of attempts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    tried: u64,
    through: u64,
}

impl Tally {
    /// One more attempt.
    pub(crate) fn count(&mut self, went_through: bool) {
        self.tried += 1;
        self.through += u64::from(went_through);
    }

    /// Two series as one.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { tried: self.tried + other.tried, through: self.through + other.through }
    }
}

fn put(byte: u8) {
    // SAFETY: the partition's console, device memory wherever the payload runs.
    unsafe { Mmio::new(UART_BASE, UART_SIZE) }.write32(0, u32::from(byte));
}

// SAFETY: the only function of this name; called by start.S with the kernel's first argument.
#[unsafe(no_mangle)]
extern "C" fn payload_main(orders: *const Orders) -> ! {
    print_with(put);
    // SAFETY: the suite loads a block of orders where the boot protocol has the device tree.
    let orders = unsafe { orders.read_volatile() };
    assert!(orders.magic == MAGIC, "no orders");
    if orders.weaken != 0 {
        let [answer, ..] = cpu::smc(WEAKEN, [orders.weaken, 0, 0, 0, 0, 0, 0]);
        line(format_args!("H-WEAKEN {:#x} {}", orders.weaken, answer.cast_signed()));
    }
    let tally = carry_out(Task::from_number(orders.task).expect("unknown task"), &orders.args);
    if orders.weaken != 0 && orders.task != Task::Nothing as u64 {
        cpu::smc(WEAKEN, [0; 7]);
    }
    line(format_args!("H-END tried={} through={}", tally.tried, tally.through));
    cpu::power_off()
}

fn carry_out(task: Task, args: &[u64; 5]) -> Tally {
    let only = args[2] != 0;
    match task {
        Task::Listen if only => listen::doze(),
        Task::Listen => listen::beat(),
        Task::Memory => memory::attack(args[0], args[1], only),
        Task::MappedMemory => translation::attack(args[0], args[1]),
        Task::Distributor => interrupts::distributor_registers(args[0], only),
        Task::Redistributors => interrupts::redistributors(args[0], only),
        Task::Sgis => interrupts::sgis(args[0], only),
        Task::CpuOn => calls::cpu_on(args[0], args[1]),
        Task::Forge => calls::forge(args[0], args[1]),
        Task::Flood => calls::flood(args[0]),
        Task::Loop => spin(args[0]),
        Task::Console => talk(),
        Task::Dma => dma::attack(args[0]),
        Task::Registers if only => registers::chip_maker(),
        Task::Registers => registers::architecture(),
        Task::Nothing => Tally::default(),
        Task::Measure => measure::attack(args[0], args[3], args[4]),
    }
}

/// Takes no interrupt and never comes back; after `milliseconds`, if there are any, protections are on again.
fn spin(milliseconds: u64) -> ! {
    cpu::mask();
    line(format_args!("H-LOOP"));
    let end = cpu::now() + cpu::milliseconds(milliseconds);
    while milliseconds == 0 || cpu::now() < end {}
    cpu::smc(WEAKEN, [0; 7]);
    loop {
        core::hint::spin_loop();
    }
}

fn talk() -> ! {
    loop {
        line(format_args!("H-FLOOD {}", cpu::now()));
    }
}
