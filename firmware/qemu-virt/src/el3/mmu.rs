//! EL3's own translation and the EL2 layer's: identity maps, caches on, nothing both writable and executable. Locks and
//! exclusive accesses need cacheable memory, so this comes before everything else.

use core::arch::asm;

use aarch64_paging::descriptor::{El23Attributes, PhysicalAddress};
use aarch64_paging::paging::{Constraints, El2, El3, MemoryRegion, RootTable, TranslationRegime};
use arm_sysregs::el2::accessors as el2;
use arm_sysregs::el2::registers::{MairEl2, SctlrEl2, TcrEl2, Ttbr0El2};
use arm_sysregs::el3::accessors as el3;
use arm_sysregs::el3::registers::{MairEl3, SctlrEl3, TcrEl3, Ttbr0El3};
use qemu_virt::memory_map::{
    CONSOLES_BASE, CONSOLES_SIZE, EL2_BASE, EL2_DATA_BASE, EL2_IMAGE_SIZE, EL2_SIZE, GICD_BASE, GICR_BASE,
    GICR_STRIDE, MANAGEMENT_BASE, MANAGEMENT_SIZE, MAX_CPUS, MAX_PARTITIONS, POOL_BASE, POOL_SIZE,
    SECURE_GPIO_BASE, SECURE_POOL_BASE, SECURE_POOL_SIZE, TABLE_SIZE, TABLES_BASE, TABLES_PER_PARTITION,
    UART_BASE,
};
use qemu_virt::native;

use crate::tables::PagePool;

/// Device-nGnRE in attribute 0, normal write-back memory in attribute 1, normal non-cacheable memory in attribute 2.
const MAIR: u64 = 0x44_ff_04;
/// 39-bit addresses from 4 KiB granules, walks through the caches, 40-bit output; bits 31 and 23 are RES1.
const TCR: u64 = 1 << 31 | 1 << 23 | 2 << 16 | 3 << 12 | 1 << 10 | 1 << 8 | 25;
/// RES1 bits of `SCTLR_ELx`.
const SCTLR_RES1: u64 = 0x30c5_0830;
/// MMU, alignment check off, data cache, stack alignment, instruction cache, writable implies execute-never.
const SCTLR_ON: u64 = SCTLR_RES1 | 1 << 0 | 1 << 2 | 1 << 3 | 1 << 12 | 1 << 19;
/// First level of the walk for 39-bit addresses.
const ROOT_LEVEL: usize = 1;
const EL3_TABLES: u32 = 16;

const DEVICE: El23Attributes = leaf(El23Attributes::ATTRIBUTE_INDEX_0, true);
const DATA: El23Attributes = leaf(El23Attributes::ATTRIBUTE_INDEX_1, true);
/// The console rings: the management partition maps them without caches, so everybody must.
const RING: El23Attributes = leaf(El23Attributes::ATTRIBUTE_INDEX_2, true);
const READ_ONLY: El23Attributes = DATA.union(El23Attributes::READ_ONLY);
const CODE: El23Attributes = leaf(El23Attributes::ATTRIBUTE_INDEX_1, false).union(El23Attributes::READ_ONLY);

const fn leaf(memory: El23Attributes, never_execute: bool) -> El23Attributes {
    let flags = memory
        .union(El23Attributes::VALID)
        .union(El23Attributes::USER_RES1)
        .union(El23Attributes::ACCESSED)
        .union(El23Attributes::INNER_SHAREABLE);
    if never_execute { flags.union(El23Attributes::XN) } else { flags }
}

unsafe extern "C" {
    static __image_start: u8;
    static __text_end: u8;
    static __rodata_end: u8;
    static __data_end: u8;
    static mut __ready: u64;
}

#[repr(C, align(4096))]
struct Pages([u8; EL3_TABLES as usize * native(TABLE_SIZE)]);
static mut EL3_PAGES: Pages = Pages([0; _]);
static mut EL3_ROOT: usize = 0;
static mut EL2_ROOT: usize = 0;

fn map<R: TranslationRegime<Attributes = El23Attributes>>(
    table: &mut RootTable<R, PagePool>,
    start: u64,
    size: u64,
    flags: El23Attributes,
) {
    let region = MemoryRegion::new(native(start), native(start + size));
    table
        .map_range(&region, PhysicalAddress(native(start)), flags, Constraints::empty())
        .expect("regions of the memory map lie in the table's range");
}

fn linked(symbol: &u8) -> u64 {
    core::ptr::from_ref(symbol) as u64
}

fn map_devices<R: TranslationRegime<Attributes = El23Attributes>>(
    table: &mut RootTable<R, PagePool>,
    flags: El23Attributes,
) {
    map(table, GICD_BASE, 0x1_0000, flags);
    map(table, GICR_BASE, GICR_STRIDE * MAX_CPUS as u64, flags);
}

fn el3_table() -> usize {
    // SAFETY: only the boot CPU runs this, once, and nothing else touches the pages.
    let pool = unsafe { PagePool::new(&raw mut EL3_PAGES as u64, EL3_TABLES) };
    let mut table = RootTable::new(pool, ROOT_LEVEL, El3);
    // SAFETY: symbols of the linker script; only their addresses are used.
    let [start, text, rodata, data] =
        unsafe { [linked(&__image_start), linked(&__text_end), linked(&__rodata_end), linked(&__data_end)] };
    map(&mut table, start, text - start, CODE);
    map(&mut table, text, rodata - text, READ_ONLY);
    map(&mut table, rodata, data - rodata, DATA);
    map_devices(&mut table, DEVICE);
    // The secure UART and GPIO lie in the 2 MiB behind the management partition's UART.
    map(&mut table, UART_BASE, SECURE_GPIO_BASE + 0x1000 - UART_BASE, DEVICE);
    // Partition memory, console rings and the EL2 layer are Non-secure memory.
    let non_secure = DATA | El23Attributes::NS;
    map(&mut table, POOL_BASE, POOL_SIZE, non_secure);
    // What is loaded into critical partitions comes from the management partition's memory.
    map(&mut table, MANAGEMENT_BASE, MANAGEMENT_SIZE, READ_ONLY | El23Attributes::NS);
    map(&mut table, SECURE_POOL_BASE, SECURE_POOL_SIZE, DATA);
    map(&mut table, EL2_BASE, EL2_SIZE, non_secure);
    map(&mut table, CONSOLES_BASE, CONSOLES_SIZE, RING | El23Attributes::NS);
    leak(table)
}

fn el2_table() -> usize {
    let base = TABLES_BASE + MAX_PARTITIONS as u64 * u64::from(TABLES_PER_PARTITION) * TABLE_SIZE;
    // SAFETY: the run behind the partitions' tables (memory map); only the boot CPU runs this, once.
    let pool = unsafe { PagePool::new(base, 16) };
    let mut table = RootTable::new(pool, ROOT_LEVEL, El2);
    map(&mut table, EL2_BASE, EL2_IMAGE_SIZE, CODE);
    // Data and stacks, but not the translation tables behind them.
    map(&mut table, EL2_DATA_BASE, TABLES_BASE - EL2_DATA_BASE, DATA);
    map(&mut table, CONSOLES_BASE, CONSOLES_SIZE, RING);
    map_devices(&mut table, DEVICE);
    leak(table)
}

/// Keeps the table for ever and returns its address.
fn leak<R: TranslationRegime>(table: RootTable<R, PagePool>) -> usize
where
    PagePool: aarch64_paging::paging::Translation<R::Attributes>,
{
    let root = table.to_physical().0;
    core::mem::forget(table);
    root
}

/// Builds both identity maps. Called once by the boot CPU with the MMU off.
// SAFETY: the only function of this name.
#[unsafe(no_mangle)]
extern "C" fn build_tables() {
    let (el3, el2) = (el3_table(), el2_table());
    // SAFETY: only the boot CPU runs; the others read the values after `__ready`.
    unsafe {
        (&raw mut EL3_ROOT).write(el3);
        (&raw mut EL2_ROOT).write(el2);
    }
}

/// Turns EL3's MMU and caches on. Called once by every CPU.
// SAFETY: the only function of this name.
#[unsafe(no_mangle)]
extern "C" fn enable_mmu() {
    // SAFETY: written by `build_tables` before.
    let root = unsafe { (&raw const EL3_ROOT).read() };
    // SAFETY: the table maps this code, its data and its stack at the addresses that they have now, with the memory
    // attributes that MAIR gives their names.
    unsafe {
        el3::write_mair_el3(MairEl3::from_bits_retain(MAIR));
        el3::write_tcr_el3(TcrEl3::from_bits_retain(TCR));
        el3::write_ttbr0_el3(Ttbr0El3::from_bits_retain(root as u64));
        asm!("tlbi alle3", "ic iallu", "dsb sy", "isb");
        el3::write_sctlr_el3(SctlrEl3::from_bits_retain(SCTLR_ON));
        asm!("isb");
    }
}

/// Gives this CPU's EL2 its translation.
pub(crate) fn prepare_el2() {
    // SAFETY: written by `build_tables` at boot.
    let root = unsafe { (&raw const EL2_ROOT).read() };
    // SAFETY: EL2 does not run now; the table maps all that the EL2 layer uses.
    unsafe {
        el2::write_mair_el2(MairEl2::from_bits_retain(MAIR));
        el2::write_tcr_el2(TcrEl2::from_bits_retain(TCR));
        el2::write_ttbr0_el2(Ttbr0El2::from_bits_retain(root as u64));
        el2::write_sctlr_el2(SctlrEl2::from_bits_retain(SCTLR_ON));
        asm!("isb", "tlbi alle2", "dsb sy", "isb");
    }
}

/// Makes the CPUs wait again at the next reset.
pub(crate) fn forget_ready() {
    // SAFETY: a word of the linker script that only reset code reads; it is cleaned to memory, since that code runs with
    // its caches off.
    unsafe {
        let ready = &raw mut __ready;
        ready.write_volatile(0);
        asm!("dc civac, {}", "dsb sy", in(reg) ready);
    }
}
