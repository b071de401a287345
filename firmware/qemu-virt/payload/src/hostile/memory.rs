//! Loads, stores and fetches of everything that is not the partition's own.

use core::arch::asm;

use payload::exception::attempt;
use payload::line;
use qemu_virt::memory_map::{
    CONSOLES_BASE, EL2_BASE, EL2_DATA_BASE, EL2_STACKS_BASE, GICR_BASE, GICR_STRIDE, MANAGEMENT_BASE,
    MANAGEMENT_DTB, MANAGEMENT_KERNEL, MANAGEMENT_SIZE, MAX_CPUS, SECURE_GPIO_BASE, SECURE_SRAM_BASE,
    SECURE_SRAM_SIZE, TABLES_BASE,
};

use crate::Tally;

/// What the payload writes where it may not.
const MARK: u64 = 0x6465_6b63_6174_7461;

/// Addresses of every range of the machine that is not a partition's, and of some behind all of them.
const FOREIGN: &[(&str, u64)] = &[
    ("flash with the firmware", 0),
    ("flash, second half", 0x0400_0000),
    ("interrupt translation service", 0x0808_0000),
    ("behind the last redistributor", GICR_BASE + MAX_CPUS as u64 * GICR_STRIDE),
    ("clock", 0x0901_0000),
    ("firmware configuration", 0x0902_0000),
    ("power button", 0x0903_0000),
    ("secure serial port", 0x0904_0000),
    ("secure power switch", SECURE_GPIO_BASE),
    ("virtio devices", 0x0a00_0000),
    ("secure memory, start", SECURE_SRAM_BASE),
    ("secure memory, middle", SECURE_SRAM_BASE + SECURE_SRAM_SIZE / 2),
    ("secure memory, end", SECURE_SRAM_BASE + SECURE_SRAM_SIZE - 64),
    ("PCIe windows", 0x1000_0000),
    ("PCIe configuration", 0x3f00_0000),
    ("management partition, start", MANAGEMENT_BASE),
    ("management partition, kernel", MANAGEMENT_KERNEL),
    ("management partition, device tree", MANAGEMENT_DTB),
    ("management partition, end", MANAGEMENT_BASE + MANAGEMENT_SIZE - 64),
    ("isolation layer, code", EL2_BASE),
    ("isolation layer, records", EL2_DATA_BASE),
    ("isolation layer, stacks", EL2_STACKS_BASE),
    ("translation tables", TABLES_BASE),
    ("console rings", CONSOLES_BASE),
    ("behind all memory", 0xc000_0000),
    ("high PCIe window", 0x80_0000_0000),
    ("behind stage 2", 0xff_ffff_f000),
];

type Attempt = (&'static str, fn(u64));

macro_rules! access {
    ($($instruction:literal),* ; $($out:ident),*) => {
        |address: u64| {
            // SAFETY: the access is expected to fault; where it does not, it is the attack that this program is for.
            unsafe {
                asm!($($instruction),*, address = in(reg) address, mark = in(reg) MARK, $($out = out(reg) _,)*
                    options(nostack));
            }
        }
    };
}

const LOADS: &[Attempt] = &[
    ("ldrb", access!("ldrb {a:w}, [{address}]", "/* {mark} */"; a)),
    ("ldr 32", access!("ldr {a:w}, [{address}]", "/* {mark} */"; a)),
    ("ldr 64", access!("ldr {a}, [{address}]", "/* {mark} */"; a)),
    ("ldp", access!("ldp {a}, {b}, [{address}]", "/* {mark} */"; a, b)),
    ("ldxr", access!("ldxr {a}, [{address}]", "clrex", "/* {mark} */"; a)),
    ("ldar", access!("ldar {a}, [{address}]", "/* {mark} */"; a)),
];

const STORES: &[Attempt] = &[
    ("strb", access!("strb {mark:w}, [{address}]";)),
    ("str 32", access!("str {mark:w}, [{address}]";)),
    ("str 64", access!("str {mark}, [{address}]";)),
    ("stp", access!("stp {mark}, {mark}, [{address}]";)),
    ("stlr", access!("stlr {mark}, [{address}]";)),
];

fn execute(address: u64) {
    // SAFETY: as above; what is called either faults at once or returns.
    unsafe { asm!("blr {}", in(reg) address, clobber_abi("C"), options(nostack)) }
}

/// Whether the access did not fault.
fn goes_through(name: &str, (instruction, access): Attempt, address: u64) -> bool {
    let through = attempt(|| access(address)).is_ok();
    if through {
        line(format_args!("H-THROUGH {instruction} of {name} at {address:#x}"));
    }
    through
}

/// Everything at one address: loads, stores, a fetch.
pub(crate) fn try_address(name: &str, address: u64) -> Tally {
    let mut tally = Tally::default();
    for access in LOADS.iter().chain([&("fetch", execute as fn(u64))]).chain(STORES) {
        tally.count(goes_through(name, *access, address));
    }
    tally
}

/// Everything in the table, a neighbour's memory, and a word of the management partition's.
pub(crate) fn attack(target: u64, neighbour: u64, only: bool) -> Tally {
    let own = try_address("target", target);
    if only { own } else { own.and(all(neighbour)) }
}

/// Everything in the table and a neighbour's memory.
pub(crate) fn all(neighbour: u64) -> Tally {
    let neighbour = [("neighbour", neighbour)];
    FOREIGN
        .iter()
        .chain(neighbour.iter().filter(|(_, address)| *address != 0))
        .fold(Tally::default(), |tally, (name, address)| tally.and(try_address(name, *address)))
}
