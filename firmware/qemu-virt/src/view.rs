//! What the EL2 layer knows of every partition slot: written by EL3 when a partition is made, counted in by EL2.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use vman_core::abi::console;
use vman_core::abi::smc::Counter;

use crate::memory_map::{
    CONSOLE_SIZE, CONSOLE_SPI, CONSOLES_BASE, EL2_DATA_BASE, EL2_DATA_SIZE, MAX_CPUS, MAX_PARTITIONS,
};

/// One partition slot. Every field is an atomic, so that any content of the memory is a valid value and both exception
/// levels may use it at the same time.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct PartitionView {
    /// CPUs of the partition, one bit per index.
    pub cpus: AtomicU64,
    counters: [AtomicU64; 4],
    /// `UARTIMSC` of the virtual console.
    pub uart_mask: AtomicU32,
    /// `UARTRIS` of the virtual console.
    pub uart_raw: AtomicU32,
}

// The last word of the area is weaken.rs's.
const _: () = assert!((size_of::<PartitionView>() * MAX_PARTITIONS) as u64 <= EL2_DATA_SIZE - 8);

/// The record of the slot; slot 0 is the management partition.
pub fn view(slot: usize) -> &'static PartitionView {
    assert!(slot < MAX_PARTITIONS);
    let views = EL2_DATA_BASE as *const PartitionView;
    // SAFETY: EL3 clears the area at boot, both levels map it as normal memory, it is large enough (asserted above),
    // aligned to a page, and made of atomics only.
    unsafe { &*views.add(slot) }
}

impl PartitionView {
    /// Where a counter of the EL2 layer stands; `None` for those that EL3 keeps.
    fn counter_index(counter: Counter) -> Option<usize> {
        match counter {
            Counter::DistributorTraps => Some(0),
            Counter::SgiTraps => Some(1),
            Counter::ConsoleTraps => Some(2),
            Counter::Stage2Faults => Some(3),
            Counter::Starts | Counter::Suspends | Counter::GuestPowerEvents | Counter::Smcs => None,
        }
    }

    /// Adds one.
    pub fn count(&self, counter: Counter) {
        if let Some(index) = Self::counter_index(counter) {
            self.counters[index].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Value of a counter that the EL2 layer keeps.
    pub fn counter(&self, counter: Counter) -> Option<u64> {
        Self::counter_index(counter).map(|index| self.counters[index].load(Ordering::Relaxed))
    }

    /// INTID of the virtual console.
    pub fn console_interrupt(&self) -> Option<u32> {
        let lowest = self.cpus.load(Ordering::Relaxed).trailing_zeros();
        u16::try_from(lowest).ok().filter(|cpu| usize::from(*cpu) < MAX_CPUS).map(console_interrupt)
    }

    /// Back to the state of a partition that was just made.
    pub fn reset(&self, cpus: u64) {
        self.cpus.store(cpus, Ordering::Relaxed);
        for counter in &self.counters {
            counter.store(0, Ordering::Relaxed);
        }
        self.reset_uart();
    }

    /// The virtual console as it comes out of reset.
    pub fn reset_uart(&self) {
        self.uart_mask.store(0, Ordering::Relaxed);
        self.uart_raw.store(0, Ordering::Relaxed);
    }
}

/// INTID of the virtual console of a partition whose lowest CPU is `cpu`.
pub const fn console_interrupt(cpu: u16) -> u32 {
    crate::gic::FIRST_SPI + CONSOLE_SPI + cpu as u32
}

/// The CPU whose console interrupt this is.
pub fn console_of(intid: u64) -> Option<u64> {
    let first = u64::from(console_interrupt(0));
    (first..first + MAX_CPUS as u64).contains(&intid).then(|| intid - first)
}

/// The console ring of a slot (layout: `vman_core::abi::console`).
#[derive(Debug, Clone, Copy)]
pub struct Ring {
    base: u64,
}

impl Ring {
    const SIZE: u64 = CONSOLE_SIZE;
    const OUTPUT_SIZE: u64 = CONSOLE_SIZE - console::OUTPUT as u64;

    /// The ring of the slot.
    pub fn new(slot: usize) -> Self {
        assert!(slot < MAX_PARTITIONS);
        Self { base: CONSOLES_BASE + slot as u64 * CONSOLE_SIZE }
    }

    /// Physical address.
    pub const fn base(self) -> u64 {
        self.base
    }

    fn count(self, offset: usize) -> &'static AtomicU64 {
        // SAFETY: an aligned counter inside the ring, normal memory at both levels, used as an atomic by everybody.
        unsafe { &*((self.base + offset as u64) as *const AtomicU64) }
    }

    fn byte(self, offset: u64) -> *mut u8 {
        assert!(offset < Self::SIZE);
        (self.base + offset) as *mut u8
    }

    /// Zeros everything.
    pub fn clear(self) {
        for offset in 0..Self::SIZE {
            // SAFETY: a byte of the ring, which is normal memory that no Rust object lies in.
            unsafe { self.byte(offset).write_volatile(0) }
        }
    }

    /// Appends a byte of output. The partition's own lock keeps its CPUs from doing so at once; one that does not lock
    /// loses bytes of its own.
    pub fn put(self, byte: u8) {
        let count = self.count(console::OUTPUT_COUNT);
        let number = count.load(Ordering::Relaxed);
        let place = console::OUTPUT as u64 + number % Self::OUTPUT_SIZE;
        // SAFETY: a byte of the ring's output area, which no Rust object lies in.
        unsafe { self.byte(place).write_volatile(byte) }
        count.store(number.wrapping_add(1), Ordering::Release);
    }

    /// Whether input waits.
    pub fn has_input(self) -> bool {
        self.count(console::INPUT_COUNT).load(Ordering::Acquire)
            != self.count(console::TAKEN_COUNT).load(Ordering::Relaxed)
    }

    /// Takes a byte of input. The management partition owns the input counter: whatever it holds, the place stays in
    /// the ring.
    pub fn take(self) -> Option<u8> {
        let taken = self.count(console::TAKEN_COUNT);
        let number = taken.load(Ordering::Relaxed);
        if !self.has_input() {
            return None;
        }
        let place = console::INPUT as u64 + number % console::INPUT_SIZE as u64;
        // SAFETY: a byte of the ring's input area, which no Rust object lies in.
        let byte = unsafe { self.byte(place).read_volatile() };
        taken.store(number.wrapping_add(1), Ordering::Release);
        Some(byte)
    }
}
